//! Metrics: names with labels in Istio's convention, each defined once per VM and kept by id.

use crate::host::{self, MetricKind};
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
const BY_SCENARIO: [&str; 3] =
    ["chaos_active", "chaos_declared_rate_ppm", "chaos_guardrail_distance_percent"];

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

fn id(kind: MetricKind, name: &str, labels: Labels<'_>) -> Option<u32> {
    let mut full = String::with_capacity(96);
    let built_in = BUILT_IN.get();
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
    if let Some(id) = id(MetricKind::Gauge, name, labels) {
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

/// Counts host calls that failed.
pub fn count_host_errors(failures: u32) {
    if failures > 0 {
        count("chaos_host_errors_total", &[], failures);
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

/// What a request is for a scenario that matched it. The first three add up to all that it matched while faults were injected, so
/// `injected / requests` is the rate that was declared; latencies compare `treatment` with `control`.
#[derive(Clone, Copy)]
pub enum Group {
    /// It got no fault at all.
    Control = 0,
    /// It got this scenario's fault.
    Treatment = 1,
    /// It got a fault of another scenario only, or none because a cap was full or none may touch it.
    Other = 2,
    /// It came before the first fault of the mission.
    Baseline = 3,
    /// It came after the mission's deadline.
    Recovery = 4,
}

/// Why a sampled fault was not injected, in the order of [`CAUSES`].
#[derive(Clone, Copy)]
pub enum Cause {
    Preempted,
    NoSampleHeader,
    AlreadyFaulted,
    Deadline,
    HostError,
    MaxConcurrent,
    MaxPerSecond,
    MaxTotal,
    CpuShare,
    Protected,
    Attempt,
    Trigger,
    Burst,
    NoKey,
    FirstDone,
    FirstFull,
    /// The stream ended before the fault had its turn.
    StreamEnded,
    /// The fault is about a body, and there was none.
    NoBody,
    /// The fault is about a stream of messages, and the response was none.
    NoStream,
    /// Another fault has the body of the response.
    BodyTaken,
    /// The body was larger than the change of it allows.
    BodyTooLarge,
    /// The body was no JSON, and the change of it needs one.
    BodyNotJson,
    // The caller asked for a fault: see `squall_policy::Ignored`.
    Unsigned,
    Malformed,
    BadSignature,
    Expired,
    OverLimit,
    OtherTarget,
}

const GROUPS: [&str; 5] = ["control", "treatment", "other", "baseline", "recovery"];
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The metrics of one scenario, defined when first used and then kept by id: no text is built per request.
pub struct ScenarioStats {
    name: String,
    requests: [[Option<u32>; 6]; 5],
    latency: [Option<u32>; 5],
    injected: [Option<u32>; FAULTS.len()],
    suppressed: [Option<u32>; CAUSES.len()],
    delay: Option<u32>,
}

/// Uses the slot's id, defining the metric first where that has not happened.
fn slot(slot: Option<&mut Option<u32>>, define: impl FnOnce() -> Option<u32>) -> Option<u32> {
    let slot = slot?;
    if slot.is_none() {
        *slot = define();
    }
    *slot
}

impl ScenarioStats {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            requests: Default::default(),
            latency: Default::default(),
            injected: Default::default(),
            suppressed: Default::default(),
            delay: None,
        }
    }

    /// One finished request of a group with its status, 0 when there was no response.
    pub fn request(&mut self, group: Group, status: u64, latency_ms: u64) {
        let group = group as usize;
        let class = squall_policy::health::class(status);
        let (Some(group_label), Some(class_label)) = (GROUPS.get(group), CLASSES.get(class)) else { return };
        let name = &self.name;
        let requests = self.requests.get_mut(group).and_then(|classes| classes.get_mut(class));
        let requests = slot(requests, || {
            let labels = [("scenario", name.as_str()), ("group", group_label), ("code_class", class_label)];
            id(MetricKind::Counter, "chaos_requests_total", &labels)
        });
        let latency = slot(self.latency.get_mut(group), || {
            let labels = [("scenario", name.as_str()), ("group", group_label)];
            id(MetricKind::Histogram, "service_downstream_latency_ms", &labels)
        });
        if let Some(id) = requests {
            let _ = host::increment_metric(id, 1);
        }
        if let Some(id) = latency {
            let _ = host::record_metric(id, latency_ms);
        }
    }

    /// The length of a delay.
    pub fn injected_delay(&mut self, us: u64) {
        let name = &self.name;
        let delay = slot(Some(&mut self.delay), || {
            id(MetricKind::Histogram, "chaos_injected_delay_ms", &[("scenario", name)])
        });
        if let Some(id) = delay {
            let _ = host::record_metric(id, us.saturating_add(500) / 1000);
        }
    }

    /// One fault of a kind has taken effect.
    pub fn injected(&mut self, fault: &str) {
        self.add_injected(fault, 1);
    }

    /// Makes the counter of a fault appear at 0, so that a rate over it has a beginning.
    pub fn announce(&mut self, fault: &str) {
        self.add_injected(fault, 0);
    }

    fn add_injected(&mut self, fault: &str, by: i64) {
        let Some(index) = FAULTS.iter().position(|known| *known == fault) else { return };
        let name = &self.name;
        let id = slot(self.injected.get_mut(index), || {
            let labels = [("scenario", name.as_str()), ("fault", fault)];
            id(MetricKind::Counter, "chaos_faults_injected_total", &labels)
        });
        if let Some(id) = id.filter(|_| by > 0) {
            let _ = host::increment_metric(id, by);
        }
    }

    pub fn suppressed(&mut self, cause: Cause) {
        let index = cause as usize;
        let name = &self.name;
        let id = slot(self.suppressed.get_mut(index), || {
            let labels = [("scenario", name.as_str()), ("cause", CAUSES.get(index)?)];
            id(MetricKind::Counter, "chaos_faults_suppressed_total", &labels)
        });
        if let Some(id) = id {
            let _ = host::increment_metric(id, 1);
        }
    }
}
