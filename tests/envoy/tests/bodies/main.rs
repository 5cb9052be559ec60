//! Faults of connections and bodies on a real Envoy: drop, throttle, mutate.

mod drop;
mod mutate;
mod throttle;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, Experiment, HttpUpstream, Listener, Metrics, Protocol, Route, VirtualHost,
};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// Resets of HTTP/1.1 connections are not put off, so that a test does not wait for Envoy's grace period of a second.
async fn start(experiment: &Experiment) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let cluster = Cluster::http1("upstream", upstream.addr());
    let envoy = Envoy::start(bootstrap(experiment, cluster, 1 << 20)).await.unwrap();
    (upstream, envoy)
}

/// One listener `ingress`, with a buffer limit for it and its cluster.
fn bootstrap(experiment: &Experiment, cluster: Cluster, buffer_limit: u64) -> EnvoyConfig {
    let listener = Listener::new("ingress")
        .filters(experiment.filter().unwrap())
        .set("per_connection_buffer_limit_bytes", json!(buffer_limit))
        .set_http("delayed_close_timeout", json!("0s"))
        .virtual_host(VirtualHost::any("any").route(Route::prefix("/").to("upstream")));
    let cluster = cluster.set("per_connection_buffer_limit_bytes", json!(buffer_limit));
    EnvoyConfig::new().listener(listener).cluster(cluster)
}

fn everywhere(faults: Value) -> Experiment {
    Experiment::new().scenario("s", json!({}), faults)
}

async fn until(envoy: &Envoy, what: &str, condition: impl Fn(&Metrics) -> bool) -> Metrics {
    envoy.prometheus_until(what, condition).await.unwrap()
}

fn since(begun: Instant) -> Duration {
    begun.elapsed()
}

/// Bytes in which a lost, doubled or swapped block shows.
fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]).collect()
}
