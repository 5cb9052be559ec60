//! Which try of a retried request a scenario is about.

mod request;

use request::{Request, plan};
use serde_json::json;
use squall_policy::{Plan, Seed, Spared};

fn first_only(attempts: &[u32]) -> Plan {
    let scope = json!({"attempts": attempts, "sample": {"percent": 100}});
    plan("first_match", &[json!({"name": "a", "scope": scope, "faults": [{"abort": {"status": 503}}]})])
}

fn spared(plan: &Plan, mut request: Request) -> Option<Spared> {
    let seed = Seed::from_text("a");
    let verdict = plan.decide(&seed, &mut request);
    let explained = plan.explain(&seed, &mut request).remove(0);
    let spared = verdict.outcomes[0].spared;
    assert_eq!(explained.other_attempt, spared == Some(Spared::Attempt));
    spared
}

#[test]
fn envoys_count_goes_before_grpcs_and_neither_is_the_first_try() {
    let plan = first_only(&[1]);
    let envoy = |count: &str| Request::new().header("x-envoy-attempt-count", count);
    let grpc = |before: &str| Request::new().header("grpc-previous-rpc-attempts", before);
    assert_eq!(spared(&plan, Request::new()), None);
    assert_eq!(spared(&plan, envoy("1")), None);
    assert_eq!(spared(&plan, envoy("2")), Some(Spared::Attempt));
    assert_eq!(spared(&plan, grpc("1")), Some(Spared::Attempt));
    assert_eq!(spared(&plan, grpc("0")), None);
    assert_eq!(spared(&plan, envoy("1").header("grpc-previous-rpc-attempts", "7")), None);
    // What is no number says nothing.
    for text in ["", "x", "-1", "1.0", "1,1", "99999999999"] {
        assert_eq!(spared(&plan, envoy(text)), None, "{text}");
        let other = envoy(text).header("grpc-previous-rpc-attempts", "1");
        assert_eq!(spared(&plan, other), Some(Spared::Attempt), "{text}");
    }
    assert_eq!(spared(&plan, grpc("4294967295")), Some(Spared::Attempt));
}

#[test]
fn several_tries_may_be_meant_and_others_are_no_control() {
    let plan = first_only(&[2, 4]);
    let spared_of =
        |count: u32| spared(&plan, Request::new().header("x-envoy-attempt-count", &count.to_string()));
    let all = [1, 2, 3, 4, 5].map(|count| spared_of(count).is_none());
    assert_eq!(all, [false, true, false, true, false]);
    assert!(!Spared::Attempt.is_control());
}
