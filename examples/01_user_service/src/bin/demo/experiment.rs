//! What is run and when: the two files, rendered by chaosctl, and the three phases around the mission.

use std::{
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use squall_envoy_tests::repo_root;
use tokio::time::Instant;

const FOLDER: &str = "examples/01_user_service";
/// One experiment.
pub struct Experiment {
    /// The plugin configuration that Envoy hands to the filter.
    pub plugin: Value,
    /// What the catalog declares, one entry for each fault of the mission's scenarios.
    pub declared: Vec<Declared>,
    /// Before, during and after the mission.
    pub phases: [Phase; 3],
}

/// A stretch of time with load.
pub struct Phase {
    pub name: &'static str,
    pub start: Instant,
    pub end: Instant,
}

impl Phase {
    pub fn length(&self) -> Duration {
        self.end - self.start
    }
}

/// How often a fault was promised.
pub struct Declared {
    pub scenario: String,
    /// `delay` or `abort`, as the metrics call it.
    pub fault: &'static str,
    /// Share of the matched requests, 0 to 1.
    pub share: f64,
}

impl Experiment {
    /// Renders the files and puts the start of the mission 15 s (`short`: 4 s) behind the time that services and
    /// Envoy have for their start.
    ///
    /// # Errors
    /// When chaosctl is missing, or refuses the files.
    pub fn prepare(chaosctl: &Path, short: bool, start_up: Duration) -> anyhow::Result<Self> {
        let mut plugin = render(chaosctl)?;
        let mission = &mut plugin["mission"];
        if short {
            mission["duration"] = json!("7s");
        }
        let duration = humantime::parse_duration(mission["duration"].as_str().unwrap_or_default())?;
        let seconds = if short { [4, 4] } else { [15, 20] };
        let [before, after] = seconds.map(Duration::from_secs);
        let wall_start = next_whole_second(SystemTime::now() + start_up + before)?;
        mission["start"] = json!(humantime::format_rfc3339_seconds(wall_start).to_string());
        let start = Instant::now() + wall_start.duration_since(SystemTime::now())?;
        let phases = [
            Phase { name: "before", start: start - before, end: start },
            Phase { name: "during", start, end: start + duration },
            Phase { name: "after", start: start + duration, end: start + duration + after },
        ];
        let declared = declared(&plugin);
        Ok(Self { plugin, declared, phases })
    }

    /// The mission: what the plugin configuration says under that key.
    pub fn mission(&self, key: &str) -> &str {
        self.plugin["mission"][key].as_str().unwrap_or("-")
    }
}

fn render(chaosctl: &Path) -> anyhow::Result<Value> {
    let folder = repo_root().join(FOLDER);
    let rendered = Command::new(chaosctl)
        .args(["render", "plugin", "--catalog"])
        .arg(folder.join("catalog.yaml"))
        .arg("--mission")
        .arg(folder.join("mission.yaml"))
        .output()
        .with_context(|| format!("cannot run {}: run `make build`", chaosctl.display()))?;
    ensure!(rendered.status.success(), "chaosctl: {}", String::from_utf8_lossy(&rendered.stderr));
    serde_json::from_slice(&rendered.stdout).context("chaosctl rendered something that is not JSON")
}

fn next_whole_second(time: SystemTime) -> anyhow::Result<SystemTime> {
    Ok(UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH)?.as_secs() + 1))
}

fn declared(plugin: &Value) -> Vec<Declared> {
    let percent = |value: &Value| value.as_f64().unwrap_or(100.0);
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let wanted = items(&plugin["mission"]["scenarios"]);
    let scenarios = items(&plugin["catalog"]["scenarios"]);
    let in_mission = scenarios.iter().filter(|scenario| wanted.contains(&scenario["name"]));
    in_mission
        .flat_map(|scenario| {
            let sampled = percent(&scenario["scope"]["sample"]["percent"]);
            let name = scenario["name"].as_str().unwrap_or_default();
            items(&scenario["faults"]).into_iter().map(move |fault| {
                let kind = if fault["abort"].is_null() { "delay" } else { "abort" };
                let share = sampled / 100.0 * percent(&fault[kind]["percent"]) / 100.0;
                Declared { scenario: name.to_owned(), fault: kind, share }
            })
        })
        .collect()
}
