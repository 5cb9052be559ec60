//! What Squall tells, checked against those who read it: promtool and Prometheus, an OTLP receiver, JSON Schema. `make test-observability`
//! runs this.

mod alerts;
mod dashboard;
mod demo;
mod events;
mod families;
mod labels;
mod lint;
mod logs;
mod prometheus;
mod schemas;
mod stale;
mod traces;

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use squall_envoy_tests::{Envoy, PrometheusTools, repo_root};

/// The rules and alerts as a user loads them.
fn rule_files() -> [PathBuf; 2] {
    ["recording-rules.yaml", "alerts.yaml"].map(|name| repo_root().join("dashboards/prometheus").join(name))
}

fn promtool(arguments: &[&str]) -> Output {
    let tools = PrometheusTools::find().unwrap();
    Command::new(tools.promtool).current_dir(repo_root()).args(arguments).output().unwrap()
}

/// Runs promtool, which has to be content.
fn promtool_agrees(arguments: &[&str]) -> String {
    let output = promtool(arguments);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {}:\n{said}", arguments.join(" "));
    said
}

/// The events in Envoy's log, in order.
fn events_of(envoy: &Envoy) -> Vec<Value> {
    let log = envoy.log();
    let lines = log.lines().filter_map(|line| line.get(line.find("{\"event\"")?..));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}
