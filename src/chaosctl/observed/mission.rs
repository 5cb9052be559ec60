//! The mission of a proxy, and the halt that blocks new ones.

use super::read::{count, list, moment, number, text};
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub struct Mission {
    pub id: String,
    pub seed: Option<String>,
    pub start_ms: Option<u64>,
    pub remaining_s: Option<u64>,
    pub baseline_s: u64,
    pub recovery_s: u64,
    pub duration_s: u64,
    /// The one under way.
    pub stage: Option<Stage>,
    /// Seconds and intensity of each, in their order.
    pub stages: Vec<(u64, f64)>,
    /// Seconds to the end of the lease.
    pub lease_ends_in_s: Option<u64>,
    pub ended: Option<Ended>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    pub number: u64,
    pub of: u64,
    pub intensity_percent: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// `done`, `halted`, `stopped`, `lease`.
    pub how: String,
    pub at_ms: Option<u64>,
    pub by: Option<String>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Halt {
    /// `guardrail` or `person`.
    pub reason: String,
    pub detail: Option<String>,
    pub by: Option<String>,
    pub at_ms: Option<u64>,
}

impl Mission {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            id: text(value, "/id")?,
            seed: text(value, "/seed"),
            start_ms: moment(value, "/start"),
            remaining_s: count(value, "/remaining_s"),
            baseline_s: count(value, "/baseline_s").unwrap_or(0),
            recovery_s: count(value, "/recovery_s").unwrap_or(0),
            duration_s: count(value, "/duration_s").unwrap_or(0),
            stage: value.get("stage").and_then(Stage::read),
            stages: list(value, "/stages", |stage| {
                Some((count(stage, "/for_s")?, number(stage, "/intensity_percent")?))
            }),
            lease_ends_in_s: count(value, "/lease/ends_in_s").filter(|ends| *ends > 0),
            ended: value.get("ended").and_then(Ended::read),
        })
    }
}

impl Stage {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            number: count(value, "/number")?,
            of: count(value, "/of")?,
            intensity_percent: number(value, "/intensity_percent")?,
        })
    }
}

impl Ended {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            how: text(value, "/how")?,
            at_ms: moment(value, "/at"),
            by: text(value, "/by"),
            reason: text(value, "/reason"),
        })
    }
}

impl Halt {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            reason: text(value, "/reason")?,
            detail: text(value, "/detail"),
            by: text(value, "/by"),
            at_ms: moment(value, "/at"),
        })
    }

    /// Who and why, without when.
    #[must_use]
    pub fn told(&self) -> String {
        let by = self.by.as_ref().unwrap_or(&self.reason);
        self.detail.as_ref().map_or_else(|| format!("by {by}"), |detail| format!("by {by}: {detail}"))
    }
}
