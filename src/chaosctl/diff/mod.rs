//! `diff`: what a change of a catalog, a mission or a plugin configuration does to the blast radius.

mod change;
mod compare;
mod curve;
mod keys;
mod later;
mod log;
mod matching;
mod mission;
mod scenario;

use crate::arguments::{Diff, Output};
use crate::sort::Sort;
use crate::source::Source;
use crate::terminal::{self, Paint, Style, complain, shown};
use crate::{Outcome, emit, findings, table};
use anyhow::bail;
use change::{Change, Verdict};
use compare::Changes;
use log::Counted;
use serde::Serialize;
use squall_policy::{Code, Level, Node, check_catalog, check_mission, load_plugin};

/// Widest cell before it is cut, in characters.
const WIDEST: usize = 44;

#[derive(Serialize)]
struct Difference {
    verdict: Verdict,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Counted>,
}

/// # Errors
/// When a file cannot be read, or the two are not of one kind.
pub fn run(arguments: &Diff, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    if arguments.old.as_os_str() == "-" && arguments.new.as_os_str() == "-" {
        bail!("standard input can be one of the two, not both");
    }
    let mut sources = [Source::open(&arguments.old)?, Source::open(&arguments.new)?];
    let mut sorts = Vec::new();
    for source in &mut sources {
        source.unseal();
        sorts.push(source.node.as_ref().map(Sort::of));
        check(source)?;
        complain(&findings::text(source, err));
    }
    if sources.iter().any(|source| source.count(Level::Error) > 0) {
        complain("both have to be without mistakes; docs/errors.md explains each code\n");
        return Ok(Outcome::Finding);
    }
    let (Some(sort), [Some(old), Some(new)]) =
        (sorts.first().copied().flatten(), sources.each_ref().map(|s| s.node.as_ref()))
    else {
        return Ok(Outcome::Finding);
    };
    if sorts.iter().any(|other| *other != Some(sort)) || sort == Sort::Unknown {
        bail!("give two catalogs, two missions or two plugin configurations");
    }
    let mut changes = Changes::default();
    match sort {
        Sort::Catalog => scenario::catalogs(&mut changes, "", (old, new), None),
        Sort::Mission => mission::missions(&mut changes, "", old, new),
        Sort::Plugin => {
            let [old, new] = [opened(old), opened(new)];
            mission::plugins(&mut changes, &old, &new);
        }
        Sort::Unknown => {}
    }
    let log = match &arguments.log {
        Some(path) => Some(log::count(arguments, path, sort, &opened(old), &opened(new))?),
        None => None,
    };
    let verdict = changes.0.iter().map(|change| change.verdict).max().unwrap_or(Verdict::Same);
    let difference = Difference { verdict, changes: changes.0, log };
    terminal::print(&match arguments.output {
        Output::Text => text(&difference, out),
        output => emit::structured(&difference, output)?,
    })?;
    Ok(if verdict >= Verdict::Unclear { Outcome::Finding } else { Outcome::Fine })
}

/// A plugin configuration with its mission out of the envelope.
fn opened(node: &Node) -> Node {
    let mut node = node.clone();
    if let squall_policy::Value::Object(entries) = &mut node.value
        && let Some(mission) = entries.iter_mut().find(|entry| entry.key == "mission")
    {
        let mut source = Source::nothing("");
        source.node = Some(mission.value.clone());
        source.unseal();
        if let Some(opened) = source.node {
            mission.value = opened;
        }
    }
    node
}

fn check(source: &mut Source) -> anyhow::Result<()> {
    let Some(node) = source.node.clone() else { return Ok(()) };
    match Sort::of(&node) {
        Sort::Catalog => {
            let _ = source.check(check_catalog);
        }
        Sort::Mission => {
            let _ = source.check(|node, report| check_mission(node, None, report));
        }
        Sort::Plugin => {
            let bytes = serde_json::to_vec(&node)?;
            let _ = source.check(|_, report| load_plugin(&bytes, None, report).map(drop));
            // Whether it would be taken is another question: keys of callers, signatures.
            source.findings.retain(|finding| {
                !matches!(finding.code, Code::UnknownCaller | Code::SignatureNeeded | Code::UnknownOperator)
            });
        }
        Sort::Unknown => {}
    }
    // What is the matter with both alike is not the matter of a difference.
    source.findings.retain(|finding| finding.code.level() == Level::Error);
    Ok(())
}

fn text(difference: &Difference, paint: Paint) -> String {
    let cell = |text: &str| {
        let text = shown(text);
        if text.chars().count() <= WIDEST {
            text
        } else {
            text.chars().take(WIDEST - 3).collect::<String>() + "..."
        }
    };
    let mut out = String::new();
    if !difference.changes.is_empty() {
        let rows: Vec<[String; 5]> = difference
            .changes
            .iter()
            .map(|change| {
                let of = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), cell);
                [
                    change.verdict.word().to_owned(),
                    shown(&change.key),
                    of(&change.old),
                    of(&change.new),
                    change.why.clone(),
                ]
            })
            .collect();
        out += &table::text(&["VERDICT", "KEY", "OLD", "NEW", "WHY"], &rows, paint);
        out.push('\n');
    }
    if let Some(log) = &difference.log {
        out += &log.text(paint);
        out.push('\n');
    }
    let style = match difference.verdict {
        Verdict::Wider => Style::Error,
        Verdict::Unclear => Style::Warning,
        Verdict::Same | Verdict::Narrower => Style::Good,
    };
    let says = match difference.verdict {
        Verdict::Wider => "more requests may be hit, or hit harder, or for longer",
        Verdict::Unclear => "nobody can tell from the files alone; look at it, or count with --log",
        Verdict::Narrower => "no more requests are hit, and none harder or for longer",
        Verdict::Same => "what is hit stays as it is",
    };
    out + &format!("{}: {says}\n", paint.paint(style, difference.verdict.word()))
}
