//! Two plugin instances with names of their own and one mission id, as when the mesh's and the workload's own plugin carry the same
//! mission: it has one clock and one end, and one halt ends it for both.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Listener,
    Route, VirtualHost, eventually,
};
use tokio::task::JoinSet;

use crate::mission;

const BOUND: Duration = Duration::from_secs(1);
const NAMES: [&str; 2] = ["istio-system.squall", "shop.squall"];

/// A listener for each of two plugins that run the same mission, and the control listener of both.
async fn start(upstream: &HttpUpstream, experiment: &Experiment) -> Envoy {
    let plugin = experiment.plugin();
    let host = || VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
    let mut control = plugin.clone();
    control["role"] = json!("control");
    control.as_object_mut().unwrap().remove("mission");
    let control = Listener::new("control").filter(HttpFilter::control(&control).unwrap());
    let mut config = EnvoyConfig::new()
        .cluster(Cluster::http1("upstream", upstream.addr()))
        .listener(control.virtual_host(host()));
    for name in NAMES {
        let mut typed_config = HttpFilter::squall_config(name, &plugin).unwrap();
        typed_config["config"]["root_id"] = json!("squall");
        typed_config["config"]["vm_config"]["vm_id"] = json!("squall");
        let filter =
            HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": typed_config}));
        config = config.listener(Listener::new(name).filter(filter).virtual_host(host()));
    }
    EnvoyOptions::default().concurrency(2).log_level("info").start(config).await.unwrap()
}

async fn statuses(envoy: &Envoy) -> [u16; 2] {
    let get = async |name| HttpClient::http1(envoy.addr(name)).get("/size/1").await.unwrap().status;
    [get(NAMES[0]).await, get(NAMES[1]).await]
}

fn events(envoy: &Envoy, name: &str) -> Vec<Value> {
    let log = envoy.log();
    let lines = log.lines().filter_map(|line| line.get(line.find("{\"event\"")?..));
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_plugins_with_one_mission_have_one_clock_and_one_end() {
    let upstream = HttpUpstream::start().await.unwrap();
    let lasting = Duration::from_secs(4);
    let before = Instant::now();
    let envoy = start(&upstream, &mission("shared", 503, "1m").set("duration", json!("4s"))).await;
    let first = HttpClient::http1(envoy.addr(NAMES[0]));
    assert_eq!(first.get("/size/1").await.unwrap().status, 503);
    let begun = Instant::now();
    // The other one's first request comes when half of the time is over, and changes nothing.
    tokio::time::sleep_until((begun + lasting / 2).into()).await;
    assert_eq!(statuses(&envoy).await, [503, 503]);
    let over = async || (statuses(&envoy).await == [200, 200]).then_some(Instant::now());
    let over = eventually("the end of both", lasting, over).await.unwrap();
    assert!(over - before >= lasting, "over {:?} after Envoy's start", over - before);
    assert!(over - begun < lasting + BOUND, "over {:?} after its first fault", over - begun);

    let done = async || (!events(&envoy, "mission.done").is_empty()).then_some(());
    eventually("the end in the log", BOUND * 5, done).await.unwrap();
    let ended = |metrics: &squall_envoy_tests::Metrics| metrics.sum("chaos_missions_total", &[]) > 0.0;
    envoy.prometheus_until("the end in the counters", ended).await.unwrap();
    // Whoever would count it once more would have by now: all workers look at it every 250 ms.
    tokio::time::sleep_until((over + BOUND).into()).await;
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.value("chaos_missions_total", &[("result", "done")]), Some(1.0));
    assert_eq!(metrics.sum("chaos_missions_total", &[]), 1.0);
    for name in ["mission.accepted", "mission.done"] {
        assert_eq!(events(&envoy, name).len(), 1, "{name}: {}", envoy.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_halt_stops_a_mission_of_two_plugins_in_both() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &mission("shared", 503, "1m")).await;
    assert_eq!(statuses(&envoy).await, [503, 503]);
    let mut waiting = JoinSet::new();
    for number in 0..8 {
        let client = HttpClient::http1(envoy.addr(NAMES[number % 2]));
        waiting.spawn(async move { (client.get("/size/2").await.unwrap().status, Instant::now()) });
    }
    envoy.prometheus_until("requests that wait", |metrics| metrics.in_flight() == 8).await.unwrap();
    let control = HttpClient::http1(envoy.addr("control"));
    let headers = [("content-type", "application/json")];
    assert_eq!(control.post("/v1/halt", &headers, "{}").await.unwrap().status, 200);
    let halted = Instant::now();
    for (status, at) in waiting.join_all().await {
        let later = at.saturating_duration_since(halted);
        assert!(status == 200 && later < BOUND, "{status}, let go {later:?} after the halt");
    }
    tokio::time::sleep_until((halted + BOUND).into()).await;
    for _ in 0..8 {
        assert_eq!(statuses(&envoy).await, [200, 200]);
    }
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.sum("chaos_halts_total", &[]), 1.0);
    assert_eq!(metrics.value("chaos_missions_total", &[("result", "halted")]), Some(1.0));
    assert_eq!(metrics.sum("chaos_missions_total", &[]), 1.0);
    assert_eq!(events(&envoy, "mission.halted").len(), 1, "{}", envoy.log());
}
