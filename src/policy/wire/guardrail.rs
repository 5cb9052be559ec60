//! Guardrails, signals and what a guardrail does: `halt_when`, `signals`, `rollback`.

use super::bound::{AtMost, Bound, Share};
use super::declare::{object, words};
use super::decode::{exactly_one, no_check};
use super::safety::Count;
use super::scalar::Span;
use crate::diagnostic::{Code, Report};
use crate::node::Node;

/// Most guardrails of one scenario.
pub(crate) const MOST_GUARDRAILS: usize = 8;

/// Most scenarios of one mission that have guardrails or signals: what is kept of each is shared by all workers.
pub(crate) const MOST_OBSERVED: usize = 8;

object! {
    /// A condition on observed health that stops the faults. With `above` alone it is a threshold that has to be exceeded for
    /// some time; with `versus` it compares two groups, at a confidence that looking often does not wear out.
    pub struct Guardrail shape fits, check fits_metric {
        /// What is measured.
        "metric" => metric: Metric [required],
        /// Whose requests.
        "group" => group: GuardGroup [default "treatment" = GuardGroup::Treatment],
        /// The largest value that is fine: a share for `error_rate`, a time for a latency. With `versus` the largest difference:
        /// percentage points, or a time.
        "above" => above: Bound [required],
        /// For how long it has to be above; a threshold's, 10s when absent.
        "for" => lasting: Span<1000, 3_600_000> [optional],
        /// Fewer requests than this within `for` say nothing; with `versus`, fewer in either group.
        "min_requests" => min_requests: Count [default "20" = Count(20)],
        /// The group to compare with.
        "versus" => versus: Versus [optional],
        /// How sure a comparison has to be; 99.9% when absent.
        "confidence" => confidence: Share<800_000, 999_999> [optional],
        /// Whether errors that Squall injected itself count.
        "count_injected" => count_injected: bool [default "false" = false],
        /// Look at another side of the same workload instead: `inbound` is all that comes in, and needs the filter with the
        /// same mission on the inbound listener of this Envoy too.
        "watch" => watch: WatchWord [optional],
    }
}

words! {
    /// What is measured. An error is a status of 500 and above, or no response.
    pub enum Metric {
        ErrorRate = "error_rate", LatencyP50 = "latency_p50", LatencyP90 = "latency_p90",
        LatencyP95 = "latency_p95", LatencyP99 = "latency_p99",
    }
}

impl Metric {
    /// The quantile in parts per million; `None` for the error rate.
    #[must_use]
    pub fn quantile_ppm(self) -> Option<u32> {
        match self {
            Self::ErrorRate => None,
            Self::LatencyP50 => Some(500_000),
            Self::LatencyP90 => Some(900_000),
            Self::LatencyP95 => Some(950_000),
            Self::LatencyP99 => Some(990_000),
        }
    }
}

words! {
    /// Whose requests: with the scenario's fault, in scope without a fault, or both.
    pub enum GuardGroup { Treatment = "treatment", Control = "control", All = "all" }
}

words! {
    /// With whom: the requests without a fault at the same time, or those before the first fault.
    pub enum Versus { Control = "control", Baseline = "baseline" }
}

words! {
    /// Another side of the same workload.
    pub enum WatchWord { Inbound = "inbound" }
}

object! {
    /// Expected outcomes, the hypothesis: each gets a verdict at the end, from the requests that had the scenario's faults, those
    /// that Squall ended itself left out. At least one outcome.
    pub struct Signals shape some_signal, check fits_signals {
        /// Share of requests that fail.
        "error_rate" => error_rate: AtMost [optional],
        /// Median.
        "latency_p50" => latency_p50: AtMost [optional],
        /// 90th percentile.
        "latency_p90" => latency_p90: AtMost [optional],
        /// 95th percentile.
        "latency_p95" => latency_p95: AtMost [optional],
        /// 99th percentile.
        "latency_p99" => latency_p99: AtMost [optional],
        /// Measure what comes in to the workload meanwhile instead, as in a guardrail.
        "watch" => watch: WatchWord [optional],
    }
}

impl Signals {
    /// What is given, in the order of the metrics.
    pub fn bounds(&self) -> impl Iterator<Item = (Metric, Bound)> {
        [
            (Metric::ErrorRate, self.error_rate),
            (Metric::LatencyP50, self.latency_p50),
            (Metric::LatencyP90, self.latency_p90),
            (Metric::LatencyP95, self.latency_p95),
            (Metric::LatencyP99, self.latency_p99),
        ]
        .into_iter()
        .filter_map(|(metric, bound)| Some((metric, bound?.0)))
    }
}

object! {
    /// What happens when a guardrail of the scenario trips. Exactly one key.
    pub struct Rollback shape one_way, check no_check {
        /// The mission halts, and no other runs until a person releases the halt.
        "on_halt" => on_halt: OnHalt [optional],
        /// The scenario's faults pause, and come back carefully.
        "circuit_breaker" => circuit_breaker: CircuitBreaker [optional],
    }
}

words! {
    /// What a halt does.
    pub enum OnHalt { Disable = "disable" }
}

object! {
    /// Open: no faults of the scenario. Then half-open: some, and a guardrail that trips opens it again. Closed: as before.
    pub struct CircuitBreaker check no_check {
        /// How long it stays open.
        "open_for" => open_for: Span<1000, 3_600_000> [required],
        /// The share of the usual rate while it is half-open.
        "half_open_intensity" => half_open_intensity: Share<1, 1_000_000> [default "10%" = Share(100_000)],
        /// How long it has to be healthy half-open before it closes.
        "close_after" => close_after: Span<1000, 3_600_000> [default "30s" = Span(std::time::Duration::from_secs(30))],
    }
}

/// Keys that contradict each other, whatever their values.
fn fits(node: &Node, _: bool, report: &mut Report) {
    let word = |key: &str| node.get(key).and_then(Node::text);
    let mut refuse = |key: &str, message: &str, hint: &str| {
        if let Some(found) = node.get(key) {
            report.in_key(key, |r| r.add(Code::Conflict, found.at, message, hint));
        }
    };
    match word("versus") {
        Some(_) => {
            let message = "a comparison looks at all requests so far, whenever it looks";
            refuse("for", message, "remove `for`, or `versus`");
        }
        None if node.get("versus").is_none() => {
            let message = "a threshold has no confidence";
            refuse("confidence", message, "remove it, or add `versus: control`");
        }
        None => {}
    }
    if word("watch") == Some("inbound") {
        let hint = "remove it, or `watch`";
        refuse("group", "`watch: inbound` looks at all that comes in", hint);
        refuse("count_injected", "Squall injects nothing into what it only watches", hint);
        if word("versus") == Some("control") {
            let message = "what comes in has no control group";
            refuse("versus", message, "compare with `baseline`, or remove `watch`");
        }
        return;
    }
    if word("versus") == Some("control") && matches!(word("group"), Some("control" | "all")) {
        let message = "control would be compared with itself";
        refuse("versus", message, "compare group `treatment`, or compare with `baseline`");
    }
    if word("group") == Some("control") {
        let message = "requests of group `control` have no fault";
        refuse("count_injected", message, "remove it, or choose group `treatment`");
    } else if word("metric").is_some_and(|metric| metric.starts_with("latency")) {
        let message = "how fast Squall answers itself is never measured";
        refuse("count_injected", message, "remove it, or measure `error_rate`");
    }
}

fn fits_metric(guardrail: &Guardrail, node: &Node, report: &mut Report) {
    check_bound(guardrail.metric, guardrail.above, "above", node, report);
}

fn fits_signals(signals: &Signals, node: &Node, report: &mut Report) {
    for (metric, bound) in signals.bounds() {
        check_bound(metric, bound, metric.word(), node, report);
    }
}

fn check_bound(metric: Metric, bound: Bound, key: &str, node: &Node, report: &mut Report) {
    let at = node.get(key).and_then(|n| n.at);
    let (message, hint) = match (metric.quantile_ppm(), bound) {
        (None, Bound::Time(_)) => ("`error_rate` is a share, not a time", "give a share: 5%"),
        (Some(_), Bound::Share(_)) => ("a latency is a time, not a share", "give a time: 350ms"),
        (None, Bound::Share(crate::draw::PPM)) => ("no rate is above 100 %", "give less than 100%"),
        _ => return,
    };
    report.in_key(key, |r| r.add(Code::Conflict, at, message, hint));
}

fn some_signal(node: &Node, all_known: bool, report: &mut Report) {
    let keys = ["error_rate", "latency_p50", "latency_p90", "latency_p95", "latency_p99"];
    if all_known && keys.iter().all(|key| node.get(key).is_none()) {
        let hint = "add `error_rate: \"<= 0.5%\"`, or remove it";
        report.add(Code::NothingGiven, node.at, "no outcome is expected", hint);
    }
}

fn one_way(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["on_halt", "circuit_breaker"], node, all_known, report);
}

/// What belongs together in a scenario: a breaker needs a guardrail that opens it, and there are not too many of those.
pub(crate) fn check_guardrails(node: &Node, report: &mut Report) {
    let rules = node.get("safety").and_then(|safety| safety.get("halt_when"));
    if let Some(breaker) = node.get("rollback").and_then(|rollback| rollback.get("circuit_breaker"))
        && rules.is_none()
    {
        let (message, hint) = ("no guardrail would ever open it", "add `safety.halt_when`, or remove it");
        report.in_key("rollback", |r| {
            r.in_key("circuit_breaker", |r| r.add(Code::Conflict, breaker.at, message, hint));
        });
    }
    if let Some((node, items)) = rules.and_then(|node| Some((node, node.list()?.len())))
        && items > MOST_GUARDRAILS
    {
        let message = format!("{items} guardrails; a scenario has at most {MOST_GUARDRAILS}");
        report.in_key("safety", |r| {
            r.in_key("halt_when", |r| r.add(Code::OutOfRange, node.at, message, "keep the ones that matter"));
        });
    }
}
