//! dashboards/logs/: what takes an event out of a line finds it in those of a real Envoy and in the same as an istio-proxy writes them.

use regex_lite::Regex;
use serde_json::{Value, json};
use squall_envoy_tests::{EnvoyConfig, EnvoyOptions, Experiment, HttpUpstream, repo_root};

use super::events_of;

/// The only expression of a file that begins so, and the name of its group with the event.
fn expression(file: &str, key: &str, group: &'static str) -> (Regex, &'static str) {
    let text = std::fs::read_to_string(repo_root().join("dashboards/logs").join(file)).unwrap();
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(key))
        .filter_map(|(_, rest)| rest.trim_end_matches('}').strip_suffix('\''))
        .collect();
    let [only] = found.as_slice() else { panic!("{file}: {found:?}") };
    (Regex::new(only).unwrap(), group)
}

/// The line as istio-proxy has it: `%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t`.
fn as_istio_writes(line: &str) -> String {
    let (level, rest) = line.split_once("][wasm] [").unwrap();
    let level = level.rsplit_once('[').unwrap().1;
    let (place, text) = rest.split_once("] ").unwrap();
    format!("2026-12-01T09:00:00.000123Z\t{level}\tenvoy wasm {place}\t{text}\tthread=17")
}

#[tokio::test]
async fn the_expressions_find_the_events_in_lines_of_envoy_and_of_istio() {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = Experiment::new()
        .on_path("cut", "/cut", json!([{"abort": {"status": 503}}]))
        .set("duration", json!("2s"));
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let envoy = EnvoyOptions::default().log_level("info").start(config).await.unwrap();
    let done = squall_envoy_tests::eventually("the end", std::time::Duration::from_secs(20), async || {
        events_of(&envoy).iter().any(|event| event["event"] == "mission.done").then_some(())
    });
    done.await.unwrap();

    let log = envoy.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("{\"event\":\"")).collect();
    assert!(lines.len() >= 3, "{log}");
    let files = [
        expression("promtail.yaml", "- regex: {expression: '", "event_line"),
        expression("otel-collector.yaml", "regex: '", "line"),
    ];
    for (expression, group) in &files {
        for line in &lines {
            for line in [(*line).to_owned(), as_istio_writes(line)] {
                let found = expression.captures(&line).unwrap_or_else(|| panic!("{expression} in {line:?}"));
                let event: Value =
                    serde_json::from_str(&found[*group]).unwrap_or_else(|e| panic!("{e}: {line:?}"));
                assert!(event["event"].is_string() && event["at"].is_string(), "{event}");
                assert!(["info", "warning", "error"].contains(&&found["level"]), "{line:?}");
            }
        }
        // Lines of others are none of ours.
        let others = log.lines().filter(|line| !line.contains("{\"event\":\""));
        assert_eq!(others.filter(|line| expression.is_match(line)).count(), 0);
    }
}
