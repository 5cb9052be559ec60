//! Guardrails on a real Envoy with four workers: what stops a mission, how soon, and what comes back.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Listener,
    Load, LoadReport, Route, Sample, VirtualHost, eventually,
};

const DEADLINE: Duration = Duration::from_secs(20);
/// From the tripping to the last that waits for a fault.
const BOUND: Duration = Duration::from_secs(1);

/// Half of all requests are delayed by 20 ms.
fn delaying(keys: &[(&str, Value)]) -> Experiment {
    let scope = json!({"sample": {"percent": 50}});
    let experiment = Experiment::new().scenario("slow", scope, json!([{"delay": {"fixed": "20ms"}}]));
    keys.iter().fold(experiment, |experiment, (key, value)| experiment.with(key, value.clone()))
}

fn halting(rule: Value) -> Experiment {
    delaying(&[("safety", json!({"halt_when": [rule]}))])
}

async fn start(upstream: &HttpUpstream, experiment: &Experiment) -> Envoy {
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    EnvoyOptions::default().concurrency(4).log_level("info").start(config).await.unwrap()
}

async fn load(envoy: &Envoy, path: &str, time: Duration) -> LoadReport {
    Load::http1(envoy.addr("ingress")).path(path).connections(16).open_loop(400.0, time).await.unwrap()
}

/// The events of a name in Envoy's log.
fn events(envoy: &Envoy, name: &str) -> Vec<Value> {
    let log = envoy.log();
    let lines = log.lines().filter_map(|line| line.get(line.find("{\"event\"")?..));
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

async fn event(envoy: &Envoy, name: &str) -> Value {
    eventually(name, DEADLINE, async || events(envoy, name).into_iter().next()).await.unwrap()
}

async fn halted_alone(envoy: &Envoy, rule: &str) {
    let tripped = event(envoy, "guardrail.tripped").await;
    assert_eq!((&tripped["rule"], &tripped["rollback"]), (&json!(rule), &json!("disable")), "{tripped}");
    let halted = event(envoy, "mission.halted").await;
    assert_eq!((&halted["reason"], &halted["mission"]), (&json!("guardrail"), &json!("test")), "{halted}");
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.value("chaos_halts_total", &[("reason", "guardrail")]), Some(1.0));
    assert_eq!(events(envoy, "guardrail.tripped").len(), 1);
}

/// A second after the event no fault comes any more.
async fn faults_end(envoy: &Envoy) {
    let since = Instant::now();
    load(envoy, "/status/200", Duration::from_secs(1)).await;
    let injected = envoy.injected("slow", "delay").await.unwrap();
    assert!(since.elapsed() >= Duration::from_secs(1));
    let report = load(envoy, "/status/200", Duration::from_secs(2)).await;
    assert_eq!(envoy.injected("slow", "delay").await.unwrap(), injected, "a fault after the halt");
    assert_eq!((report.broken(), report.count(200)), (0, report.total()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upstream_errors_above_five_percent_halt_the_mission() {
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "2s", "min_requests": 50});
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &halting(rule)).await;
    load(&envoy, "/status/200", Duration::from_secs(4)).await;
    assert!(envoy.injected("slow", "delay").await.unwrap() > 400);
    assert_eq!(events(&envoy, "guardrail.tripped"), [] as [Value; 0]);
    load(&envoy, "/status/503", Duration::from_secs(5)).await;
    halted_alone(&envoy, "error_rate of control above 5 % for 2s").await;
    faults_end(&envoy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn treatment_that_is_worse_than_control_halts_the_mission_and_releases_who_waits() {
    let rule = json!({"metric": "latency_p95", "above": "5ms", "versus": "control", "confidence": "99%"});
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &halting(rule)).await;
    load(&envoy, "/status/200", Duration::from_secs(6)).await;
    halted_alone(&envoy, "latency_p95 of treatment more than 5 ms above control (99 % sure)").await;
    faults_end(&envoy).await;
}

/// By the event's own time, and by each client's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_when_a_guardrail_trips_goes_on_within_a_second() {
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "1s", "min_requests": 20});
    let long = Experiment::new()
        .scenario("slow", json!({"sample": {"percent": 50}}), json!([{"delay": {"fixed": "1m"}}]))
        .with("safety", json!({"halt_when": [rule], "max_concurrent": 200}));
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &long).await;
    // Each waits, or fails and so feeds the guardrail.
    let clients = Load::http1(envoy.addr("ingress")).path("/status/503").connections(300);
    let clocks = (SystemTime::now(), Instant::now());
    let report = clients.open_loop(60.0, Duration::from_secs(5)).await.unwrap();
    assert_eq!((report.broken(), report.count(503)), (0, report.total()));
    halted_alone(&envoy, "error_rate of control above 5 % for 1s").await;
    let event = event(&envoy, "guardrail.tripped").await;
    let at = humantime::parse_rfc3339(event["at"].as_str().unwrap()).unwrap();
    let tripped = clocks.1 + at.duration_since(clocks.0).unwrap();
    let waits = |sample: &&Sample| report.begun(sample) < tripped && report.ended(sample) > tripped;
    let waited: Vec<&Sample> = report.samples.iter().filter(waits).collect();
    let last = waited.iter().map(|sample| report.ended(sample) - tripped).max().unwrap_or_default();
    println!("{} waited, the last one {last:?} after the tripping", waited.len());
    assert!(waited.len() > 20, "{} waited for a minute when it tripped", waited.len());
    assert!(last < BOUND, "one of {} waited for {last:?} more", waited.len());
    // Who came later has not waited at all, or been let go as soon.
    let later = report.samples.iter().filter(|sample| report.begun(sample) >= tripped);
    let longest = later.map(|sample| sample.latency).max().expect("requests after the tripping");
    assert!(longest < BOUND, "{longest:?} after the tripping");
    assert_eq!(envoy.prometheus().await.unwrap().in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_opens_half_opens_and_closes() {
    let experiment = delaying(&[
        (
            "safety",
            json!({"halt_when": [{"metric": "error_rate", "group": "all", "above": "20%", "for": "1s"}]}),
        ),
        (
            "rollback",
            json!({"circuit_breaker": {"open_for": "5s", "half_open_intensity": "20%", "close_after": "2s"}}),
        ),
    ]);
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment).await;
    let standing =
        || -> Vec<Value> { events(&envoy, "rollback.done").iter().map(|e| e["breaker"].clone()).collect() };
    let mut seconds = 0;
    while standing().is_empty() && seconds < 8 {
        load(&envoy, "/status/503", Duration::from_secs(1)).await;
        seconds += 1;
    }
    assert_eq!(standing(), ["open"]);
    // Open since less than a second; by the next one nobody is delayed.
    load(&envoy, "/status/200", Duration::from_secs(1)).await;
    let before = envoy.injected("slow", "delay").await.unwrap();
    load(&envoy, "/status/200", Duration::from_millis(500)).await;
    assert_eq!(envoy.injected("slow", "delay").await.unwrap(), before);
    let mut shares = Vec::new();
    while standing().len() < 3 && shares.len() < 20 {
        let before = envoy.injected("slow", "delay").await.unwrap();
        let report = load(&envoy, "/status/200", Duration::from_secs(1)).await;
        shares.push((envoy.injected("slow", "delay").await.unwrap() - before) * 100 / report.total());
    }
    assert_eq!(standing(), ["open", "half_open", "closed"], "{shares:?}");
    assert!(shares.iter().any(|share| (3..20).contains(share)), "a tenth while half-open: {shares:?}");
    let before = envoy.injected("slow", "delay").await.unwrap();
    let report = load(&envoy, "/status/200", Duration::from_secs(1)).await;
    let share = (envoy.injected("slow", "delay").await.unwrap() - before) * 100 / report.total();
    assert!((35..65).contains(&share), "{share} % after it closed");
    assert_eq!(events(&envoy, "mission.halted"), [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_go_out_and_the_inbound_side_is_watched() {
    let rule = json!({"metric": "error_rate", "watch": "inbound", "above": "10%", "for": "1s"});
    let scope = json!({"direction": "outbound", "sample": {"percent": 50}});
    let experiment = Experiment::new()
        .scenario("slow", scope, json!([{"delay": {"fixed": "20ms"}}]))
        .with("safety", json!({"halt_when": [rule]}));
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = || [HttpFilter::squall(&experiment.plugin()).unwrap()];
    let host = || VirtualHost::any("any").route(Route::prefix("/").name("all").to("upstream"));
    let listener = |name: &str| Listener::new(name).filters(filter()).virtual_host(host());
    let config = EnvoyConfig::new()
        .listener(listener("ingress").outbound())
        .listener(listener("users").inbound())
        .cluster(Cluster::http1("upstream", upstream.addr()));
    let envoy = EnvoyOptions::default().concurrency(4).log_level("info").start(config).await.unwrap();
    load(&envoy, "/status/503", Duration::from_secs(3)).await;
    assert_eq!(events(&envoy, "guardrail.tripped"), [] as [Value; 0], "nothing came in yet");
    let users = Load::http1(envoy.addr("users")).path("/status/503").connections(8);
    let report = users.open_loop(100.0, Duration::from_secs(4)).await.unwrap();
    assert_eq!(report.count(503), report.total());
    halted_alone(&envoy, "error_rate of inbound above 10 % for 1s").await;
    faults_end(&envoy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_is_judged_by_what_came_between_baseline_and_recovery() {
    let experiment = delaying(&[("signals", json!({"error_rate": "<= 5%", "latency_p50": "<= 1s"}))])
        .set("duration", json!("4s"))
        .set("baseline", json!("2s"))
        .set("recovery", json!("1s"));
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    // Errors in the baseline count for nothing.
    for _ in 0..50 {
        client.get("/status/503").await.unwrap();
    }
    let injecting = async || events(&envoy, "stage.started").into_iter().find(|e| e["phase"] == "injecting");
    eventually("the injection", DEADLINE, injecting).await.unwrap();
    load(&envoy, "/status/200", Duration::from_secs(1)).await;
    let judged = event(&envoy, "mission.judged").await;
    assert_eq!(judged["verdict"], "held", "{judged}");
    assert_eq!(judged["held"].as_array().map(Vec::len), Some(2), "{judged}");
    assert_eq!(events(&envoy, "mission.judged").len(), 1);
}

/// A client that leaves says nothing about the service, however many do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_leave_before_the_answer_halt_nothing() {
    let rule =
        json!({"metric": "error_rate", "group": "all", "above": "5%", "for": "2s", "min_requests": 20});
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &halting(rule)).await;
    let load = Load::http1(envoy.addr("ingress")).path("/sleep/200").connections(32);
    // Every other one leaves while the upstream has its request.
    let load = load.patience(|index| Duration::from_millis(if index % 2 == 0 { 60 } else { 30_000 }));
    let report = load.for_time(Duration::from_secs(5)).await.unwrap();
    assert!(report.left() > 100 && report.count(200) > 100, "{} left", report.left());
    assert_eq!(events(&envoy, "guardrail.tripped"), [] as [Value; 0]);
    let left = |m: &squall_envoy_tests::Metrics| {
        m.sum("chaos_requests_total", &[("code_class", "none")]) as u64 >= report.left()
    };
    envoy.prometheus_until("those who left", left).await.unwrap();
    crate::load(&envoy, "/status/503", Duration::from_secs(4)).await;
    halted_alone(&envoy, "error_rate of all above 5 % for 2s").await;
}

/// The HTTP status is 200, and the failure stands in the trailers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_calls_that_the_service_fails_halt_the_mission_and_those_that_the_caller_fails_do_not() {
    let rule =
        json!({"metric": "error_rate", "group": "all", "above": "5%", "for": "2s", "min_requests": 20});
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = halting(rule).filter().unwrap();
    let config = EnvoyConfig::proxy_http2(upstream.addr(), filter);
    let envoy = EnvoyOptions::default().concurrency(4).log_level("info").start(config).await.unwrap();
    let calls = async |path: &str, seconds: u64| {
        let load = Load::http2(envoy.addr("ingress")).connections(4);
        let load = load.get_with(path, &[("content-type", "application/grpc"), ("te", "trailers")]);
        let report = load.open_loop(200.0, Duration::from_secs(seconds)).await.unwrap();
        assert_eq!(report.count(200), report.total(), "{path}: {} broke", report.broken());
    };
    // NOT_FOUND.
    calls("/trailers/5", 4).await;
    assert_eq!(events(&envoy, "guardrail.tripped"), [] as [Value; 0]);
    // UNAVAILABLE.
    calls("/trailers/14", 4).await;
    halted_alone(&envoy, "error_rate of all above 5 % for 2s").await;
}
