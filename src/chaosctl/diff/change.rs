//! One difference, and which way it moves the blast radius.

use serde::Serialize;
use squall_policy::{Node, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Same,
    Narrower,
    /// Nobody can tell without the traffic, or without a person.
    Unclear,
    Wider,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Narrower => "narrower",
            Self::Unclear => "unclear",
            Self::Wider => "wider",
        }
    }

    pub fn opposite(self) -> Self {
        match self {
            Self::Wider => Self::Narrower,
            Self::Narrower => Self::Wider,
            same => same,
        }
    }
}

#[derive(Serialize)]
pub struct Change {
    pub verdict: Verdict,
    /// Key path, with names in place of numbers where items have some.
    pub key: String,
    pub old: Option<String>,
    pub new: Option<String>,
    pub why: String,
}

/// A value on one line.
pub fn shown(node: Option<&Node>) -> Option<String> {
    let node = node?;
    Some(match &node.value {
        Value::Text(text) => text.clone(),
        _ => serde_json::to_string(node).unwrap_or_default(),
    })
}

/// Whether two values say the same, wherever they stand.
pub fn equal(a: Option<&Node>, b: Option<&Node>) -> bool {
    let value = |node: Option<&Node>| node.and_then(|node| serde_json::to_value(node).ok());
    value(a) == value(b)
}

/// The number behind a value with any unit: shares in percent, times in milliseconds, sizes in bytes.
pub fn quantity(node: &Node) -> Option<f64> {
    let text = match &node.value {
        Value::Number(number) => return Some(*number),
        Value::Text(text) => text.trim(),
        _ => return None,
    };
    if let Some(share) = text.strip_suffix('%') {
        return share.trim().parse().ok();
    }
    if let Some(bytes) = bytes(text.strip_suffix("/s").unwrap_or(text)) {
        return Some(bytes);
    }
    if let Ok(moment) = humantime::parse_rfc3339(text) {
        return Some(moment.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64() * 1e3);
    }
    humantime::parse_duration(text).ok().map(|span| span.as_secs_f64() * 1e3)
}

fn bytes(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("B", 1.0),
    ];
    UNITS.iter().find_map(|(unit, size)| {
        text.strip_suffix(unit)?.trim_end().parse::<f64>().ok().map(|number| number * size)
    })
}
