//! Updates that give the plugin new virtual machines, because the module or its environment has changed: the old ones live on
//! with their connections and with the requests that wait in them, and hear of it all the same.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{
    ConfigUpdate, Envoy, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Metrics, eventually,
};

use crate::{
    SHOP, active, discovered, from_istiod, listeners, mission, resource, send, start, until_in_flight,
};

/// How long after an update nothing may be left of what it ends (promise P1), and time for a busy machine.
const AT_MOST: Duration = Duration::from_secs(5);

/// The same plugin in a machine whose environment has this value.
fn in_machine(rotation: &str, configuration: &Value) -> Value {
    let mut config = from_istiod(SHOP, configuration);
    config["config"]["vm_config"]["environment_variables"] = json!({"key_values": {"ROTATION": rotation}});
    config
}

async fn update(envoy: &Envoy, rotation: &str, configuration: &Value) {
    let verdict = envoy.update_filter(&resource(SHOP), &in_machine(rotation, configuration)).await;
    assert_eq!(verdict.unwrap(), ConfigUpdate::Accepted);
}

#[tokio::test]
async fn p1_requests_that_wait_in_an_old_machine_go_on_when_the_mission_is_stopped() {
    let running = mission("rotated", 503, "60s");
    for stop in [
        running.clone().set("enable", json!(false)).plugin(),
        mission("another", 503, "60s").plugin(),
        json!({"version": 1, "catalog": {"version": 1, "scenarios": []}}),
    ] {
        let upstream = HttpUpstream::start().await.unwrap();
        let envoy = start(&upstream, 2, [discovered(SHOP, &running.plugin())]).await;
        let mut replies = send(&envoy, "/size/2", 8);
        until_in_flight(&envoy, 8).await;
        let begun = Instant::now();
        update(&envoy, "second", &stop).await;
        while let Some(reply) = replies.join_next().await {
            let (status, ended) = reply.unwrap();
            assert_eq!(status, 200, "{stop}");
            assert!(ended - begun < AT_MOST, "{:?}: {stop}", ended - begun);
        }
    }
}

/// Open connections keep the listener of the old machine.
#[tokio::test]
async fn p1_open_connections_of_an_old_machine_are_faulted_no_more_after_a_stop() {
    let filter = |rotation: &str, plugin: &Value| {
        HttpFilter::json(
            json!({"name": "envoy.filters.http.wasm", "typed_config": in_machine(rotation, plugin)}),
        )
    };
    let running = mission("rotated", 503, "20s");
    let upstream = HttpUpstream::start().await.unwrap();
    let bootstrap = listeners::bootstrap(&upstream, &[filter("first", &running.plugin())]);
    let options = EnvoyOptions::default().concurrency(2).drain_seconds(1_000_000);
    let envoy = options.start(bootstrap).await.unwrap();
    let open: Vec<_> = (0..8)
        .map(|number| {
            let address = envoy.addr("ingress");
            if number % 2 == 0 { HttpClient::http1(address) } else { HttpClient::http2(address) }
        })
        .collect();
    for client in &open {
        assert_eq!(client.get("/size/1").await.unwrap().status, 503);
    }
    let stopped = running.set("enable", json!(false)).plugin();
    listeners::replace(&envoy, &[filter("second", &stopped)]);
    let quiet = eventually("no fault on open connections", AT_MOST, async || {
        for client in &open {
            if client.get("/size/1").await.ok()?.status != 200 {
                return None;
            }
        }
        Some(())
    });
    quiet.await.unwrap();
    let shown = envoy.prometheus_until("the mission is shown as over", |m| active(m, "cut") == Some(0.0));
    shown.await.unwrap();
}

/// What the old machine has shown, the new one does not know: the old one takes it away, whether requests keep it alive or not.
#[tokio::test]
async fn a_scenario_that_a_new_machine_does_not_show_is_shown_as_over() {
    let running = mission("rotated", 503, "20s");
    let renamed = Experiment::new()
        .on_path("chop", "/size/1", json!([{"abort": {"status": 503}}]))
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": "20s"}}]))
        .set("id", json!("rotated"));
    let mut relabelled = renamed.plugin();
    relabelled["stat_labels"] = json!("built_in");
    for waiting in [0, 4] {
        let upstream = HttpUpstream::start().await.unwrap();
        let envoy = start(&upstream, 2, [discovered(SHOP, &running.plugin())]).await;
        let shown = async |what: &str, expected: [f64; 4]| {
            // A series that no machine uses any more is gone.
            let names = ["cut", "chop", "hold", "hold-back"];
            let on = |m: &Metrics| names.map(|name| active(m, name).unwrap_or_default());
            let as_expected = |m: &Metrics| on(m) == expected;
            let metrics = envoy.prometheus_until(what, as_expected).await;
            let metrics = metrics.unwrap_or_else(|error| panic!("{waiting} waiting: {error}"));
            let declared = metrics.family("chaos_declared_rate_ppm").filter(|sample| sample.value > 0.0);
            assert_eq!(declared.count() as f64, expected.iter().sum::<f64>(), "{what}");
            assert!(metrics.sum("chaos_deadline_seconds", &[]) > 0.0, "{what}");
        };
        shown("the first", [1.0, 0.0, 1.0, 1.0]).await;
        let replies = send(&envoy, "/size/2", waiting);
        until_in_flight(&envoy, waiting as u64).await;
        update(&envoy, "second", &renamed.plugin()).await;
        shown("the new name alone", [0.0, 1.0, 1.0, 0.0]).await;
        update(&envoy, "third", &relabelled).await;
        shown("nothing under the old labels", [0.0; 4]).await;
        let metrics = envoy.prometheus().await.unwrap();
        let ours = metrics.samples().iter().filter(|sample| sample.name.ends_with("chaos_active"));
        let new = ours.filter(|sample| sample.name.contains("tag_chop")).map(|sample| sample.value);
        let new: Vec<f64> = new.collect();
        assert_eq!(new, [1.0], "{waiting} waiting");
        drop(replies);
    }
}

/// The old machine takes its leave without touching what the new one shows.
#[tokio::test]
async fn a_running_mission_is_shown_as_active_after_its_machine_was_replaced() {
    let running = mission("rotated", 503, "20s").plugin();
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 2, [discovered(SHOP, &running)]).await;
    let deadline = |metrics: &Metrics| metrics.value("chaos_deadline_seconds", &[]).unwrap_or_default();
    let shown = envoy.prometheus_until("its deadline", |metrics| deadline(metrics) > 0.0).await.unwrap();
    let first = deadline(&shown);
    let mut revised = running.clone();
    revised["revision"] = json!("2");
    for (rotation, configuration) in [("second", &running), ("third", &running), ("fourth", &revised)] {
        update(&envoy, rotation, configuration).await;
        // The old machines are gone once their contexts are: nothing says when.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let metrics = envoy.prometheus().await.unwrap();
        assert_eq!((active(&metrics, "cut"), deadline(&metrics)), (Some(1.0), first), "{rotation}");
        assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status, 503);
    }
}
