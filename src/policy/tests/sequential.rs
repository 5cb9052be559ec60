//! Comparisons that are looked at all the time: how often they are wrong, how soon they are right, and what they count on.
//! `make bench-guardrails` has the long version.

mod observing;
mod request;
#[path = "../bin/guardrail_trials/trial.rs"]
mod trial;

use observing::{Proxy, halt_when, trips};
use serde_json::json;
use squall_policy::health::{Group, Phase, Sketch, Trials, difference, longest, needed, shortest};
use trial::{Setting, many};

const RULE: &str = r#"{"metric": "error_rate", "above": "0%", "versus": "control", "confidence": "95%"}"#;

#[test]
fn looking_every_second_does_not_wear_the_confidence_out() {
    // 300 missions of five minutes: 15 false alarms are what 95 % allows.
    for (stages, errors) in [(1, 0.01), (4, 0.2)] {
        let setting = Setting { stages, errors, seconds: 300, ..Setting::usual(RULE) };
        let outcome = many(&setting, 300);
        assert!(outcome.halted <= 15, "{stages} stages, {errors}: {outcome:?}");
    }
    let latency = r#"{"metric": "latency_p95", "above": "0ms", "versus": "control", "confidence": "95%"}"#;
    let outcome = many(&Setting { seconds: 100, ..Setting::usual(latency) }, 200);
    assert!(outcome.halted <= 10, "{outcome:?}");
}

#[test]
fn an_effect_of_twenty_points_halts_within_seconds_and_one_of_five_within_a_minute_or_two() {
    let rule = r#"{"metric": "error_rate", "above": "0%", "versus": "control", "confidence": "99.9%"}"#;
    for (points, within_s) in [(0.2, 8), (0.05, 120)] {
        let outcome = many(&Setting { more_errors: points, seconds: 300, ..Setting::usual(rule) }, 50);
        assert_eq!(outcome.halted, 50, "{points}: {outcome:?}");
        assert!(outcome.p95_s.is_some_and(|s| s <= within_s), "{points}: {outcome:?}");
    }
}

/// As the first row of the table in docs/guardrails.md has it.
#[test]
fn an_effect_of_one_point_halts_most_missions_of_much_traffic_within_ten_minutes() {
    let rule = r#"{"metric": "error_rate", "above": "0%", "versus": "control", "confidence": "99.9%"}"#;
    let setting =
        Setting { more_errors: 0.01, requests_per_second: 1000, seconds: 120, ..Setting::usual(rule) };
    let outcome = many(&setting, 30);
    assert_eq!(outcome.halted, 30, "{outcome:?}");
    assert!(outcome.p95_s.is_some_and(|s| s <= 60), "{outcome:?}");
}

#[test]
fn a_difference_within_the_limit_never_halts() {
    let rule = r#"{"metric": "error_rate", "above": "10%", "versus": "control", "confidence": "95%"}"#;
    let outcome = many(&Setting { more_errors: 0.09, seconds: 200, ..Setting::usual(rule) }, 100);
    assert!(outcome.halted <= 5, "{outcome:?}");
    let outcome = many(&Setting { more_errors: 0.20, seconds: 200, ..Setting::usual(rule) }, 50);
    assert_eq!(outcome.halted, 50, "{outcome:?}");
}

#[test]
fn evidence_grows_with_what_speaks_for_it() {
    let trials = |requests, hits| Trials { requests, hits };
    assert_eq!(difference(trials(0, 0), trials(10, 1), 0.0), 0.0);
    assert_eq!(difference(trials(100, 5), trials(100, 5), 0.0), 0.0);
    let some = difference(trials(100, 15), trials(100, 5), 0.0);
    let more = difference(trials(1000, 150), trials(1000, 50), 0.0);
    assert!((0.0..7.0).contains(&some) && more > 20.0, "{some} {more}");
    assert!(difference(trials(1000, 150), trials(1000, 50), 0.08) < 7.0);
    // Everything fails, nothing fails: no logarithm of zero gets through.
    let all = difference(trials(1_000_000_000, 1_000_000_000), trials(1_000_000_000, 0), 0.5);
    assert!(all.is_finite() && all > 1e6, "{all}");
    assert!(difference(trials(5, 9), trials(5, 0), 0.0).is_finite());
}

#[test]
fn the_evidence_needed_is_that_of_the_confidence_and_of_each_beginning() {
    assert!((needed(1_000, 0).exp() - 2_000.0).abs() < 1e-6);
    // What all beginnings may be wrong together is no more than the rule's own share.
    let together: f64 = (0..100_000).map(|k| (-needed(1_000, k)).exp()).sum();
    assert!(together <= 0.001 && together > 0.000_999, "{together}");
}

#[test]
fn bounds_of_a_quantile_close_in_on_it() {
    let mut sketch = Sketch::default();
    let bounds = |sketch: &Sketch| (shortest(sketch, 950_000, 7.6), longest(sketch, 950_000, 7.6));
    (0..50).for_each(|n| sketch.add(n * 1_000));
    let (low, high) = bounds(&sketch);
    assert!(low.is_some_and(|low| low < 40_000.0) && high.is_none(), "fifty say little about one in twenty");
    (0..50_000).for_each(|n| sketch.add(n % 1000 * 1_000));
    let (low, high) = bounds(&sketch);
    let (low, high) = (low.expect("a bound"), high.expect("a bound"));
    assert!(
        (880_000.0..950_000.0).contains(&low) && (950_000.0..1_000_000.0).contains(&high),
        "{low} {high}"
    );
}

#[test]
fn a_comparison_with_the_baseline_looks_at_the_time_before_the_first_fault() {
    let rule = json!({"metric": "latency_p95", "group": "all", "above": "50ms", "versus": "baseline"});
    let found = |baseline_us: u64, us: u64| {
        let mut proxy = Proxy::new(halt_when(rule.clone()));
        let traffic = |us: u64| {
            move |proxy: &mut Proxy| (0..50).for_each(|n| proxy.request(Group::Control, 200, us + n))
        };
        proxy.phase = Phase::Baseline;
        assert_eq!(proxy.run(20_000, traffic(baseline_us)), None);
        proxy.phase = Phase::Injecting(0);
        trips(proxy.run(30_000, traffic(us)))
    };
    assert!(found(100_000, 200_000).is_some());
    assert_eq!(found(100_000, 140_000), None);
    assert_eq!(found(200_000, 200_000), None);
}

#[test]
fn an_error_rate_is_compared_with_the_baseline_too() {
    let rule = json!({"metric": "error_rate", "above": "5%", "versus": "baseline"});
    // One in a hundred fails before the first fault; so many of a hundred with it.
    let found = |failing: u64| {
        let mut proxy = Proxy::new(halt_when(rule.clone()));
        let traffic = |group: Group, failing: u64| {
            move |proxy: &mut Proxy| {
                (0..100).for_each(|n| proxy.request(group, if n < failing { 503 } else { 200 }, 1000));
            }
        };
        proxy.phase = Phase::Baseline;
        assert_eq!(proxy.run(20_000, traffic(Group::Control, 1)), None);
        proxy.phase = Phase::Injecting(0);
        trips(proxy.run(60_000, traffic(Group::Treatment, failing)))
    };
    assert!(found(15).is_some());
    assert_eq!(found(5), None, "four points more are within five");
    assert_eq!(found(1), None);
}

#[test]
fn a_stage_is_tested_by_itself() {
    // Half as many are treated and everything fails more often: a mean over both stages would call that an effect.
    let rule = json!({"metric": "error_rate", "above": "0%", "versus": "control"});
    let mut proxy = Proxy::new(halt_when(rule));
    let mut number = 0_u64;
    let mut traffic = |proxy: &mut Proxy, treated: u64, every: u64| {
        for _ in 0..200 {
            number += 1;
            let group = if number % 10 < treated { Group::Treatment } else { Group::Control };
            proxy.request(group, if (number / 10).is_multiple_of(every) { 503 } else { 200 }, 1000);
        }
    };
    assert_eq!(proxy.run(60_000, |proxy| traffic(proxy, 1, 100)), None);
    proxy.phase = Phase::Injecting(1);
    assert_eq!(proxy.run(60_000, |proxy| traffic(proxy, 9, 4)), None);
}

#[test]
fn a_few_requests_never_trip_a_comparison() {
    let rule = json!({"metric": "error_rate", "above": "0%", "versus": "control", "min_requests": 1000});
    let mut proxy = Proxy::new(halt_when(rule));
    let found = proxy.run(30_000, |proxy| {
        (0..5).for_each(|_| proxy.request(Group::Treatment, 503, 1000));
        (0..5).for_each(|_| proxy.request(Group::Control, 200, 1000));
    });
    assert_eq!(found, None);
    let found = proxy.run(60_000, |proxy| {
        (0..5).for_each(|_| proxy.request(Group::Treatment, 503, 1000));
        (0..5).for_each(|_| proxy.request(Group::Control, 200, 1000));
    });
    assert!(trips(found).is_some_and(|at| at >= 50_000));
}
