//! The circuit breaker of a scenario: it opens when a guardrail trips, comes back carefully, and opens again when that is bad.

mod observing;
mod request;

use observing::{Proxy, rules};
use serde_json::json;
use squall_policy::PPM;
use squall_policy::health::{Effect, Group, Phase, Standing};

fn proxy() -> Proxy {
    Proxy::new(rules(json!({
        "safety": {"halt_when": [{"metric": "error_rate", "group": "all", "above": "5%", "for": "2s", "min_requests": 10}]},
        "rollback": {"circuit_breaker": {"open_for": "10s", "half_open_intensity": "10%", "close_after": "5s"}},
    })))
}

/// Treatment as the breaker lets it through, of which all fail or none.
fn traffic(fails: bool) -> impl FnMut(&mut Proxy) {
    move |proxy| {
        let treated = proxy.health.factor_ppm(&proxy.rules, 0) / 50_000;
        for number in 0..20 {
            let (group, status) = match number < treated {
                true => (Group::Treatment, if fails { 503 } else { 200 }),
                false => (Group::Control, 200),
            };
            proxy.request(group, status, 1000);
        }
    }
}

fn opens(effects: &[Effect]) -> bool {
    matches!(effects, [Effect::Tripped(trip)] if !trip.halts)
}

fn moves(effects: &[Effect], wanted: Standing) -> bool {
    matches!(effects, [Effect::Moved { scenario: 0, to }] if *to == wanted)
}

#[test]
fn it_opens_half_opens_and_closes_when_healthy() {
    let mut proxy = proxy();
    assert_eq!(proxy.health.factor_ppm(&proxy.rules, 0), PPM);
    let (opened, effects) = proxy.run(30_000, traffic(true)).expect("it opens");
    assert!(opens(&effects) && opened <= 2_500, "{opened}: {effects:?}");
    assert_eq!(proxy.health.factor_ppm(&proxy.rules, 0), 0);
    let (half_open, effects) = proxy.run(30_000, traffic(true)).expect("it half-opens");
    assert!(moves(&effects, Standing::HalfOpen), "{effects:?}");
    assert_eq!(half_open - opened, 10_000);
    assert_eq!(proxy.health.factor_ppm(&proxy.rules, 0), PPM / 10);
    let (closed, effects) = proxy.run(30_000, traffic(false)).expect("it closes");
    assert!(moves(&effects, Standing::Closed), "{effects:?}");
    assert_eq!(closed - half_open, 5_000);
    assert_eq!(proxy.health.factor_ppm(&proxy.rules, 0), PPM);
}

#[test]
fn it_opens_again_when_the_few_fail() {
    let mut proxy = proxy();
    proxy.run(30_000, traffic(true)).expect("it opens");
    proxy.run(30_000, traffic(true)).expect("it half-opens");
    // Two of twenty are 10 %, all requests together.
    let (_, effects) = proxy.run(30_000, traffic(true)).expect("it opens again");
    assert!(opens(&effects), "{effects:?}");
    assert_eq!(proxy.health.watches[0].breaker.opened, 2);
    assert_eq!(proxy.health.factor_ppm(&proxy.rules, 0), 0);
}

#[test]
fn it_does_not_close_on_silence() {
    let mut proxy = proxy();
    proxy.run(30_000, traffic(true)).expect("it opens");
    let (_, effects) = proxy.run(30_000, |_| {}).expect("it half-opens without a request");
    assert!(moves(&effects, Standing::HalfOpen));
    assert_eq!(proxy.run(60_000, |_| {}), None);
    assert_eq!(proxy.run(60_000, |proxy| proxy.request(Group::Control, 200, 1000)), None);
    let (_, effects) =
        proxy.run(10_000, |proxy| proxy.request(Group::Treatment, 200, 1000)).expect("it closes");
    assert!(moves(&effects, Standing::Closed), "{effects:?}");
}

#[test]
fn it_does_not_close_while_a_limit_is_exceeded() {
    let mut proxy = Proxy::new(rules(json!({
        "safety": {"halt_when": [{"metric": "error_rate", "above": "5%", "for": "20s", "min_requests": 10}]},
        "rollback": {"circuit_breaker": {"open_for": "10s", "close_after": "8s"}},
    })));
    proxy.run(60_000, traffic(true)).expect("it opens");
    proxy.run(60_000, traffic(true)).expect("it half-opens");
    let (_, effects) = proxy.run(60_000, traffic(true)).expect("something happens");
    assert!(opens(&effects), "{effects:?}");
}

#[test]
fn old_errors_do_not_open_it_again() {
    let mut proxy = proxy();
    proxy.run(30_000, traffic(true)).expect("it opens");
    // Requests that were under way come back as errors while it is open.
    let (_, effects) =
        proxy.run(30_000, |proxy| proxy.request(Group::Treatment, 503, 1000)).expect("it half-opens");
    assert!(moves(&effects, Standing::HalfOpen));
    let (_, effects) = proxy.run(30_000, traffic(false)).expect("it closes");
    assert!(moves(&effects, Standing::Closed), "{effects:?}");
}

#[test]
fn it_stays_as_it_is_when_the_faults_are_over() {
    let mut proxy = proxy();
    proxy.run(30_000, traffic(true)).expect("it opens");
    proxy.phase = Phase::Recovery;
    assert_eq!(proxy.run(60_000, traffic(true)), None);
    assert_eq!(proxy.health.watches[0].breaker.standing, Standing::Open);
}

#[test]
fn the_view_names_what_has_been_done() {
    let remediation = |proxy: &Proxy| {
        let clock = squall_policy::health::Clock { start_wall_ms: 0 };
        proxy.health.view(&proxy.rules, clock)["remediation"].clone()
    };
    let mut proxy = proxy();
    assert_eq!(remediation(&proxy), json!(null));
    proxy.run(30_000, traffic(true)).expect("it opens");
    assert_eq!(remediation(&proxy)["state"], "open");
    assert_eq!(remediation(&proxy)["since"], "1970-01-01T00:00:02Z");
    let mut halting =
        Proxy::new(observing::halt_when(json!({"metric": "error_rate", "above": "5%", "for": "2s"})));
    halting.run(30_000, traffic(true)).expect("it trips");
    assert_eq!(remediation(&halting)["state"], "disabled");
}
