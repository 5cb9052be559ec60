//! Two runs side by side: verdict, signals, groups, rates, and what is different. The earlier one comes first.

use super::summary::{Run, Summary};
use serde::Serialize;

#[derive(Serialize)]
pub struct Comparison {
    pub signals: Vec<Row>,
    pub groups: Vec<Row>,
    pub rates: Vec<Row>,
    pub counts: Vec<Row>,
    /// What keeps the two from being the same experiment, in words.
    pub differs: Vec<String>,
}

/// One number in both runs.
#[derive(Serialize)]
pub struct Row {
    pub what: String,
    pub unit: &'static str,
    pub earlier: Cell,
    pub later: Cell,
    /// Of the later one to the earlier one.
    pub difference: Option<f64>,
    /// Where both have intervals: whether those do not meet.
    pub is_clear: Option<bool>,
}

#[derive(Clone, Default, Serialize)]
pub struct Cell {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Of a signal.
    pub verdict: Option<String>,
}

impl Comparison {
    #[must_use]
    pub fn of(earlier: &Run, later: &Run) -> Self {
        let (a, b) = (&earlier.summary, &later.summary);
        Self {
            signals: rows(a, b, signals),
            groups: rows(a, b, groups),
            rates: rows(a, b, rates),
            counts: rows(a, b, counts),
            differs: differs(earlier, later),
        }
    }
}

type Named = (String, &'static str, Cell);

/// What either has, in the order of the earlier one.
fn rows(a: &Summary, b: &Summary, of: fn(&Summary) -> Vec<Named>) -> Vec<Row> {
    let (mut before, mut after) = (of(a), of(b));
    let mut rows = Vec::new();
    for (what, unit, earlier) in before.drain(..) {
        let place = after.iter().position(|(other, ..)| *other == what);
        let later = place.map(|place| after.remove(place).2).unwrap_or_default();
        rows.push(Row::new(what, unit, earlier, later));
    }
    rows.extend(after.into_iter().map(|(what, unit, later)| Row::new(what, unit, Cell::default(), later)));
    rows
}

impl Row {
    fn new(what: String, unit: &'static str, earlier: Cell, later: Cell) -> Self {
        let difference = earlier.value.zip(later.value).map(|(before, after)| after - before);
        let intervals = earlier.low.zip(earlier.high).zip(later.low.zip(later.high));
        let is_clear = intervals.map(|((a_low, a_high), (b_low, b_high))| a_high < b_low || b_high < a_low);
        Self { what, unit, earlier, later, difference, is_clear }
    }
}

fn signals(summary: &Summary) -> Vec<Named> {
    let cell = |part: &super::hypothesis::Part| {
        let of = if part.scenario.is_empty() { String::new() } else { format!("{}: ", part.scenario) };
        let cell =
            Cell { value: part.value, low: part.low, high: part.high, verdict: Some(part.verdict.clone()) };
        (format!("{of}{} {}", part.signal, part.expected), part.unit, cell)
    };
    summary.hypothesis.iter().map(cell).collect()
}

fn of(value: Option<f64>) -> Cell {
    Cell { value, ..Cell::default() }
}

fn groups(summary: &Summary) -> Vec<Named> {
    let cells = summary.groups.iter().flat_map(|group| {
        let name = |what: &str| format!("{} {what}", group.group);
        [
            (name("errors"), "%", of(group.error_percent)),
            (name("p50"), "ms", of(group.p50_ms)),
            (name("p95"), "ms", of(group.p95_ms)),
            (name("p99"), "ms", of(group.p99_ms)),
        ]
    });
    cells.collect()
}

fn rates(summary: &Summary) -> Vec<Named> {
    let cells = summary.ledger.iter().flat_map(|row| {
        let observed =
            Cell { value: row.observed_percent, low: row.low_percent, high: row.high_percent, verdict: None };
        [
            (format!("{} declared", row.scenario), "%", of(row.declared_percent)),
            (format!("{} observed", row.scenario), "%", observed),
        ]
    });
    cells.collect()
}

fn counts(summary: &Summary) -> Vec<Named> {
    let count = |what: &str, count: u64| (what.to_owned(), "", of(Some(count as f64)));
    let requests = summary.proxies.iter().fold(0, |sum: u64, proxy| sum.saturating_add(proxy.requests));
    vec![
        count("proxies", summary.proxies.len() as u64),
        count("requests seen", requests),
        count("faults injected", summary.injected),
        count("halts", summary.halts.len() as u64),
        ("took".to_owned(), "s", of(Some(summary.took_s.round()))),
    ]
}

fn differs(earlier: &Run, later: &Run) -> Vec<String> {
    let mut differs = Vec::new();
    let (a, b) = (&earlier.summary, &later.summary);
    let mut compare = |what: &str, a: &str, b: &str| {
        if a != b {
            differs.push(format!("{what}: {a} before, {b} after"));
        }
    };
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    compare("seed", &or(&a.mission.seed), &or(&b.mission.seed));
    compare("duration", &or(&a.mission.duration), &or(&b.mission.duration));
    compare("scenarios", &a.mission.scenarios.join(", "), &b.mission.scenarios.join(", "));
    compare("namespace", &or(&a.mission.namespace), &or(&b.mission.namespace));
    let proxies = |run: &Run| {
        let mut all: Vec<String> =
            run.journal.started.proxies.iter().map(|proxy| crate::observed::safe(proxy)).collect();
        all.sort();
        all.join(", ")
    };
    compare("proxies", &proxies(earlier), &proxies(later));
    for (key, usual) in [("baseline", "none"), ("recovery", "none"), ("composition", "first_match")] {
        let of = |run: &Run| {
            let given = run.journal.started.mission.get(key).and_then(serde_json::Value::as_str);
            crate::observed::safe(given.unwrap_or(usual))
        };
        compare(key, &of(earlier), &of(later));
    }
    compare("chaosctl", &a.chaosctl, &b.chaosctl);
    let stages = |run: &Run| {
        run.journal.started.mission.get("stages").map(|stages| crate::observed::safe(&stages.to_string()))
    };
    compare("stages", &or(&stages(earlier)), &or(&stages(later)));
    let (mine, theirs) = (&earlier.journal.started.scenarios, &later.journal.started.scenarios);
    if a.mission.scenarios == b.mission.scenarios && !mine.is_empty() && !theirs.is_empty() && mine != theirs
    {
        differs.push("a scenario is defined otherwise: `chaosctl diff` tells how".to_owned());
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_clear_where_intervals_do_not_meet() {
        let cell =
            |value, low, high| Cell { value: Some(value), low: Some(low), high: Some(high), verdict: None };
        let clear = |a: Cell, b: Cell| Row::new(String::new(), "%", a, b).is_clear;
        assert_eq!(clear(cell(5.0, 4.0, 6.0), cell(8.0, 7.0, 9.0)), Some(true));
        assert_eq!(clear(cell(8.0, 7.0, 9.0), cell(5.0, 4.0, 6.0)), Some(true));
        assert_eq!(clear(cell(5.0, 4.0, 6.0), cell(6.5, 5.5, 9.0)), Some(false));
        let lacking = Row::new(String::new(), "%", cell(5.0, 4.0, 6.0), Cell::default());
        assert_eq!((lacking.is_clear, lacking.difference), (None, None));
    }
}
