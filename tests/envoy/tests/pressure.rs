//! Pressure on a real Envoy: burnt worker time is felt and bounded, held memory is really there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, Listener, Load, Metrics, Route, VirtualHost,
    percentile,
};

const MIB: u64 = 1 << 20;

/// Two listeners that answer 200 themselves: `ingress` with Squall, `beside` without.
async fn start(workers: u32, experiment: &Experiment) -> Envoy {
    let listener = |name: &str| {
        Listener::new(name).virtual_host(VirtualHost::any("any").route(Route::prefix("/").answer(200, "ok")))
    };
    let config = EnvoyConfig::new()
        .listener(listener("ingress").filters(experiment.filter().unwrap()))
        .listener(listener("beside"));
    EnvoyOptions::default().concurrency(workers).precise_timer().start(config).await.unwrap()
}

fn busy(burn: &str, share: &str) -> Value {
    json!([{"pressure": {"cpu": {"burn": burn, "max_share": share}}}])
}

async fn finished(envoy: &Envoy, scenario: &str, requests: u64) -> Metrics {
    let all = |m: &Metrics| m.finished(scenario, "treatment") + m.finished(scenario, "other") == requests;
    envoy.prometheus_until("all requests finished", all).await.unwrap()
}

#[tokio::test]
async fn a_burn_is_felt_by_its_request_in_http1_and_http2_and_by_no_other_path() {
    let experiment = Experiment::new().on_path("busy", "/busy", busy("20ms", "50%"));
    let envoy = start(1, &experiment).await;
    let mut slow = Vec::new();
    let mut quick = Vec::new();
    let [one, two] = [HttpClient::http1(envoy.addr("ingress")), HttpClient::http2(envoy.addr("ingress"))];
    for client in [&one, &two] {
        // Ten burns of 20 ms are less than the half second that is saved at first.
        for _ in 0..10 {
            slow.push(client.get("/busy").await.unwrap().elapsed);
            quick.push(client.get("/other").await.unwrap().elapsed);
        }
    }
    let least = slow.iter().min().unwrap();
    assert!(*least >= Duration::from_millis(20), "{least:?}");
    let (burnt, plain) = (percentile(&slow, 0.5), percentile(&quick, 0.5));
    assert!(
        burnt < Duration::from_millis(80) && plain < Duration::from_millis(20),
        "{burnt:?} and {plain:?}"
    );
    let metrics = finished(&envoy, "busy", 20).await;
    assert_eq!((metrics.injected("busy", "cpu"), metrics.spared("busy", "cpu_share")), (20, 0));
    assert_eq!((metrics.in_flight(), metrics.sum("chaos_host_errors_total", &[])), (0, 0.0));
}

/// One worker, far more requests than its share allows: what is burnt is the share of the time and one second of
/// it that was saved before; nothing else is held up for longer than a burn or two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_holds_under_load_and_another_listener_of_the_worker_still_answers() {
    const BURN_MS: u64 = 5;
    let experiment = Experiment::new().scenario("busy", json!({}), busy("5ms", "20%"));
    let envoy = start(1, &experiment).await;
    let load = Load::http1(envoy.addr("ingress")).connections(8);
    let begun = Instant::now();
    let cpu = envoy.cpu_time().unwrap();
    let traffic = tokio::spawn(async move { load.for_time(Duration::from_secs(4)).await.unwrap() });
    let beside = HttpClient::http1(envoy.addr("beside"));
    let mut answers = Vec::new();
    while !traffic.is_finished() {
        let reply = beside.get("/").await.unwrap();
        assert_eq!(reply.status, 200);
        answers.push(reply.elapsed);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let report = traffic.await.unwrap();
    let elapsed = begun.elapsed();
    assert_eq!(report.broken(), 0);
    let metrics = finished(&envoy, "busy", report.samples.len() as u64).await;
    let (burns, spared) = (metrics.injected("busy", "cpu"), metrics.spared("busy", "cpu_share"));
    assert_eq!((burns, spared), (metrics.finished("busy", "treatment"), metrics.finished("busy", "other")));
    let most = elapsed.as_millis() as u64 + 1_000;
    assert!(burns * BURN_MS * 5 <= most, "{burns} burns of 5 ms in {elapsed:?}");
    // Burns that the machine stretches cost more of the share than 5 ms; half of them have to be there all the same.
    assert!(burns * BURN_MS * 5 * 2 >= most - 1_000, "{burns} burns of 5 ms in {elapsed:?}");
    assert!(spared > burns, "{spared} spared, {burns} burnt");
    let burnt = Duration::from_millis(burns * BURN_MS);
    assert!(envoy.cpu_time().unwrap() - cpu >= burnt.mul_f64(0.8), "burnt time is CPU time");
    let middle = percentile(&answers, 0.5);
    assert!(
        answers.len() > 50 && middle < Duration::from_millis(100),
        "{} answers, {middle:?}",
        answers.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_held_by_every_worker_that_meets_the_scenario_until_the_mission_ends() {
    let faults = json!([{"pressure": {"memory": {"hold": "64MiB"}}}]);
    let experiment = Experiment::new().on_path("large", "/large", faults).set("duration", json!("6s"));
    let envoy = start(2, &experiment).await;
    let held = |metrics: &Metrics| metrics.sum("chaos_memory_held_bytes", &[]) as u64;
    let load = |path: &str| Load::http1(envoy.addr("ingress")).connections(16).path(path);
    load("/other").requests(200).await.unwrap();
    let before = envoy.rss().unwrap();
    assert_eq!(held(&envoy.prometheus().await.unwrap()), 0);
    let report = load("/large").requests(400).await.unwrap();
    assert_eq!(report.count(200), 400);
    let metrics = finished(&envoy, "large", 400).await;
    assert_eq!((held(&metrics), metrics.injected("large", "memory")), (128 * MIB, 400));
    let grown = envoy.rss().unwrap().saturating_sub(before);
    assert!((120 * MIB..200 * MIB).contains(&grown), "{} MiB more", grown / MIB);
    let freed = |metrics: &Metrics| held(metrics) == 0;
    envoy.prometheus_until("the end of the mission", freed).await.unwrap();
    assert_eq!(load("/large").requests(100).await.unwrap().count(200), 100);
    assert_eq!(held(&envoy.prometheus().await.unwrap()), 0);
}
