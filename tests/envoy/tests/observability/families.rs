//! Every family that the filter has, on one Envoy: the same in the three styles of labels, nothing in them that promtool minds, and
//! the buckets that Envoy was given.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, Experiment, HttpClient, HttpFilter, HttpUpstream, Load, Metrics, repo_root,
};
use tokio::task::JoinSet;

use super::labels::{extra_tags, istio_stats};
use super::lint::assert_clean;

/// A family with its own names of labels.
type Family = (&'static str, &'static [&'static str]);

/// Of a histogram, what it counts.
const FAMILIES: [Family; 24] = [
    ("chaos_active", &["namespace", "scenario"]),
    ("chaos_approvals", &[]),
    ("chaos_breaker", &["namespace", "scenario"]),
    ("chaos_config_rejected", &[]),
    ("chaos_deadline_seconds", &[]),
    ("chaos_declared_rate_ppm", &["scenario"]),
    ("chaos_faults_in_flight", &[]),
    ("chaos_faults_injected_total", &["fault", "scenario"]),
    ("chaos_faults_suppressed_total", &["cause", "scenario"]),
    ("chaos_guardrail_distance_percent", &["scenario"]),
    ("chaos_halted", &[]),
    ("chaos_halts_total", &["reason"]),
    ("chaos_host_errors_total", &[]),
    ("chaos_injected_delay_ms_count", &["scenario"]),
    ("chaos_intensity_percent", &[]),
    ("chaos_memory_held_bytes", &[]),
    ("chaos_missions_total", &["result"]),
    ("chaos_own_errors_total", &["group", "scenario"]),
    ("chaos_queue_length", &[]),
    ("chaos_queue_overflows_total", &["scenario"]),
    ("chaos_queue_timeouts_total", &["scenario"]),
    ("chaos_queue_wait_ms_count", &["scenario"]),
    ("chaos_requests_total", &["code_class", "group", "scenario"]),
    ("chaos_stage", &[]),
];

fn experiment() -> Experiment {
    let pool =
        |wait: &str| json!([{"pressure": {"concurrency": {"limit": 1, "queue": 1, "queue_timeout": wait}}}]);
    let rule = json!({"metric": "error_rate", "group": "all", "above": "5%", "for": "1s", "min_requests": 5});
    Experiment::new()
        .on_path("cold-cache", "/sleep/200", pool("5s"))
        .on_path("no-tag", "/sleep/201", pool("20ms"))
        .on_path("held", "/size/1", json!([{"pressure": {"memory": {"hold": "64KiB"}}}]))
        .on_path("eased", "/size/2", json!([{"abort": {"status": 503}}]))
        .with(
            "safety",
            json!({"max_total": 1, "halt_when": [{"metric": "latency_p99", "above": "1m", "for": "30s"}]}),
        )
        .with("rollback", json!({"circuit_breaker": {"open_for": "5s"}}))
        .on_path("halting", "/status/503", json!([{"delay": {"fixed": "5ms"}}]))
        .with("safety", json!({"halt_when": [rule]}))
        .set("namespace", json!("team-cache"))
}

/// Brings everything about that the families count, the halt last.
async fn go_through(envoy: &Envoy) -> Metrics {
    let client = || HttpClient::http1(envoy.addr("ingress"));
    for path in ["/sleep/200", "/sleep/201"] {
        let mut replies = JoinSet::new();
        for _ in 0..3 {
            let client = client();
            replies.spawn(async move { client.get(path).await.unwrap().status });
        }
        let statuses = replies.join_all().await;
        assert!(statuses.contains(&200) && statuses.contains(&503), "{path}: {statuses:?}");
    }
    for path in ["/size/1", "/size/2", "/size/2"] {
        client().get(path).await.unwrap();
    }
    let load = Load::http1(envoy.addr("ingress")).path("/status/503").connections(2);
    load.open_loop(50.0, Duration::from_secs(4)).await.unwrap();
    let halted = |metrics: &Metrics| {
        metrics.sum("chaos_halts_total", &[]) == 1.0 && metrics.sum("chaos_missions_total", &[]) == 1.0
    };
    envoy.prometheus_until("the halt", halted).await.unwrap()
}

async fn start(upstream: &HttpUpstream, stats: Option<Value>, built_in: bool) -> Envoy {
    let mut plugin = experiment().plugin();
    if built_in {
        plugin["stat_labels"] = json!("built_in");
    }
    let config = EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(&plugin).unwrap()]);
    let config = stats.into_iter().fold(config, |config, stats| config.set("stats_config", stats));
    Envoy::start(config).await.unwrap()
}

/// The families with the labels that they have here; `own` says what a label of this style is there.
fn families(
    metrics: &Metrics,
    own: impl Fn(&str, &[&'static str]) -> String,
) -> BTreeSet<(&'static str, Vec<String>)> {
    let each = FAMILIES.iter().flat_map(|(family, labels)| {
        let own = &own;
        metrics.family(family).map(move |sample| {
            let mut have: Vec<String> = sample.labels.keys().map(|label| own(label, labels)).collect();
            have.sort();
            (*family, have)
        })
    });
    each.collect()
}

fn built_in(label: &str, labels: &[&'static str]) -> String {
    let other = labels.iter().find(|own| !["scenario", "code_class"].contains(*own));
    let own = match label {
        "tag" => "scenario",
        "wasm_filter" => "code_class",
        "component" => other.copied().unwrap_or("none"),
        unknown => unknown,
    };
    own.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_family_has_its_labels_in_all_three_styles_and_promtool_minds_none() {
    let upstream = HttpUpstream::start().await.unwrap();
    let all: BTreeSet<_> = FAMILIES
        .iter()
        .map(|(family, labels)| (*family, labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>()))
        .collect();
    let tags = extra_tags();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    for (style, stats, is_built_in) in [
        ("standalone", None, false),
        ("extraStatTags", Some(istio_stats(&tags)), false),
        ("no set-up", Some(istio_stats(&[])), true),
    ] {
        let envoy = start(&upstream, stats, is_built_in).await;
        let metrics = go_through(&envoy).await;
        let own = |label: &str, labels: &[&'static str]| match is_built_in {
            true => built_in(label, labels),
            false => label.trim_start_matches("chaos_").to_owned(),
        };
        assert_eq!(families(&metrics, own), all, "{style}");
        let label = |name: &str| match is_built_in {
            true => "component".to_owned(),
            false if style == "standalone" => name.to_owned(),
            false => format!("chaos_{name}"),
        };
        for (family, name, value) in
            [("chaos_halts_total", "reason", "guardrail"), ("chaos_missions_total", "result", "halted")]
        {
            assert_eq!(metrics.value(family, &[(&label(name), value)]), Some(1.0), "{style}: {family}");
        }
        assert_clean(&envoy.admin("/stats/prometheus").await.unwrap(), style);
    }
}

/// With the settings that a standalone Envoy is given, a scrape has these limits and no others.
#[tokio::test]
async fn the_histogram_of_latencies_has_the_buckets_of_the_shipped_configuration() {
    let text = std::fs::read_to_string(repo_root().join("envoy/envoy.yaml")).unwrap();
    let (_, buckets) = text.split_once("    buckets:\n").unwrap();
    let buckets = buckets.lines().map_while(|line| line.trim().strip_prefix("- "));
    let buckets: Vec<f64> = buckets.map(|limit| limit.parse().unwrap()).collect();
    let mut stats = EnvoyConfig::new().to_json()["stats_config"].clone();
    let name = "service_downstream_latency_ms";
    stats["histogram_bucket_settings"] = json!([{"match": {"suffix": name}, "buckets": buckets}]);
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, Some(stats), false).await;
    HttpClient::http1(envoy.addr("ingress")).get("/size/2").await.unwrap();
    let name = format!("{name}_bucket");
    let metrics = envoy.prometheus_until("the histogram", |m| m.family(&name).count() > 0).await.unwrap();
    let limits: Vec<f64> = metrics.family(&name).map(|sample| sample.labels["le"].parse().unwrap()).collect();
    assert_eq!(limits, [&buckets[..], &[f64::INFINITY]].concat());
}
