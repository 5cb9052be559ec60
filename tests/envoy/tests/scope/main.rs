//! Whose proxy injects, towards which dependency, and for which caller, on real Envoys.

use std::net::SocketAddr;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpUpstream, Listener, Route,
    VirtualHost,
};

const WEB: [&str; 2] = [include_str!("peers/web.pem"), include_str!("peers/web.key.pem")];
const BATCH: [&str; 2] = [include_str!("peers/batch.pem"), include_str!("peers/batch.key.pem")];

fn abort(status: u16) -> Value {
    json!([{"abort": {"status": status}}])
}

/// The event of the log that says which scenarios are dormant.
fn dormant(envoy: &Envoy) -> Value {
    let log = envoy.log();
    let line = log.lines().find(|line| line.contains("\"mission.accepted\"")).expect("an accepted mission");
    let event = &line[line.find('{').expect("an event")..];
    serde_json::from_str::<Value>(event).expect("JSON")["dormant"].clone()
}

#[tokio::test]
async fn only_the_proxies_of_the_service_and_labels_inject() {
    let experiment = Experiment::new().scenario("users", json!({"service": "users"}), abort(510)).scenario(
        "gold",
        json!({"labels": {"app.kubernetes.io/tier": "gold"}}),
        abort(511),
    );
    let upstream = HttpUpstream::start().await.unwrap();
    let istio = |name: &str, tier: &str| {
        json!({"id": "pod", "cluster": "users", "metadata": {
            "WORKLOAD_NAME": name, "NAMESPACE": "test", "LABELS": {"app.kubernetes.io/tier": tier}}})
    };
    for (node, status, asleep) in [
        (istio("users", "silver"), 510, json!(["gold"])),
        (istio("orders", "gold"), 511, json!(["users"])),
        (istio("orders", "silver"), 200, json!(["users", "gold"])),
        (json!({"id": "plain", "cluster": "users"}), 510, json!(["gold"])),
    ] {
        let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap()).node(node.clone());
        let envoy = EnvoyOptions::default().component_log_level("wasm:info").start(config).await.unwrap();
        assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/").await.unwrap().status, status, "{node}");
        assert_eq!(dormant(&envoy), asleep, "{node}");
        assert_eq!(envoy.prometheus().await.unwrap().sum("chaos_host_errors_total", &[]), 0.0);
    }
}

#[tokio::test]
async fn a_dependency_is_found_in_the_clusters_of_envoy_and_of_istio() {
    let scope = json!({"dependency": "profile-db"});
    let experiment = Experiment::new().scenario("db", scope, abort(510));
    let upstream = HttpUpstream::start().await.unwrap();
    let clusters = [
        ("/plain", "profile-db", 510),
        ("/istio", "outbound|5432||profile-db.shop.svc.cluster.local", 510),
        ("/other", "outbound|5432||profile-db2.shop.svc.cluster.local", 200),
        ("/inbound", "inbound|5432||profile-db.shop", 200),
    ];
    let routes = clusters.iter().map(|(path, cluster, _)| Route::path(path).to(cluster));
    let host = routes.fold(VirtualHost::any("any"), VirtualHost::route);
    let listener = Listener::new("ingress").filters(experiment.filter().unwrap()).virtual_host(host);
    let config = EnvoyConfig::new().listener(listener);
    let config = clusters
        .iter()
        .fold(config, |config, (_, cluster, _)| config.cluster(Cluster::http1(*cluster, upstream.addr())));
    let envoy = Envoy::start(config).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    for (path, cluster, status) in clusters {
        assert_eq!(client.get(path).await.unwrap().status, status, "{cluster}");
    }
}

fn tls(kind: &str, [cert, key]: [&str; 2]) -> Value {
    let mut context = json!({
        "@type": format!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{kind}TlsContext"),
        "common_tls_context": {
            "tls_certificates": [{"certificate_chain": {"inline_string": cert}, "private_key": {"inline_string": key}}],
            "validation_context": {"trusted_ca": {"inline_string": format!("{}{}", WEB[0], BATCH[0])}},
        }
    });
    if kind == "Downstream" {
        context["require_client_certificate"] = json!(true);
    }
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

/// A sidecar of the caller: plain HTTP in, mutual TLS with this certificate out.
async fn caller(to: SocketAddr, peer: [&str; 2]) -> Envoy {
    let cluster = Cluster::http1("callee", to).set("transport_socket", tls("Upstream", peer));
    let host = VirtualHost::any("any").route(Route::prefix("/").to("callee"));
    let config = EnvoyConfig::new().listener(Listener::new("egress").virtual_host(host)).cluster(cluster);
    Envoy::start(config).await.unwrap()
}

#[tokio::test]
async fn a_caller_is_told_by_its_certificate_and_one_without_is_left_alone() {
    let scope = json!({"source": {"principal": {"exact": "spiffe://cluster.local/ns/shop/sa/web"}}});
    let experiment = Experiment::new().scenario("web", scope, abort(510));
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let plain = Envoy::start(config.clone()).await.unwrap();
    let mut secured = config.to_json();
    secured["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"] =
        tls("Downstream", BATCH);
    let callee = Envoy::start(secured).await.unwrap();
    for (peer, status) in [(WEB, 510), (BATCH, 200)] {
        let sidecar = caller(callee.addr("ingress"), peer).await;
        assert_eq!(HttpClient::http1(sidecar.addr("egress")).get("/").await.unwrap().status, status);
    }
    assert_eq!(HttpClient::http1(plain.addr("ingress")).get("/").await.unwrap().status, 200);
    for envoy in [&callee, &plain] {
        assert_eq!(envoy.prometheus().await.unwrap().sum("chaos_host_errors_total", &[]), 0.0);
    }
}

/// An Envoy in front that retries, and says so to the Envoy that injects.
#[tokio::test]
async fn a_retry_passes_where_only_the_first_try_is_faulted() {
    for (attempts, status, tries) in [(json!([1]), 200, 2), (json!([1, 2]), 503, 2), (json!([2]), 200, 1)] {
        let scope = json!({"attempts": attempts});
        let experiment = Experiment::new().scenario("first", scope, abort(503));
        let upstream = HttpUpstream::start().await.unwrap();
        let behind =
            Envoy::start(EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap())).await.unwrap();
        let route = Route::prefix("/").to("behind").retry("5xx", 1);
        let host = VirtualHost::any("any").route(route).set("include_request_attempt_count", json!(true));
        let config = EnvoyConfig::new()
            .listener(Listener::new("front").virtual_host(host))
            .cluster(Cluster::http1("behind", behind.addr("ingress")));
        let front = Envoy::start(config).await.unwrap();
        let reply = HttpClient::http1(front.addr("front")).get("/").await.unwrap();
        assert_eq!(reply.status, status, "{attempts}");
        let metrics = behind
            .prometheus_until("all tries", |m| m.sum("chaos_requests_total", &[]) == f64::from(tries))
            .await
            .unwrap();
        let injected = metrics.injected("first", "abort");
        assert_eq!(
            metrics.spared("first", "attempt"),
            u64::try_from(tries).unwrap() - injected,
            "{attempts}"
        );
        assert_eq!(metrics.finished("first", "control"), 0);
    }
}
