//! `one_of`: each request that gets there gets one of the alternatives, in proportion to their weights.

mod chance;
mod request;

use chance::binomial_range;
use request::{Request, plan, request_id};
use serde_json::{Value, json};
use squall_policy::{Injected, Plan, Seed, Spared};

const REQUESTS: u64 = 100_000;

fn scenario(faults: Value) -> Value {
    json!({"name": "choice", "faults": faults})
}

fn faults(plan: &Plan, seed: &Seed, number: u64) -> Vec<Injected> {
    let verdict = plan.decide(seed, &mut Request::with_id(&request_id(number)));
    let faults = verdict.injection.map_or_else(Vec::new, |i| i.faults);
    assert_eq!(faults.is_empty(), verdict.outcomes[0].spared == Some(Spared::NoFaultDrawn));
    faults
}

/// How often each list of faults comes, told as `delay US` and `abort NUMBER`.
fn counts(plan: &Plan, wanted: &[(&str, f64)]) {
    let seed = Seed::from_text("choice");
    let mut found = std::collections::BTreeMap::<String, u64>::new();
    for number in 0..REQUESTS {
        let told: Vec<String> = faults(plan, &seed, number)
            .iter()
            .map(|fault| match fault {
                Injected::Delay { us, .. } => format!("delay {us}"),
                Injected::Abort { fault, .. } => format!("abort {fault}"),
                other => panic!("{other:?}"),
            })
            .collect();
        *found.entry(told.join(", ")).or_default() += 1;
    }
    for (told, share) in wanted {
        let count = found.remove(*told).unwrap_or(0);
        let range = binomial_range(REQUESTS, *share);
        assert!(range.contains(&count), "{told}: {count}, not in {range:?}");
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn weights_are_proportions() {
    let delay = |ms: u64, weight: u64| json!({"weight": weight, "delay": {"fixed": format!("{ms}ms")}});
    let abort = json!({"weight": 1, "abort": {"status": 503}});
    let plan = plan("first_match", &[scenario(json!([{"one_of": [delay(1, 5), abort, delay(2, 2)]}]))]);
    counts(&plan, &[("delay 1000", 5.0 / 8.0), ("abort 1", 1.0 / 8.0), ("delay 2000", 2.0 / 8.0)]);
    assert_eq!(plan.union_ppm(), 1_000_000);
}

#[test]
fn several_choices_and_plain_faults_draw_for_themselves() {
    let pair = |a: u64, b: u64| {
        json!({"one_of": [{"weight": 1, "delay": {"fixed": format!("{a}ms")}},
            {"weight": 1, "delay": {"fixed": format!("{b}ms"), "percent": 50}}]})
    };
    let plan = plan(
        "first_match",
        &[scenario(json!([pair(1, 2), {"abort": {"status": 503, "percent": 20}}, pair(4, 8)]))],
    );
    let mut wanted = Vec::new();
    for (first, p) in [("delay 1000", 0.5), ("delay 2000", 0.25), ("", 0.25)] {
        for (abort, q) in [("abort 2", 0.2), ("", 0.8)] {
            for (last, r) in [("delay 4000", 0.5), ("delay 8000", 0.25), ("", 0.25)] {
                let told: Vec<&str> = [first, abort, last].into_iter().filter(|t| !t.is_empty()).collect();
                wanted.push((told.join(", "), p * q * r));
            }
        }
    }
    let wanted: Vec<(&str, f64)> = wanted.iter().map(|(told, share)| (told.as_str(), *share)).collect();
    counts(&plan, &wanted);
    assert_eq!(plan.union_ppm(), 950_000, "1 - 0.25 * 0.8 * 0.25");
}

#[test]
fn thirds_leave_no_request_without_a_choice() {
    let third = json!({"weight": 7, "abort": {"status": 503}});
    let plan = plan("first_match", &[scenario(json!([{"one_of": [third, third, third]}]))]);
    counts(&plan, &[("abort 0", 1.0 / 3.0), ("abort 1", 1.0 / 3.0), ("abort 2", 1.0 / 3.0)]);
}

/// A choice beside them changes no draw of the other faults.
#[test]
fn the_draws_of_other_faults_stay_as_they_are() {
    let uniform = json!({"delay": {"uniform": {"min": "1ms", "max": "9ms"}, "percent": 50}});
    let choice = json!({"one_of": [{"weight": 1, "delay": {"fixed": "20ms"}}, {"weight": 1, "delay": {"fixed": "30ms"}}]});
    let alone = plan("first_match", &[scenario(json!([uniform]))]);
    let beside = plan("first_match", &[scenario(json!([choice, uniform]))]);
    let seed = Seed::from_text("choice");
    for number in 0..2000 {
        let mut both = faults(&beside, &seed, number);
        both.retain(|fault| !matches!(fault, Injected::Delay { us: 20_000 | 30_000, .. }));
        assert_eq!(both, faults(&alone, &seed, number));
    }
}
