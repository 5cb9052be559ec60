//! When a delayed request goes on: never more than half a millisecond early, whatever else waits. How late it goes
//! on depends on the machine, so it is printed here and judged by `make bench`.

use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpUpstream, Load, LoadReport};

const DELAY: Duration = Duration::from_millis(20);

/// The most that a request may come early.
const SLACK: Duration = Duration::from_micros(500);

async fn start(upstream: &HttpUpstream, options: EnvoyOptions, phase: &str) -> Envoy {
    let faults = json!([{"delay": {"fixed": "20ms", "phase": phase}}]);
    let experiment = Experiment::new().scenario("slow", json!({}), faults);
    options.start(EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap())).await.unwrap()
}

fn judge(what: &str, waiting: u64, report: &LoadReport) {
    assert_eq!(report.count(200), report.total(), "{what}: {} broke", report.broken());
    let lateness = |share| report.percentile(share).saturating_sub(DELAY);
    println!(
        "{what}, {waiting} waiting: late by {:?} at the median, {:?} at p99",
        lateness(0.5),
        lateness(0.99)
    );
    let fastest = report.fastest();
    assert!(fastest + SLACK >= DELAY, "{what}, {waiting} waiting: one took only {fastest:?}");
}

async fn one_64_and_1000_waiting(options: EnvoyOptions, what: &str) {
    let upstream = HttpUpstream::start().await.unwrap();
    for phase in ["request", "response"] {
        let what = format!("{what}, {phase}");
        let envoy = start(&upstream, options.clone(), phase).await;
        let alone =
            Load::http1(envoy.addr("ingress")).path("/size/1").connections(1).requests(40).await.unwrap();
        judge(&what, 1, &alone);
        let load = Load::http1(envoy.addr("ingress")).path("/size/1").connections(64);
        judge(&what, 64, &load.requests(1_280).await.unwrap());
        let load = Load::http2(envoy.addr("ingress")).path("/size/1").connections(10).streams(100);
        judge(&what, 1_000, &load.requests(3_000).await.unwrap());
        let quiet = envoy.prometheus_until("the end", |metrics| metrics.in_flight() == 0).await.unwrap();
        assert_eq!(quiet.injected("slow", "delay"), 40 + 1_280 + 3_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_is_never_cut_short_with_precise_timers() {
    one_64_and_1000_waiting(EnvoyOptions::default().precise_timer(), "precise timers").await;
}

/// Envoy's own fault filter fires up to 6 ms early here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_is_never_cut_short_with_the_default_timers() {
    one_64_and_1000_waiting(EnvoyOptions::default(), "default timers").await;
}

/// A short delay must not wait for a long one that came before it, nor a long one leave with a short one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delays_of_different_length_go_on_in_the_order_of_their_deadlines() {
    let upstream = HttpUpstream::start().await.unwrap();
    let faults = |delay: &str| json!([{"delay": {"fixed": delay}}]);
    let experiment = Experiment::new()
        .on_path("long", "/size/1", faults("900ms"))
        .on_path("middle", "/size/2", faults("300ms"))
        .on_path("short", "/size/3", faults("10ms"));
    let envoy = EnvoyOptions::default()
        .start(EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap()))
        .await
        .unwrap();
    let send = |path: &str, count: u64| {
        let load = Load::http2(envoy.addr("ingress")).path(path).streams(20);
        tokio::spawn(async move { (load.requests(count).await.unwrap(), Instant::now()) })
    };
    let long = send("/size/1", 20);
    envoy.prometheus_until("the long ones", |metrics| metrics.in_flight() == 20).await.unwrap();
    let (middle, short) = (send("/size/2", 20), send("/size/3", 20));
    let (long, middle, short) = (long.await.unwrap(), middle.await.unwrap(), short.await.unwrap());
    for ((report, _), delay) in [(&long, 900), (&middle, 300), (&short, 10)] {
        assert_eq!(report.count(200), 20);
        assert!(
            report.fastest() + SLACK >= Duration::from_millis(delay),
            "{delay} ms: {:?}",
            report.fastest()
        );
    }
    assert!(short.1 < middle.1 && middle.1 < long.1);
}
