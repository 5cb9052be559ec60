//! Streams of messages that break off, on a real Envoy: gRPC with a real client and server, and server-sent events.

mod calls;
mod events;

use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{Cluster, Envoy, EnvoyConfig, Experiment, Listener, Metrics, Route, VirtualHost};

/// For so long nothing comes of a stream that stalls.
const QUIET_FOR: Duration = Duration::from_millis(500);

fn everywhere(stream: Value) -> Experiment {
    Experiment::new().scenario("s", json!({}), json!([{"stream": stream}]))
}

/// Resets of HTTP/1.1 connections are not put off.
async fn start(experiment: &Experiment, cluster: Cluster) -> Envoy {
    let listener = Listener::new("ingress")
        .filters(experiment.filter().unwrap())
        .set_http("delayed_close_timeout", json!("0s"))
        .virtual_host(VirtualHost::any("any").route(Route::prefix("/").to("upstream")));
    Envoy::start(EnvoyConfig::new().listener(listener).cluster(cluster)).await.unwrap()
}

async fn until(envoy: &Envoy, what: &str, condition: impl Fn(&Metrics) -> bool) -> Metrics {
    envoy.prometheus_until(what, condition).await.unwrap()
}
