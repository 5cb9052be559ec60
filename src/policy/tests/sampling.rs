//! Promise P3 in its pure form: the rate that is declared is the rate that is measured, and what is not sampled is
//! not touched. The bounds are exact binomial ones at 1e-6 (see `chance`).

mod chance;
mod request;

use chance::binomial_range;
use request::{Request, plan, request_id};
use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Facts, Injected, Plan, Seed, Spared, Verdict};

const REQUESTS: u64 = 100_000;

fn scenario(name: &str, sample: Value, fault: Value) -> Value {
    json!({"name": name, "scope": {"sample": sample}, "faults": [fault]})
}

fn abort() -> Value {
    json!({"abort": {"status": 503}})
}

fn verdicts<'p>(plan: &'p Plan, seed: &'p Seed) -> impl Iterator<Item = Verdict> + 'p {
    (0..REQUESTS).map(|n| plan.decide(seed, &mut Request::with_id(&request_id(n))))
}

fn count(plan: &Plan, seed: &Seed, wanted: impl Fn(&Verdict) -> bool) -> u64 {
    verdicts(plan, seed).filter(wanted).count() as u64
}

#[test]
fn the_bounds_are_those_of_the_binomial_distribution() {
    // One in a million per side of 4.89 standard deviations; 2^-19 > 0.5e-6 > 2^-21.
    assert_eq!(binomial_range(19, 0.5), 0..=19);
    assert_eq!(binomial_range(21, 0.5), 1..=20);
    let (low, high) = binomial_range(REQUESTS, 0.2).into_inner();
    let deviation = (REQUESTS as f64 * 0.2 * 0.8).sqrt();
    assert!((20_000.0 - low as f64 - 4.89 * deviation).abs() < 0.03 * deviation, "{low}");
    assert!((high as f64 - 20_000.0 - 4.89 * deviation).abs() < 0.03 * deviation, "{high}");
}

#[test]
fn p3_the_declared_rate_is_the_measured_rate() {
    for percent in [0.0001, 0.01, 0.1, 1.0, 5.0, 20.0, 33.3333, 50.0, 75.0, 99.0, 99.99] {
        for seed in ["alpha", "beta"] {
            let plan = plan("first_match", &[scenario("rate", json!({ "percent": percent }), abort())]);
            let hit = count(&plan, &Seed::from_text(seed), |v| v.injection.is_some());
            let range = binomial_range(REQUESTS, percent / 100.0);
            assert!(
                range.contains(&hit),
                "{percent} % with seed {seed}: {hit} of {REQUESTS}, not in {range:?}"
            );
        }
    }
}

/// The percentage of a fault is a share of the sampled requests, and independent of the sampling.
#[test]
fn the_rate_of_a_fault_is_a_share_of_the_sampled_requests() {
    let faults =
        json!([{"abort": {"status": 503, "percent": 30}}, {"delay": {"fixed": "1ms", "percent": 60}}]);
    let plan = plan(
        "first_match",
        &[json!({"name": "shares", "scope": {"sample": {"percent": 40}}, "faults": faults})],
    );
    let seed = Seed::from_text("shares");
    let with_abort = |v: &Verdict| v.injection.as_ref().is_some_and(|i| i.ending.is_some());
    let with_delay = |v: &Verdict| v.injection.as_ref().is_some_and(|i| i.request_delay_us > 0);
    let undrawn = |v: &Verdict| v.outcomes[0].spared == Some(Spared::NoFaultDrawn);
    let unsampled = |v: &Verdict| v.outcomes[0].spared == Some(Spared::NotSampled);
    assert!(binomial_range(REQUESTS, 0.4 * 0.3).contains(&count(&plan, &seed, with_abort)));
    assert!(binomial_range(REQUESTS, 0.4 * 0.6).contains(&count(&plan, &seed, with_delay)));
    let both = count(&plan, &seed, |v| with_abort(v) && with_delay(v));
    assert!(binomial_range(REQUESTS, 0.4 * 0.3 * 0.6).contains(&both));
    assert!(binomial_range(REQUESTS, 0.4 * 0.7 * 0.4).contains(&count(&plan, &seed, undrawn)));
    assert!(binomial_range(REQUESTS, 0.6).contains(&count(&plan, &seed, unsampled)));
}

#[test]
fn zero_never_fires_and_a_hundred_always_does() {
    let seed = Seed::from_text("edges");
    for (percent, expected) in [(0, 0), (100, REQUESTS)] {
        for by in [json!("request"), json!({"header": "x-user"})] {
            let sample = json!({"percent": percent, "by": by});
            let plan = plan("first_match", &[scenario("edge", sample, abort())]);
            let hit = (0..REQUESTS)
                .filter(|n| {
                    let mut request = Request::with_id(&request_id(*n)).header("x-user", &n.to_string());
                    plan.decide(&seed, &mut request).injection.is_some()
                })
                .count() as u64;
            assert_eq!(hit, expected, "{percent} % by {by}");
        }
        let fault = json!({"abort": {"status": 503, "percent": percent}});
        let plan = plan("first_match", &[scenario("edge", json!({}), fault)]);
        assert_eq!(count(&plan, &seed, |v| v.injection.is_some()), expected, "fault with {percent} %");
    }
}

/// Delay 20 % and abort 5 % side by side: each keeps its rate, 24 % are touched, 1 % get both.
#[test]
fn independent_scenarios_touch_the_union_of_their_rates() {
    let plan = plan(
        "independent",
        &[
            scenario("slow", json!({"percent": 20}), json!({"delay": {"fixed": "10ms"}})),
            scenario("fail", json!({"percent": 5}), abort()),
        ],
    );
    assert_eq!(plan.union_ppm(), 240_000);
    let seed = Seed::from_text("union");
    let slow = |v: &Verdict| v.injection.as_ref().is_some_and(|i| i.request_delay_us == 10_000);
    let fail = |v: &Verdict| v.injection.as_ref().is_some_and(|i| i.ending == Some((1, 0)));
    assert!(binomial_range(REQUESTS, 0.20).contains(&count(&plan, &seed, slow)));
    assert!(binomial_range(REQUESTS, 0.05).contains(&count(&plan, &seed, fail)));
    assert!(binomial_range(REQUESTS, 0.01).contains(&count(&plan, &seed, |v| slow(v) && fail(v))));
    assert!(binomial_range(REQUESTS, 0.24).contains(&count(&plan, &seed, |v| v.injection.is_some())));
}

/// 70 % and then 50 % of what is left: 70 % and 15 %.
#[test]
fn the_first_match_takes_the_request_and_the_next_gets_the_rest() {
    let plan = plan(
        "first_match",
        &[
            scenario("first", json!({"percent": 70}), abort()),
            scenario("second", json!({"percent": 50}), abort()),
        ],
    );
    let seed = Seed::from_text("first");
    let taken_by = |scenario: usize| {
        move |v: &Verdict| v.injection.as_ref().is_some_and(|i| i.ending == Some((scenario, 0)))
    };
    assert!(binomial_range(REQUESTS, 0.70).contains(&count(&plan, &seed, taken_by(0))));
    assert!(binomial_range(REQUESTS, 0.15).contains(&count(&plan, &seed, taken_by(1))));
    let preempted = |v: &Verdict| v.outcomes[1].spared == Some(Spared::Preempted);
    assert!(binomial_range(REQUESTS, 0.35).contains(&count(&plan, &seed, preempted)));
    for verdict in verdicts(&plan, &seed) {
        let faults = verdict.injection.map_or_else(Vec::new, |i| i.faults);
        assert!(faults.len() <= 1, "{faults:?}");
        assert!(matches!(faults.first(), None | Some(Injected::Abort { .. })));
    }
}

#[test]
fn sampling_by_a_header_treats_each_value_alike_and_spares_requests_without_it() {
    let sample = json!({"percent": 30, "by": {"header": "x-user"}});
    let plan = plan("first_match", &[scenario("sticky", sample, abort())]);
    let seed = Seed::from_text("sticky");
    let mut taken = 0;
    for user in 0..20_000_u64 {
        let ask = |id: u64| {
            let mut request = Request::with_id(&request_id(id)).header("x-user", &format!("user-{user}"));
            plan.decide(&seed, &mut request).injection.is_some()
        };
        let first = ask(user);
        assert!((1..4).all(|n| ask(user + n * 1_000_003) == first), "user-{user} is treated in two ways");
        taken += u64::from(first);
    }
    let range = binomial_range(20_000, 0.3);
    assert!(range.contains(&taken), "{taken} users, not in {range:?}");
    for verdict in verdicts(&plan, &seed) {
        assert_eq!(verdict.outcomes[0].spared, Some(Spared::NoSampleHeader));
        assert_eq!(verdict.injection, None);
    }
}

/// A request that answers everything but who it is.
struct Anonymous(Request);

impl Facts for Anonymous {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        assert_ne!(*fact, Fact::RequestId, "the request id is asked for, and no draw needs it");
        self.0.fact(fact)
    }

    fn direction(&mut self) -> Direction {
        self.0.direction()
    }
}

#[test]
fn a_request_that_does_not_match_draws_nothing() {
    let rules = [
        json!({"match": [{"headers": [{"name": "x-tenant", "exact": "b"}]}]}),
        json!({"match": [{"path": {"prefix": "/other"}}]}),
        json!({"match": [{"methods": ["POST"]}]}),
        json!({"direction": "inbound"}),
    ];
    for mut scope in rules {
        scope["sample"] = json!({"percent": 50});
        let scenario = json!({"name": "missed", "scope": scope,
            "faults": [{"delay": {"uniform": {"min": "1ms", "max": "2ms"}, "percent": 50}}]});
        let plan = plan("independent", &[scenario]);
        let request =
            Request::new().and(Fact::Path, "/users").and(Fact::Method, "GET").header("x-tenant", "a");
        let verdict = plan.decide(&Seed::from_text("x"), &mut Anonymous(request));
        assert_eq!(verdict, Verdict::default(), "{scope}");
    }
}

#[test]
fn sampling_everything_with_fixed_faults_needs_no_request_id() {
    let scenario = scenario("all", json!({}), json!({"delay": {"fixed": "5ms"}}));
    let verdict =
        plan("first_match", &[scenario]).decide(&Seed::from_text("x"), &mut Anonymous(Request::new()));
    assert_eq!(verdict.injection.map(|i| i.request_delay_us), Some(5_000));
}

/// Promise of replay: the verdict is a function of seed, request and plan, and of each of them.
#[test]
fn the_same_inputs_give_the_same_verdict_and_another_seed_another() {
    let scenarios = [
        scenario(
            "slow",
            json!({"percent": 50}),
            json!({"delay": {"normal": {"mean": "50ms", "stddev": "9ms"}}}),
        ),
        scenario("fail", json!({"percent": 50}), abort()),
    ];
    let (plan_a, plan_b) = (plan("independent", &scenarios), plan("independent", &scenarios));
    let (alpha, beta) = (Seed::from_text("alpha"), Seed::from_text("beta"));
    let mut differences = 0;
    for n in 0..10_000 {
        let mut request = Request::with_id(&request_id(n));
        let verdict = plan_a.decide(&alpha, &mut request);
        assert_eq!(verdict, plan_b.decide(&Seed::from_text("alpha"), &mut request));
        differences += u64::from(verdict.outcomes != plan_a.decide(&beta, &mut request).outcomes);
    }
    // Two fair coins that are thrown again fall differently in 3 of 4 cases.
    assert!(binomial_range(10_000, 0.75).contains(&differences), "{differences}");
}

/// Order and company do not matter to a scenario's draws: they belong to its name.
#[test]
fn a_scenario_draws_the_same_in_any_company() {
    let fail = scenario("fail", json!({"percent": 20}), abort());
    let slow = scenario("slow", json!({"percent": 60}), json!({"delay": {"fixed": "1ms"}}));
    let (alone, second) =
        (plan("independent", std::slice::from_ref(&fail)), plan("independent", &[slow, fail]));
    let seed = Seed::from_text("company");
    for (alone, second) in verdicts(&alone, &seed).zip(verdicts(&second, &seed)) {
        assert_eq!(alone.outcomes[0].spared, second.outcomes[1].spared);
    }
}
