//! `verify`: who has signed a mission, and whether proxies with these operators would take it now.

use crate::arguments::{Output, Verify};
use crate::inputs::{self, Identity, Inputs, Keys, SignOff};
use crate::source::Source;
use crate::terminal::{self, Paint, Style, complain, shown};
use crate::{Outcome, emit, findings, keys, operators};
use serde::Serialize;
use squall_policy::{Loaded, Proxy, Report, load_plugin_on};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// For programs.
#[derive(Serialize)]
struct Verdict<'v> {
    enough: bool,
    mission: Option<&'v str>,
    severity: Option<&'static str>,
    needed: Option<u32>,
    approved_by: &'v [String],
    expires: Option<String>,
    findings: Vec<findings::Record<'v>>,
}

/// A proxy of which nothing is known.
struct Nowhere;

impl Proxy for Nowhere {
    fn namespace(&mut self) -> Option<String> {
        None
    }

    fn service(&mut self) -> Option<String> {
        None
    }

    fn label(&mut self, _: &str) -> Option<String> {
        None
    }

    fn is_somewhere(&self) -> bool {
        false
    }
}

/// # Errors
/// When a file cannot be read.
pub fn run(arguments: &Verify, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    let Some(operators) = operators::read(&arguments.operators, err)? else { return Ok(Outcome::Finding) };
    // What is wrong with the files themselves is told first; signatures are looked at with a clock, below.
    let elsewhere = Identity::default();
    let Some(inputs) = Inputs::load(&arguments.catalog, Some(&arguments.mission), &elsewhere, err)? else {
        return Ok(Outcome::Finding);
    };
    let identity = Identity {
        keys: Keys::Given(keys::anybody(&inputs.catalog)),
        sign_off: SignOff::Given(operators),
        ..Identity::default()
    };
    let carried = inputs.sealed.as_ref().map(|sealed| &sealed.node).or(inputs.mission_node.as_ref());
    let plugin = serde_json::to_vec(&inputs::assemble(&inputs.catalog_node, carried, &identity))?;
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut report = Report::default();
    let loaded = load_plugin_on(&plugin, &mut Nowhere, now_ms, &mut report);
    let mission = mission_source(&arguments.mission, report);
    let enough = loaded.is_some();
    match arguments.output {
        Output::Text => {
            complain(&findings::text(&mission, err));
            terminal::print(&told(&inputs, loaded.as_ref(), enough, out))?;
        }
        output => {
            let sources = [mission];
            let verdict = verdict(&inputs, loaded.as_ref(), enough, findings::records(&sources));
            terminal::print(&emit::structured(&verdict, output)?)?;
        }
    }
    Ok(if enough { Outcome::Fine } else { Outcome::Finding })
}

/// The findings, under the mission's file.
fn mission_source(path: &Path, report: Report) -> Source {
    let mut source = Source::nothing(&path.display().to_string());
    source.findings = report.findings;
    for finding in &mut source.findings {
        finding.path = finding.path.trim_start_matches("mission.").to_owned();
    }
    source
}

fn verdict<'v>(
    inputs: &'v Inputs,
    loaded: Option<&'v Loaded>,
    enough: bool,
    findings: Vec<findings::Record<'v>>,
) -> Verdict<'v> {
    let severity = loaded.and_then(|loaded| loaded.approval.severity);
    Verdict {
        enough,
        mission: inputs.mission.as_ref().map(|mission| mission.id.0.as_str()),
        severity: severity.map(squall_policy::wire::Severity::word),
        needed: loaded.zip(severity).map(|(loaded, severity)| loaded.operators.needed(severity)),
        approved_by: loaded.map_or(&[], |loaded| loaded.approval.by.as_slice()),
        expires: expires(inputs),
        findings,
    }
}

fn expires(inputs: &Inputs) -> Option<String> {
    let expires = inputs.mission.as_ref()?.expires?;
    Some(humantime::format_rfc3339(UNIX_EPOCH + std::time::Duration::from_millis(expires.0)).to_string())
}

fn told(inputs: &Inputs, loaded: Option<&Loaded>, enough: bool, paint: Paint) -> String {
    let line = |key: &str, value: &str| format!("{key:11}{}\n", shown(value));
    let mut out = inputs.mission.iter().map(|mission| line("mission", &mission.id.0)).collect::<String>();
    if let Some(loaded) = loaded {
        if let Some(severity) = loaded.approval.severity {
            let needed = loaded.operators.needed(severity);
            out += &line("severity", &format!("{}: {needed} signatures are needed", severity.word()));
        }
        let by = &loaded.approval.by;
        out += &line("signed by", &if by.is_empty() { "nobody".to_owned() } else { by.join(", ") });
    }
    out += &expires(inputs).map(|expires| line("expires", &expires)).unwrap_or_default();
    let (style, verdict) = match enough {
        true => (Style::Good, "enough: proxies with these operators take it"),
        false => (Style::Error, "not enough: proxies with these operators refuse it"),
    };
    out + &format!("{}\n", paint.paint(style, verdict))
}
