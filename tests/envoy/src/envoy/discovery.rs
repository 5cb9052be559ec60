//! Replacing a discovered filter configuration while Envoy runs, as a control plane would.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::Envoy;
use crate::bootstrap::filter;
use crate::{Error, Result, eventually};

/// What Envoy did with a new configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigUpdate {
    /// It serves the new one.
    Accepted,
    /// It keeps the old one.
    Rejected,
}

impl Envoy {
    /// Replaces the configuration of the discovered filter `name` by an atomic rename, and waits for Envoy's verdict.
    ///
    /// `typed_config` as from [`crate::HttpFilter::squall_config`]. It must differ from the one that is served:
    /// Envoy ignores the same configuration.
    ///
    /// # Errors
    /// [`Error::Deadline`] when Envoy took no notice within 10 s.
    pub async fn update_filter(&self, name: &str, typed_config: &Value) -> Result<ConfigUpdate> {
        static VERSION: AtomicU64 = AtomicU64::new(1);
        let folder = self.folder.path().join(filter::folder(name));
        let version = VERSION.fetch_add(1, Ordering::Relaxed);
        let (accepted, rejected) = self.discovery_counts(name).await?;
        let next = folder.join(format!("config.{version}.next"));
        std::fs::write(&next, filter::discovery_response(name, typed_config, version))?;
        std::fs::rename(next, folder.join("config.json"))?;
        eventually(
            &format!("a verdict on the configuration of {name}"),
            Duration::from_secs(10),
            async || {
                let now = self.discovery_counts(name).await.ok()?;
                match (now.0 > accepted, now.1 > rejected) {
                    (_, true) => Some(ConfigUpdate::Rejected),
                    (true, false) => Some(ConfigUpdate::Accepted),
                    (false, false) => None,
                }
            },
        )
        .await
    }

    /// How often the configuration of the filter was taken, and how often it was refused.
    async fn discovery_counts(&self, name: &str) -> Result<(u64, u64)> {
        let text = self.admin("/stats?format=json&filter=^extension_config_discovery").await?;
        let stats: Value =
            serde_json::from_str(&text).map_err(|error| Error::Malformed(format!("/stats: {error}")))?;
        let sum = |endings: &[&str]| -> u64 {
            let entries = stats["stats"].as_array().into_iter().flatten();
            let matching = entries.filter(|entry| {
                let stat = entry["name"].as_str().unwrap_or_default();
                endings.iter().any(|ending| stat.ends_with(&format!("{name}.{ending}")))
            });
            matching.filter_map(|entry| entry["value"].as_u64()).sum()
        };
        Ok((sum(&["config_reload"]), sum(&["config_fail", "update_rejected", "update_failure"])))
    }
}
