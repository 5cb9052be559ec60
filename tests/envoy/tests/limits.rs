//! Promise P8 at the limits: whatever configuration is read, and whatever path a client sends, no VM runs out of
//! memory and no worker stands still.

use serde_json::{Value, json};
use squall_envoy_tests::{Envoy, EnvoyConfig, Experiment, HttpClient, HttpFilter, HttpUpstream};
use std::time::{Duration, Instant};

async fn start(plugin: &Value) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = HttpFilter::squall(plugin).unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    (upstream, envoy)
}

async fn rejected(envoy: &Envoy) -> Option<f64> {
    envoy.prometheus().await.unwrap().value("chaos_config_rejected", &[])
}

fn by_path(experiment: Experiment, name: &str, regex: &str) -> Experiment {
    experiment.scenario(
        name,
        json!({"match": [{"path": {"regex": regex}}]}),
        json!([{"abort": {"status": 503}}]),
    )
}

const MIB: u64 = 1 << 20;

/// 128 expressions of 511 steps and 8 groups: all that one configuration may have.
#[tokio::test]
async fn p8_all_expressions_that_are_read_fit_into_a_vm() {
    let (_upstream, idle) =
        start(&json!({"version": 1, "catalog": Experiment::new().plugin()["catalog"]})).await;
    let floor = idle.rss().unwrap();
    drop(idle);
    let regex = format!("/.*{}[a-z]{{119}}{}", "(".repeat(8), ")".repeat(8));
    let full = (0..128).fold(Experiment::new().independent(), |e, n| by_path(e, &format!("s{n}"), &regex));
    let (upstream, envoy) = start(&full.plugin()).await;
    assert_eq!(rejected(&envoy).await, Some(0.0), "{}", envoy.log());
    // The first match of an expression makes its cache.
    let client = HttpClient::http1(envoy.addr("ingress"));
    for path in ["/size/1", "/size/2"] {
        assert_eq!(client.get(path).await.unwrap().status, 200);
    }
    assert_eq!(upstream.requests(), 2);
    let more = envoy.rss().unwrap().saturating_sub(floor) / MIB;
    println!("{more} MiB more for all workers");
    assert!(more < 100, "{more} MiB");
    assert!(envoy.alive() && !envoy.log().contains("Function: proxy_"), "{}", envoy.log());

    let over = by_path(full, "one-more", &regex);
    let (_upstream, envoy) = start(&over.plugin()).await;
    assert_eq!(rejected(&envoy).await, Some(1.0));
    let place = "error[regex-budget] catalog.scenarios[128].scope.match[0].path.regex";
    assert!(envoy.log().contains(place), "{}", envoy.log());
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status, 200);
}

/// An expression that keeps all of its steps busy on a path that a client made as long as it likes.
#[tokio::test]
async fn a_long_path_does_not_hold_a_worker_up() {
    let (_upstream, envoy) = start(&by_path(Experiment::new(), "slow", "/.*[a-z]{124}z").plugin()).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get(&format!("/{}z", "a".repeat(200))).await.unwrap().status, 503);
    // It matches, and it is longer than this expression is run on.
    assert_ne!(client.get(&format!("/{}z", "a".repeat(600))).await.unwrap().status, 503);
    for length in [512, 8192, 50_000] {
        let path = format!("/size/{}1", "a".repeat(length - 7));
        let begun = Instant::now();
        client.get(&path).await.unwrap();
        let took = begun.elapsed();
        println!("{length} bytes: {took:?}");
        assert!(took < Duration::from_millis(250), "{length} bytes: {took:?}");
    }
}

/// 18 bytes that once held a worker for five seconds.
#[tokio::test]
async fn an_expression_of_4000_repetitions_is_refused() {
    let (_upstream, envoy) = start(&by_path(Experiment::new(), "slow", "/.*[a-z/]{4000}z").plugin()).await;
    assert_eq!(rejected(&envoy).await, Some(1.0));
    assert!(envoy.log().contains("error[bad-regex] catalog.scenarios[0].scope.match[0].path.regex"));
}

/// 4 MiB in which every item is two mistakes, and the list itself two: its length, and what it could make of series.
#[tokio::test]
async fn p8_millions_of_mistakes_do_not_fill_a_vm() {
    let (_upstream, idle) =
        start(&json!({"version": 1, "catalog": Experiment::new().plugin()["catalog"]})).await;
    let floor = idle.rss().unwrap();
    drop(idle);
    let mut plugin = by_path(Experiment::new(), "a", "/a").plugin();
    plugin["mission"]["scenarios"] = json!(vec![""; 1_390_000]);
    let (_upstream, envoy) = start(&plugin).await;
    assert_eq!(rejected(&envoy).await, Some(1.0));
    let more = envoy.rss().unwrap().saturating_sub(floor) / MIB;
    println!("{more} MiB more for all workers");
    let log = envoy.log();
    assert!(log.contains("and 2779801 more findings"), "{log}");
    assert!(log.contains(r#""errors":2780001"#), "{log}");
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status, 200);
    assert!(envoy.alive() && !log.contains("Function: proxy_"), "{log}");
    assert!(more < 500, "{more} MiB");
}
