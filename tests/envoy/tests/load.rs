//! The load trigger on a real Envoy with 4 workers: requests per second and requests under way, over all of them.

use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, Listener, Load, Metrics, Route, VirtualHost,
};

/// An Envoy that answers 200 to what the experiment lets pass.
async fn start(experiment: &Experiment) -> Envoy {
    let host = VirtualHost::any("any").route(Route::prefix("/").answer(200, "routed"));
    let listener = Listener::new("ingress").filters(experiment.filter().unwrap()).virtual_host(host);
    let options = EnvoyOptions::default().concurrency(4);
    options.start(EnvoyConfig::new().listener(listener)).await.unwrap()
}

fn busy(load: Value) -> Experiment {
    Experiment::new()
        .independent()
        .scenario("slow", json!({}), json!([{"delay": {"fixed": "100ms"}}]))
        .scenario("busy", json!({}), json!([{"abort": {"status": 503}}]))
        .with("trigger", json!({ "load": load }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_per_second_are_those_of_all_workers() {
    let experiment = Experiment::new()
        .scenario("busy", json!({}), json!([{"abort": {"status": 503}}]))
        .with("trigger", json!({"load": {"min_rps": 60, "max_rps": 400}}));
    let envoy = start(&experiment).await;
    let run = async |rate: f64| {
        let load = Load::http1(envoy.addr("ingress")).connections(16);
        let report = load.open_loop(rate, Duration::from_secs(4)).await.unwrap();
        assert_eq!(report.broken(), 0);
        let aborted = report.count(503) as f64;
        aborted / report.total() as f64
    };
    // No worker alone sees 60 per second.
    let shares = [run(20.0).await, run(150.0).await, run(20.0).await, run(1_200.0).await];
    // Of 4 s at 150 per second it is off for the first half second, and after that for at most a second more.
    assert_eq!(shares[0], 0.0, "{shares:?}");
    assert!(shares[1] > 0.6 && shares[1] < 0.97, "{shares:?}");
    // The second before is remembered for a second, which is at most a quarter; of 1,200 it passes the 60 to 400.
    assert!(shares[2] < 0.25 && shares[3] < 0.15, "{shares:?}");
    let metrics = envoy.prometheus().await.unwrap();
    assert!(metrics.spared("busy", "trigger") > 3_000 && metrics.finished("busy", "control") == 0);
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
}

/// 4 at a time are few, 24 are many, and a client that leaves is under way no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_are_those_of_all_workers_and_leave_when_their_clients_do() {
    let envoy = start(&busy(json!({"min_in_flight": 8}))).await;
    let address = envoy.addr("ingress");
    let aborted = || async { envoy.prometheus().await.unwrap().injected("busy", "abort") };
    let few = Load::http1(address).connections(4).requests(80).await.unwrap();
    assert_eq!((few.broken(), aborted().await), (0, 0));
    let many = Load::http2(address).connections(4).streams(6).requests(480).await.unwrap();
    assert_eq!(many.broken(), 0);
    let all = many.count(503);
    assert!(all > 240, "{all} of 480 came while 8 were under way");
    // All of them leave during their delay.
    let left = Load::http1(address)
        .connections(24)
        .patience(|_| Duration::from_millis(20))
        .requests(96)
        .await
        .unwrap();
    assert_eq!(left.left(), 96);
    let none_in_flight = |m: &Metrics| m.in_flight() == 0;
    envoy.prometheus_until("the end of all requests", none_in_flight).await.unwrap();
    let before = aborted().await;
    let client = HttpClient::http1(address);
    for _ in 0..8 {
        assert_eq!(client.get("/").await.unwrap().status, 200);
    }
    assert_eq!(aborted().await, before, "nothing is left under way");
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
}
