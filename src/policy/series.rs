//! How many time series the scenarios of a mission may make in one proxy: a bound, whatever their traffic is. Not a count of
//! what a scrape shows, which is far less.

use crate::diagnostic::{Code, Report};
use crate::health::{CAUSES, CLASSES, FAULTS};
use crate::node::Node;
use crate::plugin::items;
use crate::wire::Whole;

/// What is allowed where the configuration says nothing.
pub const DEFAULT_SERIES: u32 = 250_000;

/// The groups and classes of `chaos_requests_total`.
const REQUESTS: usize = 5 * CLASSES;
/// `chaos_queue_overflows_total` and `chaos_queue_timeouts_total`.
const QUEUES: usize = 2;
/// `chaos_own_errors_total` by group.
const OWN_ERRORS: usize = 2;
/// `chaos_active`, `chaos_breaker`, `chaos_declared_rate_ppm`, `chaos_guardrail_distance_percent`.
const GAUGES: usize = 4;
/// `service_downstream_latency_ms` by group, `chaos_injected_delay_ms`, `chaos_queue_wait_ms`.
const HISTOGRAMS: usize = 5 + 2;
/// Envoy's own buckets, the infinite one, sum and count.
const OF_A_HISTOGRAM: usize = 19 + 3;

/// The most that one scenario can make.
pub const SERIES_OF_A_SCENARIO: usize =
    REQUESTS + OWN_ERRORS + QUEUES + GAUGES + HISTOGRAMS * OF_A_HISTOGRAM + FAULTS.len() + CAUSES.len();

/// Refuses a mission whose scenarios could make more series than `most`.
pub(crate) fn check(mission: &Node, most: Option<Whole<1_000, 10_000_000>>, report: &mut Report) {
    let most = most.map_or(DEFAULT_SERIES, |most| most.0);
    let scenarios = items(mission, "scenarios").len();
    let series = scenarios.saturating_mul(SERIES_OF_A_SCENARIO);
    if series <= usize::try_from(most).unwrap_or(usize::MAX) {
        return;
    }
    let at = mission.get("scenarios").and_then(|node| node.at);
    let tell = || {
        let message = format!(
            "{scenarios} scenarios could make {series} time series in each proxy, and {most} are allowed (`max_series`)"
        );
        (message, "run them in several missions, or allow more in the plugin configuration".to_owned())
    };
    report.in_key("scenarios", |r| r.add_lazy(Code::TooManySeries, at, tell));
}
