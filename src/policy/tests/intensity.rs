//! The intensity of a stage: it scales every sampling rate, with the same draws.

mod chance;
mod request;

use chance::binomial_range;
use proptest::prelude::*;
use request::{Request, plan, request_id};
use serde_json::{Value, json};
use squall_policy::{PPM, Seed};

const REQUESTS: u64 = 50_000;

fn scenario(sample: Value) -> Value {
    json!({"name": "scaled", "scope": {"sample": sample}, "faults": [{"abort": {"status": 503}}]})
}

#[test]
fn a_circuit_breaker_eases_its_own_scenario_alone() {
    let scenario = |name: &str| json!({"name": name, "scope": {"sample": {"percent": 50}}, "faults": [{"delay": {"fixed": "1ms"}}]});
    let mut plan = request::plan("independent", &[scenario("a"), scenario("b")]);
    let seed = squall_policy::Seed::from_text("s");
    let rates = |plan: &squall_policy::Plan| {
        let mut hits = [0; 2];
        for number in 0..4_000 {
            let verdict = plan.decide_at(800_000, &seed, &mut request::Request::with_id(&number.to_string()));
            verdict.faulting().into_iter().for_each(|scenario| hits[scenario] += 1);
        }
        hits
    };
    let [a, b] = rates(&plan);
    assert!((1_500..1_700).contains(&a) && (1_500..1_700).contains(&b), "{a} {b}");
    assert_eq!((plan.declared_ppm(0, 800_000), plan.declared_ppm(2, 800_000)), (400_000, 0));
    assert!(plan.ease(0, 100_000) && !plan.ease(0, 100_000));
    let [eased, same] = rates(&plan);
    assert!((110..210).contains(&eased) && same == b, "{eased} {same}");
    assert_eq!((plan.declared_ppm(0, 800_000), plan.declared_ppm(1, 800_000)), (40_000, 400_000));
    plan.ease(0, 0);
    assert_eq!(rates(&plan), [0, b]);
}

#[test]
fn p3_the_rate_at_an_intensity_is_the_declared_rate_times_that() {
    let seed = Seed::from_text("intensity");
    for (percent, intensity_ppm) in [(100.0, 100_000), (40.0, 500_000), (20.0, 10_000), (50.0, PPM)] {
        let plan = plan("first_match", &[scenario(json!({"percent": percent}))]);
        let hit = |n: &u64| {
            let request = &mut Request::with_id(&request_id(*n));
            plan.decide_at(intensity_ppm, &seed, request).injection.is_some()
        };
        let hits = (0..REQUESTS).filter(hit).count() as u64;
        let range = binomial_range(REQUESTS, percent / 100.0 * f64::from(intensity_ppm) / 1e6);
        assert!(range.contains(&hits), "{percent} % at {intensity_ppm} ppm: {hits}, not in {range:?}");
    }
}

#[test]
fn nothing_is_sampled_at_no_intensity() {
    let seed = Seed::from_text("none");
    for sample in [json!({}), json!({"percent": 100, "by": {"header": "x-user"}})] {
        let plan = plan("first_match", &[scenario(sample)]);
        for n in 0..1000 {
            let mut request = Request::with_id(&request_id(n)).header("x-user", &n.to_string());
            assert_eq!(plan.decide_at(0, &seed, &mut request).injection, None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(3),
        ..ProptestConfig::default()
    })]

    /// Whoever is hit at one intensity is hit at every higher one; full intensity is what a mission without stages has (P5).
    #[test]
    fn p5_a_request_that_is_sampled_at_one_intensity_is_sampled_at_every_higher_one(
        percent in 1_u32..=100,
        one in 1..=PPM,
        other in 1..=PPM,
        by_header in any::<bool>(),
        id in any::<u64>(),
    ) {
        let by = if by_header { json!({"header": "x-user"}) } else { json!("request") };
        let plan = plan("first_match", &[scenario(json!({"percent": percent, "by": by}))]);
        let seed = Seed::from_text("monotone");
        let request = Request::with_id(&request_id(id)).header("x-user", &id.to_string());
        let hit = |intensity| plan.decide_at(intensity, &seed, &mut request.clone()).injection.is_some();
        let (low, high) = (one.min(other), one.max(other));
        prop_assert!(!hit(low) || hit(high));
        prop_assert_eq!(
            plan.decide_at(PPM, &seed, &mut request.clone()),
            plan.decide(&seed, &mut request.clone())
        );
    }

    /// What `explain` says about an intensity is what is decided at it.
    #[test]
    fn an_explanation_at_an_intensity_is_the_decision_at_it(percent in 1_u32..=100, ppm in 1..=PPM, id in any::<u64>()) {
        let plan = plan("first_match", &[scenario(json!({"percent": percent}))]);
        let seed = Seed::from_text("explained");
        let mut request = Request::with_id(&request_id(id));
        let explained = &plan.explain_at(ppm, &seed, &mut request)[0];
        let sampled = explained.draw_ppm.is_none_or(|draw| draw < explained.sample_ppm);
        let decided = plan.decide_at(ppm, &seed, &mut request).injection.is_some();
        // A rate that rounds to nothing needs no draw.
        prop_assert_eq!(sampled && explained.sample_ppm > 0, decided);
    }
}
