//! One of the events of a proxy.

use super::read::{count, moment, safe, text};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Event {
    pub number: u64,
    pub name: String,
    pub at_ms: Option<u64>,
    /// The other keys with their values.
    pub about: String,
}

impl Event {
    pub fn read(value: &Value) -> Option<Self> {
        let entries = value.as_object()?;
        let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let rest = entries.iter().filter(|(key, value)| {
            !matches!(key.as_str(), "number" | "event" | "at" | "mission") && !value.is_null() && *value != ""
        });
        let about: Vec<String> = rest.map(|(key, value)| format!("{key} {}", told(value))).collect();
        Some(Self {
            number: count(value, "/number").unwrap_or(0),
            name: text(value, "/event")?,
            at_ms: moment(value, "/at"),
            about: safe(&about.join(" · ")),
        })
    }
}
