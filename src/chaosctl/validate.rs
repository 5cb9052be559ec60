//! `validate`: every mistake of every file at once.

use crate::arguments::{Output, Validate};
use crate::envelope::Sealed;
use crate::inputs::{self, Identity};
use crate::sort::Sort;
use crate::source::{self, Source};
use crate::terminal::{self, Paint, Style};
use crate::{Outcome, emit, findings, suspicion};
use squall_policy::{
    Code, Entry, Level, Node, Report, Value, check_catalog, check_mission, load_plugin, wire,
};

/// # Errors
/// When a file cannot be read.
pub fn run(arguments: &Validate, paint: Paint) -> anyhow::Result<Outcome> {
    if arguments.files.iter().filter(|f| f.as_os_str() == "-").count() > 1 {
        anyhow::bail!("standard input can be read once: give `-` once");
    }
    let mut skipped = Vec::new();
    let mut sources = Vec::new();
    for given in &arguments.files {
        for file in source::expand(std::slice::from_ref(given))? {
            let source = Source::open(&file)?;
            // A folder may hold other files too, such as an Envoy configuration; a file that was named may not.
            if given.is_dir() && source.node.as_ref().is_some_and(|n| Sort::of(n) == Sort::Unknown) {
                skipped.push(source.name);
            } else {
                sources.push(source);
            }
        }
    }
    let note = check_all(&mut sources)?;
    let errors: usize = sources.iter().map(|s| s.count(Level::Error)).sum();
    let warnings: usize = sources.iter().map(|s| s.count(Level::Warning)).sum();
    let bad = errors > 0 || (arguments.deny_warnings && warnings > 0);
    match arguments.output {
        Output::Text => {
            let mut out: String = sources.iter().map(|s| findings::text(s, paint)).collect();
            for name in &skipped {
                out += &format!(
                    "note: {} is neither a catalog, a mission nor a plugin configuration; skipped\n",
                    terminal::shown(name)
                );
            }
            out += &note.map(|note| format!("note: {note}\n")).unwrap_or_default();
            let style = if bad { Style::Error } else { Style::Good };
            let tally = paint.paint(style, &findings::tally(errors, warnings));
            out += &format!("{}: {tally}\n", counted(&sources));
            if errors + warnings > 0 {
                out += "docs/errors.md explains each code\n";
            }
            terminal::print(&out)?;
        }
        output => terminal::print(&emit::structured(&findings::records(&sources), output)?)?,
    }
    Ok(if bad { Outcome::Finding } else { Outcome::Fine })
}

/// Checks every file; gives what the reader should know beside the findings.
fn check_all(sources: &mut [Source]) -> anyhow::Result<Option<String>> {
    let sorts: Vec<Option<Sort>> = sources.iter().map(|s| s.node.as_ref().map(Sort::of)).collect();
    let mut catalogs = Vec::new();
    let mut read = Vec::new();
    let mut catalog_broken = false;
    let sealed: Vec<Option<Sealed>> = sources.iter_mut().map(Source::unseal).collect();
    for (source, sort) in sources.iter_mut().zip(&sorts) {
        match sort {
            Some(Sort::Catalog) => {
                let catalog = source.check(check_catalog);
                if let Some(catalog) = &catalog {
                    suspicion::check_catalog(catalog, source);
                }
                read.extend(catalog);
                catalogs.extend(source.node.clone());
            }
            Some(Sort::Plugin) => check_plugin(source)?,
            Some(Sort::Unknown) => unknown(source),
            Some(Sort::Mission) => {}
            None => catalog_broken = true,
        }
    }
    let union = union(&catalogs);
    let all = (read.len() == catalogs.len()).then(|| wire::Catalog {
        version: wire::FormatVersion,
        scenarios: read.into_iter().flat_map(|c| c.scenarios).collect(),
    });
    let mut missions = 0;
    let all_missions =
        sources.iter_mut().zip(sealed).zip(&sorts).filter(|(_, sort)| **sort == Some(Sort::Mission));
    for ((source, sealed), _) in all_missions {
        missions += 1;
        let mission = source.check(|node, report| check_mission(node, union.as_ref(), report));
        let (Some(mission), Some(all)) = (mission, &all) else { continue };
        suspicion::check(all, &mission, source);
        if let (Some(catalog), Some(node)) = (&union, source.node.clone()) {
            let carried = sealed.as_ref().map_or(&node, |sealed| &sealed.node);
            let plugin = inputs::assemble(catalog, Some(carried), &Identity::default());
            check_together(&plugin, source)?;
            if sealed.is_some() {
                // Whose signatures count is for `chaosctl verify`, which knows the operators.
                source.findings.retain(|finding| !inputs::is_about_signers(finding.code));
            }
        }
    }
    let unchecked = missions > 0 && union.is_none();
    Ok(unchecked.then(|| match catalog_broken {
        true => "the missions' scenario names were not checked: no catalog could be read".to_owned(),
        false => "the missions' scenario names were not checked: give the catalog along, \
                  `chaosctl validate catalog.yaml mission.yaml`"
            .to_owned(),
    }))
}

/// What only shows when a mission meets its catalog, such as a severity that needs signatures.
fn check_together(plugin: &Node, mission: &mut Source) -> anyhow::Result<()> {
    let nowhere = || Source::nothing("");
    // Findings about the catalog were made with its file.
    inputs::cross_check(plugin, &mut nowhere(), Some(mission), &mut nowhere())
}

/// All scenarios of all catalogs, so that a mission may draw from any file given.
fn union(catalogs: &[Node]) -> Option<Node> {
    let scenarios: Vec<Node> = catalogs
        .iter()
        .filter_map(|c| match c.get("scenarios").map(|n| &n.value) {
            Some(Value::List(items)) => Some(items.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let entry = |key: &str, value| Entry { key: key.to_owned(), at: None, value: Node::from(value) };
    (!catalogs.is_empty()).then(|| {
        Value::Object(vec![entry("version", Value::Number(1.0)), entry("scenarios", Value::List(scenarios))])
            .into()
    })
}

fn check_plugin(source: &mut Source) -> anyhow::Result<()> {
    let Some(node) = &source.node else { return Ok(()) };
    let mut report = Report::default();
    // Text that means to be JSON reaches the filter as it is, and the filter reads no YAML: no comma at the end.
    if source.text.trim_start().starts_with('{') {
        load_plugin(&source.bytes, None, &mut report);
    } else {
        load_plugin(&serde_json::to_vec(node)?, None, &mut report);
    }
    for finding in report.findings.iter_mut().filter(|finding| finding.code != Code::Syntax) {
        finding.at = inputs::locate(node, &finding.path, finding.code);
    }
    source.add(report);
    Ok(())
}

fn unknown(source: &mut Source) {
    let mut report = Report::default();
    let at = source.node.as_ref().and_then(|n| n.at);
    let hint = "a catalog has `version` and `scenarios`; a mission `version`, `id`, `scenarios`, `namespace`, `duration`";
    report.add(Code::MissingKey, at, "this is neither a catalog, a mission nor a plugin configuration", hint);
    source.add(report);
}

fn counted(sources: &[Source]) -> String {
    let files = if sources.len() == 1 { "1 file".to_owned() } else { format!("{} files", sources.len()) };
    let of =
        |wanted| sources.iter().filter(|s| s.node.as_ref().is_some_and(|n| Sort::of(n) == wanted)).count();
    let parts: Vec<String> = [
        (of(Sort::Catalog), "catalog"),
        (of(Sort::Mission), "mission"),
        (of(Sort::Plugin), "plugin configuration"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") })
    .collect();
    if parts.is_empty() {
        format!("{files} checked")
    } else {
        format!("{files} checked ({})", parts.join(", "))
    }
}
