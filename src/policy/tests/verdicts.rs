//! The verdict on each expected outcome.

mod observing;
mod request;

use observing::{Dice, Proxy, rules};
use serde_json::{Value, json};
use squall_policy::health::{Group, Phase, Rules, SignalVerdict, Trials, Verdict, of_quantile, of_rate};

fn expecting(signals: Value) -> Proxy {
    Proxy::new(rules(json!({ "signals": signals })))
}

fn verdict(proxy: &mut Proxy) -> SignalVerdict {
    proxy.look();
    match &proxy.health.verdicts(&proxy.rules)[..] {
        [only] => only.clone(),
        other => panic!("{other:?}"),
    }
}

/// Treatment with a delay each, of which so many in a thousand fail.
fn treat(proxy: &mut Proxy, count: u64, failing_per_mille: u64) {
    for number in 0..count {
        proxy.inject();
        let status = if number % 1000 < failing_per_mille { 503 } else { 200 };
        proxy.request(Group::Treatment, status, 100_000 + number % 1000 * 200);
    }
}

#[test]
fn p10_a_mission_that_injected_nothing_is_inconclusive() {
    let mut proxy = expecting(json!({"error_rate": "<= 5%"}));
    for _ in 0..10_000 {
        proxy.request(Group::Control, 200, 1000);
    }
    let found = verdict(&mut proxy);
    assert_eq!((found.verdict, found.why.as_str()), (Verdict::Inconclusive, "nothing was injected"));
    assert_eq!(proxy.health.verdict_of_all(&proxy.rules), Some(Verdict::Inconclusive));
    // Nor is one without expectations passed.
    let mut proxy = Proxy::new(rules(json!({})));
    proxy.request(Group::Control, 200, 1000);
    proxy.look();
    assert_eq!(proxy.health.verdict_of_all(&proxy.rules), Some(Verdict::Inconclusive));
    proxy.inject();
    proxy.look();
    assert_eq!(proxy.health.verdict_of_all(&proxy.rules), None);
}

#[test]
fn the_verdicts_are_told_by_one_worker() {
    let mut proxy = expecting(json!({"error_rate": "<= 5%"}));
    assert!(proxy.health.judge());
    proxy.look();
    assert!(!proxy.health.judge());
}

#[test]
fn an_error_rate_is_held_violated_or_inconclusive() {
    let cases = [
        (10_000, 2, "<= 0.5%", Verdict::Held),
        (10_000, 20, "<= 0.5%", Verdict::Violated),
        (10_000, 5, "<= 0.5%", Verdict::Inconclusive),
        // No error at all, and yet: one in three hundred may be one in a hundred.
        (100, 0, "<= 1%", Verdict::Inconclusive),
        (1_000, 0, "<= 1%", Verdict::Held),
    ];
    for (count, failing, limit, wanted) in cases {
        let mut proxy = expecting(json!({ "error_rate": limit }));
        treat(&mut proxy, count, failing);
        let found = verdict(&mut proxy);
        assert_eq!(found.verdict, wanted, "{count} requests, {failing} per mille, {limit}: {found:?}");
        let rate = failing as f64 * 1000.0;
        assert!(found.low <= rate && found.high.is_some_and(|high| high >= rate), "{found:?}");
    }
}

#[test]
fn a_latency_is_held_violated_or_inconclusive() {
    // Evenly from 100 to 300 ms: the 95th percentile is 290 ms.
    for (count, limit, wanted) in [
        (10_000, "<= 350ms", Verdict::Held),
        (10_000, "<= 250ms", Verdict::Violated),
        (10_000, "<= 290ms", Verdict::Inconclusive),
        // The largest of twenty may be anywhere.
        (20, "<= 1h", Verdict::Inconclusive),
    ] {
        let mut proxy = expecting(json!({ "latency_p95": limit }));
        treat(&mut proxy, count, 0);
        let found = verdict(&mut proxy);
        assert_eq!(found.verdict, wanted, "{count} requests, {limit}: {found:?}");
    }
}

#[test]
fn errors_that_squall_injected_say_nothing_about_the_service() {
    let mut proxy = expecting(json!({"error_rate": "<= 1%"}));
    treat(&mut proxy, 2_000, 0);
    for _ in 0..2_000 {
        proxy.answered(Group::Treatment, 503, 100, true);
    }
    assert_eq!(verdict(&mut proxy).verdict, Verdict::Held);
}

#[test]
fn a_signal_may_be_about_what_comes_in() {
    let mut proxy = expecting(json!({"latency_p95": "<= 350ms", "watch": "inbound"}));
    treat(&mut proxy, 2_000, 0);
    let found = verdict(&mut proxy);
    assert_eq!(found.verdict, Verdict::Inconclusive);
    assert!(found.why.contains("inbound listener"), "{found:?}");
    (0..2_000).for_each(|_| proxy.inbound(200, 500_000));
    assert_eq!(verdict(&mut proxy).verdict, Verdict::Violated);
}

#[test]
fn only_requests_while_faults_are_injected_count() {
    let mut proxy = expecting(json!({"error_rate": "<= 1%"}));
    treat(&mut proxy, 2_000, 0);
    for phase in [Phase::Baseline, Phase::Recovery] {
        proxy.look();
        proxy.phase = phase;
        (0..2_000).for_each(|_| proxy.request(Group::Control, 503, 1000));
    }
    assert_eq!(verdict(&mut proxy).verdict, Verdict::Held);
    let view = proxy.health.view(&proxy.rules, squall_policy::health::Clock { start_wall_ms: 0 });
    let groups: Vec<(&str, u64)> = view["health"]["groups"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|group| (group["group"].as_str().expect("a name"), group["errors"].as_u64().expect("a number")))
        .collect();
    assert_eq!(groups, [("baseline", 2_000), ("treatment", 0), ("recovery", 2_000)]);
}

#[test]
fn deltas_are_what_treatment_has_more_than_baseline_and_than_control() {
    let mut proxy = expecting(json!({"error_rate": "<= 50%"}));
    let clock = squall_policy::health::Clock { start_wall_ms: 0 };
    let nothing = proxy.health.view(&proxy.rules, clock)["health"]["deltas"].clone();
    assert_eq!(nothing["error_points"], json!({"baseline": null, "control": null}));
    assert_eq!(nothing["latency_p95_ms"], json!({"baseline": null, "control": null}));
    // Latencies far enough apart that the sketch's one percent does not hide their order.
    for (phase, group, errors, ms) in [
        (Phase::Baseline, Group::Control, 1, 100),
        (Phase::Injecting(0), Group::Control, 4, 200),
        (Phase::Injecting(0), Group::Treatment, 10, 700),
    ] {
        proxy.look();
        proxy.phase = phase;
        for number in 0..100 {
            proxy.request(group, if number < errors { 503 } else { 200 }, ms * 1000);
        }
    }
    proxy.look();
    let deltas = proxy.health.view(&proxy.rules, clock)["health"]["deltas"].clone();
    assert_eq!(deltas["error_points"], json!({"baseline": 9.0, "control": 6.0}), "{deltas}");
    for (with, apart) in [("baseline", 600.0), ("control", 500.0)] {
        let shown = deltas["latency_p95_ms"][with].as_f64();
        assert!(shown.is_some_and(|ms| (ms - apart).abs() < 20.0), "{with}: {deltas}");
    }
}

/// The points stand where they were seen.
#[test]
fn another_duration_moves_no_point_of_the_series() {
    let mut proxy = expecting(json!({"error_rate": "<= 50%"}));
    proxy.now_ms = 60_000;
    treat(&mut proxy, 10, 0);
    proxy.look();
    let clock = squall_policy::health::Clock { start_wall_ms: 0 };
    let at = |proxy: &Proxy| proxy.health.view(&proxy.rules, clock)["health"]["series"][0]["at"].clone();
    assert_eq!(at(&proxy), "1970-01-01T00:01:00Z");
    let longer =
        json!({"name": "a", "faults": [{"delay": {"fixed": "1ms"}}], "signals": {"error_rate": "<= 50%"}});
    proxy.rules = Rules::of(&request::plan("first_match", &[longer]), 1_200_000);
    proxy.look();
    assert_eq!(at(&proxy), "1970-01-01T00:01:00Z");
}

#[test]
fn one_violation_decides_and_one_doubt_too() {
    let of_all = |proxy: &mut Proxy| {
        proxy.look();
        proxy.health.verdict_of_all(&proxy.rules)
    };
    for (error_rate, latency, wanted) in [
        ("<= 1%", "<= 350ms", Verdict::Held),
        ("<= 0.1%", "<= 350ms", Verdict::Violated),
        ("<= 0.1%", "<= 290ms", Verdict::Violated),
        ("<= 1%", "<= 290ms", Verdict::Inconclusive),
    ] {
        let mut proxy = expecting(json!({"error_rate": error_rate, "latency_p95": latency}));
        treat(&mut proxy, 10_000, 5);
        assert_eq!(of_all(&mut proxy), Some(wanted), "{error_rate} {latency}");
    }
}

#[test]
fn intervals_contain_the_truth_at_least_as_often_as_they_say() {
    let mut dice = Dice(11);
    for (n, p) in [(50, 0.02), (200, 0.05), (1_000, 0.005), (400, 0.5)] {
        let covered = (0..2_000).filter(|_| {
            let hits = (0..n).filter(|_| dice.happens(p)).count() as u64;
            let (low, high) = of_rate(Trials { requests: n, hits });
            low <= p && p <= high
        });
        let covered = covered.count();
        assert!(covered >= 1_880, "{covered} of 2000 for {n} requests at {p}");
    }
}

#[test]
fn intervals_of_percentiles_contain_the_truth() {
    let mut dice = Dice(12);
    let covered = (0..500).filter(|_| {
        let mut sketch = squall_policy::health::Sketch::default();
        (0..1_000).for_each(|_| sketch.add((dice.share() * 1e6) as u64));
        let (low, high) = of_quantile(&sketch, 950_000);
        low <= 950_000.0 && high.is_some_and(|high| high >= 950_000.0)
    });
    let covered = covered.count();
    assert!(covered >= 475, "{covered} of 500");
}
