//! The three styles of labels with the configurations of statistics that proxies really have: a standalone Envoy, Istio's
//! with `extraStatTags`, and Istio's as every istio-proxy has it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, Experiment, HttpClient, HttpFilter, HttpUpstream, Metrics, repo_root,
};

/// The tags that `chaosctl render stat-tags` asks for, from what it has written.
pub fn extra_tags() -> Vec<String> {
    let text = std::fs::read_to_string(repo_root().join("istio/stat-tags-pods.yaml")).unwrap();
    let (_, tags) = text.split_once("sidecar.istio.io/extraStatTags: ").unwrap();
    tags.trim().split(',').map(ToOwned::to_owned).collect()
}

/// `stats_config` of an istio-proxy: its tags in their order, the extra ones in the middle, and what it lets through. As in
/// `pkg/bootstrap/testdata/stats_interval_golden.json` of istio/istio, commit 03404d0fbc82b9f3d5a19e516ab4c1a9ed87909d.
pub fn istio_stats(extra: &[&str]) -> Value {
    let tag = |name: &str, regex: &str| json!({"tag_name": name, "regex": regex});
    let prefix = r"(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)";
    let manager = r"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)";
    let mut tags = vec![
        tag("cluster_name", r"^cluster(\.(.+);)"),
        tag("http_conn_manager_prefix", manager),
        tag("thread_name", r"^server(\.(.+))\.watchdog"),
        tag("tcp_prefix", r"^tcp\.((.*?)\.)\w+?$"),
        tag("response_code", r"_rq(_(\d{3}))$"),
        tag("response_code_class", r"_rq(_(\dxx))$"),
        tag("http_conn_manager_listener_prefix", &format!(r"^listener(?=\.).*?\.http\.{prefix}")),
        tag("listener_address", &format!(r"^listener\.{prefix}")),
        tag("mongo_prefix", r"^mongo\.(.+?)\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$"),
    ];
    tags.extend(extra.iter().map(|name| tag(name, &format!(r"({name}=\.=(.*?);\.;)"))));
    tags.extend([
        tag("cache", r"(cache\.(.+?)\.)"),
        tag("component", r"(component\.(.+?)\.)"),
        tag("tag", r"(tag\.(.+?);\.)"),
        tag("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
        tag("authz_enforce_result", r"rbac(\.(allowed|denied))"),
        tag("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
        tag("authz_dry_run_result", r"(\.shadow_(allowed|denied))"),
    ]);
    // Without `wasm` nothing of ours would be seen.
    let prefixes = ["reporter=", "cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm"];
    let suffixes = ["rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"];
    let prefix = |prefix: &&str| json!({"prefix": prefix});
    let mut patterns: Vec<Value> = prefixes.iter().map(prefix).collect();
    patterns.extend(suffixes.iter().map(|suffix| json!({"suffix": suffix})));
    patterns.push(json!({"safe_regex": {"regex": r"vhost\..*\.route\..*"}}));
    patterns.extend(["component", "istio"].iter().map(prefix));
    json!({"use_all_default_tags": false, "stats_tags": tags, "stats_matcher": {"inclusion_list": {"patterns": patterns}}})
}

/// Scenarios whose names end like Istio's patterns begin: `cache.`, `tag.`, `component.`, `wasm_filter.`.
const NAMES: [&str; 4] = ["cold-cache", "no-tag", "my-component", "x-rq-503"];

/// All kinds of labels: groups, faults, causes, results.
pub fn experiment() -> Experiment {
    let start = Experiment::new();
    let all = NAMES.iter().fold(start, |all, name| {
        let scope = json!({"match": [{"path": {"prefix": format!("/{name}")}}], "sample": {"percent": 100}});
        all.scenario(name, scope, json!([{"abort": {"status": 503}}]))
            .with("safety", json!({"max_total": 2, "halt_when": [{"metric": "latency_p99", "above": "1m", "for": "30s"}]}))
            .with("rollback", json!({"circuit_breaker": {"open_for": "5s"}}))
    });
    all.set("namespace", json!("team-cache"))
}

pub async fn send(envoy: &Envoy) {
    let client = HttpClient::http1(envoy.addr("ingress"));
    for name in NAMES {
        for _ in 0..5 {
            client.get(&format!("/{name}")).await.unwrap();
        }
    }
}

pub async fn start(upstream: &HttpUpstream, stats: Option<Value>, built_in: bool) -> Envoy {
    let mut plugin = experiment().plugin();
    if built_in {
        plugin["stat_labels"] = json!("built_in");
    }
    let config = EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(&plugin).unwrap()]);
    let config = match stats {
        Some(stats) => config.set("stats_config", stats),
        None => config,
    };
    Envoy::start(config).await.unwrap()
}

/// Every sample of ours with its labels by their own names.
fn ours(metrics: &Metrics, renamed: &[(&str, &str)]) -> BTreeSet<(String, BTreeMap<String, String>, u64)> {
    let known = [
        "chaos_active",
        "chaos_breaker",
        "chaos_own_errors_total",
        "chaos_requests_total",
        "chaos_faults_injected_total",
        "chaos_faults_suppressed_total",
        "chaos_declared_rate_ppm",
        "service_downstream_latency_ms_count",
    ];
    let samples = metrics.samples().iter().filter(|sample| known.contains(&sample.name.as_str()));
    samples
        .map(|sample| {
            let own = |label: &str| {
                let of_family = |own: &str| match own {
                    "group" => {
                        ["requests", "latency", "own_errors"].iter().any(|part| sample.name.contains(part))
                    }
                    "fault" => sample.name.contains("injected"),
                    "cause" => sample.name.contains("suppressed"),
                    "namespace" => ["chaos_active", "chaos_breaker"].contains(&sample.name.as_str()),
                    _ => true,
                };
                let mut found = renamed.iter().filter(|(raw, own)| *raw == label && of_family(own));
                found.next().map_or(label, |(_, own)| own).to_owned()
            };
            let labels = sample.labels.iter().map(|(label, value)| (own(label), value.clone()));
            (sample.name.clone(), labels.collect(), sample.value as u64)
        })
        .collect()
}

async fn shown(envoy: &Envoy, renamed: &[(&str, &str)]) -> BTreeSet<(String, BTreeMap<String, String>, u64)> {
    send(envoy).await;
    let flushed = |m: &Metrics| {
        m.sum("service_downstream_latency_ms_count", &[]) == 20.0
            && m.sum("chaos_requests_total", &[]) == 20.0
    };
    ours(&envoy.prometheus_until("20 requests", flushed).await.unwrap(), renamed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_three_styles_show_the_same_under_their_own_labels() {
    let upstream = HttpUpstream::start().await.unwrap();
    let standalone = shown(&start(&upstream, None, false).await, &[]).await;
    // 2 faults, 3 suppressed by the cap, of each scenario.
    let has = |name: &str, labels: &[(&str, &str)], value: u64| {
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
        assert!(standalone.contains(&(name.to_owned(), labels.collect(), value)), "{name}: {standalone:#?}");
    };
    for scenario in NAMES.map(|name| ("scenario", name)) {
        has("chaos_active", &[scenario, ("namespace", "team-cache")], 1);
        has("chaos_breaker", &[scenario, ("namespace", "team-cache")], 0);
        has("chaos_own_errors_total", &[scenario, ("group", "treatment")], 2);
        has("chaos_requests_total", &[scenario, ("group", "treatment"), ("code_class", "5xx")], 2);
        has("chaos_requests_total", &[scenario, ("group", "other"), ("code_class", "2xx")], 3);
        has("chaos_faults_injected_total", &[scenario, ("fault", "abort")], 2);
        has("chaos_faults_suppressed_total", &[scenario, ("cause", "max_total")], 3);
        has("chaos_declared_rate_ppm", &[scenario], 1_000_000);
    }
    assert_eq!(standalone.len(), 4 * 11);

    let tags = extra_tags();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let extra: Vec<(&str, &str)> = tags.iter().map(|tag| (*tag, tag.trim_start_matches("chaos_"))).collect();
    let envoy = start(&upstream, Some(istio_stats(&tags)), false).await;
    assert_eq!(shown(&envoy, &extra).await, standalone, "Istio with extraStatTags");

    let built_in = [
        ("tag", "scenario"),
        ("wasm_filter", "code_class"),
        ("component", "group"),
        ("component", "fault"),
        ("component", "cause"),
        ("component", "namespace"),
    ];
    let envoy = start(&upstream, Some(istio_stats(&[])), true).await;
    assert_eq!(shown(&envoy, &built_in).await, standalone, "Istio with no set-up");
}

#[tokio::test]
async fn without_tags_and_without_the_key_labels_are_lost_in_names() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, Some(istio_stats(&[])), false).await;
    send(&envoy).await;
    let metrics =
        envoy.prometheus_until("the gauge", |m| m.family("chaos_stage").count() == 1).await.unwrap();
    assert_eq!(metrics.family("chaos_active").count(), 0, "which is why one of the two is needed");
    assert!(metrics.samples().iter().any(|sample| sample.name.ends_with("chaos_active")));
}
