//! Promise P4 on a real Envoy with 4 workers: caps hold over all of them together, to the request, and whoever was
//! spared is counted with the cause.

use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpFilter, Listener, Load, LoadReport, Metrics, Route,
    VirtualHost, assert_share,
};
use squall_policy::{Direction, Fact, Facts, Report, Seed, load_plugin};

const REQUESTS: u64 = 20_000;

/// An Envoy with 4 workers that answers 200 to what the experiment lets pass.
async fn start(experiment: &Experiment) -> Envoy {
    let host = VirtualHost::any("any").route(Route::prefix("/").answer(200, "routed"));
    let listener = Listener::new("ingress")
        .filters(experiment.filter().unwrap())
        .virtual_host(host)
        .set_http("generate_request_id", json!(false));
    let options = EnvoyOptions::default().concurrency(4).precise_timer();
    options.start(EnvoyConfig::new().listener(listener)).await.unwrap()
}

fn abort() -> Value {
    json!([{"abort": {"status": 503}}])
}

async fn load(envoy: &Envoy, prefix: &str, requests: u64) -> LoadReport {
    let load = Load::http1(envoy.addr("ingress")).connections(32).id_prefix(prefix);
    let report = load.requests(requests).await.unwrap();
    assert_eq!(report.broken(), 0);
    report
}

fn group(metrics: &Metrics, scenario: &str, group: &str) -> u64 {
    metrics.finished(scenario, group)
}

async fn when_finished(envoy: &Envoy, scenario: &str, requests: u64) -> Metrics {
    let all = |m: &Metrics| {
        ["treatment", "control", "other"].iter().map(|name| group(m, scenario, name)).sum::<u64>() == requests
    };
    envoy.prometheus_until(&format!("{requests} finished requests"), all).await.unwrap()
}

/// A request that has nothing but an id.
struct Request(Vec<u8>);

impl Facts for Request {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        matches!(fact, Fact::RequestId).then_some(self.0.as_slice())
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }
}

/// How many of the requests the policy alone, natively, would give a fault.
fn sampled(experiment: &Experiment, report: &LoadReport) -> u64 {
    let loaded = load_plugin(experiment.plugin().to_string().as_bytes(), None, &mut Report::default());
    let plan = loaded.expect("no mistake").plan.expect("a mission");
    let seed = Seed::from_text("test");
    let taken = report.samples.iter().filter(|sample| {
        let mut request = Request(report.request_id(sample).into_bytes());
        plan.decide(&seed, &mut request).injection.is_some()
    });
    taken.count() as u64
}

/// Promise P4, and the ledger: every request is injected, spared by a cap, or not sampled, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_max_total_is_met_exactly_and_the_ledger_adds_up_over_20_000_requests_and_4_workers() {
    let half = json!({"sample": {"percent": 50}});
    let experiment =
        Experiment::new().scenario("half", half, abort()).with("safety", json!({"max_total": 2_500}));
    let envoy = start(&experiment).await;
    let report = load(&envoy, "total", REQUESTS).await;
    let metrics = when_finished(&envoy, "half", REQUESTS).await;

    let (injected, spared) = (metrics.injected("half", "abort"), metrics.spared("half", "max_total"));
    assert_eq!((injected, report.count(503)), (2_500, 2_500));
    let drawn = sampled(&experiment, &report);
    assert_share("sampled requests", drawn, REQUESTS, 0.5);
    assert_eq!(injected + spared, drawn, "sampled = injected + suppressed");
    assert_eq!(metrics.sum("chaos_faults_suppressed_total", &[]) as u64, spared, "no other cause");
    let groups = ["treatment", "other", "control"].map(|name| group(&metrics, "half", name));
    assert_eq!(groups, [injected, spared, REQUESTS - drawn], "seen = injected + suppressed + not sampled");
    assert_eq!((metrics.sum("chaos_host_errors_total", &[]), metrics.in_flight()), (0.0, 0));
    for worker in 0..4 {
        let stat = format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total");
        assert!(envoy.stat(&stat).await.unwrap() > 0, "{stat}");
    }
}

/// Promise P4: never more than 20 with a fault in hand, and at a time when more want one, no fewer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_max_concurrent_holds_over_4_workers_while_clients_come_wait_and_leave() {
    let faults = json!([{"delay": {"fixed": "200ms"}}]);
    let experiment =
        Experiment::new().scenario("slow", json!({}), faults).with("safety", json!({"max_concurrent": 20}));
    let envoy = start(&experiment).await;
    // Every seventh client leaves before its delay is over.
    let patience = |index: u64| Duration::from_millis(if index.is_multiple_of(7) { 60 } else { 30_000 });
    let load = Load::http1(envoy.addr("ingress")).connections(48).id_prefix("busy").patience(patience);
    let traffic = tokio::spawn(async move { load.for_time(Duration::from_secs(4)).await.unwrap() });
    let mut highest = 0;
    let mut looks = 0;
    while !traffic.is_finished() {
        let in_flight = envoy.prometheus().await.unwrap().in_flight();
        assert!(in_flight <= 20, "{in_flight} at once");
        (highest, looks) = (highest.max(in_flight), looks + 1);
    }
    let report = traffic.await.unwrap();
    assert!(looks > 20 && highest == 20, "{looks} looks, at most {highest}");
    let total = report.samples.len() as u64;
    let finished = |m: &Metrics| {
        m.in_flight() == 0 && group(m, "slow", "treatment") + group(m, "slow", "other") == total
    };
    let metrics = envoy.prometheus_until("all requests finished", finished).await.unwrap();
    assert_eq!(metrics.injected("slow", "delay"), group(&metrics, "slow", "treatment"));
    assert_eq!(metrics.spared("slow", "max_concurrent"), group(&metrics, "slow", "other"));
    assert!(metrics.spared("slow", "max_concurrent") > 100);
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
    // Nothing leaked: 20 fit again.
    let again = Load::http1(envoy.addr("ingress")).connections(20).id_prefix("again");
    let again = again.requests(20).await.unwrap();
    assert!(again.latencies().iter().all(|latency| *latency >= Duration::from_millis(199)));
}

/// Promise P4: 100 in each second of the mission. N requests that come over a time of T seconds meet at most T + 1 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_max_per_second_holds_in_every_second_of_the_mission_over_4_workers() {
    let experiment = Experiment::new()
        .scenario("some", json!({}), abort())
        .with("safety", json!({"max_per_second": 100}))
        .set("duration", json!("4s"));
    let envoy = start(&experiment).await;
    let load = Load::http1(envoy.addr("ingress")).connections(32).id_prefix("second");
    let report = load.for_time(Duration::from_millis(4_500)).await.unwrap();
    let over = |m: &Metrics| m.value("chaos_missions_total", &[("result", "done")]) == Some(1.0);
    let metrics = envoy.prometheus_until("the end of the mission", over).await.unwrap();
    let injected = metrics.injected("some", "abort");
    assert_eq!(injected, report.count(503));
    // The mission began while Envoy started, and Envoy may have taken longer than the first second.
    assert!((200..=400).contains(&injected), "{injected} in the four seconds of the mission");
    let mut moments: Vec<Duration> = report
        .samples
        .iter()
        .filter(|sample| sample.outcome == squall_envoy_tests::load::Outcome::Answered(503))
        .map(|sample| sample.sent_after)
        .collect();
    moments.sort_unstable();
    // A window just below a second touches two of the mission's seconds.
    for (first, moment) in moments.iter().enumerate() {
        let inside =
            moments[first..].iter().take_while(|m| **m - *moment < Duration::from_millis(950)).count();
        assert!(inside <= 200, "{inside} from {moment:?} on");
    }
    assert!(metrics.spared("some", "max_per_second") > 1_000);
}

/// The mission's own cap, over two scenarios and 4 workers; an update of the same mission does not begin anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_the_mission_s_total_is_met_exactly_over_its_scenarios_and_every_cause_is_counted() {
    let path = |path: &str| json!({"match": [{"path": {"exact": path}}]});
    let experiment = Experiment::new()
        .scenario("first", path("/first"), abort())
        .with("safety", json!({"max_total": 700}))
        .scenario("second", path("/second"), abort())
        .set("safety", json!({"max_total": 1_000}));
    let envoy = start(&experiment).await;
    let alternating = |index: u64| {
        let path = if index.is_multiple_of(2) { "/first" } else { "/second" };
        squall_envoy_tests::request("GET", path, &[], "")
    };
    let load = Load::http1(envoy.addr("ingress")).connections(32).build(alternating);
    let report = load.requests(4_000).await.unwrap();
    assert_eq!((report.count(503), report.count(200)), (1_000, 3_000));
    when_finished(&envoy, "first", 2_000).await;
    let metrics = when_finished(&envoy, "second", 2_000).await;
    for scenario in ["first", "second"] {
        let (injected, spared) = (metrics.injected(scenario, "abort"), metrics.spared(scenario, "max_total"));
        assert_eq!(injected + spared, 2_000, "{scenario}");
        assert_eq!(group(&metrics, scenario, "treatment"), injected);
    }
    assert_eq!(metrics.injected("first", "abort") + metrics.injected("second", "abort"), 1_000);
}

/// Promise P4 beside P9: five configurations of the same mission under load share one total and one pool of slots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p4_what_was_used_of_a_cap_outlives_configuration_updates_under_load() {
    const NAME: &str = "caps";
    let experiment = |status: u16| {
        let faults = json!([{"delay": {"fixed": "10ms"}}, {"abort": {"status": status}}]);
        let safety = json!({"max_total": 1_500, "max_concurrent": 8});
        Experiment::new().scenario("all", json!({}), faults).with("safety", safety).plugin()
    };
    let host = VirtualHost::any("any").route(Route::prefix("/").answer(200, "routed"));
    let filter = HttpFilter::squall_discovered(NAME, &experiment(503)).unwrap();
    let listener = Listener::new("ingress").filter(filter).virtual_host(host);
    let options = EnvoyOptions::default().concurrency(4).precise_timer();
    let envoy = options.start(EnvoyConfig::new().listener(listener)).await.unwrap();
    let load = Load::http1(envoy.addr("ingress")).connections(24);
    let traffic = tokio::spawn(async move { load.for_time(Duration::from_secs(5)).await.unwrap() });
    let mut update = 0_u16;
    while !traffic.is_finished() {
        update += 1;
        let next = HttpFilter::squall_config(NAME, &experiment(504 + update % 5)).unwrap();
        envoy.update_filter(NAME, &next).await.unwrap();
        let in_flight = envoy.prometheus().await.unwrap().in_flight();
        assert!(in_flight <= 8, "{in_flight} at once");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let report = traffic.await.unwrap();
    assert_eq!((report.broken(), report.left()), (0, 0));
    let aborted = report.total() - report.count(200);
    let total = report.total();
    let finished = |m: &Metrics| group(m, "all", "treatment") + group(m, "all", "other") == total;
    let metrics = envoy.prometheus_until("all requests finished", finished).await.unwrap();
    assert_eq!((aborted, metrics.injected("all", "abort")), (1_500, 1_500), "after {update} updates");
    let spared = metrics.spared("all", "max_total") + metrics.spared("all", "max_concurrent");
    assert_eq!(1_500 + spared, total);
    assert!(update >= 5 && metrics.spared("all", "max_concurrent") > 0);
}
