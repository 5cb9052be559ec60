//! What `chaosctl` renders, in a real Envoy: the bootstrap of `envoy/`, and the plugin configuration of an Istio
//! resource as istiod hands it on (discovery from a file, no virtual machine id).

mod imported;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, ConfigUpdate, Envoy, EnvoyBinary, EnvoyConfig, EnvoyOptions, HttpClient, HttpFilter,
    HttpUpstream, Listener, Load, Route, VirtualHost, repo_root, squall_wasm,
};

const FILTER: &str = "extensions.istio.io/wasmplugin/shop.squall";

/// The `pluginConfig` of the WasmPlugin that chaosctl renders for the example in `istio/`.
fn plugin_config() -> Value {
    let chaosctl = repo_root().join("target/release/chaosctl");
    let output = Command::new(&chaosctl)
        .current_dir(repo_root())
        .args(["render", "istio", "--catalog", "istio/catalog.yaml", "--mission", "istio/mission.yaml"])
        .args(["--selector", "app=user-service", "--output", "json"])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", chaosctl.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let resource: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(resource["spec"]["failStrategy"], "FAIL_OPEN");
    resource["spec"]["pluginConfig"].clone()
}

/// What istiod makes of it.
fn from_istiod(plugin: &Value) -> Value {
    let mut config = HttpFilter::squall_config("shop.squall", plugin).unwrap();
    config["config"]["root_id"] = json!("squall");
    config["config"]["vm_config"].as_object_mut().unwrap().remove("vm_id");
    config
}

/// A sidecar of namespace shop whose outbound side knows auth-service as Istio names it.
async fn sidecar(upstream: &HttpUpstream, plugin: &Value) -> Envoy {
    let auth = VirtualHost::any("auth-service.shop.svc.cluster.local:9000");
    let listener = Listener::new("egress")
        .outbound()
        .filter(HttpFilter::discovered(FILTER, from_istiod(plugin)))
        .virtual_host(auth.route(Route::prefix("/").to("auth")))
        .set_http("preserve_external_request_id", json!(true));
    let node = json!({"id": "sidecar", "cluster": "user-service.shop",
        "metadata": {"NAMESPACE": "shop", "WORKLOAD_NAME": "user-service"}});
    let config =
        EnvoyConfig::new().node(node).listener(listener).cluster(Cluster::http1("auth", upstream.addr()));
    EnvoyOptions::default().concurrency(2).log_level("info").start(config).await.unwrap()
}

async fn update(envoy: &Envoy, plugin: &Value) -> ConfigUpdate {
    envoy.update_filter(FILTER, &from_istiod(plugin)).await.unwrap()
}

#[test]
fn the_bootstrap_in_the_repository_is_valid() {
    squall_wasm().unwrap();
    let output = Command::new(EnvoyBinary::find().unwrap().path())
        .current_dir(repo_root())
        .args(["--mode", "validate", "-c", "envoy/envoy.yaml"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains("mission.accepted") && !log.contains("config.rejected"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rendered_plugin_config_runs_is_updated_under_load_and_its_mistakes_disarm() {
    let plugin = plugin_config();
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = sidecar(&upstream, &plugin).await;
    let labels = [("scenario", "auth-unavailable"), ("namespace", "shop")];
    envoy
        .prometheus_until("an armed scenario", |m| m.value("chaos_active", &labels) == Some(1.0))
        .await
        .unwrap();

    // 5 % of 1,000 requests with fixed ids: the same ones in every run, as the seed is fixed too.
    let client = HttpClient::http1(envoy.addr("egress"));
    let mut aborted = 0;
    for number in 0..1000 {
        let id = format!("rendered-{number}");
        let status = client.get_with("/size/1", &[("x-request-id", &id)]).await.unwrap().status;
        assert!(matches!(status, 200 | 503), "{status}");
        aborted += u32::from(status == 503);
    }
    assert!((25..=80).contains(&aborted), "{aborted} of 1,000 at 5 %");

    let traffic = Load::http1(envoy.addr("egress")).path("/size/1").connections(2);
    let traffic = tokio::spawn(async move { traffic.for_time(Duration::from_secs(2)).await.unwrap() });
    for number in 0..10 {
        let mut next = plugin.clone();
        next["mission"]["id"] = json!(format!("shop-rehearsal-{number}"));
        assert_eq!(update(&envoy, &next).await, ConfigUpdate::Accepted);
    }
    let report = traffic.await.unwrap();
    let answered = report.count(200) + report.count(503);
    assert_eq!((answered, report.broken(), report.left()), (report.total(), 0, 0));

    let mut invalid = plugin.clone();
    invalid["catalog"]["scenarios"][1]["faults"] = json!([{"abort": {"status": 199}}]);
    // Accepted, and disarmed: a refusal would leave the old mission running behind the back of who replaced it.
    assert_eq!(update(&envoy, &invalid).await, ConfigUpdate::Accepted);
    envoy.prometheus_until("a refusal", |m| m.sum("chaos_config_rejected", &[]) == 1.0).await.unwrap();
    for number in 0..200 {
        let id = format!("rendered-{number}");
        assert_eq!(client.get_with("/size/1", &[("x-request-id", &id)]).await.unwrap().status, 200);
    }
}
