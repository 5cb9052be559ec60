//! A real Prometheus scrapes two real Envoys during a mission: every expression of the dashboard and every rule returns data, and the numbers
//! are those of the traffic.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpUpstream, Job, Load, Prometheus, eventually,
};
use tokio::task::JoinSet;

use super::{dashboard, rule_files};

const LIMIT: Duration = Duration::from_secs(90);

/// Something of everything that the dashboard shows.
fn experiment() -> Experiment {
    let on = |prefix: &str, percent: u32| json!({"match": [{"path": {"prefix": prefix}}], "sample": {"percent": percent}});
    let rule = json!({"metric": "error_rate", "group": "control", "above": "50%", "for": "30s"});
    let breaks = json!({"metric": "error_rate", "group": "control", "above": "99%", "for": "30s"});
    Experiment::new()
        .scenario("slow", on("/size/", 40), json!([{"delay": {"fixed": "60ms"}}]))
        .with("safety", json!({"halt_when": [rule]}))
        .scenario("cut", on("/status/", 50), json!([{"abort": {"status": 503}}]))
        .with("safety", json!({"max_per_second": 5, "halt_when": [breaks]}))
        .with("rollback", json!({"circuit_breaker": {"open_for": "60s", "close_after": "30s"}}))
        .scenario(
            "crowd",
            on("/sleep/", 100),
            json!([{"pressure": {"concurrency": {"limit": 1, "queue": 2, "queue_timeout": "300ms"}}}]),
        )
        .scenario("heavy", on("/echo", 100), json!([{"pressure": {"memory": {"hold": "1MiB"}}}]))
        .set("baseline", json!("15s"))
}

/// A proxy whose guardrail halts as soon as something fails.
fn halting() -> Experiment {
    let rule = json!({"metric": "error_rate", "group": "all", "above": "5%", "for": "1s", "min_requests": 5});
    Experiment::new()
        .scenario("slow", json!({"sample": {"percent": 50}}), json!([{"delay": {"fixed": "1ms"}}]))
        .with("safety", json!({"halt_when": [rule]}))
}

/// The rules as they are, but evaluated every second: the test is not to wait for them.
fn quick_rules(folder: &Path) -> Vec<PathBuf> {
    let quick = rule_files().into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("interval: 15s"));
        let copy = folder.join(path.file_name().unwrap());
        std::fs::write(&copy, text.replace("interval: 15s", "interval: 1s")).unwrap();
        copy
    });
    quick.collect()
}

async fn start(upstream: &HttpUpstream, experiment: Experiment) -> Envoy {
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    EnvoyOptions::default().concurrency(2).start(config).await.unwrap()
}

/// Traffic on all paths until it is dropped.
fn traffic(envoys: &[Envoy]) -> JoinSet<()> {
    let mut traffic = JoinSet::new();
    for envoy in envoys {
        for (path, rate) in [("/size/10", 30.0), ("/status/200", 20.0), ("/sleep/200", 25.0), ("/echo", 2.0)]
        {
            let load = Load::http1(envoy.addr("ingress")).path(path).connections(8);
            traffic.spawn(async move { drop(load.open_loop(rate, Duration::from_secs(180)).await) });
        }
    }
    traffic
}

/// Waits until the expression has one value that satisfies `condition`.
async fn value(prometheus: &Prometheus, expression: &str, condition: impl Fn(f64) -> bool) -> f64 {
    let mut last = None;
    let found = eventually(expression, LIMIT, async || {
        last = prometheus.value(expression).await.unwrap();
        last.filter(|value| condition(*value))
    });
    let found = found.await;
    found.unwrap_or_else(|error| panic!("{error}; last: {last:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_expression_returns_data_on_a_prometheus_that_scrapes_real_envoys() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoys = [start(&upstream, experiment()).await, start(&upstream, experiment()).await];
    let halts = start(&upstream, halting()).await;
    let halted = [halts.admin_addr()];
    let [one, other] = [0, 1].map(|number: usize| [envoys[number].admin_addr()]);
    let jobs = [
        Job { name: "user-service", targets: &one, labels: &[] },
        Job { name: "auth-service", targets: &other, labels: &[] },
        Job { name: "halted-service", targets: &halted, labels: &[] },
    ];
    let folder = tempfile::tempdir().unwrap();
    let rules = quick_rules(folder.path());
    let rules: Vec<&Path> = rules.iter().map(PathBuf::as_path).collect();
    let prometheus = Prometheus::start(&jobs, &rules).await.unwrap();
    let mut traffic = traffic(&envoys);
    let failing = Load::http1(halts.addr("ingress")).path("/status/503").connections(2);
    traffic.spawn(async move { drop(failing.open_loop(20.0, Duration::from_secs(20)).await) });

    let expressions = dashboard::expressions();
    assert!(expressions.len() > 35, "{}", expressions.len());
    let (mut empty, mut fewest) = (Vec::new(), None::<Vec<String>>);
    let all = eventually("data for every expression", LIMIT, async || {
        empty.clear();
        for (place, expression) in &expressions {
            let samples =
                prometheus.query(expression).await.unwrap_or_else(|error| panic!("{place}: {error}"));
            if samples.is_empty() {
                empty.push(format!("{place}: {expression}"));
            }
        }
        if fewest.as_ref().is_none_or(|fewest| empty.len() < fewest.len()) {
            fewest = Some(empty.clone());
        }
        empty.is_empty().then_some(())
    });
    let all = all.await;
    assert!(all.is_ok(), "at best no data for {fewest:#?}");

    // Each service by itself, both of one namespace.
    value(
        &prometheus,
        r#"count(squall:proxy{namespace="test", service=~"user-service|auth-service"})"#,
        |n| n == 2.0,
    )
    .await;
    value(
        &prometheus,
        r#"service_error_rate{service="user-service", scenario="cut", group="treatment", unit="percent"}"#,
        |rate| rate == 100.0,
    )
    .await;
    value(
        &prometheus,
        r#"service_error_rate{service="user-service", scenario="cut", group="control"}"#,
        |rate| rate == 0.0,
    )
    .await;
    // A delay of 60 ms is in the bucket from 50 to 100 ms; the others take as long as a busy machine lets them.
    let delta = r#"squall:latency_delta_ms{service="auth-service", scenario="slow", quantile="0.5", versus="control"}"#;
    value(&prometheus, delta, |ms| (20.0..100.0).contains(&ms)).await;
    let delta = delta.replace("control", "baseline");
    value(&prometheus, &delta, |ms| (20.0..100.0).contains(&ms)).await;
    let sampled = r#"squall:sampled:ratio5m{service="user-service", scenario="slow"}"#;
    value(&prometheus, sampled, |share| (0.25..0.55).contains(&share)).await;
    let declared = r#"max(squall:chaos_declared_rate_ppm{scenario="slow"})"#;
    value(&prometheus, declared, |ppm| ppm == 400_000.0).await;
    let distance = r#"max(squall:chaos_guardrail_distance_percent{scenario="slow"})"#;
    value(&prometheus, distance, |percent| (50.0..=100.0).contains(&percent)).await;
    // A real halt, and why; nothing else is wrong: nothing was rejected or late.
    let halted = r#"count(ALERTS{alertname="ChaosHalted", alertstate="firing", service="halted-service"})"#;
    value(&prometheus, halted, |alerts| alerts == 1.0).await;
    let why = r#"sum(squall:chaos_halts_total{service="halted-service", reason="guardrail"})"#;
    value(&prometheus, why, |halts| halts == 1.0).await;
    value(&prometheus, r#"sum(squall:chaos_halts_total)"#, |halts| halts == 1.0).await;
    let known = "ChaosWithoutOwner|ChaosProxiesDisagree|ChaosHalted|ChaosSustained5xx";
    let wrong = format!(r#"count(ALERTS{{alertname!~"{known}"}}) or vector(0)"#);
    value(&prometheus, &wrong, |alerts| alerts == 0.0).await;
    let owner = r#"count(ALERTS{alertname="ChaosWithoutOwner", service!="halted-service"})"#;
    value(&prometheus, owner, |proxies| proxies == 2.0).await;
}
