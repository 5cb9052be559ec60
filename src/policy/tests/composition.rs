//! What becomes of the faults of several scenarios on one request, and what each scenario that lost is told.

mod chance;
mod request;

use chance::binomial_range;
use request::{Request, plan, request_id};
use serde_json::{Value, json};
use squall_policy::{DelayPhase, Injected, Seed, Spared, Verdict};

fn decide(composition: &str, faults: &[Value]) -> Verdict {
    let scenarios: Vec<Value> = faults
        .iter()
        .enumerate()
        .map(|(n, faults)| json!({"name": format!("s{n}"), "faults": faults}))
        .collect();
    plan(composition, &scenarios).decide(&Seed::from_text("x"), &mut Request::with_id("1"))
}

fn spared(verdict: &Verdict) -> Vec<Option<Spared>> {
    verdict.outcomes.iter().map(|o| o.spared).collect()
}

#[test]
fn delays_add_up_and_the_first_abort_answers() {
    let verdict = decide(
        "independent",
        &[
            json!([{"delay": {"fixed": "10ms"}}]),
            json!([{"abort": {"status": 503}}, {"delay": {"fixed": "5ms"}}]),
            json!([{"abort": {"status": 429}}, {"delay": {"fixed": "1ms"}}]),
        ],
    );
    assert_eq!(spared(&verdict), [None, None, None]);
    let injection = verdict.injection.expect("three scenarios of 100 %");
    assert_eq!((injection.request_delay_us, injection.ending), (16_000, Some((1, 0))));
}

#[test]
fn an_abort_that_comes_second_was_preempted() {
    let abort = json!([{"abort": {"status": 503}}]);
    let verdict = decide("independent", &[abort.clone(), abort]);
    assert_eq!(spared(&verdict), [None, Some(Spared::Preempted)]);
    assert_eq!(verdict.injection.expect("one abort").faults, [Injected::Abort { scenario: 0, fault: 0 }]);
}

/// Our own answer comes from no upstream: nothing holds it back.
#[test]
fn an_abort_takes_the_delays_of_responses_away() {
    let slow = json!([{"delay": {"fixed": "10ms", "phase": "response"}}]);
    let both = json!([{"delay": {"fixed": "20ms", "phase": "response"}}, {"delay": {"fixed": "3ms"}}]);
    let verdict = decide("independent", &[slow.clone(), both, json!([{"abort": {"status": 503}}])]);
    assert_eq!(spared(&verdict), [Some(Spared::Preempted), None, None]);
    let injection = verdict.injection.expect("an abort");
    assert_eq!((injection.request_delay_us, injection.response_delay_us), (3_000, 0));
    assert_eq!(
        injection.faults,
        [
            Injected::Delay { scenario: 1, phase: DelayPhase::Request, us: 3_000 },
            Injected::Abort { scenario: 2, fault: 0 }
        ]
    );
    assert_eq!(decide("independent", &[slow]).injection.map(|i| i.response_delay_us), Some(10_000));
}

#[test]
fn a_fault_that_was_not_drawn_leaves_the_request_to_the_next_scenario() {
    let never = json!([{"abort": {"status": 503, "percent": 0}}]);
    let verdict = decide("first_match", &[never, json!([{"delay": {"fixed": "1ms"}}])]);
    assert_eq!(spared(&verdict), [Some(Spared::NoFaultDrawn), None]);
    assert_eq!(verdict.injection.map(|i| i.request_delay_us), Some(1_000));
}

/// The share that `chaosctl explain` announces counts the percentages of faults too, under both compositions.
#[test]
fn the_announced_union_is_the_measured_one() {
    let shares = json!({"name": "shares", "scope": {"sample": {"percent": 40}},
        "faults": [{"abort": {"status": 503, "percent": 30}}, {"delay": {"fixed": "1ms", "percent": 60}}]});
    let slow = json!({"name": "slow", "scope": {"sample": {"percent": 50}},
        "faults": [{"delay": {"fixed": "1ms", "phase": "response", "percent": 10}}]});
    for composition in ["first_match", "independent"] {
        let plan = plan(composition, &[shares.clone(), slow.clone()]);
        // 0.4 (1 - 0.7 x 0.4) = 0.288, and 0.5 x 0.1 = 0.05 of the rest.
        assert_eq!(plan.union_ppm(), 323_600);
        let seed = Seed::from_text("union");
        let hit = (0..100_000)
            .filter(|n| plan.decide(&seed, &mut Request::with_id(&request_id(*n))).injection.is_some())
            .count();
        assert!(binomial_range(100_000, 0.3236).contains(&(hit as u64)), "{composition}: {hit}");
    }
}
