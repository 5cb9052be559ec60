//! The metrics of one scenario: what became of its requests and of its faults.

use crate::host::{self, MetricKind};
use crate::stats::{CAUSES, FAULTS, id};

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
    own_errors: [Option<u32>; 5],
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
            own_errors: Default::default(),
            injected: Default::default(),
            suppressed: Default::default(),
            delay: None,
        }
    }

    /// One finished request of a group with its status, 0 when there was no response. `own`: the response is Squall's.
    pub fn request(&mut self, group: Group, status: u64, own: bool, latency_ms: u64) {
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
        if own && *class_label == "5xx" {
            self.add_own_error(group, 1);
        }
        if let Some(id) = latency {
            let _ = host::record_metric(id, latency_ms);
        }
    }

    /// One response with 5xx that Squall has made.
    fn add_own_error(&mut self, group: usize, by: i64) {
        let name = &self.name;
        let id = slot(self.own_errors.get_mut(group), || {
            let labels = [("scenario", name.as_str()), ("group", GROUPS.get(group)?)];
            id(MetricKind::Counter, "chaos_own_errors_total", &labels)
        });
        if let Some(id) = id.filter(|_| by > 0) {
            let _ = host::increment_metric(id, by);
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

    /// The same for the errors that Squall makes.
    pub fn announce_own_errors(&mut self) {
        [Group::Treatment, Group::Other].into_iter().for_each(|group| self.add_own_error(group as usize, 0));
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
