//! `promtool check metrics` on what a real Envoy prints during a mission.

use std::io::Write as _;
use std::process::{Command, Stdio};

use squall_envoy_tests::{Envoy, HttpUpstream, PrometheusTools};

use super::labels::{extra_tags, istio_stats, send, start};

/// What promtool says of a metric, and why that stays. Everything else about a metric of ours fails the test.
const ACCEPTED: [(&str, &str, &str); 3] = [
    ("", "no help text", "Envoy prints no `# HELP` for any metric"),
    (
        "_ms",
        "abbreviated units",
        "the names are a contract with dashboards; an Envoy histogram holds whole numbers",
    ),
    ("_percent", "\"percent\"", "a Wasm gauge holds whole numbers, and a ratio is none"),
];

/// The findings: lines `name sentence`.
fn findings(text: &str) -> Vec<(String, String)> {
    let mut promtool = Command::new(PrometheusTools::find().unwrap().promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let lines = String::from_utf8_lossy(&said).into_owned();
    let pairs = lines.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, sentence)| (name.to_owned(), sentence.to_owned())).collect()
}

fn is_accepted(name: &str, sentence: &str) -> bool {
    // Envoy's own names are Envoy's matter. `error while linting` and the like have no such name.
    name.starts_with("envoy_")
        || ACCEPTED.iter().any(|(part, said, _)| name.contains(part) && sentence.contains(said))
}

async fn lint(envoy: &Envoy, style: &str) {
    send(envoy).await;
    let flushed = envoy
        .prometheus_until("the histograms", |m| m.sum("service_downstream_latency_ms_count", &[]) == 20.0);
    flushed.await.unwrap();
    let text = envoy.admin("/stats/prometheus").await.unwrap();
    let families =
        text.lines().filter(|l| l.starts_with("# TYPE chaos_") || l.starts_with("# TYPE service_")).count();
    assert!(families >= 12, "{style}: {families} families of ours");
    assert_clean(&text, style);
}

/// What a proxy prints has nothing that promtool minds.
pub fn assert_clean(text: &str, style: &str) {
    let found = findings(text);
    let left: Vec<_> = found.iter().filter(|(name, sentence)| !is_accepted(name, sentence)).collect();
    assert!(left.is_empty(), "{style}: {left:#?}");
    // promtool was heard: it has something to say of what is accepted.
    assert!(found.iter().any(|(name, _)| name == "service_downstream_latency_ms"), "{style}: {found:?}");
}

#[tokio::test]
async fn promtool_finds_nothing_of_ours_in_any_style() {
    let upstream = HttpUpstream::start().await.unwrap();
    lint(&start(&upstream, None, false).await, "standalone").await;
    let extra = extra_tags();
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    lint(&start(&upstream, Some(istio_stats(&extra)), false).await, "extraStatTags").await;
    lint(&start(&upstream, Some(istio_stats(&[])), true).await, "no set-up").await;
}

#[test]
fn a_mistake_of_ours_would_be_found() {
    let twice = "# TYPE chaos_a gauge\nchaos_a 1\n# TYPE chaos_b counter\nchaos_b 1\n# TYPE chaos_a gauge\nchaos_a 2\n";
    for text in [twice, "# TYPE chaos_b counter\nchaos_b 1\n"] {
        let found = findings(text);
        assert!(found.iter().any(|(name, sentence)| !is_accepted(name, sentence)), "{text}: {found:?}");
    }
}
