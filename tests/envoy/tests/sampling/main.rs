//! Promise P3 on a real Envoy: a declared rate is the measured one, over all workers together.

mod replay;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, Listener, Load, LoadReport, Metrics, Route,
    VirtualHost, assert_share, request,
};

const REQUESTS: u64 = 20_000;

/// An Envoy with 4 workers that answers 200 to what the experiment lets pass.
async fn start(experiment: &Experiment) -> Envoy {
    let host = VirtualHost::any("any").route(Route::prefix("/").answer(200, "routed"));
    let listener = Listener::new("ingress")
        .filters(experiment.filter().unwrap())
        .virtual_host(host)
        .set_http("generate_request_id", json!(false));
    EnvoyOptions::default()
        .concurrency(4)
        .precise_timer()
        .start(EnvoyConfig::new().listener(listener))
        .await
        .unwrap()
}

fn sampled(percent: f64) -> Value {
    json!({"sample": {"percent": percent}})
}

fn abort(status: u16) -> Value {
    json!([{"abort": {"status": status}}])
}

/// 20,000 requests: most of them in HTTP/1.1 over 64 connections (a worker is left without one once in 70 million runs), the rest as streams of 4 HTTP/2 connections.
async fn load(envoy: &Envoy, prefix: &str) -> [LoadReport; 2] {
    let address = envoy.addr("ingress");
    let (first, second) = (format!("{prefix}-h1"), format!("{prefix}-h2"));
    let one = Load::http1(address).connections(64).id_prefix(&first);
    let two = Load::http2(address).connections(4).id_prefix(&second);
    let reports = [one.requests(15_000).await.unwrap(), two.requests(REQUESTS - 15_000).await.unwrap()];
    assert_eq!(reports.iter().map(LoadReport::broken).sum::<u64>(), 0);
    reports
}

fn count(reports: &[LoadReport], status: u16) -> u64 {
    reports.iter().map(|report| report.count(status)).sum()
}

async fn when_finished(envoy: &Envoy, scenario: &str, requests: u64) -> Metrics {
    let all = |m: &Metrics| m.finished(scenario, "treatment") + m.finished(scenario, "control") == requests;
    envoy.prometheus_until(&format!("{requests} finished requests"), all).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_alternative_of_a_choice_gets_its_share_of_20_000_requests() {
    let alternative = |weight: u32, status: u16| json!({"weight": weight, "abort": {"status": status}});
    let faults = json!([{"one_of": [alternative(3, 510), alternative(1, 511)]}]);
    let envoy = start(&Experiment::new().scenario("choice", json!({}), faults)).await;
    let reports = load(&envoy, "choice").await;
    assert_eq!(count(&reports, 510) + count(&reports, 511), REQUESTS);
    assert_share("the first alternative", count(&reports, 510), REQUESTS, 0.75);
    assert_eq!(envoy.injected("choice", "abort").await.unwrap(), REQUESTS);
}

/// Promise P3 over all workers together, and the counters are what the clients saw, to the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p3_an_abort_of_50_percent_is_measured_as_50_percent_over_20_000_requests_and_4_workers() {
    let envoy = start(&Experiment::new().scenario("half", sampled(50.0), abort(503))).await;
    let reports = load(&envoy, "half").await;
    let aborted = count(&reports, 503);
    assert_eq!(aborted + count(&reports, 200), REQUESTS);
    assert_share("aborted requests", aborted, REQUESTS, 0.5);

    let metrics = when_finished(&envoy, "half", REQUESTS).await;
    assert_eq!(metrics.injected("half", "abort"), aborted);
    let class = |group, class| {
        let labels = [("scenario", "half"), ("group", group), ("code_class", class)];
        metrics.value("chaos_requests_total", &labels)
    };
    assert_eq!(class("treatment", "5xx"), Some(aborted as f64));
    assert_eq!(class("control", "2xx"), Some((REQUESTS - aborted) as f64));
    assert_eq!((metrics.finished("half", "treatment"), metrics.in_flight()), (aborted, 0));
    assert_eq!(metrics.sum("chaos_faults_suppressed_total", &[]), 0.0);
    // Every worker took its part: Envoy counts connections for each.
    let busy = (0..4).map(|worker| format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total"));
    for stat in busy {
        assert!(envoy.stat(&stat).await.unwrap() > 0, "{stat}");
    }
}

/// Case 39 (toxiproxy#603): 0 % never, 100 % always, and a millionth is neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zero_percent_never_fires_and_100_percent_always_does() {
    let scope = |path: &str, percent: f64| json!({"match": [{"path": {"exact": path}}], "sample": {"percent": percent}});
    let experiment = Experiment::new()
        .scenario("never", scope("/never", 0.0), abort(500))
        .scenario("never-drawn", scope("/never", 100.0), json!([{"abort": {"status": 501, "percent": 0}}]))
        .scenario("always", scope("/always", 100.0), abort(502))
        .scenario("rare", scope("/rare", 0.0001), abort(503))
        .scenario("permille", scope("/permille", 0.1), abort(504));
    let envoy = start(&experiment).await;
    let of = async |path: &str| Load::http1(envoy.addr("ingress")).path(path).requests(5_000).await.unwrap();
    assert_eq!(of("/never").await.count(200), 5_000);
    assert_eq!(of("/always").await.count(502), 5_000);
    assert_share("one in a million", of("/rare").await.count(503), 5_000, 1e-6);
    assert_share("one in a thousand", of("/permille").await.count(504), 5_000, 1e-3);
    let metrics = when_finished(&envoy, "never", 5_000).await;
    let injected = ["never", "never-drawn"].map(|scenario| metrics.injected(scenario, "abort"));
    assert_eq!((injected, metrics.finished("never", "control")), ([0, 0], 5_000));
}

/// Sampling by a header: one user always fares alike, in every connection and worker, and who has no id is spared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sampling_by_a_header_treats_each_of_its_values_always_alike() {
    const USERS: u64 = 1_000;
    let scope = json!({"sample": {"percent": 30, "by": {"header": "x-user-id"}}});
    let envoy = start(&Experiment::new().scenario("users", scope, abort(503))).await;
    let by_user = Load::http1(envoy.addr("ingress"))
        .connections(16)
        .build(|index| request("GET", "/", &[("x-user-id", &format!("user-{}", index % USERS))], ""));
    let report = by_user.requests(USERS * 4).await.unwrap();
    let mut fates = BTreeMap::<u64, BTreeSet<Option<u16>>>::new();
    for sample in &report.samples {
        fates.entry(sample.index % USERS).or_default().insert(sample.status());
    }
    assert!(fates.values().all(|fate| fate.len() == 1), "somebody fared differently");
    let hit = fates.values().filter(|fate| fate.contains(&Some(503))).count() as u64;
    assert_share("users with a fault", hit, USERS, 0.3);

    let anonymous = Load::http1(envoy.addr("ingress")).requests(100).await.unwrap();
    assert_eq!(anonymous.count(200), 100);
    let metrics = when_finished(&envoy, "users", USERS * 4 + 100).await;
    assert_eq!(metrics.spared("users", "no_sample_header"), 100);
    assert_eq!(metrics.injected("users", "abort"), hit * 4);
}

/// Case 38: independent scenarios of 20 % and 5 % touch 1 - 0.8 * 0.95 = 24 % of the requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_faults_of_20_and_5_percent_touch_24_percent() {
    let delay = json!([{"delay": {"fixed": "1ms"}}]);
    let experiment = Experiment::new()
        .scenario("slow", sampled(20.0), delay)
        .scenario("down", sampled(5.0), abort(503))
        .independent();
    let envoy = start(&experiment).await;
    let reports = load(&envoy, "union").await;
    let aborted = count(&reports, 503);
    let entries = envoy.access_log_of(REQUESTS as usize).await.unwrap();
    let touched = entries.iter().filter(|entry| entry.scenario.is_some()).count() as u64;
    let both = entries.iter().filter(|entry| entry.fault.as_deref() == Some("delay,abort")).count() as u64;
    assert_share("touched requests", touched, REQUESTS, 0.24);
    assert_share("aborted requests", aborted, REQUESTS, 0.05);
    // A request that another scenario aborts is no control for this one.
    let metrics = when_finished(&envoy, "slow", REQUESTS - (aborted - both)).await;
    let delayed = metrics.injected("slow", "delay");
    assert_share("delayed requests", delayed, REQUESTS, 0.2);
    assert_eq!((metrics.injected("down", "abort"), delayed + aborted - both), (aborted, touched));
}

/// Case 38, the other composition: 70 % and then 50 % of what is left, with the share that the first one preempted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_match_of_70_and_50_percent_gives_70_and_15_percent() {
    let experiment = Experiment::new().scenario("first", sampled(70.0), abort(500)).scenario(
        "second",
        sampled(50.0),
        abort(503),
    );
    let envoy = start(&experiment).await;
    let reports = load(&envoy, "ordered").await;
    assert_share("the first scenario's", count(&reports, 500), REQUESTS, 0.70);
    assert_share("the second scenario's", count(&reports, 503), REQUESTS, 0.15);
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.injected("first", "abort"), count(&reports, 500));
    assert_eq!(metrics.injected("second", "abort"), count(&reports, 503));
    assert_share("the second scenario's, preempted", metrics.spared("second", "preempted"), REQUESTS, 0.35);
}

/// Without `x-request-id` there is nothing to replay, and the rate holds all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_an_id_are_sampled_too() {
    let envoy = start(&Experiment::new().scenario("half", sampled(50.0), abort(503))).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    let mut aborted = 0;
    for _ in 0..1_000 {
        let reply = client.get("/").await.unwrap();
        aborted += u64::from(reply.status == 503);
    }
    assert_share("aborted requests", aborted, 1_000, 0.5);
    let entries = envoy.access_log_of(1_000).await.unwrap();
    assert!(entries.iter().all(|entry| entry.request_id.is_none()), "Envoy made ids");
}
