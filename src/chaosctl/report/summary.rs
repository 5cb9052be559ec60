//! What a journal says of its run, computed: for the pages, and for programs (`--output json`). Texts are safe to show.

use super::course::{Course, Looks, looks, word};
use super::hypothesis::{Part, hypothesis};
use super::rows::{self, GroupRow, GuardRow, LedgerRow, PhaseRow, PromqlRow, ProxyRow};
use super::timeline::{Moment, timeline};
use crate::journal::{Entry, Journal, What};
use crate::observed::safe;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

#[derive(Serialize)]
pub struct Summary {
    /// Name of the file.
    pub journal: String,
    pub run: String,
    pub chaosctl: String,
    pub mission: Mission,
    pub began_at: String,
    pub ended_at: String,
    pub took_s: f64,
    /// Whether the run came to its end.
    pub is_complete: bool,
    /// What is missing, in words.
    pub missing: Vec<String>,
    /// `held`, `violated`, `inconclusive`; null where the run did not come to one.
    pub verdict: Option<&'static str>,
    pub reasons: Vec<String>,
    pub hypothesis: Vec<Part>,
    pub halts: Vec<Halt>,
    pub phases: Vec<PhaseRow>,
    pub groups: Vec<GroupRow>,
    pub ledger: Vec<LedgerRow>,
    pub injected: u64,
    pub guardrails: Vec<GuardRow>,
    pub promql: Vec<PromqlRow>,
    pub prometheus: Option<String>,
    pub proxies: Vec<ProxyRow>,
    pub timeline: Vec<Moment>,
}

#[derive(Serialize)]
pub struct Mission {
    pub id: String,
    pub namespace: Option<String>,
    pub scenarios: Vec<String>,
    pub duration: Option<String>,
    pub seed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Halt {
    pub t_ms: u64,
    pub proxy: String,
    pub detail: String,
}

/// A journal, with what follows from it.
pub struct Run {
    pub journal: Journal,
    pub course: Course,
    pub summary: Summary,
}

impl Run {
    #[must_use]
    pub fn of(journal: Journal, path: &Path) -> Self {
        let looks = looks(&journal);
        let course = Course::of(&journal, &looks);
        let summary = Summary::of(&journal, &looks, &course, path);
        Self { journal, course, summary }
    }

    pub fn halts(&self) -> Vec<(u64, String)> {
        self.summary
            .halts
            .iter()
            .map(|halt| (halt.t_ms, format!("{}: {}", halt.proxy, halt.detail)))
            .collect()
    }
}

impl Summary {
    fn of(journal: &Journal, looks: &Looks, course: &Course, path: &Path) -> Self {
        let verdict = journal.verdict();
        let ends = || journal.records.first().zip(journal.records.last());
        let ledger = rows::ledger(looks);
        let last = |pick: fn(&crate::journal::Record) -> String| {
            ends().map(|(_, last)| pick(last)).unwrap_or_default()
        };
        Self {
            journal: path.file_name().map(|name| safe(&name.to_string_lossy())).unwrap_or_default(),
            run: safe(&journal.started.run),
            chaosctl: safe(&journal.started.chaosctl),
            mission: mission(journal, looks),
            began_at: ends().map(|(first, _)| safe(&first.at)).unwrap_or_default(),
            ended_at: last(|record| safe(&record.at)),
            took_s: ends().map_or(0.0, |(first, last)| last.t_ms.saturating_sub(first.t_ms) as f64 / 1000.0),
            is_complete: verdict.is_some(),
            missing: missing(journal),
            verdict: verdict.map(|verdict| verdict.verdict.text()),
            reasons: verdict.iter().flat_map(|verdict| &verdict.reasons).map(|reason| safe(reason)).collect(),
            hypothesis: hypothesis(journal, looks),
            halts: halts(journal, looks),
            phases: rows::phases(course, looks),
            groups: rows::groups(looks),
            injected: ledger.iter().fold(0, |sum, row| sum.saturating_add(row.injected_in_all)),
            ledger,
            guardrails: rows::guardrails(looks),
            promql: rows::promql(journal),
            prometheus: journal.started.prometheus.as_deref().map(safe),
            proxies: rows::proxies(journal, looks),
            timeline: timeline(journal),
        }
    }
}

fn mission(journal: &Journal, looks: &Looks) -> Mission {
    let document = &journal.started.mission;
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(safe);
    let names = document.get("scenarios").and_then(Value::as_array).into_iter().flatten();
    let verdict = journal.verdict();
    // A seed that a proxy has drawn stands in its status alone.
    let drawn = looks.values().flatten().find_map(|look| look.observed.mission.as_ref()?.seed.clone());
    Mission {
        id: text("id").or_else(|| verdict.map(|verdict| safe(&verdict.mission_id))).unwrap_or_default(),
        namespace: text("namespace"),
        scenarios: names.filter_map(Value::as_str).map(safe).collect(),
        duration: text("duration"),
        seed: text("seed")
            .or_else(|| verdict.and_then(|verdict| verdict.seed.as_deref().map(safe)))
            .or(drawn),
    }
}

fn missing(journal: &Journal) -> Vec<String> {
    let mut missing = Vec::new();
    if journal.verdict().is_none() {
        let last = journal.records.iter().rev().find_map(|record| match &record.entry {
            Entry::Phase(phase) => Some(word(phase.phase)),
            _ => None,
        });
        let last =
            last.map_or_else(|| "before its first phase".to_owned(), |phase| format!("in phase {phase}"));
        missing.push(unstarted(journal, &last).unwrap_or_else(|| {
            format!(
                "the journal ends {last} and has no verdict: the run was killed, or still goes on.{}",
                super::remains::remains(journal)
            )
        }));
    }
    if journal.is_torn {
        missing.push("its last line was left unfinished, and is left out".to_owned());
    }
    match journal.skipped {
        0 => {}
        1 => {
            missing.push("one line is of a kind that this chaosctl does not know, and is left out".to_owned())
        }
        count => missing
            .push(format!("{count} lines are of kinds that this chaosctl does not know, and are left out")),
    }
    missing
}

/// Why no proxy has started the mission; `None` where one has.
fn unstarted(journal: &Journal, last: &str) -> Option<String> {
    const MOST: usize = 10;
    let mut checks = 0;
    let mut failed = Vec::new();
    let mut refused = Vec::new();
    for record in &journal.records {
        match &record.entry {
            Entry::Action(action) if matches!(action.what, What::Start) => {
                if action.ok {
                    return None;
                }
                refused.push(format!("{}: {}", safe(&action.proxy), safe(&action.detail)));
            }
            Entry::Preflight(check) => {
                checks += usize::from(check.ok.is_some());
                if check.fails() {
                    let proxy =
                        check.proxy.as_deref().map_or_else(String::new, |proxy| format!(" {}", safe(proxy)));
                    failed.push(format!("{}{proxy}: {}", safe(&check.check), safe(&check.detail)));
                }
            }
            _ => {}
        }
    }
    let listed = |mut all: Vec<String>| {
        let more = all.len().saturating_sub(MOST);
        all.truncate(MOST);
        if more > 0 {
            all.push(format!("and {more} more"));
        }
        all.join("; ")
    };
    Some(match (refused.is_empty(), failed.len()) {
        (false, _) => format!("nothing was started: no proxy took the mission: {}", listed(refused)),
        (true, 0) => format!(
            "the journal ends {last}, and as far as it tells nothing was started. Where a start was under way, the proxy's own deadline and lease end its faults"
        ),
        (true, count) => {
            format!("nothing was started: {count} of {checks} checks failed: {}", listed(failed))
        }
    })
}

/// The first sight of each halt of each proxy.
fn halts(journal: &Journal, looks: &Looks) -> Vec<Halt> {
    let seen = looks.iter().filter_map(|(proxy, looks)| {
        let (look, halt) = looks.iter().find_map(|look| Some((look, look.observed.halt.as_ref()?)))?;
        Some(Halt { t_ms: look.t_ms, proxy: safe(proxy), detail: halt.told() })
    });
    let mut halts: Vec<Halt> = seen.collect();
    for record in &journal.records {
        let Entry::Proxy(proxy) = &record.entry else { continue };
        let is_halt = matches!(proxy.state, crate::journal::ProxyState::Halted);
        if is_halt && !halts.iter().any(|halt| halt.proxy == safe(&proxy.proxy)) {
            halts.push(Halt { t_ms: record.t_ms, proxy: safe(&proxy.proxy), detail: safe(&proxy.detail) });
        }
    }
    halts.sort_by_key(|halt| halt.t_ms);
    halts
}
