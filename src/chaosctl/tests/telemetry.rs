//! What `render` writes for traces, access logs and labels.

mod run;

use run::{Ran, run};
use serde_json::{Value, json};
use squall_policy::wire::StatLabels;
use squall_policy::{Report, load_plugin};

const ENVOY: [&str; 6] =
    ["render", "envoy", "--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"];
const ISTIO: [&str; 8] = [
    "render",
    "istio",
    "--catalog",
    "istio/catalog.yaml",
    "--mission",
    "istio/mission.yaml",
    "--selector",
    "app=user-service",
];
const MARKS: [&str; 5] = ["mission", "scenario", "fault", "value", "group"];

fn json_of(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

fn envoy(more: &[&str]) -> Value {
    json_of(&run(&[&ENVOY[..], &["--output", "json"], more].concat()))
}

fn manager(bootstrap: &Value) -> &Value {
    &bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

#[test]
fn a_collector_gets_spans_with_every_mark() {
    let bootstrap = envoy(&["--otlp", "collector.local:4317", "--service", "front"]);
    let tracing = &manager(&bootstrap)["tracing"];
    let provider = &tracing["provider"]["typed_config"];
    assert_eq!(provider["service_name"], "front");
    let cluster = &provider["grpc_service"]["envoy_grpc"]["cluster_name"];
    let tags = tracing["custom_tags"].as_array().expect("a list");
    for (tag, mark) in tags.iter().zip(MARKS) {
        let value = format!("%FILTER_STATE(wasm.chaos_{mark}:PLAIN)%");
        assert_eq!(tag, &json!({"tag": format!("chaos.{mark}"), "value": value}));
    }
    assert_eq!(tags.len(), MARKS.len());
    let clusters = bootstrap["static_resources"]["clusters"].as_array().expect("a list");
    let collector = clusters.iter().find(|c| c["name"] == *cluster).expect("its cluster");
    assert_eq!((&collector["type"], clusters.len()), (&json!("STRICT_DNS"), 2));
    assert!(collector["typed_extension_protocol_options"].is_object(), "gRPC is HTTP/2");
    assert_eq!(manager(&envoy(&[]))["tracing"], Value::Null, "none is asked for");
}

#[test]
fn a_collector_that_is_no_address_is_refused() {
    let twice = ["--otlp", "127.0.0.1:4317", "--upstream", "squall-otlp=127.0.0.1:8080"];
    for bad in [&["--otlp", "collector"][..], &["--otlp", "name=127.0.0.1:4317"], &["--otlp", "a:0"], &twice]
    {
        let ran = run(&[&ENVOY[..], bad].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{bad:?}");
        assert!(ran.err.contains("--otlp") || ran.err.contains("squall-otlp"), "{}", ran.err);
    }
}

#[test]
fn the_access_log_has_every_mark_and_the_latency_buckets_of_its_own() {
    let bootstrap = envoy(&[]);
    let format = &manager(&bootstrap)["access_log"][0]["typed_config"]["log_format"]["json_format"];
    for mark in MARKS {
        let wanted = format!("%FILTER_STATE(wasm.chaos_{mark}:PLAIN)%");
        assert_eq!(format[format!("chaos_{mark}")], wanted.as_str());
    }
    let buckets = &bootstrap["stats_config"]["histogram_bucket_settings"][0];
    assert_eq!(buckets["match"]["suffix"], "service_downstream_latency_ms");
    // docs/metrics.md counts with this number.
    assert_eq!(buckets["buckets"].as_array().map(Vec::len), Some(19));
}

#[test]
fn the_labels_of_every_istio_proxy_are_asked_for_in_the_plugin_configuration() {
    let labels = |more: &[&str]| {
        let resource = json_of(&run(&[&ISTIO[..], &["--output", "json"], more].concat()));
        let plugin = resource["spec"]["pluginConfig"].clone();
        let loaded = load_plugin(plugin.to_string().as_bytes(), None, &mut Report::default());
        (plugin["stat_labels"].clone(), loaded.expect("no mistake").stat_labels)
    };
    assert_eq!(labels(&[]), (Value::Null, StatLabels::Own));
    assert_eq!(labels(&["--stat-labels", "built-in"]), (json!("built_in"), StatLabels::BuiltIn));
}
