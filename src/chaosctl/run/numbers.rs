//! Numbers of a status: groups, ledgers, and how they compare with what is expected.

use serde_json::Value;

/// Fewer requests say nothing about a percentile or a rate.
pub const ENOUGH: u64 = 20;

/// One group of `health.groups`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Group {
    pub requests: u64,
    pub errors: u64,
    pub error_percent: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

pub fn group(status: &Value, name: &str) -> Group {
    let groups = status.pointer("/health/groups").and_then(Value::as_array).into_iter().flatten();
    let of = |group: &&Value| group.get("group").and_then(Value::as_str) == Some(name);
    let Some(group) = groups.into_iter().find(of) else { return Group::default() };
    let count = |key: &str| group.get(key).and_then(Value::as_u64).unwrap_or_default();
    let number = |key: &str| group.get(key).and_then(Value::as_f64);
    Group {
        requests: count("requests"),
        errors: count("errors"),
        error_percent: number("error_percent"),
        p50_ms: number("p50_ms"),
        p95_ms: number("p95_ms"),
        p99_ms: number("p99_ms"),
    }
}

/// Faults and matched requests of all scenarios.
pub fn injected(status: &Value) -> (u64, u64) {
    let ledgers = || status.get("ledger").and_then(Value::as_array).into_iter().flatten();
    let faults = ledgers().filter_map(|ledger| ledger.get("injected")?.as_object());
    let faults = faults.flat_map(|kinds| kinds.values().filter_map(Value::as_u64)).sum();
    let matched = ledgers().filter_map(|ledger| ledger.get("matched")?.as_u64()).sum();
    (faults, matched)
}

/// A signal of a status: its scenario, and its rule taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub scenario: String,
    pub signal: String,
    /// `<= 350 ms`
    pub expected: String,
    /// Milliseconds or percent; absent where it is none that is known here.
    pub limit: Option<f64>,
}

impl Rule {
    pub fn of(signal: &Value) -> Self {
        let text = |key: &str| signal.get(key).and_then(Value::as_str).unwrap_or_default();
        let (metric, expected) = text("rule").split_once(' ').unwrap_or((text("rule"), ""));
        let limit =
            expected.strip_prefix("<=").map(str::trim).and_then(|limit| match limit.strip_suffix('%') {
                Some(share) => share.trim().parse().ok(),
                None => humantime::parse_duration(limit).ok().map(|time| time.as_secs_f64() * 1000.0),
            });
        let owned = |text: &str| crate::terminal::shown(text);
        Self { scenario: owned(text("scenario")), signal: owned(metric), expected: owned(expected), limit }
    }

    /// What a group shows of it; `None` where that is too little, or not known of a group.
    fn value(&self, group: &Group) -> Option<f64> {
        let value = match self.signal.as_str() {
            "error_rate" => group.error_percent,
            "latency_p50" => group.p50_ms,
            "latency_p95" => group.p95_ms,
            "latency_p99" => group.p99_ms,
            _ => None,
        };
        value.filter(|_| group.requests >= ENOUGH)
    }

    /// Tells by how much a group is beyond the limit; `None` where it is not, or nobody knows.
    pub fn beyond(&self, group: &Group) -> Option<String> {
        let (value, limit) = (self.value(group)?, self.limit?);
        let unit = if self.signal == "error_rate" { "%" } else { "ms" };
        (value > limit).then(|| format!("{} is {value} {unit}, expected {}", self.signal, self.expected))
    }
}

pub fn rules(status: &Value) -> Vec<Rule> {
    status.get("signals").and_then(Value::as_array).into_iter().flatten().map(Rule::of).collect()
}

/// Whether its groups, which are the mission's, are those of one scenario alone.
pub fn is_alone(status: &Value) -> bool {
    let many = |pointer: &str| status.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    many("/mission/scenarios") <= 1 && many("/ledger") <= 1
}

/// What a part of the mission without faults says of the signals.
#[derive(Debug, Default, PartialEq)]
pub struct Quiet {
    /// What does not hold.
    pub beyond: Vec<String>,
    /// Why some were not judged.
    pub open: Vec<String>,
}

/// Judges the signals by a group that has no faults: `baseline` or `recovery`. `inbound`: scenarios whose signals are about what
/// comes in, of which no such group tells; `None` where that is not known.
pub fn quiet(status: &Value, name: &str, inbound: Option<&[String]>) -> Quiet {
    let group = group(status, name);
    let mut quiet = Quiet::default();
    let mut open = |why: String| {
        if !quiet.open.contains(&why) {
            quiet.open.push(why);
        }
    };
    let may_come_in = self::group(status, "inbound").requests > 0;
    for rule in rules(status) {
        let Rule { scenario, .. } = &rule;
        match inbound {
            Some(inbound) if inbound.contains(scenario) => {
                open(format!(
                    "the signals of {scenario} are about what comes in, which is counted while faults are injected alone"
                ));
            }
            None if may_come_in => {
                open(
                    "without `--catalog` nobody knows whether the signals are about what comes in".to_owned(),
                );
            }
            _ if !is_alone(status) => {
                open("the mission has several scenarios, and its requests are counted together".to_owned());
            }
            _ => quiet.beyond.extend(rule.beyond(&group)),
        }
    }
    quiet
}

/// Live numbers of all proxies: errors put together, of percentiles the worst.
pub fn line<'s>(statuses: impl Iterator<Item = &'s Value> + Clone) -> String {
    let errors = |name: &str| {
        let groups = statuses.clone().map(|status| group(status, name));
        let (requests, errors) = groups
            .fold((0, 0), |(requests, errors), group| (requests + group.requests, errors + group.errors));
        (requests > 0).then(|| format!("{:.2}", errors as f64 * 100.0 / requests as f64))
    };
    let p95 = |name: &str| {
        let all = statuses.clone().filter_map(|status| group(status, name).p95_ms);
        all.max_by(f64::total_cmp).map(|ms| format!("{ms:.1}"))
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let (faults, matched) = statuses.clone().map(injected).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let baseline: u64 = statuses.clone().map(|status| group(status, "baseline").requests).sum();
    if matched == 0 && baseline > 0 {
        return format!(
            "baseline {baseline} requests, errors {} %, p95 {} ms",
            or_none(errors("baseline")),
            or_none(p95("baseline"))
        );
    }
    format!(
        "injected {faults} in {matched}, errors {}/{} %, p95 {}/{} ms (treatment/control)",
        or_none(errors("treatment")),
        or_none(errors("control")),
        or_none(p95("treatment")),
        or_none(p95("control"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(requests: u64, p95: f64) -> Value {
        let group = |name: &str| json!({"group": name, "requests": requests, "errors": 1, "error_percent": 1.25, "p95_ms": p95});
        json!({"health": {"groups": [group("treatment"), group("control")]},
            "ledger": [{"injected": {"delay": 3, "abort": 1}, "matched": 10}, {"injected": {}, "matched": 5}],
            "signals": [{"scenario": "slow", "rule": "latency_p95 <= 350 ms"}, {"scenario": "slow", "rule": "error_rate <= 0.5 %"}]})
    }

    #[test]
    fn rules_are_compared_with_groups_of_enough_requests() {
        let [latency, errors] = rules(&status(100, 1.0)).try_into().expect("two");
        assert_eq!((latency.limit, errors.limit), (Some(350.0), Some(0.5)));
        let beyond = |rule: &Rule, requests, p95| rule.beyond(&group(&status(requests, p95), "treatment"));
        assert_eq!(beyond(&latency, 100, 350.0), None);
        assert_eq!(
            beyond(&latency, 100, 351.0).as_deref(),
            Some("latency_p95 is 351 ms, expected <= 350 ms")
        );
        assert_eq!(beyond(&latency, ENOUGH - 1, 351.0), None);
        assert_eq!(beyond(&errors, 100, 1.0).as_deref(), Some("error_rate is 1.25 %, expected <= 0.5 %"));
        assert_eq!(latency.beyond(&Group::default()), None);
        let hour = Rule::of(&json!({"rule": "latency_p99 <= 1m 30s"}));
        assert_eq!((hour.signal.as_str(), hour.limit), ("latency_p99", Some(90_000.0)));
    }

    #[test]
    fn live_numbers_add_up_over_proxies_and_percentiles_are_those_of_the_worst() {
        let all = [status(100, 20.0), status(300, 40.0)];
        assert_eq!(
            line(all.iter()),
            "injected 8 in 30, errors 0.50/0.50 %, p95 40.0/40.0 ms (treatment/control)"
        );
        assert_eq!(injected(&all[0]), (4, 15));
        assert!(line([].iter()).contains("errors -/- %"));
    }
}
