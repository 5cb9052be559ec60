//! The run through time: what was seen of each group in spans of the same length, over all proxies, and the phases.

use crate::journal::{Entry, Journal, PhaseName};
use crate::observed::{Observed, Point, Summary};
use serde_json::Value;
use std::collections::BTreeMap;

/// Spans that a plot has at most.
const SPANS: u64 = 60;

/// One look at one proxy.
pub struct Look {
    pub t_ms: u64,
    pub observed: Observed,
}

/// All looks, by proxy.
pub type Looks = BTreeMap<String, Vec<Look>>;

#[must_use]
pub fn looks(journal: &Journal) -> Looks {
    let mut looks: Looks = journal.started.proxies.iter().map(|proxy| (proxy.clone(), Vec::new())).collect();
    let ours = journal.started.mission.get("id").and_then(Value::as_str);
    for record in &journal.records {
        let Entry::Sample(sample) = &record.entry else { continue };
        // What an earlier mission did there is none of this run's.
        let theirs = sample.status.pointer("/mission/id").and_then(Value::as_str);
        if ours.is_some() && theirs.is_some() && theirs != ours {
            continue;
        }
        let Some(observed) = Observed::read(&sample.status) else { continue };
        looks.entry(sample.proxy.clone()).or_default().push(Look { t_ms: record.t_ms, observed });
    }
    looks
}

/// What was counted in one span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    pub control: Summary,
    pub treatment: Summary,
    /// Spread over the time between two looks.
    pub requests: f64,
    pub injected: f64,
}

/// A phase or stage of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub from_ms: u64,
    pub until_ms: u64,
    pub label: String,
    /// Absent outside of the injection.
    pub intensity_percent: Option<f64>,
}

pub struct Course {
    pub until_ms: u64,
    pub width_ms: u64,
    pub spans: BTreeMap<u64, Span>,
    pub bands: Vec<Band>,
    /// Percentiles are those of the mission until then: the journal has none of each span.
    pub is_cumulative: bool,
}

impl Course {
    #[must_use]
    pub fn of(journal: &Journal, looks: &Looks) -> Self {
        let until_ms = journal.records.iter().map(|record| record.t_ms).max().unwrap_or(0).max(1);
        let width_ms = width(until_ms, looks);
        let mut course = Self {
            until_ms,
            width_ms,
            spans: BTreeMap::new(),
            bands: bands(journal, until_ms),
            is_cumulative: true,
        };
        let series: Vec<BTreeMap<u64, (u64, Point)>> = looks.values().map(|looks| points(looks)).collect();
        course.is_cumulative = series.iter().all(BTreeMap::is_empty);
        for looks in looks.values() {
            course.count(looks);
        }
        for (t_ms, point) in series.iter().flat_map(BTreeMap::values) {
            let span = course.span(*t_ms);
            span.control.add(&Summary { requests: 0, errors: 0, ..point.control });
            span.treatment.add(&Summary { requests: 0, errors: 0, ..point.treatment });
        }
        course
    }

    fn span(&mut self, t_ms: u64) -> &mut Span {
        self.spans.entry(t_ms / self.width_ms).or_default()
    }

    /// Counts what came between each look at a proxy and the next.
    fn count(&mut self, looks: &[Look]) {
        let (mut before, mut before_ms) = (Counted::default(), None);
        let is_cumulative = self.is_cumulative;
        for look in looks {
            let now = Counted::of(&look.observed);
            let new = now.since(&before);
            let span = self.span(look.t_ms);
            let latency = |summary: Summary| if is_cumulative { summary.latency_ms } else { [None; 3] };
            span.control.add(&Summary { latency_ms: latency(now.control), ..new.control });
            span.treatment.add(&Summary { latency_ms: latency(now.treatment), ..new.treatment });
            self.spread((before_ms.unwrap_or(look.t_ms.saturating_sub(self.width_ms)), look.t_ms), &new);
            (before, before_ms) = (now, Some(look.t_ms));
        }
    }
}

impl Course {
    /// What came between two moments, in each span as much as it has of that time.
    fn spread(&mut self, (from_ms, until_ms): (u64, u64), new: &Counted) {
        let whole = until_ms.saturating_sub(from_ms).max(1) as f64;
        let requests = new.control.requests.saturating_add(new.treatment.requests) as f64;
        let width_ms = self.width_ms;
        for number in from_ms / width_ms..=until_ms.saturating_sub(1).max(from_ms) / width_ms {
            let begins = (number * width_ms).max(from_ms);
            let ends = ((number + 1) * width_ms).min(until_ms.max(from_ms + 1));
            let share = ends.saturating_sub(begins) as f64 / whole;
            let span = self.spans.entry(number).or_default();
            span.requests += requests * share;
            span.injected += new.injected as f64 * share;
        }
    }
}

/// What a proxy has counted until a look.
#[derive(Clone, Copy, Default)]
pub struct Counted {
    pub control: Summary,
    pub treatment: Summary,
    pub injected: u64,
}

impl Counted {
    #[must_use]
    pub fn of(observed: &Observed) -> Self {
        let mut counted = Self::default();
        for group in &observed.groups {
            let summary =
                Summary { requests: group.requests, errors: group.errors, latency_ms: group.latency_ms };
            match group.name.as_str() {
                "treatment" => counted.treatment.add(&summary),
                // Before and after the injection nobody is treated.
                "baseline" | "control" | "recovery" => counted.control.add(&summary),
                _ => {}
            }
        }
        let injected = observed.ledger.iter().map(crate::observed::Ledger::injected_in_all);
        counted.injected = injected.fold(0, u64::saturating_add);
        counted
    }

    /// What is new. A count that went back began anew, as after a restart of the proxy.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let less = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now);
        let summary = |now: Summary, then: Summary| Summary {
            requests: less(now.requests, then.requests),
            errors: less(now.errors, then.errors),
            latency_ms: [None; 3],
        };
        Self {
            control: summary(self.control, before.control),
            treatment: summary(self.treatment, before.treatment),
            injected: less(self.injected, before.injected),
        }
    }
}

/// Wide enough for a look at each proxy in every span.
fn width(until_ms: u64, looks: &Looks) -> u64 {
    let gap = |looks: &Vec<Look>| {
        let (first, last) = looks.first().zip(looks.last())?;
        (last.t_ms - first.t_ms).checked_div(looks.len().saturating_sub(1) as u64)
    };
    let gap = looks.values().filter_map(gap).max().unwrap_or(0);
    (until_ms / SPANS).max(gap + gap / 2).max(1000)
}

/// The points of one proxy by their moment on its clock, each as it was seen last, and its moment in the run.
fn points(looks: &[Look]) -> BTreeMap<u64, (u64, Point)> {
    let mut points = BTreeMap::new();
    for look in looks {
        let Some(now_ms) = look.observed.now_ms else { continue };
        for point in &look.observed.series {
            let ago = now_ms.saturating_sub(point.at_ms);
            if let Some(t_ms) = look.t_ms.checked_sub(ago) {
                points.insert(point.at_ms, (t_ms, *point));
            }
        }
    }
    points
}

fn bands(journal: &Journal, until_ms: u64) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for record in &journal.records {
        let Entry::Phase(phase) = &record.entry else { continue };
        if let Some(before) = bands.last_mut() {
            before.until_ms = record.t_ms;
        }
        let stage = phase.stage.as_ref().filter(|_| phase.phase == PhaseName::Injecting);
        let label = match stage {
            Some(stage) => format!("{} %", crate::observed::number(stage.intensity_percent)),
            None => word(phase.phase),
        };
        let intensity_percent = stage.map(|stage| stage.intensity_percent);
        bands.push(Band { from_ms: record.t_ms, until_ms, label, intensity_percent });
    }
    bands
}

/// As the journal writes it.
#[must_use]
pub fn word(phase: PhaseName) -> String {
    let word = serde_json::to_value(phase).ok();
    word.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}
