//! Promise P5: the same seed and the same request ids give the same faults, here and in every Envoy.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    EnvoyConfig, EnvoyOptions, Experiment, HttpUpstream, Load, assert_share, percentile,
};
use squall_policy::{Direction, Fact, Facts, Injection, Plan, Report, Seed, load_plugin};

use super::{abort, sampled, start};

/// A request as the policy sees it, without a host.
struct Request<'r> {
    path: &'r [u8],
    id: &'r [u8],
}

impl Facts for Request<'_> {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        match fact {
            Fact::Path => Some(self.path),
            Fact::RequestId => Some(self.id),
            _ => None,
        }
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }
}

fn compiled(experiment: &Experiment) -> Plan {
    let mut report = Report::default();
    let loaded = load_plugin(experiment.plugin().to_string().as_bytes(), None, &mut report);
    loaded.unwrap_or_else(|| panic!("{report:?}")).plan.expect("there is a mission")
}

fn decide(plan: &Plan, seed: &str, path: &str, id: &str) -> Option<Injection> {
    let mut request = Request { path: path.as_bytes(), id: id.as_bytes() };
    plan.decide(&Seed::from_text(seed), &mut request).injection
}

fn replayed() -> Experiment {
    let delay = |shape: Value, phase: &str| {
        let mut delay = json!({"phase": phase, "percent": 60});
        delay["uniform"] = shape;
        json!([{"delay": delay}])
    };
    Experiment::new()
        .scenario("late", sampled(30.0), delay(json!({"min": "0ms", "max": "12ms"}), "request"))
        .scenario("later", sampled(20.0), delay(json!({"min": "1ms", "max": "9ms"}), "response"))
        .scenario("gone", sampled(10.0), abort(503))
        .scenario("busy", json!({"sample": {"percent": 10}}), abort(429))
        .independent()
        .set("seed", json!("8842-replay"))
}

/// Promise P5: for 2,000 ids, two Envoys with different numbers of workers and the policy in this process make the
/// same decisions, and no request waits less than the policy says, nor (the median of them) four milliseconds more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_the_same_seed_and_ids_give_the_same_faults_in_every_envoy_and_natively() {
    const IDS: u64 = 2_000;
    let experiment = replayed();
    let plan = compiled(&experiment);
    let upstream = HttpUpstream::start().await.unwrap();
    for (workers, connections) in [(1, 4), (3, 8)] {
        let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
        let options = EnvoyOptions::default().concurrency(workers).precise_timer();
        let envoy = options.start(config).await.unwrap();
        let load = Load::http1(envoy.addr("ingress")).connections(connections).id_prefix("replay");
        let report = load.path("/size/1").requests(IDS).await.unwrap();
        let mut lateness = Vec::new();
        let mut totals = BTreeMap::<(String, &str), u64>::new();
        for sample in &report.samples {
            let id = report.request_id(sample);
            let injection = decide(&plan, "8842-replay", "/size/1", &id).unwrap_or_default();
            let expected = match injection.ending {
                Some((2, _)) => 503,
                Some(_) => 429,
                None => 200,
            };
            assert_eq!(sample.status(), Some(expected), "{id} with {workers} workers");
            let drawn = Duration::from_micros(injection.request_delay_us + injection.response_delay_us);
            if !drawn.is_zero() {
                let early = Duration::from_millis(1);
                assert!(sample.latency + early >= drawn, "{id}: {:?}, drawn {drawn:?}", sample.latency);
                lateness.push(sample.latency.saturating_sub(drawn));
            }
            for fault in &injection.faults {
                let name = plan.scenario(fault.scenario()).expect("it has this scenario").name.clone();
                *totals.entry((name, fault.kind())).or_default() += 1;
            }
        }
        lateness.sort_unstable();
        assert!(lateness.len() > 400, "{} delays are too few to compare", lateness.len());
        let median = percentile(&lateness, 0.5);
        assert!(median < Duration::from_millis(4), "the median delay is {median:?} off");
        let metrics = envoy.prometheus().await.unwrap();
        for ((scenario, fault), expected) in &totals {
            assert_eq!(metrics.injected(scenario, fault), *expected, "{scenario} {fault}");
        }
        assert_eq!(totals.len(), 4, "{totals:?}");
    }
}

/// P5, and case 22: what an other seed or an other id changes, and what other traffic does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_seed_decides_anew_and_other_traffic_changes_nothing() {
    let scope = json!({"match": [{"path": {"exact": "/drawn"}}], "sample": {"percent": 50}});
    let seeded =
        |seed: &str| Experiment::new().scenario("half", scope.clone(), abort(503)).set("seed", json!(seed));
    let statuses = async |seed: &str, others: bool| {
        let envoy = start(&seeded(seed)).await;
        let address = envoy.addr("ingress");
        let noise = others.then(|| {
            let noise = Load::http1(address).connections(2).path("/elsewhere").id_prefix("noise");
            tokio::spawn(async move { noise.requests(2_000).await })
        });
        let load = Load::http1(address).connections(4).path("/drawn").id_prefix("same");
        let report = load.requests(500).await.unwrap();
        if let Some(noise) = noise {
            assert_eq!(noise.await.unwrap().unwrap().count(200), 2_000);
        }
        report.samples.iter().map(|sample| sample.status()).collect::<Vec<_>>()
    };
    let first = statuses("one", false).await;
    assert_eq!(first, statuses("one", true).await);
    let other = statuses("two", false).await;
    let same = first.iter().zip(&other).filter(|(a, b)| a == b).count() as u64;
    assert_share("requests with the same fate under another seed", same, 500, 0.5);
}
