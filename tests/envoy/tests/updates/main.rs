//! Configurations that come while Envoy runs, as istiod sends them: from discovery, without a virtual machine id,
//! named after the resource. Promise P9 and what becomes of requests that wait when their mission goes.

mod chains;
mod instances;
mod listeners;
mod missions;
mod other_machine;
mod revision;

use std::time::Instant;

use serde_json::{Value, json};
use squall_envoy_tests::{
    ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Metrics,
};
use tokio::task::JoinSet;

/// The discovered resource of a plugin, as istiod names it.
fn resource(plugin: &str) -> String {
    format!("extensions.istio.io/wasmplugin/{plugin}")
}

const SHOP: &str = "shop.squall";

/// What istiod makes of a WasmPlugin: the plugin's name with its namespace, its `pluginName` as root id, the
/// `pluginConfig` as text, and no virtual machine id, so that all plugins with this module share one.
fn from_istiod(plugin: &str, configuration: &Value) -> Value {
    let mut config = HttpFilter::squall_config(plugin, configuration).unwrap();
    config["config"]["root_id"] = json!("squall");
    config["config"]["vm_config"].as_object_mut().unwrap().remove("vm_id");
    config
}

fn discovered(plugin: &str, configuration: &Value) -> HttpFilter {
    HttpFilter::discovered(&resource(plugin), from_istiod(plugin, configuration))
}

async fn update(envoy: &Envoy, plugin: &str, configuration: &Value) {
    let verdict = envoy.update_filter(&resource(plugin), &from_istiod(plugin, configuration)).await;
    assert_eq!(verdict.unwrap(), ConfigUpdate::Accepted);
}

async fn start(
    upstream: &HttpUpstream,
    workers: u32,
    filters: impl IntoIterator<Item = HttpFilter>,
) -> Envoy {
    let config = EnvoyConfig::proxy(upstream.addr(), filters);
    EnvoyOptions::default().concurrency(workers).log_level("info").start(config).await.unwrap()
}

/// A mission in which `/size/1` is aborted, and `/size/2` waits before or `/sleep/*` after the upstream.
fn mission(id: &str, status: u16, hold: &str) -> Experiment {
    let late = json!({"match": [{"path": {"prefix": "/sleep/"}}]});
    Experiment::new()
        .on_path("cut", "/size/1", json!([{"abort": {"status": status}}]))
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": hold}}, {"abort": {"status": status}}]))
        .scenario("hold-back", late, json!([{"delay": {"fixed": hold, "phase": "response"}}]))
        .set("id", json!(id))
}

fn active(metrics: &Metrics, scenario: &str) -> Option<f64> {
    metrics.value("chaos_active", &[("scenario", scenario), ("namespace", "test")])
}

/// Sends `path` `count` times at once in HTTP/2 and HTTP/1.1; each ends with its status and the moment of its end.
fn send(envoy: &Envoy, path: &'static str, count: usize) -> JoinSet<(u16, Instant)> {
    let mut replies = JoinSet::new();
    for number in 0..count {
        let address = envoy.addr("ingress");
        let client = if number % 2 == 0 { HttpClient::http1(address) } else { HttpClient::http2(address) };
        replies.spawn(async move { (client.get(path).await.unwrap().status, Instant::now()) });
    }
    replies
}

async fn until_in_flight(envoy: &Envoy, count: u64) {
    envoy.prometheus_until("requests in flight", |metrics| metrics.in_flight() == count).await.unwrap();
}

async fn until_at_least(envoy: &Envoy, count: u64) {
    envoy.prometheus_until("requests in flight", |metrics| metrics.in_flight() >= count).await.unwrap();
}
