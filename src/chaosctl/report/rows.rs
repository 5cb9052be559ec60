//! The tables of a report, over all proxies.

use super::course::{Counted, Course, Look, Looks};
use crate::journal::{Entry, Journal, ProxyState, Role};
use crate::observed::{Group, Guard, Ledger, Observed, Standing, added, safe};
use serde::Serialize;

#[derive(Serialize)]
pub struct GroupRow {
    pub group: String,
    pub requests: u64,
    pub errors: u64,
    pub error_percent: Option<f64>,
    /// Of several proxies the worst; milliseconds.
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub ended_by_squall: u64,
}

#[derive(Serialize)]
pub struct LedgerRow {
    pub scenario: String,
    pub matched: u64,
    pub treatment: u64,
    pub injected: Vec<(String, u64)>,
    pub injected_in_all: u64,
    pub suppressed: Vec<(String, u64)>,
    pub declared_percent: Option<f64>,
    pub observed_percent: Option<f64>,
    /// The 95 % interval.
    pub low_percent: Option<f64>,
    pub high_percent: Option<f64>,
    pub is_as_declared: Option<bool>,
}

/// A guardrail where it came nearest to tripping.
#[derive(Serialize)]
pub struct GuardRow {
    pub scenario: String,
    pub rule: String,
    pub unit: String,
    pub limit: Option<f64>,
    /// 1 is far, 0 has tripped.
    pub closest: f64,
    pub value: Option<f64>,
    pub proxy: String,
    pub t_ms: u64,
    pub standing: &'static str,
}

#[derive(Serialize)]
pub struct PromqlRow {
    pub name: String,
    pub role: &'static str,
    pub expression: String,
    pub asked: u64,
    pub failed: u64,
    pub unknown: u64,
    pub last: Option<f64>,
    pub detail: String,
}

#[derive(Serialize)]
pub struct ProxyRow {
    pub proxy: String,
    /// Namespace, service and id, as it says.
    pub name: String,
    pub squall: Option<String>,
    pub state: String,
    pub how: String,
    pub matched: u64,
    pub injected: u64,
    pub requests: u64,
    pub error_percent: Option<f64>,
    pub p95_ms: Option<f64>,
    /// What went wrong, with seconds since the run began.
    pub notes: Vec<String>,
}

/// What was seen between the beginning and the end of a phase.
#[derive(Serialize)]
pub struct PhaseRow {
    pub phase: String,
    pub from_ms: u64,
    pub until_ms: u64,
    pub intensity_percent: Option<f64>,
    pub treatment_requests: u64,
    pub treatment_error_percent: Option<f64>,
    pub control_requests: u64,
    pub control_error_percent: Option<f64>,
    pub injected: u64,
}

fn last(looks: &Looks) -> impl Iterator<Item = (&String, &Observed)> {
    // A proxy that has lost its mission at the end still told of it before.
    let told = |looks: &[Look]| looks.iter().rposition(|look| look.observed.mission.is_some());
    looks.iter().filter_map(move |(proxy, looks)| {
        let place = told(looks).unwrap_or(looks.len().saturating_sub(1));
        Some((proxy, &looks.get(place)?.observed))
    })
}

pub fn groups(looks: &Looks) -> Vec<GroupRow> {
    let mut sums: Vec<Group> = Vec::new();
    for group in last(looks).flat_map(|(_, observed)| &observed.groups) {
        match sums.iter_mut().find(|sum| sum.name == group.name) {
            Some(sum) => sum.add(group),
            None => sums.push(group.clone()),
        }
    }
    let row = |group: Group| {
        let [p50_ms, p95_ms, p99_ms] = group.latency_ms;
        let error_percent = group.error_percent();
        let Group { name, requests, errors, ended_by_squall, .. } = group;
        GroupRow { group: name, requests, errors, error_percent, p50_ms, p95_ms, p99_ms, ended_by_squall }
    };
    sums.into_iter().map(row).collect()
}

pub fn ledger(looks: &Looks) -> Vec<LedgerRow> {
    let row = |ledger: Ledger| {
        let interval = ledger.interval_percent();
        LedgerRow {
            injected_in_all: ledger.injected_in_all(),
            observed_percent: ledger.observed_percent(),
            low_percent: interval.map(|(low, _)| low),
            high_percent: interval.map(|(_, high)| high),
            is_as_declared: ledger.is_as_declared(),
            scenario: ledger.scenario,
            matched: ledger.matched,
            treatment: ledger.treatment,
            injected: ledger.injected,
            suppressed: ledger.suppressed,
            declared_percent: ledger.declared_percent,
        }
    };
    added(last(looks).flat_map(|(_, observed)| &observed.ledger)).into_iter().map(row).collect()
}

pub fn guardrails(looks: &Looks) -> Vec<GuardRow> {
    let mut rows: Vec<GuardRow> = Vec::new();
    for (proxy, look) in looks.iter().flat_map(|(proxy, looks)| looks.iter().map(move |look| (proxy, look))) {
        for guard in &look.observed.guards {
            match rows.iter_mut().find(|row| row.scenario == guard.scenario && row.rule == guard.rule) {
                // One that has tripped stays so; the first sight of it tells when.
                Some(row) if guard.distance < row.closest => *row = of_guard(proxy, look, guard),
                Some(_) => {}
                None => rows.push(of_guard(proxy, look, guard)),
            }
        }
    }
    rows.sort_by(|a, b| a.closest.total_cmp(&b.closest));
    rows
}

fn of_guard(proxy: &str, look: &Look, guard: &Guard) -> GuardRow {
    GuardRow {
        scenario: guard.scenario.clone(),
        rule: guard.rule.clone(),
        unit: guard.unit.clone(),
        limit: guard.limit,
        closest: guard.distance,
        value: guard.value,
        proxy: safe(proxy),
        t_ms: look.t_ms,
        standing: if guard.distance <= 0.0 { Standing::Tripped } else { guard.standing }.word(),
    }
}

pub fn promql(journal: &Journal) -> Vec<PromqlRow> {
    let mut rows: Vec<PromqlRow> = Vec::new();
    for record in &journal.records {
        let Entry::Promql(found) = &record.entry else { continue };
        let role = if matches!(found.role, Role::Guardrail) { "guardrail" } else { "signal" };
        let (name, expression) = (safe(&found.name), safe(&found.expression));
        let place = rows.iter().position(|row| row.name == name && row.role == role);
        let place = place.unwrap_or_else(|| {
            let detail = String::new();
            rows.push(PromqlRow {
                name,
                role,
                expression,
                asked: 0,
                failed: 0,
                unknown: 0,
                last: None,
                detail,
            });
            rows.len() - 1
        });
        let Some(row) = rows.get_mut(place) else { continue };
        row.asked += 1;
        row.failed += u64::from(found.ok == Some(false));
        row.unknown += u64::from(found.ok.is_none());
        row.last = found.value;
        row.detail = safe(&found.detail);
    }
    rows
}

pub fn proxies(journal: &Journal, looks: &Looks) -> Vec<ProxyRow> {
    let fates = journal.verdict().map(|verdict| verdict.proxies.as_slice()).unwrap_or_default();
    let nothing = Observed::default();
    let rows = looks.iter().map(|(proxy, looks_at)| {
        let observed =
            last(looks).find(|(other, _)| *other == proxy).map_or(&nothing, |(_, observed)| observed);
        let fate = fates.iter().find(|fate| fate.proxy == *proxy);
        let counted = Counted::of(observed);
        let names = [&observed.namespace, &observed.service, &observed.id];
        let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        let seen = if looks_at.is_empty() { "never seen" } else { observed.state.as_str() };
        let ended = observed.mission.as_ref().and_then(|mission| mission.ended.as_ref());
        let matched = observed.ledger.iter().fold(0, |sum: u64, ledger| sum.saturating_add(ledger.matched));
        let treatment = observed.group("treatment");
        ProxyRow {
            proxy: safe(proxy),
            name: names.join(" / "),
            squall: observed.squall.clone(),
            state: fate.map_or_else(|| seen.to_owned(), |fate| safe(&fate.state)),
            how: fate
                .map_or_else(|| ended.map(|e| e.how.clone()).unwrap_or_default(), |fate| safe(&fate.how)),
            matched: fate.map_or(matched, |fate| fate.matched),
            injected: fate.map_or(counted.injected, |fate| fate.injected),
            requests: counted.treatment.requests.saturating_add(counted.control.requests),
            error_percent: treatment.and_then(Group::error_percent),
            p95_ms: treatment.and_then(|group| group.latency_ms[1]),
            notes: notes(journal, proxy),
        }
    });
    rows.collect()
}

fn notes(journal: &Journal, proxy: &str) -> Vec<String> {
    let notes = journal.records.iter().filter_map(|record| {
        let Entry::Proxy(found) = &record.entry else { return None };
        let state = match found.state {
            ProxyState::Lost => "lost",
            ProxyState::Back => "back",
            ProxyState::Halted => "halted",
            ProxyState::Skewed => "another configuration",
        };
        let detail =
            if found.detail.is_empty() { String::new() } else { format!(": {}", safe(&found.detail)) };
        (found.proxy == proxy).then(|| format!("{state} at {}{detail}", super::plot::elapsed(record.t_ms)))
    });
    notes.collect()
}

pub fn phases(course: &Course, looks: &Looks) -> Vec<PhaseRow> {
    let rows = course.bands.iter().map(|band| {
        let mut sum = Counted::default();
        for looks in looks.values() {
            let new = until(looks, band.until_ms).since(&until(looks, band.from_ms));
            sum.control.add(&new.control);
            sum.treatment.add(&new.treatment);
            sum.injected = sum.injected.saturating_add(new.injected);
        }
        PhaseRow {
            phase: band
                .intensity_percent
                .map_or_else(|| band.label.clone(), |_| format!("stage at {}", band.label)),
            from_ms: band.from_ms,
            until_ms: band.until_ms,
            intensity_percent: band.intensity_percent,
            treatment_requests: sum.treatment.requests,
            treatment_error_percent: sum.treatment.error_percent(),
            control_requests: sum.control.requests,
            control_error_percent: sum.control.error_percent(),
            injected: sum.injected,
        }
    });
    rows.filter(|row| row.until_ms > row.from_ms).collect()
}

/// What a proxy had counted at a moment. A change of phase is written just before the look that shows it.
fn until(looks: &[Look], t_ms: u64) -> Counted {
    const JUST_AFTER_MS: u64 = 250;
    let before = looks.iter().take_while(|look| look.t_ms <= t_ms.saturating_add(JUST_AFTER_MS)).last();
    before.map(|look| Counted::of(&look.observed)).unwrap_or_default()
}
