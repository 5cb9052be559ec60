//! The catalog file.

use super::decode::{Decode, Kind, exactly_one, no_check, object, text, words, wrong_type};
use super::scalar::{
    FieldName, FieldValue, FormatVersion, GrpcCode, HttpStatus, Name, Number, Percent, Regex, Span, Template,
    Text,
};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

/// Longest delay, in milliseconds: one hour.
pub const LONGEST_DELAY_MS: u64 = 3_600_000;
/// Envoy's default `stream_idle_timeout`, in milliseconds.
const IDLE_TIMEOUT_MS: u64 = 300_000;

type DelaySpan = Span<1, LONGEST_DELAY_MS>;
type DelayFromZero = Span<0, LONGEST_DELAY_MS>;

object! {
    /// A versioned collection of fault scenarios, kept beside the code it tests.
    pub struct Catalog check no_check {
        /// Format of this file.
        "version" => version: FormatVersion [required],
        /// The fault recipes.
        "scenarios" => scenarios: Vec<Scenario> [required],
    }
}

object! {
    /// A named fault recipe.
    pub struct Scenario check no_check {
        /// Unique in the catalog; the label of all metrics.
        "name" => name: Name [required],
        /// What happens and what should hold, for the people who read the report.
        "description" => description: Text<1024> [optional],
        /// How bad it can get. `high` and `critical` need signatures before any proxy runs them.
        "severity" => severity: Severity [default "low" = Severity::Low],
        /// Which requests.
        "scope" => scope: Scope [optional],
        /// What is done to them, in this order of phases.
        "faults" => faults: Vec<Fault> [required],
    }
}

words! {
    /// How bad it can get.
    pub enum Severity { Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}

object! {
    /// Which requests a scenario is about. Absent: all of them.
    pub struct Scope check no_check {
        /// Side of the proxy (`traffic_direction` of the listener). A listener without one is matched by `any` only.
        "direction" => direction: DirectionWord [default "any" = DirectionWord::Any],
        /// Rules, of which any has to match.
        "match" => any_of: Vec<MatchRule> [optional],
        /// The share of the matched requests that gets a fault.
        "sample" => sample: Sample [optional],
    }
}

words! {
    /// Side of the proxy.
    pub enum DirectionWord { Inbound = "inbound", Outbound = "outbound", Any = "any" }
}

object! {
    /// One rule; all of its parts have to match.
    pub struct MatchRule check check_rule {
        /// Path without query and fragment, case-sensitive.
        "path" => path: PathMatch [optional],
        /// HTTP methods (RFC 9110 section 9), upper case.
        "methods" => methods: Vec<Text<32>> [optional],
        /// Header conditions; all have to hold.
        "headers" => headers: Vec<HeaderMatch> [optional],
        /// `:authority` or `Host` as sent, with its port if it has one; case does not matter.
        "authority" => authority: TextMatch [optional],
        /// Name of the Envoy route (`route.name`); in Istio the name of the VirtualService's HTTP route.
        "route" => route: Text<1024> [optional],
        /// Name of the upstream cluster; in Istio `outbound|8080||profile-db.shop.svc.cluster.local`.
        "cluster" => cluster: Text<1024> [optional],
        /// Name of the Envoy virtual host; in Istio `profile-db.shop.svc.cluster.local:8080`.
        "virtual_host" => virtual_host: Text<1024> [optional],
    }
}

object! {
    /// A condition on the path; exactly one key.
    pub struct PathMatch check check_path {
        /// The whole path.
        "exact" => exact: Text<1024> [optional],
        /// How the path begins: `/api` matches `/api`, `/api/x` and `/apix`.
        "prefix" => prefix: Text<1024> [optional],
        /// Expression over the whole path.
        "regex" => regex: Regex [optional],
        /// Template such as `/users/{id}`; `{id}` stands for one segment that is not empty.
        "template" => template: Template [optional],
    }
}

object! {
    /// A condition on text; exactly one key.
    pub struct TextMatch check check_text {
        /// The whole value.
        "exact" => exact: Text<1024> [optional],
        /// How it begins.
        "prefix" => prefix: Text<1024> [optional],
        /// How it ends.
        "suffix" => suffix: Text<1024> [optional],
        /// What it contains.
        "contains" => contains: Text<1024> [optional],
        /// Expression over the whole value.
        "regex" => regex: Regex [optional],
    }
}

object! {
    /// A condition on a header; `name` and exactly one more key. Several values of one header are joined by a comma
    /// (RFC 9110 section 5.3), as Envoy's own matcher does.
    pub struct HeaderMatch check check_header {
        /// Name in lower case.
        "name" => name: FieldName [required],
        /// The whole value.
        "exact" => exact: Text<4096> [optional],
        /// How the value begins.
        "prefix" => prefix: Text<4096> [optional],
        /// How the value ends.
        "suffix" => suffix: Text<4096> [optional],
        /// What the value contains.
        "contains" => contains: Text<4096> [optional],
        /// Expression over the whole value.
        "regex" => regex: Regex [optional],
        /// Whether the header is there at all.
        "present" => present: bool [optional],
        /// Turns the condition round: an absent header matches an inverted condition on its value.
        "invert" => invert: bool [default "false" = false],
    }
}

object! {
    /// The share of the matched requests that gets a fault.
    pub struct Sample check no_check {
        /// Share of requests, or of values of the header.
        "percent" => percent: Percent [default "100" = Percent::ALL],
        /// What is sampled: each `request` for itself, or a `header`, so that one value is always treated alike.
        "by" => by: SampleBy [default "request" = SampleBy::Request],
    }
}

/// What a draw is keyed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleBy {
    Request,
    Header(FieldName),
}

object! {
    /// Sticky sampling.
    pub struct StickyHeader check no_check {
        /// Header whose value decides, such as `x-user-id`; requests without it are never sampled.
        "header" => header: FieldName [required],
    }
}

impl Decode for SampleBy {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Text(word) if word == "request" => Some(Self::Request),
            Value::Object(_) => StickyHeader::decode(node, report).map(|s| Self::Header(s.header)),
            Value::Text(_) => {
                let word = text(node, report)?;
                super::decode::unknown_word(word, &["request"], node, report);
                None
            }
            _ => {
                wrong_type(node, "`request` or {header: NAME}", report);
                None
            }
        }
    }

    fn kind() -> Kind {
        Kind::plain("`request` \\| `{header: NAME}`")
    }
}

object! {
    /// One fault; exactly one key.
    pub struct Fault check check_fault {
        /// Holds the request or its response back.
        "delay" => delay: DelayFault [optional],
        /// Answers in place of the upstream, which never sees the request.
        "abort" => abort: AbortFault [optional],
    }
}

object! {
    /// Holds a request or its response back; exactly one distribution. A delay before the request goes upstream does
    /// not count against the route's `timeout`, which starts in the router; it does against `stream_idle_timeout`.
    pub struct DelayFault check check_delay {
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

object! {
    /// Answers in place of the upstream. With `status` alone a gRPC client sees the code that the gRPC specification
    /// maps it to; with `grpc_status` alone an HTTP client sees the status that the code maps to; with both, each
    /// client sees its own.
    pub struct AbortFault check check_abort {
        /// Final HTTP status.
        "status" => status: HttpStatus [optional],
        /// Body of the HTTP answer. Default: a sentence that names the scenario. Not for 204, 205 and 304.
        "body" => body: Text<16384> [optional],
        /// Headers of the answer; `content-type` is `text/plain` unless given here.
        "headers" => headers: Headers [optional],
        /// gRPC status: HTTP 200 without body or trailers, `grpc-status` in the headers.
        "grpc_status" => grpc_status: GrpcCode [optional],
        /// `grpc-message` for gRPC clients. Default: the body.
        "message" => message: Text<1024> [optional],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

/// Header names and values of an answer.
#[derive(Debug, Clone)]
pub struct Headers(pub Vec<(FieldName, FieldValue)>);

/// Headers that only the proxy may set: a wrong one breaks the connection instead of the request.
const FRAMING: [&str; 7] =
    ["connection", "content-length", "grpc-status", "keep-alive", "te", "transfer-encoding", "upgrade"];

impl Decode for Headers {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = super::decode::entries(node, report)?;
        let known: Vec<&str> = entries.iter().map(|e| e.key.as_str()).collect();
        super::decode::check_keys(entries, &known, report);
        let read: Vec<_> = entries
            .iter()
            .map(|entry| {
                report.in_key(&entry.key, |r| {
                    let key = Node { value: Value::Text(entry.key.clone()), at: entry.at };
                    let name = FieldName::decode(&key, r);
                    if FRAMING.contains(&entry.key.as_str()) {
                        let message = format!("`{}` is set by the proxy itself", entry.key);
                        r.add(Code::Conflict, entry.at, message, "remove it");
                    }
                    let value = FieldValue::decode(&entry.value, r);
                    name.zip(value)
                })
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("object of header names and values")
    }
}

fn count(present: &[bool]) -> usize {
    present.iter().filter(|p| **p).count()
}

fn check_rule(rule: &MatchRule, node: &Node, report: &mut Report) {
    let parts = [
        rule.path.is_some(),
        rule.methods.is_some(),
        rule.headers.is_some(),
        rule.authority.is_some(),
        rule.route.is_some(),
        rule.cluster.is_some(),
        rule.virtual_host.is_some(),
    ];
    if count(&parts) == 0 {
        report.add(
            Code::NothingGiven,
            node.at,
            "a rule without conditions",
            "add a condition, or remove `match` to take all requests",
        );
    }
    for (index, method) in rule.methods.iter().flatten().enumerate() {
        let upper = method.0.chars().all(|c| c.is_ascii_uppercase() || c == '-');
        if !upper {
            report.in_key("methods", |r| {
                r.in_item(index, |r| {
                    let message = format!("{:?} is not an HTTP method", method.0);
                    r.add(
                        Code::BadFormat,
                        node.get("methods").and_then(|n| n.at),
                        message,
                        "write it in upper case: GET",
                    );
                });
            });
        }
    }
}

fn check_path(path: &PathMatch, node: &Node, report: &mut Report) {
    let present =
        [path.exact.is_some(), path.prefix.is_some(), path.regex.is_some(), path.template.is_some()];
    exactly_one(count(&present), &["exact", "prefix", "regex", "template"], node, report);
    for (key, value) in [("exact", &path.exact), ("prefix", &path.prefix)] {
        if let Some(text) = value {
            if !text.0.starts_with('/') || text.0.contains(['?', '#']) {
                report.in_key(key, |r| {
                    let message = format!("{:?} is not a path", text.0);
                    r.add(
                        Code::BadFormat,
                        node.get(key).and_then(|n| n.at),
                        message,
                        "begin with `/`; the query does not count",
                    );
                });
            }
        }
    }
}

fn check_text(text: &TextMatch, node: &Node, report: &mut Report) {
    let present = [
        text.exact.is_some(),
        text.prefix.is_some(),
        text.suffix.is_some(),
        text.contains.is_some(),
        text.regex.is_some(),
    ];
    exactly_one(count(&present), &["exact", "prefix", "suffix", "contains", "regex"], node, report);
}

fn check_header(header: &HeaderMatch, node: &Node, report: &mut Report) {
    let present = [
        header.exact.is_some(),
        header.prefix.is_some(),
        header.suffix.is_some(),
        header.contains.is_some(),
        header.regex.is_some(),
        header.present.is_some(),
    ];
    exactly_one(
        count(&present),
        &["exact", "prefix", "suffix", "contains", "regex", "present"],
        node,
        report,
    );
}

fn check_fault(fault: &Fault, node: &Node, report: &mut Report) {
    exactly_one(count(&[fault.delay.is_some(), fault.abort.is_some()]), &["delay", "abort"], node, report);
}

fn check_delay(delay: &DelayFault, node: &Node, report: &mut Report) {
    let present = [
        delay.fixed.is_some(),
        delay.uniform.is_some(),
        delay.normal.is_some(),
        delay.lognormal.is_some(),
        delay.pareto.is_some(),
        delay.percentiles.is_some(),
    ];
    let keys = ["fixed", "uniform", "normal", "lognormal", "pareto", "percentiles"];
    exactly_one(count(&present), &keys, node, report);
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

fn check_abort(abort: &AbortFault, node: &Node, report: &mut Report) {
    if abort.status.is_none() && abort.grpc_status.is_none() {
        report.add(
            Code::NothingGiven,
            node.at,
            "neither `status` nor `grpc_status` is given",
            "add `status: 503`",
        );
    }
    if let (Some(HttpStatus(status @ (204 | 205 | 304))), Some(_)) = (abort.status, &abort.body) {
        let message = format!("status {status} has no body (RFC 9110 section 6.4.1)");
        report.add(Code::Conflict, node.get("body").and_then(|n| n.at), message, "remove `body`");
    }
    if abort.message.is_some() && abort.grpc_status.is_none() {
        let at = node.get("message").and_then(|n| n.at);
        report.add(Code::Conflict, at, "`message` is for `grpc_status`", "add `grpc_status`, or use `body`");
    }
}
