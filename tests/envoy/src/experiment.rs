//! Builds the plugin configuration of a test: a catalog of scenarios and the mission that runs all of them.

use serde_json::{Map, Value, json};

use crate::{Envoy, HttpFilter, Metrics, Result};

/// A catalog and a mission of all its scenarios, in the order in which they were added.
///
/// The mission is called `test`, has the namespace `test` and the seed `test`, and runs for an hour from its first
/// request. Each Envoy keeps its own missions, so only two experiments in one Envoy need different ids.
#[derive(Clone, Debug)]
pub struct Experiment {
    scenarios: Vec<Value>,
    mission: Map<String, Value>,
}

impl Default for Experiment {
    fn default() -> Self {
        Self::new()
    }
}

impl Experiment {
    /// A mission without scenarios.
    pub fn new() -> Self {
        let mission =
            json!({"version": 1, "id": "test", "namespace": "test", "seed": "test", "duration": "1h"});
        let mission = mission.as_object().cloned().unwrap_or_default();
        Self { scenarios: Vec::new(), mission }
    }

    /// Adds a scenario: its `scope` (`{}` is every request) and its list of `faults`.
    pub fn scenario(mut self, name: &str, scope: Value, faults: Value) -> Self {
        self.scenarios.push(json!({"name": name, "scope": scope, "faults": faults}));
        self
    }

    /// Adds a scenario that takes every request whose path is `path`.
    pub fn on_path(self, name: &str, path: &str, faults: Value) -> Self {
        self.scenario(name, json!({"match": [{"path": {"exact": path}}]}), faults)
    }

    /// Sets a key of the scenario that was added last, such as `safety`.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        if let Some(scenario) = self.scenarios.last_mut() {
            scenario[key] = value;
        }
        self
    }

    /// Every scenario decides for itself, instead of the first one that takes a request.
    pub fn independent(self) -> Self {
        self.set("composition", json!("independent"))
    }

    /// Sets any other key of the mission.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.mission.insert(key.to_owned(), value);
        self
    }

    /// The plugin configuration.
    pub fn plugin(&self) -> Value {
        let mut mission = self.mission.clone();
        mission.insert("scenarios".to_owned(), self.scenarios.iter().map(|s| s["name"].clone()).collect());
        json!({"version": 1, "catalog": {"version": 1, "scenarios": self.scenarios}, "mission": mission})
    }

    /// The filter, for the one place in a chain that [`crate::EnvoyConfig::proxy`] gives it.
    ///
    /// # Errors
    /// When `target/squall.wasm` is missing.
    pub fn filter(&self) -> Result<[HttpFilter; 1]> {
        Ok([HttpFilter::squall(&self.plugin())?])
    }
}

impl Metrics {
    /// How many faults of a kind (`delay` or `abort`) a scenario has injected.
    pub fn injected(&self, scenario: &str, fault: &str) -> u64 {
        self.sum("chaos_faults_injected_total", &[("scenario", scenario), ("fault", fault)]) as u64
    }

    /// How many finished requests of a scenario belong to a group (`treatment` or `control`).
    pub fn finished(&self, scenario: &str, group: &str) -> u64 {
        self.sum("chaos_requests_total", &[("scenario", scenario), ("group", group)]) as u64
    }

    /// How many faults a scenario has spared for a cause.
    pub fn spared(&self, scenario: &str, cause: &str) -> u64 {
        self.sum("chaos_faults_suppressed_total", &[("scenario", scenario), ("cause", cause)]) as u64
    }

    /// How many requests have a fault in hand at this moment.
    pub fn in_flight(&self) -> u64 {
        self.sum("chaos_faults_in_flight", &[]) as u64
    }
}

impl Envoy {
    /// How many faults of a kind a scenario has injected so far: exact as soon as a client has its answer.
    ///
    /// # Errors
    /// When the admin interface does not answer.
    pub async fn injected(&self, scenario: &str, fault: &str) -> Result<u64> {
        Ok(self.prometheus().await?.injected(scenario, fault))
    }
}
