//! What the baseline tells, just before the first fault: whether there is traffic, and whether the steady state holds.

use super::document::Expected;
use super::numbers;
use crate::journal::Preflight;
use serde_json::Value;
use std::time::Duration;

/// So long before the end of the baseline it is judged: a stop has to arrive in time.
const MARGIN: Duration = Duration::from_secs(2);

/// Whether it is time to judge: the baseline of this proxy is about to end.
pub fn is_due(status: &Value, expected: &Expected) -> bool {
    let moment = |pointer: &str| {
        let text = status.pointer(pointer).and_then(Value::as_str)?;
        humantime::parse_rfc3339(text).ok()
    };
    let baseline = Duration::from_secs(expected.baseline_s);
    let (Some(now), Some(start)) = (moment("/now"), moment("/mission/start")) else { return false };
    now + MARGIN.min(baseline / 2) >= start + baseline
}

/// The checks of the baseline, what does not hold of the steady state, and how many requests there were. `inbound` as in
/// [`numbers::quiet`].
pub fn judge(all: &[(&str, &Value)], inbound: Option<&[String]>) -> (Vec<Preflight>, Vec<String>, u64) {
    let (mut checks, mut unsteady, mut total) = (Vec::new(), Vec::new(), 0);
    for (proxy, status) in all {
        let group = numbers::group(status, "baseline");
        total += group.requests;
        let detail = match group.requests {
            0 => "no request was in scope in the baseline".to_owned(),
            requests => format!("{requests} requests in the baseline"),
        };
        checks.push(check("traffic", proxy, Some(group.requests > 0), detail));
        let numbers::Quiet { beyond, open } = numbers::quiet(status, "baseline", inbound);
        let few = group.requests < numbers::ENOUGH;
        let (ok, detail) = match (beyond.is_empty(), open.is_empty()) {
            (false, _) => (Some(false), beyond.join("; ")),
            (true, false) => (None, format!("not judged: {}", open.join("; "))),
            (true, true) if few => (None, format!("fewer than {} requests tell nothing", numbers::ENOUGH)),
            (true, true) => (Some(true), "the signals hold".to_owned()),
        };
        checks.push(check("steady_state", proxy, ok, detail));
        unsteady.extend(beyond.iter().map(|told| format!("{proxy}: {told}")));
    }
    (checks, unsteady, total)
}

fn check(name: &str, proxy: &str, ok: Option<bool>, detail: String) -> Preflight {
    Preflight { check: name.to_owned(), proxy: Some(proxy.to_owned()), ok, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(requests: u64, p95: f64) -> Value {
        json!({"health": {"groups": [{"group": "baseline", "requests": requests, "p95_ms": p95}]},
            "signals": [{"scenario": "slow", "rule": "latency_p95 <= 350 ms"}]})
    }

    #[test]
    fn it_is_judged_shortly_before_it_ends() {
        let expected = |baseline_s| Expected {
            id: String::new(),
            duration_s: 60,
            baseline_s,
            recovery_s: 0,
            seed: None,
            stages: Vec::new(),
        };
        let at = |now: &str| json!({"now": now, "mission": {"start": "2026-01-01T00:00:00.500Z"}});
        assert!(!is_due(&at("2026-01-01T00:00:08.499Z"), &expected(10)));
        assert!(is_due(&at("2026-01-01T00:00:08.500Z"), &expected(10)));
        assert!(!is_due(&at("2026-01-01T00:00:00.900Z"), &expected(1)));
        assert!(is_due(&at("2026-01-01T00:00:01.000Z"), &expected(1)));
        assert!(!is_due(&json!({}), &expected(10)));
    }

    #[test]
    fn a_baseline_without_requests_or_beyond_a_signal_is_told() {
        let (quiet, good, bad) = (status(0, 0.0), status(100, 5.0), status(100, 400.0));
        let failed = |all: &[(&str, &Value)], inbound: bool| {
            let inbound = if inbound { vec!["slow".to_owned()] } else { Vec::new() };
            let (checks, unsteady, total) = judge(all, Some(&inbound));
            let failed = checks.iter().filter(|check| check.fails());
            let failed: Vec<String> = failed
                .map(|check| format!("{} {}", check.check, check.proxy.clone().unwrap_or_default()))
                .collect();
            (failed.join(", "), unsteady.len(), total)
        };
        assert_eq!(failed(&[("a", &good)], false), (String::new(), 0, 100));
        assert_eq!(failed(&[("a", &quiet), ("b", &good)], false), ("traffic a".to_owned(), 0, 100));
        assert_eq!(failed(&[("a", &bad), ("b", &good)], false), ("steady_state a".to_owned(), 1, 200));
        assert_eq!(failed(&[("a", &bad)], true), (String::new(), 0, 100));
    }

    /// The groups are the mission's: the slow requests may be those of the other scenario.
    #[test]
    fn the_baseline_of_several_scenarios_is_not_judged_and_that_is_said() {
        let mut both = status(100, 400.0);
        both["mission"] = json!({"scenarios": ["slow", "other"]});
        let (checks, unsteady, _) = judge(&[("a", &both)], Some(&[]));
        let steady = checks.iter().find(|check| check.check == "steady_state").expect("a check");
        assert_eq!((unsteady.len(), steady.ok), (0, None));
        assert!(steady.detail.contains("not judged: the mission has several scenarios"), "{}", steady.detail);
        // Some signal is about what comes in, and no catalog tells which.
        let mut inbound = status(100, 400.0);
        let group = json!({"group": "inbound", "requests": 5});
        inbound["health"]["groups"].as_array_mut().expect("a list").push(group);
        assert_eq!(judge(&[("a", &inbound)], None).1.len(), 0);
        assert_eq!(judge(&[("a", &inbound)], Some(&[])).1.len(), 1);
    }
}
