//! Promise P1 on a real Envoy: when a mission starts and ends, what its end does to waiting requests, and that
//! an ended mission stays ended.
//!
//! The wall clock of this process cannot be stepped. That a step of it lengthens nothing, and that an idle filter
//! reads no header and no clock, is proved in the wasm ring (`tests/wasm_host`), whose host owns the clocks.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use squall_envoy_tests::{
    ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Load,
    LoadReport, Metrics,
};
use tokio::task::JoinSet;

const FILTER: &str = "extensions.istio.io/wasmplugin/test.squall";

/// The bound of promise P1.
const BOUND: Duration = Duration::from_secs(1);

/// A catalog and no mission.
fn idle() -> Value {
    let mut plugin = Experiment::new().scenario("cut", json!({}), abort()).plugin();
    plugin.as_object_mut().unwrap().remove("mission");
    plugin
}

fn abort() -> Value {
    json!([{"abort": {"status": 503}}])
}

/// An Envoy with 4 workers whose filter has no mission yet: the mission's clock starts with the update.
async fn envoy_without_mission(upstream: &HttpUpstream) -> Envoy {
    let filter = HttpFilter::squall_discovered(FILTER, &idle()).unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), [filter]);
    EnvoyOptions::default().concurrency(4).log_level("info").start(config).await.unwrap()
}

/// Gives the filter a new configuration; the moments before and after lie around the first worker's.
async fn configure(envoy: &Envoy, experiment: &Experiment) -> (Instant, Instant) {
    let before = Instant::now();
    let config = HttpFilter::squall_config(FILTER, &experiment.plugin()).unwrap();
    assert_eq!(envoy.update_filter(FILTER, &config).await.unwrap(), ConfigUpdate::Accepted);
    (before, Instant::now())
}

fn rfc3339(time: SystemTime) -> Value {
    json!(humantime::format_rfc3339_millis(time).to_string())
}

fn active(metrics: &Metrics, scenario: &str) -> Option<f64> {
    metrics.value("chaos_active", &[("scenario", scenario), ("namespace", "test")])
}

/// A finished load with the moments between which it began.
struct Sent {
    report: LoadReport,
    earliest_start: Instant,
    latest_start: Instant,
}

impl Sent {
    async fn for_time(load: Load, time: Duration) -> Self {
        let earliest_start = Instant::now();
        let report = load.for_time(time).await.unwrap();
        let latest_start = Instant::now() - report.elapsed;
        assert_eq!(report.count(200) + report.count(503), report.total(), "{} broke", report.broken());
        Self { report, earliest_start, latest_start }
    }

    /// How many of the requests that were surely sent after `moment` were aborted, and how many were not.
    fn after(&self, moment: Instant) -> (usize, usize) {
        self.split(|sent, _| self.earliest_start + sent >= moment)
    }

    /// The same of the requests that were surely answered before `moment`.
    fn before(&self, moment: Instant) -> (usize, usize) {
        self.split(|_, answered| self.latest_start + answered < moment)
    }

    fn split(&self, chosen: impl Fn(Duration, Duration) -> bool) -> (usize, usize) {
        let samples = self.report.samples.iter().filter(|s| chosen(s.sent_after, s.sent_after + s.latency));
        let (aborted, passed): (Vec<_>, Vec<_>) = samples.partition(|sample| sample.status() == Some(503));
        (aborted.len(), passed.len())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_after_the_deadline_no_request_is_faulted_and_the_waiting_ones_are_let_go() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = envoy_without_mission(&upstream).await;
    let experiment = Experiment::new()
        .on_path("cut", "/size/1", abort())
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": "30s"}}]))
        .on_path("hold-back", "/size/3", json!([{"delay": {"fixed": "30s", "phase": "response"}}]))
        .on_path("cut-late", "/size/4", json!([{"delay": {"fixed": "30s"}}, {"abort": {"status": 503}}]))
        .set("id", json!("p1"))
        .set("duration", json!("2s"));
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let (before, after) = configure(&envoy, &experiment).await;
    let duration = Duration::from_secs(2);

    let mut waiting = JoinSet::new();
    for number in 0..90 {
        let address = envoy.addr("ingress");
        let client = if number % 2 == 0 { HttpClient::http1(address) } else { HttpClient::http2(address) };
        waiting.spawn(async move {
            let reply = client.get(&format!("/size/{}", 2 + number % 3)).await.unwrap();
            (reply.status, Instant::now())
        });
    }
    let load = Load::http1(envoy.addr("ingress")).path("/size/1").connections(4);
    let load = tokio::spawn(Sent::for_time(load, Duration::from_millis(3_500)));
    let metrics =
        envoy.prometheus_until("90 waiting requests", |metrics| metrics.in_flight() >= 90).await.unwrap();
    for scenario in ["cut", "hold", "hold-back", "cut-late"] {
        assert_eq!(active(&metrics, scenario), Some(1.0), "{scenario}");
    }
    let deadline = metrics.value("chaos_deadline_seconds", &[]).unwrap();
    assert!((wall.floor() + 2.0..=wall + 12.0).contains(&deadline), "{deadline} is not 2 s after {wall}");

    for (status, released) in waiting.join_all().await {
        assert_eq!(status, 200, "the upstream's answer, and no abort after the deadline");
        assert!(released >= before + duration - Duration::from_millis(1), "released before the deadline");
        assert!(released <= after + duration + BOUND, "released {:?} late", released - (after + duration));
    }
    let load = load.await.unwrap();
    let (aborted, passed) = load.before(before + duration);
    assert!(aborted > 100 && passed == 0, "while it ran: {aborted} aborted, {passed} passed");
    let (aborted, passed) = load.after(after + duration);
    assert!(aborted == 0 && passed > 100, "after the deadline: {aborted} aborted, {passed} passed");

    let metrics = envoy.prometheus_until("the end", |metrics| metrics.in_flight() == 0).await.unwrap();
    for scenario in ["cut", "hold", "hold-back", "cut-late"] {
        assert_eq!(active(&metrics, scenario), Some(0.0), "{scenario}");
    }
    assert_eq!(metrics.value("chaos_deadline_seconds", &[]), Some(0.0));
    assert_eq!(
        metrics.value("chaos_missions_total", &[("result", "done")]),
        Some(1.0),
        "counted once, by one worker"
    );
    assert_eq!((metrics.injected("cut-late", "delay"), metrics.injected("cut-late", "abort")), (30, 0));
    assert_eq!(metrics.spared("cut-late", "deadline"), 30);
    assert_eq!(envoy.log().matches("mission.done").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_with_a_start_begins_and_ends_by_it() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = envoy_without_mission(&upstream).await;
    let (wall, now) = (SystemTime::now(), Instant::now());
    let wait = Duration::from_millis(1_500);
    let experiment = Experiment::new()
        .on_path("cut", "/size/1", abort())
        .set("id", json!("planned"))
        .set("start", rfc3339(wall + wait))
        .set("duration", json!("1s"));
    configure(&envoy, &experiment).await;
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(
        (active(&metrics, "cut"), metrics.value("chaos_deadline_seconds", &[])),
        (Some(0.0), Some(0.0))
    );

    let load = Load::http1(envoy.addr("ingress")).path("/size/1").connections(4);
    let load = Sent::for_time(load, Duration::from_millis(3_200)).await;
    // The configuration carries whole milliseconds.
    let start = now + wait - Duration::from_millis(1);
    let (aborted, passed) = load.before(start);
    assert!(aborted == 0 && passed > 100, "before the start: {aborted} aborted, {passed} passed");
    let (aborted, passed) = load.after(now + wait + Duration::from_secs(1));
    assert!(aborted == 0 && passed > 100, "after the deadline: {aborted} aborted, {passed} passed");
    assert!(load.report.count(503) > 100, "only {} aborted in between", load.report.count(503));
    let done = |metrics: &Metrics| metrics.value("chaos_missions_total", &[("result", "done")]) == Some(1.0);
    envoy.prometheus_until("the end", done).await.unwrap();
}

#[tokio::test]
async fn a_start_in_the_past_shortens_a_mission_and_may_leave_nothing_of_it() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = envoy_without_mission(&upstream).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    let (wall, now) = (SystemTime::now(), Instant::now());
    let past = |id: &str, seconds: u64, duration: &str| {
        Experiment::new()
            .on_path("cut", "/size/1", abort())
            .set("id", json!(id))
            .set("start", rfc3339(wall - Duration::from_secs(seconds)))
            .set("duration", json!(duration))
    };
    configure(&envoy, &past("long-gone", 60, "59s")).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 200);
    assert_eq!(active(&envoy.prometheus().await.unwrap(), "cut"), Some(0.0));
    assert!(envoy.log().contains("long-gone"), "{}", envoy.log());

    configure(&envoy, &past("half-gone", 60, "63s")).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 503);
    tokio::time::sleep_until((now + Duration::from_secs(3)).into()).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 200);
}

#[tokio::test]
async fn p6_an_ended_mission_does_not_run_again_under_the_same_id() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = envoy_without_mission(&upstream).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    let mission = |id: &str, duration: &str| {
        Experiment::new()
            .on_path("cut", "/size/1", abort())
            .set("id", json!(id))
            .set("duration", json!(duration))
    };
    configure(&envoy, &mission("once", "1s")).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 503);
    let done = |metrics: &Metrics| metrics.value("chaos_missions_total", &[("result", "done")]) == Some(1.0);
    envoy.prometheus_until("the end", done).await.unwrap();

    configure(&envoy, &mission("once", "1h")).await;
    for _ in 0..8 {
        assert_eq!(client.get("/size/1").await.unwrap().status, 200);
    }
    let metrics = envoy.prometheus().await.unwrap();
    assert!(done(&metrics) && active(&metrics, "cut") == Some(0.0));
    configure(&envoy, &mission("twice", "1h")).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 503, "another id runs");
}

/// Promise P9, its second half: the clock of a mission goes on when its configuration changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p9_an_update_does_not_restart_the_clock_of_a_mission() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = envoy_without_mission(&upstream).await;
    let mission = |status: u16| {
        Experiment::new()
            .on_path("cut", "/size/1", json!([{"abort": {"status": status}}]))
            .set("id", json!("kept"))
            .set("duration", json!("2s"))
    };
    let client = HttpClient::http1(envoy.addr("ingress"));
    let (_, after) = configure(&envoy, &mission(418)).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 418);
    tokio::time::sleep_until((after + Duration::from_secs(1)).into()).await;
    configure(&envoy, &mission(503)).await;
    assert_eq!(client.get("/size/1").await.unwrap().status, 503, "the update took effect");
    let load = Load::http1(envoy.addr("ingress")).path("/size/1").connections(4);
    let load = Sent::for_time(load, Duration::from_millis(1_800)).await;
    let (aborted, passed) = load.after(after + Duration::from_secs(2));
    assert!(aborted == 0 && passed > 100, "after the first deadline: {aborted} aborted, {passed} passed");
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.value("chaos_missions_total", &[("result", "done")]), Some(1.0));
    assert_eq!(active(&metrics, "cut"), Some(0.0));
}

#[tokio::test]
async fn without_a_mission_or_with_a_disabled_one_nothing_is_touched_and_nothing_counted() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = envoy_without_mission(&upstream).await;
    let disabled = Experiment::new().scenario("cut", json!({}), abort()).set("enable", json!(false));
    for disable in [true, false] {
        let report = Load::http1(envoy.addr("ingress")).path("/size/1").requests(200).await.unwrap();
        assert_eq!(report.count(200), 200);
        let metrics = envoy.prometheus().await.unwrap();
        let counted: Vec<&str> = metrics.samples().iter().map(|sample| sample.name.as_str()).collect();
        for name in ["chaos_requests_total", "chaos_faults_injected_total", "chaos_faults_suppressed_total"] {
            assert!(!counted.contains(&name), "{name}");
        }
        assert_eq!(metrics.value("chaos_config_rejected", &[]), Some(0.0));
        if disable {
            configure(&envoy, &disabled).await;
        }
    }
    let enabled = disabled.set("enable", json!(true));
    configure(&envoy, &enabled).await;
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status, 503);
}
