//! The delay fault and its distributions.

use super::declare::{object, words};
use super::decode::{exactly_one, no_check};
use super::scalar::{Number, Percent, Span};
use crate::diagnostic::{Code, Report};
use crate::node::Node;

/// Longest delay, in milliseconds: one hour.
pub const LONGEST_DELAY_MS: u64 = 3_600_000;
/// Envoy's default `stream_idle_timeout`, in milliseconds.
const IDLE_TIMEOUT_MS: u64 = 300_000;

type DelaySpan = Span<1, LONGEST_DELAY_MS>;
type DelayFromZero = Span<0, LONGEST_DELAY_MS>;

object! {
    /// Holds a request or its response back; exactly one distribution. A delay before the request goes upstream does
    /// not count against the route's `timeout`, which starts in the router; it does against `stream_idle_timeout`.
    pub struct DelayFault shape one_distribution, check check_delay {
        /// Always the same.
        "fixed" => fixed: DelaySpan [optional],
        /// Every value between two bounds equally likely.
        "uniform" => uniform: Uniform [optional],
        /// Bell curve, cut at 0.
        "normal" => normal: Normal [optional],
        /// Skewed to the right, as real latencies are.
        "lognormal" => lognormal: LogNormal [optional],
        /// Heavy tail.
        "pareto" => pareto: Pareto [optional],
        /// A table of percentiles, as a dashboard shows them.
        "percentiles" => percentiles: Percentiles [optional],
        /// Before the request goes upstream, or before the response comes back.
        "phase" => phase: PhaseWord [default "request" = PhaseWord::Request],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

words! {
    /// When a delay is served.
    pub enum PhaseWord { Request = "request", Response = "response" }
}

object! {
    /// Uniform distribution.
    pub struct Uniform check check_uniform {
        /// Lower bound.
        "min" => min: DelayFromZero [required],
        /// Upper bound.
        "max" => max: DelaySpan [required],
    }
}

object! {
    /// Normal distribution, cut at 0 and at one hour.
    pub struct Normal check no_check {
        /// Mean before the cut.
        "mean" => mean: DelayFromZero [required],
        /// Standard deviation before the cut.
        "stddev" => stddev: DelaySpan [required],
    }
}

object! {
    /// Lognormal distribution, cut at one hour.
    pub struct LogNormal check no_check {
        /// Half of the delays are shorter.
        "median" => median: DelaySpan [required],
        /// Standard deviation of the logarithm: 0.5 is mild (p99 = 3.2 times the median), 1 is wild (10 times).
        "sigma" => sigma: Number<1, 5000> [required],
    }
}

object! {
    /// Pareto distribution, cut at `max`.
    pub struct Pareto check check_pareto {
        /// The shortest delay.
        "min" => min: DelaySpan [required],
        /// Exponent of the tail: the smaller, the heavier; 1.16 is "80 : 20".
        "shape" => shape: Number<100, 100000> [required],
        /// The longest delay.
        "max" => max: DelaySpan [default "1h" = Span(std::time::Duration::from_millis(LONGEST_DELAY_MS))],
    }
}

object! {
    /// Percentiles of a delay, linear in between; from 0 (or `p0`) up to the largest one given. Must not decrease.
    pub struct Percentiles check check_percentiles {
        /// Minimum.
        "p0" => p0: DelayFromZero [optional],
        /// 50th percentile.
        "p50" => p50: DelayFromZero [optional],
        /// 75th percentile.
        "p75" => p75: DelayFromZero [optional],
        /// 90th percentile.
        "p90" => p90: DelayFromZero [optional],
        /// 95th percentile.
        "p95" => p95: DelayFromZero [optional],
        /// 99th percentile.
        "p99" => p99: DelayFromZero [optional],
        /// 99.9th percentile.
        "p999" => p999: DelayFromZero [optional],
        /// Maximum.
        "p100" => p100: DelayFromZero [optional],
    }
}

impl Percentiles {
    /// The points given, as (probability, delay in microseconds), in order.
    #[must_use]
    pub fn points(&self) -> Vec<(f64, u64)> {
        [
            (0.0, self.p0),
            (0.5, self.p50),
            (0.75, self.p75),
            (0.9, self.p90),
            (0.95, self.p95),
            (0.99, self.p99),
            (0.999, self.p999),
            (1.0, self.p100),
        ]
        .into_iter()
        .filter_map(|(probability, delay)| delay.map(|d| (probability, d.micros())))
        .collect()
    }
}

fn one_distribution(node: &Node, all_known: bool, report: &mut Report) {
    let keys = ["fixed", "uniform", "normal", "lognormal", "pareto", "percentiles"];
    exactly_one(&keys, node, all_known, report);
}

fn check_delay(delay: &DelayFault, node: &Node, report: &mut Report) {
    let longest = delay.fixed.map(Span::millis).or(delay.uniform.as_ref().map(|u| u.max.millis()));
    if longest.is_some_and(|ms| ms >= IDLE_TIMEOUT_MS) {
        let message = "Envoy's stream_idle_timeout (5 minutes by default) answers 504 before this delay ends";
        report.add(
            Code::CutByIdleTimeout,
            node.at,
            message,
            "shorten the delay, or raise stream_idle_timeout",
        );
    }
}

fn check_uniform(uniform: &Uniform, node: &Node, report: &mut Report) {
    if uniform.min.micros() >= uniform.max.micros() {
        report.add(Code::Conflict, node.at, "`min` is not below `max`", "swap them, or use `fixed`");
    }
}

fn check_pareto(pareto: &Pareto, node: &Node, report: &mut Report) {
    if pareto.min.micros() >= pareto.max.micros() {
        report.add(Code::Conflict, node.at, "`min` is not below `max`", "raise `max`, or use `fixed`");
    }
}

fn check_percentiles(table: &Percentiles, node: &Node, report: &mut Report) {
    let points = table.points();
    if points.iter().all(|(_, delay)| *delay == 0) {
        report.add(
            Code::NothingGiven,
            node.at,
            "a table without a delay above 0",
            "give at least one, such as p50: 20ms",
        );
    }
    let sorted = points.iter().zip(points.iter().skip(1)).all(|((_, a), (_, b))| a <= b);
    if !sorted {
        report.add(
            Code::Conflict,
            node.at,
            "a higher percentile has a shorter delay",
            "order the delays upwards",
        );
    }
}
