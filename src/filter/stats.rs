//! Metrics: names with labels in Istio's convention, each defined once per VM and kept by id.

use crate::host::{self, MetricKind};
pub use crate::scenario_stats::{Cause, Group, ScenarioStats};
pub use squall_policy::health::{CAUSES, FAULTS};
use squall_policy::wire::StatLabels;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

thread_local! {
    /// Ids by name, for all roots of this VM: defining a name again would give a new id each time.
    static IDS: RefCell<HashMap<String, u32>> = RefCell::new(HashMap::new());
    /// Labels are written for the patterns that every istio-proxy has.
    static BUILT_IN: Cell<bool> = const { Cell::new(false) };
    static IN_FLIGHT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Labels of the raw stat name; see docs/metrics.md for the regexes that take them out. A scenario comes first.
type Labels<'l> = &'l [(&'l str, &'l str)];

/// Gauges by scenario: under the old labels nobody would set them to 0.
const BY_SCENARIO: [&str; 4] =
    ["chaos_active", "chaos_breaker", "chaos_declared_rate_ppm", "chaos_guardrail_distance_percent"];

/// Chooses how this VM writes labels from now on.
pub fn label_as(labels: StatLabels) {
    let built_in = labels == StatLabels::BuiltIn;
    if BUILT_IN.replace(built_in) == built_in {
        return;
    }
    IDS.with(|ids| {
        let Ok(ids) = ids.try_borrow() else { return };
        let stale = ids.iter().filter(|(name, _)| BY_SCENARIO.iter().any(|gauge| name.ends_with(gauge)));
        for (_, id) in stale {
            let _ = host::record_metric(*id, 0);
        }
    });
}

/// A metric with its labels as the host knows it.
fn full_name(built_in: bool, name: &str, labels: Labels<'_>) -> String {
    let mut full = String::with_capacity(96);
    for (label, value) in labels {
        // The scenario's end has to be `;.`: a name such as `cold-cache` and a dot would be another of Istio's patterns.
        let (before, label, between, after) = match *label {
            "scenario" if built_in => ("", "tag", ".", ";."),
            "code_class" if built_in => ("", "wasm_filter", ".", "."),
            _ if built_in => ("", "component", ".", "."),
            own => ("chaos_", own, "=.=", ";.;"),
        };
        [before, label, between, value, after].iter().for_each(|part| full.push_str(part));
    }
    full.push_str(name);
    full
}

/// Whether this VM writes labels for the patterns that every istio-proxy has.
pub fn writes_built_in() -> bool {
    BUILT_IN.get()
}

pub fn id(kind: MetricKind, name: &str, labels: Labels<'_>) -> Option<u32> {
    id_of(kind, full_name(BUILT_IN.get(), name, labels))
}

fn id_of(kind: MetricKind, full: String) -> Option<u32> {
    IDS.with(|ids| {
        let mut ids = ids.try_borrow_mut().ok()?;
        if let Some(id) = ids.get(&full) {
            return Some(*id);
        }
        let id = host::define_metric(kind, &full).ok()?;
        ids.insert(full, id);
        Some(id)
    })
}

/// Sets a gauge. A metric that the host refuses is lost; traffic does not care.
pub fn set_gauge(name: &str, labels: Labels<'_>, value: u64) {
    set_gauge_as(BUILT_IN.get(), name, labels, value);
}

/// The same where labels may be written otherwise than this VM does.
pub fn set_gauge_as(built_in: bool, name: &str, labels: Labels<'_>, value: u64) {
    if let Some(id) = id_of(MetricKind::Gauge, full_name(built_in, name, labels)) {
        let _ = host::record_metric(id, value);
    }
}

/// Adds to a counter.
pub fn count(name: &str, labels: Labels<'_>, by: u32) {
    if let Some(id) = id(MetricKind::Counter, name, labels) {
        let _ = host::increment_metric(id, i64::from(by));
    }
}

/// Adds a sample to a histogram.
pub fn sample(name: &str, labels: Labels<'_>, value: u64) {
    if let Some(id) = id(MetricKind::Histogram, name, labels) {
        let _ = host::record_metric(id, value);
    }
}

const HOST_ERRORS: &str = "chaos_host_errors_total";

/// Makes their counter appear at 0, so that the first of them are an increase.
pub fn announce_host_errors() {
    id(MetricKind::Counter, HOST_ERRORS, &[]);
}

/// Counts host calls that failed.
pub fn count_host_errors(failures: u32) {
    if failures > 0 {
        count(HOST_ERRORS, &[], failures);
    }
}

/// Moves the gauge of requests that have a fault in hand; all workers together.
pub fn faults_in_flight(by: i64) {
    // Twice for each faulted request: looking the name up would cost more than all else that is counted.
    let known = IN_FLIGHT.get().or_else(|| id(MetricKind::Gauge, "chaos_faults_in_flight", &[]));
    IN_FLIGHT.set(known);
    if let Some(id) = known {
        let _ = host::increment_metric(id, by);
    }
}

/// Moves a gauge that all workers add to.
pub fn move_gauge(name: &str, by: i64) {
    if let Some(id) = id(MetricKind::Gauge, name, &[]) {
        let _ = host::increment_metric(id, by);
    }
}
