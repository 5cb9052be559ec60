//! The first requests of each key on a real Envoy with 4 workers: exactly so many fail, then the key succeeds.

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, Listener, Load, Metrics, Route, VirtualHost,
    request,
};

const REQUESTS: u64 = 10_000;
const KEYS: u64 = 400;

/// An Envoy with 4 workers that answers 200 to what the experiment lets pass.
async fn start(header: &str) -> Envoy {
    let scope = json!({"first": {"requests": 3, "per": {"header": header}}});
    let abort: Value = json!([{"abort": {"status": 503}}]);
    let experiment = Experiment::new().scenario("flaky", scope, abort);
    let host = VirtualHost::any("any").route(Route::prefix("/").answer(200, "routed"));
    let listener = Listener::new("ingress").filters(experiment.filter().unwrap()).virtual_host(host);
    // Envoy then keeps the id that a client repeats.
    let listener = listener.set_http("generate_request_id", json!(false));
    let options = EnvoyOptions::default().concurrency(4);
    options.start(EnvoyConfig::new().listener(listener)).await.unwrap()
}

async fn when_finished(envoy: &Envoy, requests: u64) -> Metrics {
    let all = |m: &Metrics| {
        let groups = ["treatment", "control", "other"];
        groups.iter().map(|group| m.finished("flaky", group)).sum::<u64>() == requests
    };
    envoy.prometheus_until(&format!("{requests} finished requests"), all).await.unwrap()
}

/// Two protocols at the same time, many connections: no key has more than its turns, and none has fewer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_all_workers_each_key_fails_exactly_so_often() {
    let envoy = start("x-key").await;
    let address = envoy.addr("ingress");
    let load = |load: Load| {
        load.build(|index| {
            let key = format!("key-{}", index % KEYS);
            request("GET", "/", &[("host", "shop"), ("x-key", &key)], "")
        })
    };
    let one = load(Load::http1(address).connections(24).id_prefix("h1"));
    let two = load(Load::http2(address).connections(4).id_prefix("h2"));
    let (one, two) = tokio::join!(one.requests(REQUESTS), two.requests(REQUESTS));
    assert_eq!((one.unwrap().broken(), two.unwrap().broken()), (0, 0));
    let metrics = when_finished(&envoy, 2 * REQUESTS).await;
    assert_eq!(metrics.injected("flaky", "abort"), 3 * KEYS);
    assert_eq!(metrics.spared("flaky", "first_done"), 2 * REQUESTS - 3 * KEYS);
    assert_eq!(metrics.finished("flaky", "control"), 0);
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
}

/// What it is for: a client that retries with the id of its first try succeeds with the fourth.
#[tokio::test]
async fn a_client_that_retries_with_the_same_id_succeeds_in_the_end() {
    let envoy = start("x-request-id").await;
    let address = envoy.addr("ingress");
    for (protocol, client) in [("h1", HttpClient::http1(address)), ("h2", HttpClient::http2(address))] {
        for call in 0..10 {
            let id = format!("{protocol}-{call}");
            let mut tries = Vec::new();
            while tries.last() != Some(&200) && tries.len() < 10 {
                tries.push(client.get_with("/", &[("x-request-id", &id)]).await.unwrap().status);
            }
            assert_eq!(tries, [503, 503, 503, 200], "{id}");
        }
    }
    let none = HttpClient::http1(address).get("/").await.unwrap();
    assert_eq!(none.status, 200, "a request without a key passes");
    let metrics = when_finished(&envoy, 81).await;
    assert_eq!((metrics.injected("flaky", "abort"), metrics.spared("flaky", "no_key")), (60, 1));
}
