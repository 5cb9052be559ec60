//! Thresholds: how long a metric has to be above its limit, what counts, and what does not.

mod observing;
mod request;

use observing::{Dice, Proxy, halt_when, trips};
use serde_json::json;
use squall_policy::health::{Demand, Effect, Group, Phase, Trials, Window};

/// So many requests of control each 250 ms, every so-manieth an error.
fn control(count: u64, every: u64) -> impl FnMut(&mut Proxy) {
    let mut number = 0;
    move |proxy| {
        for _ in 0..count {
            number += 1;
            let status = if every > 0 && number % every == 0 { 503 } else { 200 };
            proxy.request(Group::Control, status, 1000);
        }
    }
}

fn classic() -> Proxy {
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "2m", "min_requests": 50});
    Proxy::new(halt_when(rule))
}

#[test]
fn an_error_rate_above_five_percent_for_two_minutes_trips_after_two_minutes() {
    // One in ten.
    let at = trips(classic().run(200_000, control(5, 10))).expect("it trips");
    assert!((120_000..=135_000).contains(&at), "{at}");
}

#[test]
fn an_error_rate_at_the_limit_never_trips() {
    // One in twenty is 5 %, and not above it.
    assert_eq!(classic().run(600_000, control(5, 20)), None);
}

#[test]
fn a_short_outage_does_not_trip_a_rule_of_two_minutes() {
    // Half a minute in which everything fails is 25 % of two minutes.
    let mut proxy = classic();
    assert_eq!(proxy.run(100_000, control(5, 0)), None);
    assert_eq!(proxy.run(30_000, control(5, 1)), None);
    assert_eq!(proxy.run(200_000, control(5, 0)), None);
}

#[test]
fn the_time_above_the_limit_begins_anew_after_a_good_minute() {
    let mut proxy = classic();
    assert_eq!(proxy.run(100_000, control(5, 5)), None);
    assert_eq!(proxy.run(60_000, control(5, 0)), None);
    let at = trips(proxy.run(200_000, control(5, 5))).expect("it trips");
    assert!((120_000..=135_000).contains(&(at - 160_000)), "{at}");
}

#[test]
fn what_is_over_does_not_trip() {
    // All that failed would be enough; but for the last twenty seconds nothing has.
    let mut proxy = classic();
    assert_eq!(proxy.run(110_000, control(5, 1)), None);
    assert_eq!(proxy.run(200_000, control(5, 0)), None);
}

#[test]
fn a_pause_without_traffic_neither_counts_nor_resets() {
    let mut proxy = classic();
    assert_eq!(proxy.run(60_000, control(5, 5)), None);
    proxy.now_ms += 100_000;
    let at = trips(proxy.run(200_000, control(5, 5))).expect("it trips");
    // Two minutes of traffic, whatever was between them.
    assert!((220_000..=236_000).contains(&at), "{at}");
}

#[test]
fn after_a_pause_longer_than_the_rule_everything_begins_anew() {
    let mut proxy = classic();
    assert_eq!(proxy.run(100_000, control(5, 5)), None);
    proxy.now_ms += 130_000;
    let at = trips(proxy.run(200_000, control(5, 5))).expect("it trips");
    assert!(at >= 230_000 + 120_000, "{at}");
}

#[test]
fn too_few_requests_say_nothing() {
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "10s", "min_requests": 500});
    // Ten seconds have 400 requests, all of them errors.
    assert_eq!(Proxy::new(halt_when(rule.clone())).run(120_000, control(10, 1)), None);
    let at = trips(Proxy::new(halt_when(rule)).run(120_000, control(13, 1))).expect("it trips");
    assert!((10_000..=12_000).contains(&at), "{at}");
}

#[test]
fn low_traffic_is_judged_on_enough_requests_at_a_time() {
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "20s", "min_requests": 20});
    let mut tick = 0;
    // Two requests per second, one of eight fails: a piece of few requests has none now and then.
    let traffic = |proxy: &mut Proxy| {
        tick += 1;
        if tick % 2 == 0 {
            proxy.request(Group::Control, if tick % 16 == 0 { 503 } else { 200 }, 1000);
        }
    };
    let at = trips(Proxy::new(halt_when(rule)).run(60_000, traffic)).expect("it trips");
    assert!(at <= 30_000, "{at}");
}

#[test]
fn traffic_in_bursts_trips_as_well() {
    // A burst each second, and nothing between.
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "2s", "min_requests": 20});
    let mut tick = 0;
    let traffic = |proxy: &mut Proxy| {
        tick += 1;
        if tick % 4 == 0 {
            (0..20).for_each(|_| proxy.request(Group::Control, 503, 1000));
        }
    };
    let at = trips(Proxy::new(halt_when(rule)).run(60_000, traffic)).expect("it trips");
    assert!((2_000..=5_000).contains(&at), "{at}");
}

#[test]
fn a_latency_above_its_limit_trips_and_one_below_does_not() {
    let rule = json!({"metric": "latency_p99", "group": "all", "above": "200ms", "for": "5s"});
    let slow = |percent: u64, us: u64| {
        let mut number = 0;
        move |proxy: &mut Proxy| {
            for _ in 0..50 {
                number += 1;
                proxy.request(Group::Treatment, 200, if number % 100 < percent { us } else { 20_000 });
            }
        }
    };
    let at = trips(Proxy::new(halt_when(rule.clone())).run(60_000, slow(2, 250_000))).expect("it trips");
    assert!((5_000..=6_000).contains(&at), "{at}");
    // One of a hundred is the 99th percentile's own share; 190 ms are below the limit.
    assert_eq!(Proxy::new(halt_when(rule.clone())).run(60_000, slow(1, 250_000)), None);
    assert_eq!(Proxy::new(halt_when(rule)).run(60_000, slow(50, 190_000)), None);
}

#[test]
fn errors_that_squall_injected_count_only_when_asked_for() {
    let aborted = |proxy: &mut Proxy| {
        for _ in 0..20 {
            proxy.answered(Group::Treatment, 503, 100, true);
        }
        proxy.request(Group::Treatment, 200, 1000);
    };
    let rule =
        |count: bool| json!({"metric": "error_rate", "above": "5%", "for": "5s", "count_injected": count});
    assert_eq!(Proxy::new(halt_when(rule(false))).run(60_000, aborted), None);
    assert!(trips(Proxy::new(halt_when(rule(true))).run(60_000, aborted)).is_some());
}

#[test]
fn a_server_error_counts_and_neither_a_client_error_nor_no_response_does() {
    let rule = json!({"metric": "error_rate", "above": "5%", "for": "5s"});
    for (status, tripped) in [(0, false), (500, true), (599, true), (499, false), (302, false), (101, false)]
    {
        let found = Proxy::new(halt_when(rule.clone())).run(10_000, |proxy| {
            (0..10).for_each(|_| proxy.request(Group::Treatment, status, 1000));
        });
        assert_eq!(trips(found).is_some(), tripped, "{status}");
    }
}

#[test]
fn a_rule_looks_at_its_own_group() {
    for (group, other) in
        [("control", Group::Treatment), ("treatment", Group::Control), ("treatment", Group::Other)]
    {
        let rule = json!({"metric": "error_rate", "group": group, "above": "5%", "for": "5s"});
        let found = Proxy::new(halt_when(rule)).run(30_000, |proxy| {
            (0..10).for_each(|_| proxy.request(other, 503, 1000));
            let own = if group == "control" { Group::Control } else { Group::Treatment };
            (0..10).for_each(|_| proxy.request(own, 200, 1000));
        });
        assert_eq!(found, None, "{group}");
    }
}

#[test]
fn what_comes_in_is_watched_apart_from_what_goes_out() {
    let rule = json!({"metric": "latency_p99", "watch": "inbound", "above": "2s", "for": "5s"});
    let traffic = |inbound_us: u64| {
        move |proxy: &mut Proxy| {
            for _ in 0..10 {
                proxy.request(Group::Treatment, 503, 9_000_000);
                proxy.inbound(200, inbound_us);
            }
        }
    };
    let rules = halt_when(rule);
    assert!(rules.watches_inbound());
    assert_eq!(Proxy::new(rules.clone()).run(30_000, traffic(100_000)), None);
    assert!(trips(Proxy::new(rules).run(30_000, traffic(3_000_000))).is_some());
}

#[test]
fn the_baseline_is_guarded_and_the_recovery_is_not() {
    let rule = json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "5s"});
    for (phase, tripped) in [(Phase::Baseline, true), (Phase::Injecting(2), true), (Phase::Recovery, false)] {
        let mut proxy = Proxy::new(halt_when(rule.clone()));
        proxy.phase = phase;
        assert_eq!(trips(proxy.run(30_000, control(10, 1))).is_some(), tripped, "{phase:?}");
    }
}

#[test]
fn a_guardrail_trips_once() {
    let rule = json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "5s"});
    let mut proxy = Proxy::new(halt_when(rule));
    let (_, effects) = proxy.run(30_000, control(10, 1)).expect("it trips");
    match &effects[..] {
        [Effect::Tripped(trip)] => {
            assert!(trip.halts && trip.scenario == 0 && trip.value == 1e6, "{trip:?}");
            assert_eq!(trip.rule, "error_rate of control above 5 % for 5s");
            assert_eq!(trip.shown(), (json!(100.0), "percent"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(proxy.run(30_000, control(10, 1)), None);
}

#[test]
fn the_view_tells_how_near_a_guardrail_is() {
    let mut proxy = classic();
    proxy.run(60_000, control(5, 0));
    let shown = |proxy: &Proxy| {
        let view = proxy
            .health
            .view(&proxy.rules, squall_policy::health::Clock { start_wall_ms: 1_700_000_000_000 });
        view["guardrails"][0].clone()
    };
    let calm = shown(&proxy);
    assert_eq!(
        (&calm["state"], &calm["distance"], &calm["value"]),
        (&json!("watching"), &json!(1.0), &json!(0.0))
    );
    assert_eq!(
        (&calm["limit"], &calm["unit"], &calm["for_s"]),
        (&json!(5.0), &json!("percent"), &json!(120.0))
    );
    proxy.run(90_000, control(5, 2));
    let exceeding = shown(&proxy);
    assert_eq!(exceeding["state"], "exceeding");
    let (distance, lasted) = (exceeding["distance"].as_f64(), exceeding["exceeding_s"].as_f64());
    assert!(distance.is_some_and(|d| d > 0.0 && d < 0.3), "{exceeding}");
    assert!(lasted.is_some_and(|s| (70.0..=95.0).contains(&s)), "{exceeding}");
    proxy.run(60_000, control(5, 2));
    let tripped = shown(&proxy);
    assert_eq!((&tripped["state"], &tripped["distance"]), (&json!("tripped"), &json!(0.0)));
}

/// An update may leave a mission fewer stages than it has come through.
#[test]
fn a_comparison_sees_what_comes_after_an_update_to_an_earlier_stage() {
    let rule = json!({"metric": "error_rate", "above": "5%", "versus": "baseline", "min_requests": 50});
    let treated = |status: u64| {
        move |proxy: &mut Proxy| (0..20).for_each(|_| proxy.request(Group::Treatment, status, 1000))
    };
    let mut proxy = Proxy::new(halt_when(rule));
    proxy.phase = Phase::Baseline;
    assert_eq!(proxy.run(20_000, control(20, 0)), None);
    proxy.phase = Phase::Injecting(2);
    assert_eq!(proxy.run(20_000, treated(200)), None);
    proxy.phase = Phase::Injecting(0);
    assert_eq!(proxy.run(20_000, treated(200)), None, "as before the first fault");
    assert!(trips(proxy.run(20_000, treated(503))).is_some());
}

#[test]
fn the_window_takes_any_time_and_any_count() {
    let demand = Demand { limit_ppm: 50_000, for_ms: 2_000, min_requests: 1 };
    let mut window = Window::default();
    let mut dice = Dice(7);
    for _ in 0..10_000 {
        let requests = dice.word() >> (dice.word() % 64);
        window.add(Trials { requests, hits: requests / 2 }, &demand, dice.word() >> (dice.word() % 64));
        let reading = window.read(&demand);
        assert!(reading.exceeding_ms <= demand.for_ms);
    }
}

/// Nobody knows what they would have been answered; nor do they thin out the errors of those who stay.
#[test]
fn clients_that_leave_are_neither_errors_nor_requests() {
    let leaving = |status: u64| {
        move |proxy: &mut Proxy| {
            (0..8).for_each(|_| proxy.request(Group::Control, 0, 9_000_000));
            (0..4).for_each(|_| proxy.request(Group::Control, status, 1000));
        }
    };
    let mut proxy = classic();
    assert_eq!(proxy.run(200_000, leaving(200)), None);
    let clock = squall_policy::health::Clock { start_wall_ms: 0 };
    let view = proxy.health.view(&proxy.rules, clock);
    let control = &view["health"]["groups"][0];
    let shown = ["requests", "errors", "left"].map(|key| control[key].as_u64());
    assert_eq!(shown, [Some(800 * 4), Some(0), Some(800 * 8)], "{control}");
    // How long they waited is the least that the answer would have taken.
    assert!(control["p50_ms"].as_f64() > Some(8_000.0), "{control}");
    assert!(trips(classic().run(200_000, leaving(503))).is_some());
}
