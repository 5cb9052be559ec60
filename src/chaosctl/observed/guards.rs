//! Guardrails and signals.

use super::read::{number, text};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Guard {
    pub scenario: String,
    pub rule: String,
    pub value: Option<f64>,
    pub limit: Option<f64>,
    pub unit: String,
    pub standing: Standing,
    pub exceeding_s: f64,
    pub for_s: Option<f64>,
    /// 1 is far from tripping, 0 has tripped.
    pub distance: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    #[default]
    Watching,
    Exceeding,
    Tripped,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::Exceeding => "exceeding",
            Self::Tripped => "tripped",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Signal {
    pub scenario: String,
    pub rule: String,
    pub unit: String,
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// `held`, `violated`, `inconclusive`.
    pub verdict: String,
    pub why: Option<String>,
}

fn unit(value: &Value) -> String {
    let ms = text(value, "/unit").is_some_and(|unit| unit == "ms");
    if ms { "ms" } else { "%" }.to_owned()
}

impl Guard {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            scenario: text(value, "/scenario").unwrap_or_default(),
            rule: text(value, "/rule")?,
            value: number(value, "/value"),
            limit: number(value, "/limit"),
            unit: unit(value),
            standing: match text(value, "/state").as_deref() {
                Some("tripped") => Standing::Tripped,
                Some("exceeding") => Standing::Exceeding,
                _ => Standing::Watching,
            },
            exceeding_s: number(value, "/exceeding_s").unwrap_or(0.0),
            for_s: number(value, "/for_s"),
            distance: number(value, "/distance").unwrap_or(1.0).clamp(0.0, 1.0),
        })
    }
}

impl Signal {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            scenario: text(value, "/scenario").unwrap_or_default(),
            rule: text(value, "/rule")?,
            unit: unit(value),
            value: number(value, "/value"),
            low: number(value, "/low"),
            high: number(value, "/high"),
            verdict: text(value, "/verdict").unwrap_or_else(|| "inconclusive".to_owned()),
            why: text(value, "/why"),
        })
    }
}
