//! Delays on a real Envoy: when they end, what they leave whole, and what happens to a client that does not wait.
//!
//! A delay may end half a millisecond early: the timer's unit is the millisecond.

mod bodies;

use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, Experiment, HttpClient, HttpUpstream, Listener, Load, Metrics, Protocol,
    Route, VirtualHost, assert_share, eventually, request,
};
use tokio::net::TcpListener;

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
const PATIENCE: Duration = Duration::from_secs(10);

async fn start(experiment: &Experiment) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    (upstream, envoy)
}

fn everywhere(faults: Value) -> Experiment {
    Experiment::new().scenario("slow", json!({}), faults)
}

fn fixed(delay: &str, phase: &str) -> Value {
    json!({"delay": {"fixed": delay, "phase": phase}})
}

/// The shortest time that a delay of so many milliseconds may take.
fn at_least(milliseconds: u64) -> Duration {
    Duration::from_micros(milliseconds * 1_000 - 500)
}

async fn until(envoy: &Envoy, what: &str, condition: impl Fn(&Metrics) -> bool) -> Metrics {
    envoy.prometheus_until(what, condition).await.unwrap()
}

/// Cases 16 and 17: the upstream sees nothing while the request waits, and one gauge says that it does.
#[tokio::test]
async fn a_request_delay_ends_before_the_upstream_sees_anything() {
    let (upstream, envoy) = start(&everywhere(json!([fixed("400ms", "request")]))).await;
    for (round, protocol) in (1..).zip(BOTH) {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let exchange = tokio::spawn(async move { client.get("/users/7").await });
        until(&envoy, "a waiting request", |m| m.in_flight() == 1).await;
        assert_eq!(upstream.requests(), round - 1, "still held back");
        let reply = exchange.await.unwrap().unwrap();
        assert!(reply.status == 200 && reply.head_after >= at_least(400), "{protocol:?} {reply:?}");
        assert_eq!(upstream.requests(), round);
    }
    let metrics = until(&envoy, "the end", |m| m.finished("slow", "treatment") == 2).await;
    assert_eq!((metrics.injected("slow", "delay"), metrics.injected("slow", "abort")), (2, 0));
    assert_eq!(metrics.in_flight(), 0);
    let entries = envoy.access_log_of(2).await.unwrap();
    assert!(entries.iter().all(|entry| entry.fault.as_deref() == Some("delay")), "{entries:?}");
    assert!(entries.iter().all(|entry| entry.details.as_deref() == Some("via_upstream")), "{entries:?}");
}

#[tokio::test]
async fn a_response_delay_begins_after_the_upstream_has_answered() {
    let (upstream, envoy) = start(&everywhere(json!([fixed("400ms", "response")]))).await;
    for (round, protocol) in (1..).zip(BOTH) {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let exchange = tokio::spawn(async move { client.get("/users/7").await });
        let reached = async || (upstream.requests() == round).then_some(());
        eventually("the request at the upstream", PATIENCE, reached).await.unwrap();
        until(&envoy, "a response held back", |m| m.injected("slow", "delay") == round).await;
        assert!(!exchange.is_finished(), "held back on its way to the client");
        let reply = exchange.await.unwrap().unwrap();
        assert!(reply.status == 200 && reply.head_after >= at_least(400), "{protocol:?} {reply:?}");
    }
}

/// Two delays of one request are served one after the other, each in its phase.
/// A response without a body has no second chance to be held back: HEAD, 304, and an answer of Envoy's own.
#[tokio::test]
async fn responses_without_a_body_and_envoys_own_are_held_back_too() {
    let upstream = HttpUpstream::start().await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let host = VirtualHost::any("any")
        .route(Route::prefix("/refused").to("closed"))
        .route(Route::prefix("/direct").answer(201, "made here"))
        .route(Route::prefix("/").to("upstream"));
    let listener = Listener::new("ingress")
        .filters(everywhere(json!([fixed("60ms", "response")])).filter().unwrap())
        .virtual_host(host);
    let config = EnvoyConfig::new()
        .listener(listener)
        .cluster(Cluster::http1("upstream", upstream.addr()))
        .cluster(Cluster::http1("closed", closed));
    let envoy = Envoy::start(config).await.unwrap();
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (method, path, status) in [
            ("HEAD", "/size/10", 200),
            ("GET", "/status/304", 304),
            ("GET", "/status/500", 500),
            ("GET", "/direct", 201),
            ("GET", "/refused", 503),
        ] {
            let reply = client.send(request(method, path, &[], "")).await.unwrap();
            assert_eq!(reply.status, status, "{method} {path}");
            assert!(reply.head_after >= at_least(60), "{method} {path} after {:?}", reply.head_after);
        }
    }
}

#[tokio::test]
async fn delays_in_both_phases_add_up() {
    let faults = json!([fixed("60ms", "request"), fixed("90ms", "response"), fixed("30ms", "request")]);
    let (_upstream, envoy) = start(&everywhere(faults)).await;
    for protocol in BOTH {
        let reply = HttpClient::new(envoy.addr("ingress"), protocol).get("/size/10").await.unwrap();
        assert!(reply.status == 200 && reply.head_after >= at_least(179), "{protocol:?} {reply:?}");
    }
    assert_eq!(envoy.injected("slow", "delay").await.unwrap(), 6);
}

/// Case 18, and case 30: one request with two faults is one in the gauge.
#[tokio::test]
async fn an_abort_after_a_delay_comes_no_earlier_than_the_delay() {
    let faults = json!([fixed("300ms", "request"), {"abort": {"status": 503, "body": "late"}}]);
    let (upstream, envoy) = start(&everywhere(faults)).await;
    for (round, protocol) in (1..).zip(BOTH) {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let exchange = tokio::spawn(async move { client.get("/").await });
        let metrics = until(&envoy, "a waiting request", |m| m.in_flight() > 0).await;
        assert_eq!(metrics.in_flight(), 1, "one request, two faults");
        assert_eq!(metrics.injected("slow", "abort"), round - 1, "not before the delay is over");
        let reply = exchange.await.unwrap().unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (503, "late"));
        assert!(reply.head_after >= at_least(300), "{protocol:?} {reply:?}");
        until(&envoy, "the end", |m| m.in_flight() == 0).await;
    }
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!((metrics.injected("slow", "delay"), metrics.injected("slow", "abort")), (2, 2));
    assert_eq!(upstream.requests(), 0);
    let entry = envoy.access_log_of(2).await.unwrap().remove(0);
    assert_eq!(entry.details.as_deref(), Some("chaos_abort{slow}"));
    assert_eq!(entry.fault.as_deref(), Some("delay,abort"));
}

/// Every distribution, with bounds that the buckets of Envoy's histograms (10, 25, 50, 100 ms) can show. The upper
/// bound is the histogram's, so that a busy machine cannot break it; the lower one is the client's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_distribution_stays_within_its_bounds() {
    let distributions = [
        ("fixed", json!({"fixed": "20ms"}), 20.0, "25"),
        ("uniform", json!({"uniform": {"min": "11ms", "max": "24ms"}}), 11.0, "25"),
        ("pareto", json!({"pareto": {"min": "11ms", "shape": 1.16, "max": "24ms"}}), 11.0, "25"),
        ("percentiles", json!({"percentiles": {"p0": "11ms", "p50": "14ms", "p99": "24ms"}}), 11.0, "25"),
        // Six standard deviations on either side.
        ("normal", json!({"normal": {"mean": "30ms", "stddev": "3ms"}}), 12.0, "50"),
        ("lognormal", json!({"lognormal": {"median": "30ms", "sigma": 0.1}}), 16.0, "100"),
    ];
    let experiment = distributions.iter().fold(Experiment::new(), |experiment, (name, shape, _, _)| {
        experiment.on_path(name, &format!("/{name}"), json!([{"delay": shape}]))
    });
    let (_upstream, envoy) = start(&experiment).await;
    for (name, _, low, _) in &distributions {
        let load = Load::http1(envoy.addr("ingress")).path(&format!("/{name}")).id_prefix(name);
        let report = load.requests(40).await.unwrap();
        assert_eq!(report.count(200), 40, "{name}");
        assert!(report.fastest().as_secs_f64() * 1e3 >= low - 0.5, "{name}: {:?}", report.fastest());
    }
    let family = "chaos_injected_delay_ms";
    let metrics = until(&envoy, "all delays in the histograms", |metrics| {
        metrics.sum("chaos_injected_delay_ms_count", &[]) == 40.0 * distributions.len() as f64
    });
    let metrics = metrics.await;
    for (name, _, _, high) in &distributions {
        let up_to = |le: &str| metrics.value(&format!("{family}_bucket"), &[("scenario", name), ("le", le)]);
        assert_eq!((up_to("10"), up_to(high)), (Some(0.0), Some(40.0)), "{name}");
    }
}

/// Case 19: a delay that draws 0 is no fault. Half of the draws of these two shapes are 0.
#[tokio::test]
async fn a_delay_of_nothing_is_not_counted_and_leaves_no_mark() {
    let shapes = [
        ("bell", json!({"normal": {"mean": "0ms", "stddev": "2ms"}})),
        ("table", json!({"percentiles": {"p50": "0ms", "p100": "4ms"}})),
    ];
    let experiment = shapes.iter().fold(Experiment::new(), |experiment, (name, shape)| {
        experiment.on_path(name, &format!("/{name}"), json!([{"delay": shape}]))
    });
    let (_upstream, envoy) = start(&experiment).await;
    for (name, _) in &shapes {
        let load = Load::http1(envoy.addr("ingress")).path(&format!("/{name}")).id_prefix(name);
        assert_eq!(load.requests(200).await.unwrap().count(200), 200);
    }
    let entries = envoy.access_log_of(400).await.unwrap();
    let metrics =
        until(&envoy, "400 finished requests", |m| m.sum("chaos_requests_total", &[]) == 400.0).await;
    for (name, _) in &shapes {
        let delayed = metrics.injected(name, "delay");
        assert_share(name, delayed, 200, 0.5);
        assert_eq!(
            (metrics.finished(name, "treatment"), metrics.finished(name, "control")),
            (delayed, 200 - delayed)
        );
        let marked = entries.iter().filter(|entry| entry.scenario.as_deref() == Some(*name)).count() as u64;
        assert_eq!(marked, delayed, "{name}");
    }
}

/// Case 20: whoever leaves frees the slot, and what was planned for the end of the delay does not happen.
#[tokio::test]
async fn a_client_that_leaves_during_the_delay_cancels_the_abort() {
    let faults = json!([fixed("600ms", "request"), {"abort": {"status": 503}}]);
    let (upstream, envoy) = start(&everywhere(faults)).await;
    let address = envoy.addr("ingress");
    let loads = [Load::http1(address).connections(10), Load::http2(address).streams(10)];
    for (round, load) in (1..).zip(loads) {
        let report = load.patience(|_| Duration::from_millis(100)).requests(10).await.unwrap();
        assert_eq!(report.left(), 10);
        let metrics =
            until(&envoy, "ten freed slots", |m| m.finished("slow", "treatment") == 10 * round).await;
        assert_eq!(metrics.in_flight(), 0);
        // The moment at which the aborts would have fired passes.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let metrics = envoy.prometheus().await.unwrap();
        assert_eq!((metrics.injected("slow", "delay"), metrics.injected("slow", "abort")), (10 * round, 0));
        let none = [("scenario", "slow"), ("group", "treatment"), ("code_class", "none")];
        assert_eq!(metrics.value("chaos_requests_total", &none), Some(10.0 * round as f64));
    }
    assert_eq!(upstream.requests(), 0);
    assert_eq!(HttpClient::http1(address).get("/").await.unwrap().status, 503, "the filter is alive");
}

/// Case 20 for one stream of many: the others of its connection do not notice.
#[tokio::test]
async fn streams_that_leave_do_not_disturb_the_others_of_their_connection() {
    let (upstream, envoy) = start(&everywhere(json!([fixed("200ms", "request")]))).await;
    let load = Load::http2(envoy.addr("ingress")).connections(1).streams(100).path("/size/1000");
    let leaves = |index| index % 3 == 0;
    let patience = move |index| if leaves(index) { Duration::from_millis(60) } else { PATIENCE };
    let report = load.patience(patience).requests(300).await.unwrap();
    assert_eq!((report.left(), report.count(200), report.broken()), (100, 200, 0));
    assert!(report.fastest() >= at_least(200), "{:?}", report.fastest());
    assert_eq!(upstream.requests(), 200);
    until(&envoy, "no slot in use", |m| m.in_flight() == 0 && m.injected("slow", "delay") == 300).await;
}

/// A delay in front of the router is not part of the route's timeout.
#[tokio::test]
async fn a_request_delay_does_not_count_against_the_routes_timeout() {
    let upstream = HttpUpstream::start().await.unwrap();
    let route = Route::prefix("/").to("upstream").timeout(Duration::from_millis(150));
    let listener = Listener::new("ingress")
        .filters(everywhere(json!([fixed("300ms", "request")])).filter().unwrap())
        .virtual_host(VirtualHost::any("any").route(route));
    let cluster = Cluster::http1("upstream", upstream.addr());
    let config = EnvoyConfig::new().listener(listener).cluster(cluster);
    let envoy = Envoy::start(config).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/").await.unwrap().status, 200);
    assert_eq!(client.get("/sleep/2000").await.unwrap().status, 504);
}
