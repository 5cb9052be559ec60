//! Configurations that are wrong: each mistake stands in Envoy's log, the filter is disarmed, traffic passes and
//! `chaos_config_rejected` is 1. Envoy itself never minds, not even at start-up.

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, ConfigUpdate, Envoy, EnvoyConfig, Experiment, HttpClient, HttpFilter, HttpUpstream, Listener,
    Metrics, Route, VirtualHost, eventually,
};
use std::time::Duration;

const FILTER: &str = "extensions.istio.io/wasmplugin/test.squall";

/// Every request gets 503.
fn valid() -> Experiment {
    Experiment::new().scenario("cut", json!({}), json!([{"abort": {"status": 503}}]))
}

fn rejected(metrics: &Metrics) -> Option<f64> {
    metrics.value("chaos_config_rejected", &[])
}

/// Squall's `typed_config` with any text as the plugin configuration.
fn with_text(name: &str, text: &str) -> Value {
    let mut config = HttpFilter::squall_config(name, &Value::Null).unwrap();
    config["config"]["configuration"]["value"] = json!(text);
    config
}

/// Squall's `typed_config` with any bytes, given in base64.
fn with_bytes(name: &str, base64: &str) -> Value {
    let mut config = with_text(name, base64);
    config["config"]["configuration"]["@type"] = json!("type.googleapis.com/google.protobuf.BytesValue");
    config
}

/// What is no plugin configuration at all, with the code that the log has for it.
fn garbage(name: &str) -> Vec<(&'static str, Value)> {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_value =
        format!(r#"{{"version": 1, "catalog": {}}}"#, deep.replace('[', r#"{"a":"#).replace(']', "}"));
    let mut large = valid().plugin();
    large["catalog"]["scenarios"][0]["description"] = json!("x".repeat(5 << 20));
    vec![
        ("syntax", with_text(name, "chaos: please")),
        ("syntax", with_text(name, r#"{"version": 1, "catalog": "#)),
        ("syntax", with_text(name, &deep)),
        ("syntax", with_text(name, &deep_value)),
        // {"version": 1, "role": "\xff\xfe"}
        ("syntax", with_bytes(name, "eyJ2ZXJzaW9uIjogMSwgInJvbGUiOiAi//4ifQ==")),
        // Eight bytes that are no text at all.
        ("syntax", with_bytes(name, "AAECA//+/fw=")),
        ("too-large", with_text(name, &large.to_string())),
        ("wrong-type", with_text(name, "[]")),
        ("wrong-type", with_text(name, "17")),
        ("missing-key", with_text(name, "{}")),
    ]
}

#[tokio::test]
async fn p8_envoy_starts_and_traffic_passes_whatever_the_configuration() {
    let upstream = HttpUpstream::start().await.unwrap();
    let wrong = garbage("squall");
    let mut config = EnvoyConfig::new().cluster(Cluster::http1("upstream", upstream.addr()));
    for (index, (_, typed_config)) in wrong.iter().enumerate() {
        let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
        let filter =
            HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": typed_config}));
        config =
            config.listener(Listener::new(&format!("listener-{index}")).filter(filter).virtual_host(host));
    }
    let envoy = Envoy::start(config).await.unwrap();
    for (index, (code, _)) in wrong.iter().enumerate() {
        let client = HttpClient::http1(envoy.addr(&format!("listener-{index}")));
        assert_eq!(client.get("/size/1").await.unwrap().status, 200, "{code}");
        assert!(envoy.log().contains(&format!("error[{code}]")), "{code}");
    }
    assert_eq!(rejected(&envoy.prometheus().await.unwrap()), Some(1.0));
    assert_eq!(upstream.requests(), wrong.len() as u64);
    assert!(envoy.alive() && !envoy.log().contains("Function: proxy_"), "{}", envoy.log());
}

#[tokio::test]
async fn a_wrong_update_disarms_the_filter_and_a_valid_one_arms_it_again() {
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = HttpFilter::squall_discovered(FILTER, &valid().plugin()).unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    for (index, (code, wrong)) in garbage(FILTER).into_iter().enumerate() {
        let status = client.get("/size/1").await.unwrap().status;
        assert_eq!(
            (status, rejected(&envoy.prometheus().await.unwrap())),
            (503, Some(0.0)),
            "before {index}"
        );

        let lines = envoy.log().matches(&format!("error[{code}]")).count();
        // Taken by Envoy, refused by the filter: an update that Envoy refuses would leave the old mission running.
        assert_eq!(envoy.update_filter(FILTER, &wrong).await.unwrap(), ConfigUpdate::Accepted, "{code}");
        let status = client.get("/size/1").await.unwrap().status;
        assert_eq!((status, rejected(&envoy.prometheus().await.unwrap())), (200, Some(1.0)), "{code}");
        assert!(envoy.log().matches(&format!("error[{code}]")).count() > lines, "{code}");

        // The same mission goes on: a mistake on the way does not end it.
        let again = valid().set("seed", json!(format!("round {index}")));
        let again = HttpFilter::squall_config(FILTER, &again.plugin()).unwrap();
        assert_eq!(envoy.update_filter(FILTER, &again).await.unwrap(), ConfigUpdate::Accepted);
    }
    // Istio hands over no bytes for a configuration without keys: idle, and nothing wrong.
    let empty = with_text(FILTER, "");
    assert_eq!(envoy.update_filter(FILTER, &empty).await.unwrap(), ConfigUpdate::Accepted);
    let status = client.get("/size/1").await.unwrap().status;
    assert_eq!((status, rejected(&envoy.prometheus().await.unwrap())), (200, Some(0.0)));
}

#[tokio::test]
async fn every_mistake_is_in_the_log_with_its_code_key_and_way_out() {
    let upstream = HttpUpstream::start().await.unwrap();
    let wrong = json!({
        "version": 2,
        "catalog": {"version": 1, "scenarios": [
            {"name": "Slow_DB", "faults": [{"dealy": {"fixed": "100ms"}}]},
            {"name": "cut", "scope": {"sample": {"percent": 120}}, "faults": [{"abort": {"status": 99}}]},
            {"name": "cut", "faults": [{"delay": {"fixed": 100}}]},
            {"name": "odd", "scope": {"match": [{"path": {"regex": "("}}]}, "faults": [{"abort": {"status": 503, "headers": {"bad name": "v"}}}]}
        ]},
        "mission": {"version": 1, "id": "x", "scenarios": ["cut", "absent"], "namespace": "test", "duration": "0s", "enable": "yes"}
    });
    let expected = [
        ("unsupported-version", "version"),
        ("bad-format", "catalog.scenarios[0].name"),
        ("unknown-key", "catalog.scenarios[0].faults[0].dealy"),
        ("out-of-range", "catalog.scenarios[1].scope.sample.percent"),
        ("out-of-range", "catalog.scenarios[1].faults[0].abort.status"),
        ("duplicate-name", "catalog.scenarios[2].name"),
        ("wrong-type", "catalog.scenarios[2].faults[0].delay.fixed"),
        ("bad-regex", "catalog.scenarios[3].scope.match[0].path.regex"),
        ("unknown-scenario", "mission.scenarios[1]"),
        ("out-of-range", "mission.duration"),
        ("wrong-type", "mission.enable"),
    ];
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(&wrong).unwrap()]))
        .await
        .unwrap();
    let log = envoy.log();
    for (code, path) in expected {
        let line = log.lines().find(|line| line.contains(&format!("error[{code}] {path}")));
        let line = line.unwrap_or_else(|| panic!("no line for {code} at {path}:\n{log}"));
        assert!(line.contains("(hint: "), "{line}");
    }
    assert!(log.contains("bad name"), "{log}");
    assert!(log.contains(r#""event":"config.rejected""#), "{log}");
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status, 200);
    assert_eq!(rejected(&envoy.prometheus().await.unwrap()), Some(1.0));
}

/// An Envoy whose node says, as Istio's does, which namespace it belongs to; then what a request gets.
async fn in_namespace(metadata: Value, plugin: &Value) -> (u16, Option<f64>, String) {
    let upstream = HttpUpstream::start().await.unwrap();
    let node =
        json!({"id": "sidecar~10.0.0.1~shop-1.shop~cluster.local", "cluster": "shop", "metadata": metadata});
    let config = EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(plugin).unwrap()]).node(node);
    let envoy = Envoy::start(config).await.unwrap();
    let status = HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status;
    (status, rejected(&envoy.prometheus().await.unwrap()), envoy.log())
}

#[tokio::test]
async fn p6_a_mission_of_another_namespace_is_refused() {
    let plugin = valid().plugin();
    let (status, gauge, log) = in_namespace(json!({"NAMESPACE": "shop"}), &plugin).await;
    // A plugin of the whole mesh comes here too, and has no mistake.
    assert_eq!((status, gauge), (200, Some(0.0)));
    assert!(log.contains(r#""event":"mission.refused""#) && !log.contains("config.rejected"), "{log}");
    assert!(log.contains("error[wrong-namespace] mission.namespace") && log.contains("`shop`"), "{log}");
    let (status, gauge, _) = in_namespace(json!({"NAMESPACE": "test"}), &plugin).await;
    assert_eq!((status, gauge), (503, Some(0.0)));

    // The configuration's own word on who this proxy is outranks the node's; then the configuration contradicts itself.
    let mut told = plugin.clone();
    told["identity"] = json!({"namespace": "shop", "service": "cart"});
    let (status, gauge, log) = in_namespace(json!({"NAMESPACE": "test"}), &told).await;
    assert_eq!((status, gauge), (200, Some(1.0)), "{log}");
    told["identity"] = json!({"namespace": "test"});
    let (status, gauge, _) = in_namespace(json!({}), &told).await;
    assert_eq!((status, gauge), (503, Some(0.0)));
}

#[tokio::test]
async fn p6_high_and_critical_severity_are_refused_without_signatures() {
    let upstream = HttpUpstream::start().await.unwrap();
    let with = |severity: &str| {
        let mut plugin = valid().set("id", json!(severity)).plugin();
        plugin["catalog"]["scenarios"][0]["severity"] = json!(severity);
        plugin
    };
    let filter = HttpFilter::squall_discovered(FILTER, &with("critical")).unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/size/1").await.unwrap().status, 200);
    for (severity, status, gauge) in
        [("low", 503, 0.0), ("high", 200, 1.0), ("medium", 503, 0.0), ("critical", 200, 1.0)]
    {
        let config = HttpFilter::squall_config(FILTER, &with(severity)).unwrap();
        envoy.update_filter(FILTER, &config).await.unwrap();
        assert_eq!(client.get("/size/1").await.unwrap().status, status, "{severity}");
        assert_eq!(rejected(&envoy.prometheus().await.unwrap()), Some(gauge), "{severity}");
    }
    assert!(envoy.log().contains("error[signature-needed] mission.scenarios[0]"), "{}", envoy.log());
}

#[tokio::test]
async fn a_warning_is_in_the_log_and_refuses_nothing() {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = valid()
        .scenario(
            "never",
            json!({"sample": {"percent": 0, "by": "request"}}),
            json!([{"abort": {"status": 500}}]),
        )
        .set("start", json!("2020-01-01T00:00:00Z"));
    let plugin = experiment.plugin();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(&plugin).unwrap()]))
        .await
        .unwrap();
    let warned = eventually("the warning", Duration::from_secs(10), async || {
        let log = envoy.log();
        (log.contains("warning[never-fires] catalog.scenarios[1].scope.sample.percent")).then_some(())
    });
    warned.await.unwrap();
    assert_eq!(rejected(&envoy.prometheus().await.unwrap()), Some(0.0));

    let armed = valid().scenario(
        "never",
        json!({"sample": {"percent": 0, "by": "request"}}),
        json!([{"abort": {"status": 500}}]),
    );
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), armed.filter().unwrap())).await.unwrap();
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/size/1").await.unwrap().status, 503);
    assert_eq!(rejected(&envoy.prometheus().await.unwrap()), Some(0.0));
}
