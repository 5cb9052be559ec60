//! What `simulate` tells: as data, and in words.

use super::tally::{Counts, Groups, Tally};
use crate::table;
use crate::terminal::{Paint, Style, shown};
use crate::words;
use serde::Serialize;
use squall_policy::wire;
use std::collections::BTreeMap;

/// Numbers of lines that are shown of each kind.
const SHOWN: usize = 5;

/// Lines that are left out for one reason.
#[derive(Default, Serialize)]
pub struct LeftOut {
    pub count: u64,
    /// The first few, from 1.
    pub lines: Vec<u64>,
}

impl LeftOut {
    pub fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.len() < SHOWN {
            self.lines.push(line);
        }
    }
}

/// What was read.
#[derive(Serialize)]
pub struct Log {
    file: String,
    pub lines: u64,
    /// Lines that were decided about.
    requests: u64,
    first_time: Option<String>,
    last_time: Option<String>,
    pub not_json: LeftOut,
    /// Requests that Envoy refused before any filter saw them.
    pub unseen: LeftOut,
    /// Requests that had no id where a draw depends on one.
    pub without_id: LeftOut,
    /// Lines without a key that a scenario asks for, by key.
    lacking: BTreeMap<String, LeftOut>,
}

impl Log {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            lines: 0,
            requests: 0,
            first_time: None,
            last_time: None,
            not_json: LeftOut::default(),
            unseen: LeftOut::default(),
            without_id: LeftOut::default(),
            lacking: BTreeMap::new(),
        }
    }

    pub fn lacking(&mut self, key: &str, line: u64) {
        self.lacking.entry(key.to_owned()).or_default().add(line);
    }

    pub fn used(&mut self, time: Option<&str>) {
        self.requests += 1;
        let Some(time) = time else { return };
        if self.first_time.is_none() {
            self.first_time = Some(time.to_owned());
        }
        // Lines are written when requests end, so the times are about in order.
        let last = self.last_time.get_or_insert_default();
        last.clear();
        last.push_str(time);
    }

    fn left_out(&self) -> Vec<String> {
        let told = |left: &LeftOut, what: &str| {
            let numbers: Vec<String> = left.lines.iter().map(ToString::to_string).collect();
            let more = if left.count > left.lines.len() as u64 { ", ..." } else { "" };
            (left.count > 0).then(|| {
                let lines = if left.count == 1 { "line" } else { "lines" };
                format!("{} {lines} left out: {what} ({lines} {}{more})", left.count, numbers.join(", "))
            })
        };
        let lacking = self.lacking.iter().map(|(key, left)| told(left, &format!("no key `{key}`")));
        let others = [
            told(&self.not_json, "no JSON object"),
            told(&self.unseen, "Envoy refused the request before any filter saw it"),
            told(&self.without_id, "a request without an id, for which the filter drew one of its own"),
        ];
        others.into_iter().chain(lacking).flatten().collect()
    }
}

#[derive(Serialize)]
pub struct Predicted {
    mission: String,
    composition: &'static str,
    seed: Option<String>,
    log: Log,
    /// Requests with at least one fault.
    faulted: u64,
    faulted_percent: f64,
    scenarios: Vec<Scenario>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Scenario {
    name: String,
    matched: u64,
    sampled: u64,
    /// As in `chaos_requests_total`.
    groups: Groups,
    injected: BTreeMap<&'static str, u64>,
    spared: BTreeMap<String, u64>,
    /// Of the drawn delays.
    delay: Option<Delay>,
}

#[derive(Serialize)]
struct Delay {
    count: u64,
    min_us: u64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    max_us: u64,
}

impl Predicted {
    pub fn new(
        catalog: &wire::Catalog,
        mission: &wire::Mission,
        seed: Option<String>,
        log: Log,
        tally: &Tally,
    ) -> Self {
        let mut notes = super::untold(mission, catalog);
        if !mission.enable {
            notes.push("the mission has `enable: false`: the filter leaves all requests alone".to_owned());
        }
        Self {
            mission: mission.id.0.clone(),
            composition: mission.composition.word(),
            seed,
            log,
            faulted: tally.faulted,
            faulted_percent: if tally.requests == 0 {
                0.0
            } else {
                tally.faulted as f64 * 100.0 / tally.requests as f64
            },
            scenarios: tally.scenarios.iter().map(Scenario::new).collect(),
            notes,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.log.requests == 0
    }

    pub fn text(&self, paint: Paint) -> String {
        let log = &self.log;
        let mut out = format!(
            "mission {} ({}{}): {} requests in {} lines of {}\n",
            self.mission,
            self.composition,
            self.seed.as_ref().map(|s| format!(", seed {s:?}")).unwrap_or_default(),
            log.requests,
            log.lines,
            shown(&log.file),
        );
        if let (Some(first), Some(last)) = (&log.first_time, &log.last_time) {
            out += &format!("from {} to {}\n", shown(first), shown(last));
        }
        out.push('\n');
        let head = ["SCENARIO", "MATCHED", "SAMPLED", "INJECTED", "SPARED", "DELAY P50 / P90 / P99"];
        let rows: Vec<[String; 6]> = self.scenarios.iter().map(Scenario::row).collect();
        out += &table::text(&head, &rows, paint);
        let share = format!("{} of {} requests ({:.2} %)", self.faulted, log.requests, self.faulted_percent);
        out += &format!("\n{} {share}\n", paint.paint(Style::Strong, "faulted:"));
        for left_out in log.left_out() {
            out += &format!("{}\n", shown(&left_out));
        }
        for note in &self.notes {
            out += &format!("note: {}\n", shown(note));
        }
        out
    }
}

impl Scenario {
    fn new(counts: &Counts) -> Self {
        let delays = &counts.delays;
        let quantile = |share| delays.quantile(share).unwrap_or_default();
        Self {
            name: counts.name.clone(),
            matched: counts.groups.sum(),
            sampled: counts.sampled(),
            groups: counts.groups,
            injected: counts.injected.clone(),
            spared: counts.spared(),
            delay: delays.range().map(|(min_us, max_us)| Delay {
                count: delays.count(),
                min_us,
                p50_us: quantile(0.5),
                p90_us: quantile(0.9),
                p99_us: quantile(0.99),
                max_us,
            }),
        }
    }

    fn row(&self) -> [String; 6] {
        let counts = |counts: Vec<(&str, u64)>| {
            let told: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
            if told.is_empty() { "-".to_owned() } else { told.join(", ") }
        };
        [
            self.name.clone(),
            self.matched.to_string(),
            self.sampled.to_string(),
            counts(self.injected.iter().map(|(kind, count)| (*kind, *count)).collect()),
            counts(self.spared.iter().map(|(cause, count)| (cause.as_str(), *count)).collect()),
            self.delay.as_ref().map_or_else(
                || "-".to_owned(),
                |delay| [delay.p50_us, delay.p90_us, delay.p99_us].map(rounded).join(" / "),
            ),
        ]
    }
}

/// As exact as a quantile is: below a millisecond in microseconds, else in milliseconds.
fn rounded(us: u64) -> String {
    words::micros(if us < 1_000 { us } else { (us + 500) / 1_000 * 1_000 })
}
