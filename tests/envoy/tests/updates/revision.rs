//! A configuration that was there before, while the listener it was in still drains. Envoy knows plugins by their
//! configuration: the same bytes again are the plugin that it still has, and the filter is told nothing.

use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{Envoy, EnvoyOptions, HttpClient, HttpFilter, HttpUpstream, eventually};

use crate::{SHOP, discovered, from_istiod, listeners, mission, start, update};

/// A mission that is stopped or runs, as the revision with this name.
fn plugin(enable: bool, revision: &str) -> Value {
    let mut plugin = mission("revised", 503, "20s").set("enable", json!(enable)).plugin();
    plugin["revision"] = json!(revision);
    plugin
}

fn filter(enable: bool, revision: &str) -> HttpFilter {
    let plugin = plugin(enable, revision);
    HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": from_istiod(SHOP, &plugin)}))
}

/// Open connections do not see the listener again, so that nothing but the filter can change what they get.
struct Shop {
    _upstream: HttpUpstream,
    envoy: Envoy,
}

impl Shop {
    async fn start(first: HttpFilter) -> Self {
        let upstream = HttpUpstream::start().await.unwrap();
        let bootstrap = listeners::bootstrap(&upstream, &[first]);
        // Old listeners close their connections by and by; here, hardly ever.
        let options = EnvoyOptions::default().concurrency(2).drain_seconds(1_000_000);
        Self { envoy: options.start(bootstrap).await.unwrap(), _upstream: upstream }
    }

    /// Sends the next configuration and waits until new connections get `status`.
    async fn replace(&self, next: HttpFilter, status: u16) {
        listeners::replace(&self.envoy, &[next]);
        let all = eventually("the new listener on both workers", Duration::from_secs(10), async || {
            (statuses(&connections(&self.envoy).await?).await == [status; 8]).then_some(())
        });
        all.await.unwrap();
    }
}

/// Eight open connections of both versions of HTTP: one worker would have all of them once in 128 times.
async fn connections(envoy: &Envoy) -> Option<Vec<HttpClient>> {
    let mut clients = Vec::new();
    for number in 0..8 {
        let address = envoy.addr("ingress");
        let client = if number % 2 == 0 { HttpClient::http1(address) } else { HttpClient::http2(address) };
        client.get("/size/9").await.ok()?;
        clients.push(client);
    }
    Some(clients)
}

async fn statuses(clients: &[HttpClient]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for client in clients {
        statuses.push(client.get("/size/1").await.map_or(0, |reply| reply.status));
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_revision_stops_and_starts_the_mission_on_open_connections_at_once() {
    let shop = Shop::start(filter(false, "1")).await;
    shop.replace(filter(true, "2"), 503).await;
    let open = connections(&shop.envoy).await.unwrap();
    assert_eq!(statuses(&open).await, [503; 8]);

    shop.replace(filter(false, "3"), 200).await;
    assert_eq!(statuses(&open).await, [200; 8], "stopped");

    shop.replace(filter(true, "4"), 503).await;
    assert_eq!(statuses(&connections(&shop.envoy).await.unwrap()).await, [503; 8], "it runs again");
}

/// What docs/istio.md and docs/architecture.md warn of. Should this fail with a newer Envoy, the warning may go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_again_do_not_reach_the_filter_while_their_first_listener_drains() {
    let shop = Shop::start(filter(false, "same")).await;
    shop.replace(filter(true, "same"), 503).await;
    let open = connections(&shop.envoy).await.unwrap();
    shop.replace(filter(false, "same"), 200).await;
    assert_eq!(statuses(&open).await, [503; 8]);
}

/// Istio sends the configuration apart from the listener: there, new requests follow it whatever it was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_again_reach_new_requests_when_the_filter_is_discovered() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 2, [discovered(SHOP, &plugin(false, "same"))]).await;
    let open = connections(&envoy).await.unwrap();
    for (enable, status) in [(true, 503), (false, 200), (true, 503), (false, 200)] {
        update(&envoy, SHOP, &plugin(enable, "same")).await;
        let all = eventually("the update on both workers", Duration::from_secs(5), async || {
            (statuses(&open).await == [status; 8]).then_some(())
        });
        all.await.unwrap();
    }
}
