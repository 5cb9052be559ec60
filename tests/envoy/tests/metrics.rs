//! The metrics that a scrape of `/stats/prometheus` shows: names, labels, and numbers that are right over all
//! workers, judged by what the clients saw.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpUpstream, Load, LoadReport, Metrics,
};
use tokio::task::JoinSet;

/// Every family of a mission without pools, guardrails and pressure, with its labels.
const FAMILIES: [(&str, &[&str]); 17] = [
    ("chaos_active", &["namespace", "scenario"]),
    ("chaos_approvals", &[]),
    ("chaos_config_rejected", &[]),
    ("chaos_deadline_seconds", &[]),
    ("chaos_declared_rate_ppm", &["scenario"]),
    ("chaos_faults_in_flight", &[]),
    ("chaos_faults_injected_total", &["fault", "scenario"]),
    ("chaos_faults_suppressed_total", &["cause", "scenario"]),
    ("chaos_injected_delay_ms_count", &["scenario"]),
    ("chaos_halted", &[]),
    ("chaos_host_errors_total", &[]),
    ("chaos_intensity_percent", &[]),
    ("chaos_missions_total", &["result"]),
    ("chaos_own_errors_total", &["group", "scenario"]),
    ("chaos_requests_total", &["code_class", "group", "scenario"]),
    ("chaos_stage", &[]),
    ("service_downstream_latency_ms_count", &["group", "scenario"]),
];

async fn start(upstream: &HttpUpstream, experiment: &Experiment) -> Envoy {
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    EnvoyOptions::default().concurrency(4).start(config).await.unwrap()
}

/// Half of `/status/*` aborted with 503, a fifth of `/size/*` delayed, all of `/sleep/*` sampled by a header.
fn experiment() -> Experiment {
    let on = |prefix: &str, sample| json!({"match": [{"path": {"prefix": prefix}}], "sample": sample});
    Experiment::new()
        .scenario(
            "half-cut",
            on("/status/", json!({"percent": 50, "by": "request"})),
            json!([{"abort": {"status": 503}}]),
        )
        .scenario(
            "slow",
            on("/size/", json!({"percent": 20, "by": "request"})),
            json!([{"delay": {"fixed": "40ms"}}]),
        )
        .scenario(
            "by-user",
            on("/sleep/", json!({"percent": 100, "by": {"header": "x-user"}})),
            json!([{"abort": {"status": 429}}]),
        )
        .scenario(
            "second",
            on("/size/", json!({"percent": 100, "by": "request"})),
            json!([{"delay": {"fixed": "1ms"}}]),
        )
}

async fn load(
    envoy: &Envoy,
    path: &'static str,
    headers: &[(&str, &str)],
    prefix: &str,
    count: u64,
) -> LoadReport {
    let load = Load::http1(envoy.addr("ingress")).get_with(path, headers).connections(16).id_prefix(prefix);
    load.requests(count).await.unwrap()
}

/// What the counters say of one scenario and group, by class of the status.
fn requests(metrics: &Metrics, scenario: &str, group: &str) -> BTreeMap<String, u64> {
    let samples = metrics.family("chaos_requests_total").filter(|sample| {
        sample.labels.get("scenario").is_some_and(|have| have == scenario)
            && sample.labels.get("group").is_some_and(|have| have == group)
    });
    samples.map(|sample| (sample.labels["code_class"].clone(), sample.value as u64)).collect()
}

fn classes(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(class, count)| ((*class).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_over_four_workers_add_up_to_what_clients_saw() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment()).await;
    let cut = load(&envoy, "/status/404", &[], "cut", 2_000).await;
    let slow = load(&envoy, "/size/10", &[], "slow", 1_000).await;
    let user = load(&envoy, "/sleep/0", &[("x-user", "ada")], "user", 300).await;
    let nobody = load(&envoy, "/sleep/0", &[], "nobody", 200).await;
    let outside = load(&envoy, "/echo", &[], "outside", 100).await;
    assert_eq!((cut.broken(), slow.count(200), user.count(429)), (0, 1_000, 300));
    assert_eq!((nobody.count(200), outside.count(200)), (200, 100));

    // Where two scenarios matched, a request counts in both: once as treated, once as treated by the other.
    let finished = |metrics: &Metrics| metrics.sum("chaos_requests_total", &[]) == 4_500.0;
    let metrics = envoy.prometheus_until("all requests", finished).await.unwrap();
    let (aborted, passed) = (cut.count(503), cut.count(404));
    assert_eq!(requests(&metrics, "half-cut", "treatment"), classes(&[("5xx", aborted)]));
    assert_eq!(requests(&metrics, "half-cut", "control"), classes(&[("4xx", passed)]));
    assert_eq!((metrics.injected("half-cut", "abort"), aborted + passed), (aborted, 2_000));

    // The delay is long enough to tell the delayed ones from the rest by their latency from below.
    let delayed = slowed(&metrics);
    assert!(
        slow.latencies().iter().filter(|l| **l >= Duration::from_micros(39_500)).count() as u64 >= delayed
    );
    assert!((100..300).contains(&delayed), "{delayed} of 1,000 at 20 %");
    assert_eq!(requests(&metrics, "slow", "treatment"), classes(&[("2xx", delayed)]));
    assert_eq!(
        requests(&metrics, "slow", "control"),
        BTreeMap::new(),
        "the rest has the second scenario's fault"
    );
    assert_eq!(requests(&metrics, "slow", "other"), classes(&[("2xx", 1_000 - delayed)]));
    assert_eq!(requests(&metrics, "second", "other"), classes(&[("2xx", delayed)]));
    assert_eq!(requests(&metrics, "second", "treatment"), classes(&[("2xx", 1_000 - delayed)]));
    assert_eq!(metrics.injected("second", "delay"), 1_000 - delayed);
    assert_eq!(metrics.spared("second", "preempted"), delayed);

    assert_eq!(requests(&metrics, "by-user", "treatment"), classes(&[("4xx", 300)]));
    assert_eq!(requests(&metrics, "by-user", "control"), classes(&[("2xx", 200)]));
    assert_eq!(metrics.spared("by-user", "no_sample_header"), 200);
    assert_eq!((metrics.sum("chaos_host_errors_total", &[]), metrics.in_flight()), (0.0, 0));
}

fn slowed(metrics: &Metrics) -> u64 {
    metrics.injected("slow", "delay")
}

#[tokio::test]
async fn histograms_have_the_delays_and_the_latency_of_each_group() {
    let upstream = HttpUpstream::start().await.unwrap();
    let faults = json!([{"delay": {"fixed": "40ms"}}]);
    let sampled = json!({"sample": {"percent": 100, "by": {"header": "x-user"}}});
    let envoy = start(&upstream, &Experiment::new().scenario("slow", sampled, faults)).await;
    load(&envoy, "/size/1", &[("x-user", "ada")], "treated", 40).await;
    load(&envoy, "/size/1", &[], "control", 60).await;

    let slow = [("scenario", "slow")];
    let flushed = |metrics: &Metrics| metrics.sum("service_downstream_latency_ms_count", &slow) == 100.0;
    let metrics = envoy.prometheus_until("the flush of the histograms", flushed).await.unwrap();
    assert_eq!(metrics.value("chaos_injected_delay_ms_count", &slow), Some(40.0));
    let mean = metrics.value("chaos_injected_delay_ms_sum", &slow).unwrap() / 40.0;
    assert!((38.0..42.0).contains(&mean), "the histogram keeps two digits: {mean}");
    let latency = |group: &'static str| {
        let labels = [("scenario", "slow"), ("group", group)];
        let count = metrics.value("service_downstream_latency_ms_count", &labels).unwrap();
        (count, metrics.value("service_downstream_latency_ms_sum", &labels).unwrap() / count)
    };
    let (treated, control) = (latency("treatment"), latency("control"));
    assert_eq!((treated.0, control.0), (40.0, 60.0));
    assert!(treated.1 >= 38.0 && control.1 < treated.1, "mean latency {} and {} ms", treated.1, control.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_flight_count_while_they_wait_and_not_after() {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = Experiment::new()
        .on_path("hold", "/size/1", json!([{"delay": {"fixed": "700ms"}}, {"abort": {"status": 503}}]))
        .on_path("cut", "/size/2", json!([{"abort": {"status": 503}}]));
    let envoy = start(&upstream, &experiment).await;
    let mut waiting = JoinSet::new();
    for number in 0..60 {
        let address = envoy.addr("ingress");
        let client = if number % 2 == 0 { HttpClient::http1(address) } else { HttpClient::http2(address) };
        // Every third client leaves long before its request is due.
        waiting.spawn(async move {
            let patience = Duration::from_millis(if number % 3 == 0 { 350 } else { 30_000 });
            tokio::time::timeout(patience, client.get("/size/1"))
                .await
                .is_ok_and(|reply| reply.unwrap().status == 503)
        });
    }
    envoy.prometheus_until("60 in flight", |metrics| metrics.in_flight() == 60).await.unwrap();
    envoy.prometheus_until("40 in flight", |metrics| metrics.in_flight() == 40).await.unwrap();
    assert_eq!(waiting.join_all().await.into_iter().filter(|aborted| *aborted).count(), 40);
    load(&envoy, "/size/2", &[], "cut", 500).await;
    let quiet = |metrics: &Metrics| metrics.in_flight() == 0 && metrics.finished("cut", "treatment") == 500;
    let metrics = envoy.prometheus_until("nothing in flight", quiet).await.unwrap();
    assert_eq!(requests(&metrics, "hold", "treatment"), classes(&[("5xx", 40), ("none", 20)]));
    assert_eq!((metrics.injected("hold", "delay"), metrics.injected("hold", "abort")), (60, 40));
}

#[tokio::test]
async fn every_family_has_its_labels_and_one_type() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment().set("duration", json!("3s"))).await;
    load(&envoy, "/size/10", &[], "names", 200).await;
    load(&envoy, "/status/200", &[], "more", 50).await;
    let ended = |metrics: &Metrics| {
        metrics.value("chaos_missions_total", &[("result", "done")]) == Some(1.0)
            && metrics.sum("service_downstream_latency_ms_count", &[]) > 0.0
    };
    let metrics = envoy.prometheus_until("the end of the mission", ended).await.unwrap();
    for (family, labels) in FAMILIES {
        let mut seen = 0;
        for sample in metrics.family(family) {
            let have: Vec<&str> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(have, labels, "{family}");
            seen += 1;
        }
        assert!(seen > 0, "{family} is absent");
    }
    let ours = |name: &str| name.contains("chaos") || name.contains("service_downstream");
    let known: BTreeSet<&str> = FAMILIES.iter().map(|(name, _)| name.trim_end_matches("_count")).collect();
    let text = envoy.admin("/stats/prometheus").await.unwrap();
    let types: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let names: Vec<&str> =
        types.iter().filter_map(|line| line.split(' ').next()).filter(|name| ours(name)).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), known, "no family of ours but these");
    assert_eq!(names.len(), known.len(), "a type stands twice: {names:?}");
    for (name, kind) in [
        ("chaos_active", "gauge"),
        ("chaos_requests_total", "counter"),
        ("chaos_injected_delay_ms", "histogram"),
    ] {
        assert!(types.contains(&format!("{name} {kind}").as_str()), "{types:?}");
    }
}
