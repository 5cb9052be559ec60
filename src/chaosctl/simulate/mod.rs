//! `simulate`: what a mission would have done to the requests of an access log. It asks the same `Plan::decide` as the
//! filter, line by line.

mod line;
mod lines;
mod report;
mod sketch;
mod tally;

use crate::arguments::{Output, Simulate};
use crate::inputs::{Identity, Inputs};
use crate::terminal::{self, Paint};
use crate::{Outcome, emit};
use anyhow::{Context, bail};
use line::{Line, Questions, Request};
use lines::Lines;
use report::{Log, Predicted};
use squall_policy::{BAGGAGE_HEADER, FAULT_HEADER, Plan, Seed, TOKEN_HEADER, wire};
use std::fs::File;
use std::io::{BufRead, BufReader};
use tally::Tally;

/// # Errors
/// When a file cannot be read, a draw is needed and there is no seed, or no line has a fact that a scenario asks for.
pub fn run(arguments: &Simulate, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    let loaded = Inputs::load(&arguments.catalog, Some(&arguments.mission), &Identity::default(), err)?;
    let Some(Inputs { catalog, mission: Some(mission), .. }) = loaded else { return Ok(Outcome::Finding) };
    let seed = arguments.seed.clone().or(mission.seed.as_ref().map(|s| s.0.clone()));
    let name = arguments.log.display().to_string();
    let reader: Box<dyn BufRead> = match name.as_str() {
        "-" => Box::new(std::io::stdin().lock()),
        _ => {
            let file = File::open(&arguments.log).with_context(|| format!("cannot open {name}"))?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        }
    };
    let mut log = Log::new(if name == "-" { "<stdin>" } else { &name });
    let plan = Plan::compile(&catalog, &mission);
    let mut tally = Tally::new(&plan);
    let start_ms = mission.start.map(|start| start.0);
    read(reader, &plan, seed.as_deref(), start_ms, &mut log, &mut tally)
        .with_context(|| format!("simulating {name}"))?;
    let predicted = Predicted::new(&catalog, &mission, seed, log, &tally);
    terminal::print(&match arguments.output {
        Output::Text => predicted.text(out),
        output => emit::structured(&predicted, output)?,
    })?;
    // A log without a single request predicts nothing, and must not pass for a mission that does nothing.
    Ok(if predicted.is_empty() { Outcome::Finding } else { Outcome::Fine })
}

/// What a mission hits of a log.
pub struct Hits {
    pub requests: u64,
    pub faulted: u64,
    /// Name, matched and sampled requests.
    pub scenarios: Vec<(String, u64, u64)>,
}

/// Counts without a word.
///
/// # Errors
/// As [`run`].
pub fn hits(
    catalog: &wire::Catalog,
    mission: &wire::Mission,
    seed: &str,
    log: &std::path::Path,
) -> anyhow::Result<Hits> {
    let name = log.display().to_string();
    let file = File::open(log).with_context(|| format!("cannot open {name}"))?;
    let plan = Plan::compile(catalog, mission);
    let mut tally = Tally::new(&plan);
    let start_ms = mission.start.map(|start| start.0);
    let reader = Box::new(BufReader::with_capacity(1 << 20, file));
    read(reader, &plan, Some(seed), start_ms, &mut Log::new(&name), &mut tally)
        .with_context(|| format!("simulating {name}"))?;
    let scenarios =
        tally.scenarios.iter().map(|counts| (counts.name.clone(), counts.groups.sum(), counts.sampled()));
    Ok(Hits { requests: tally.requests, faulted: tally.faulted, scenarios: scenarios.collect() })
}

fn read(
    reader: Box<dyn BufRead>,
    plan: &Plan,
    seed: Option<&str>,
    mut start_ms: Option<u64>,
    log: &mut Log,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let key = Seed::from_text(seed.unwrap_or_default());
    let mut questions = Questions::default();
    let mut lines = Lines::new(reader);
    while let Some(bytes) = lines.next().context("cannot read the log")? {
        log.lines += 1;
        if bytes.is_empty() {
            continue;
        }
        let Ok(line) = serde_json::from_slice::<Line<'_>>(bytes) else {
            log.not_json.add(log.lines);
            continue;
        };
        if !line.was_seen() {
            log.unseen.add(log.lines);
            continue;
        }
        // Without a start of its own a mission begins with the log.
        start_ms = start_ms.or_else(|| line.wall_ms());
        let mut request = Request::new(&line, &mut questions, start_ms.unwrap_or_default());
        let verdict = plan.decide(&key, &mut request);
        let (lacks, by_chance) = (request.lacks, request.drew_without_id);
        if seed.is_none() && (request.asked_for_id || tally.is_drawn_by_header(&verdict)) {
            bail!(
                "a draw is needed, and there is no seed: give --seed TEXT, write `seed` into the mission, or take the \
                 one that the filter logged (event mission.accepted)"
            );
        }
        if let Some(asked) = lacks.and_then(|index| questions.asked().get(index)) {
            log.lacking(&asked.key.name, log.lines);
        } else if by_chance {
            log.without_id.add(log.lines);
        } else {
            log.used(line.time());
            tally.count(&verdict);
        }
    }
    refuse_unanswered(&questions)
}

/// A fact that no line has is no property of the requests: the log was written without it.
fn refuse_unanswered(questions: &Questions) -> anyhow::Result<()> {
    let missing: Vec<String> = questions
        .asked()
        .iter()
        .filter(|asked| !asked.answered && !is_request(&asked.key.name))
        .map(|asked| format!("    \"{}\": \"{}\"", asked.key.name, asked.key.operator))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "the scenarios ask for what no line tells; add to `json_format` of the access log (`chaosctl render envoy` \
         does):\n{}",
        missing.join(",\n")
    )
}

/// What a caller asks for a fault with: usually gone from the request before it is logged, and mostly not there at all.
fn is_request(key: &str) -> bool {
    let name = key.strip_prefix(crate::access_log::HEADERS).unwrap_or_default();
    [FAULT_HEADER, TOKEN_HEADER, BAGGAGE_HEADER].contains(&name)
}

/// What the log cannot tell, because the mission itself changes it before it is logged, or nothing in it says so.
fn untold(mission: &wire::Mission, catalog: &wire::Catalog) -> Vec<String> {
    let scenarios =
        mission.scenarios.iter().filter_map(|name| catalog.scenarios.iter().find(|s| s.name == *name));
    let asked = crate::access_log::asked_by(catalog);
    let mut notes = Vec::new();
    for scenario in scenarios {
        notes.extend(crate::when::unknown_load(scenario));
        if scenario.faults.iter().any(|fault| fault.requested.is_some()) {
            notes.push(format!(
                "scenario {} injects what callers ask for, which no log tells: all its requests count as asking for nothing",
                scenario.name.0
            ));
        }
        let changes = scenario.faults.iter().filter_map(|fault| fault.mutate.as_ref()?.request.as_ref());
        for change in changes {
            let headers = change.headers.iter().flat_map(|headers| &headers.0).map(|(name, _)| &name.0);
            let removed = change.remove_headers.iter().flatten().map(|name| &name.0);
            let keys = headers.chain(removed).map(|name| format!("{}{name}", crate::access_log::HEADERS));
            let keys = keys.filter(|key| asked.iter().any(|asked| asked.name == *key));
            notes.extend(keys.chain(change.path.as_ref().map(|_| "path".to_owned())).map(|key| {
                format!(
                    "scenario {} changes what the log has as `{key}`: a log written while it ran has the changed value",
                    scenario.name.0
                )
            }));
        }
    }
    notes
}
