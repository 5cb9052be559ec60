//! No `chaos_active` stays at 1 for what no longer runs: marks off and on, a scenario renamed, many updates.

use serde_json::{Value, json};
use squall_envoy_tests::{
    ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Metrics,
};

const FILTER: &str = "extensions.istio.io/wasmplugin/shop.squall";

fn mission(id: &str, scenario: &str) -> Experiment {
    Experiment::new().on_path(scenario, "/cut", json!([{"abort": {"status": 503}}])).set("id", json!(id))
}

fn config(plugin: &Value) -> Value {
    let mut config = HttpFilter::squall_config("shop.squall", plugin).unwrap();
    config["config"]["root_id"] = json!("squall");
    config["config"]["vm_config"].as_object_mut().unwrap().remove("vm_id");
    config
}

async fn start(upstream: &HttpUpstream, plugin: &Value) -> Envoy {
    let filter = HttpFilter::discovered(FILTER, config(plugin));
    let proxy = EnvoyConfig::proxy(upstream.addr(), [filter]);
    EnvoyOptions::default().concurrency(2).start(proxy).await.unwrap()
}

async fn update(envoy: &Envoy, plugin: &Value) {
    assert_eq!(envoy.update_filter(FILTER, &config(plugin)).await.unwrap(), ConfigUpdate::Accepted);
}

/// Waits until the scenarios that are shown as active are exactly these; gauges that say something about a mission follow.
async fn active(envoy: &Envoy, expected: &[&str]) {
    let what = format!("only {expected:?} active");
    let shown = envoy.prometheus_until(&what, |metrics| {
        let on = metrics.family("chaos_active").filter(|sample| sample.value > 0.0);
        let mut names: Vec<&str> = on.map(|sample| sample.labels["scenario"].as_str()).collect();
        names.sort_unstable();
        names == expected
    });
    let metrics = shown.await.unwrap_or_else(|error| panic!("{error}"));
    let declared = metrics.family("chaos_declared_rate_ppm").filter(|sample| sample.value > 0.0);
    assert_eq!(declared.count(), expected.len(), "the declared rates go with it");
    assert_eq!(metrics.sum("chaos_deadline_seconds", &[]) > 0.0, !expected.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_off_and_on_and_a_renamed_scenario_leave_nothing_behind() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &mission("one", "first").plugin()).await;
    active(&envoy, &["first"]).await;
    for (number, mark) in ["headers", "none", "headers"].into_iter().enumerate() {
        // The same mission goes on, or a new one takes its place.
        for id in ["one".to_owned(), format!("marked-{number}")] {
            update(&envoy, &mission(&id, "first").set("mark", json!(mark)).plugin()).await;
            active(&envoy, &["first"]).await;
        }
        update(&envoy, &mission("one", "first").plugin()).await;
    }
    update(&envoy, &mission("two", "second").plugin()).await;
    active(&envoy, &["second"]).await;
    // Renamed within the same mission.
    update(&envoy, &mission("two", "third").plugin()).await;
    active(&envoy, &["third"]).await;
    update(&envoy, &json!({"version": 1, "catalog": {"version": 1, "scenarios": []}})).await;
    active(&envoy, &[]).await;
}

/// A proxy whose labels are those of every istio-proxy shows what it had shown under its own as over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_style_of_labels_leaves_nothing_active_under_the_old_one() {
    let upstream = HttpUpstream::start().await.unwrap();
    let mut plugin = mission("one", "first").plugin();
    let envoy = start(&upstream, &plugin).await;
    active(&envoy, &["first"]).await;
    plugin["stat_labels"] = json!("built_in");
    update(&envoy, &plugin).await;
    let on = |metrics: &Metrics| {
        let families = ["chaos_active", "chaos_declared_rate_ppm"];
        let old = families.map(|name| metrics.family(name).filter(|sample| sample.value > 0.0).count());
        let new = metrics.samples().iter().any(|sample| {
            sample.name.contains("tag_first") && sample.name.ends_with("chaos_active") && sample.value > 0.0
        });
        old == [0, 0] && new
    };
    let shown = envoy.prometheus_until("active under the new labels alone", on).await;
    shown.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_updates_leave_only_the_last_scenario_active() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &mission("m-0", "s-0").plugin()).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    for number in 1..=100 {
        update(&envoy, &mission(&format!("m-{number}"), &format!("s-{}", number % 7)).plugin()).await;
        if number % 10 == 0 {
            client.get("/cut").await.unwrap();
        }
    }
    active(&envoy, &["s-2"]).await;
    update(&envoy, &mission("m-100", "s-2").set("enable", json!(false)).plugin()).await;
    active(&envoy, &[]).await;
    let gauges = envoy.prometheus().await.unwrap();
    assert!(gauges.family("chaos_active").count() >= 7, "those before are at 0, not away");
}
