//! Values that are one word, number or text: their form, range and unit.

use super::decode::{Decode, Kind, number, text};
use crate::diagnostic::{Code, Report};
use crate::draw::PPM;
use crate::node::{Node, Plain};
use std::time::Duration;

/// The version of a file's format; 1 is the only one so far.
#[derive(Debug, Clone, Copy)]
pub struct FormatVersion;

impl Decode for FormatVersion {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let version = number(node, report)?;
        if version == 1.0 {
            return Some(Self);
        }
        let message = format!("version {} is not read by this Squall", Plain(version));
        report.add(Code::UnsupportedVersion, node.at, message, "write `version: 1`");
        None
    }

    fn kind() -> Kind {
        Kind::plain("`1`")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"const": 1})
    }
}

/// Free text of 1 to `MAX` bytes without control characters other than line breaks and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MAX: usize>(pub String);

impl<const MAX: usize> Decode for Text<MAX> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        free_text(node, MAX, report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!("text, at most {MAX} bytes"))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(
            Some("^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]+$"),
            MAX,
        )
    }
}

/// Out of line, for all lengths.
#[inline(never)]
fn free_text(node: &Node, max: usize, report: &mut Report) -> Option<String> {
    let text = text(node, report)?;
    if text.is_empty() || text.len() > max {
        let message = format!("text of 1 to {max} bytes is needed, found {}", text.len());
        report.add(Code::OutOfRange, node.at, message, "shorten it, or remove an empty key");
        return None;
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        report.add(Code::BadFormat, node.at, "text has a control character", "remove it");
        return None;
    }
    Some(text.to_owned())
}

/// A share of requests: a number from 0 to 100 with at most four decimals, kept in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub u32);

impl Percent {
    pub const ALL: Self = Self(PPM);
}

impl Decode for Percent {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let percent = number(node, report)?;
        if !(0.0..=100.0).contains(&percent) {
            report.add(
                Code::OutOfRange,
                node.at,
                format!("{} is not a percentage", Plain(percent)),
                "give 0 to 100",
            );
            return None;
        }
        let ppm = percent * 10_000.0;
        let whole = libm::round(ppm);
        if libm::fabs(ppm - whole) > 1e-6 {
            let message = format!("{} % is finer than one in a million", Plain(percent));
            report.add(Code::OutOfRange, node.at, message, "give at most four decimals");
            return None;
        }
        if whole == 0.0 {
            report.add(
                Code::NeverFires,
                node.at,
                "0 % never fires",
                "give a percentage above 0, or remove the rule",
            );
        }
        Some(Self(whole as u32))
    }

    fn kind() -> Kind {
        Kind::plain("number, 0 to 100 (percent), at most four decimals")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::number::<Self>("number", 0.0, 100.0)
    }
}

/// A span of time written with its unit, such as `100ms`, `1m 30s`; bounds in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span<const MIN_MS: u64, const MAX_MS: u64>(pub Duration);

impl<const MIN_MS: u64, const MAX_MS: u64> Span<MIN_MS, MAX_MS> {
    /// Whole microseconds: the unit of delays inside Squall.
    #[must_use]
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }

    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<const MIN_MS: u64, const MAX_MS: u64> Decode for Span<MIN_MS, MAX_MS> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        duration(node, MIN_MS, MAX_MS, report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!("duration with unit, {}", range(MIN_MS, MAX_MS)))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        // As humantime reads them: numbers with units, and 0 alone.
        super::schema::text::<Self>(Some("^\\s*(0|([0-9][0-9._]*\\s*[A-Za-zµ]+\\s*)+)\\s*$"), 4096)
    }
}

fn range(min_ms: u64, max_ms: u64) -> String {
    let show = |ms| humantime::format_duration(Duration::from_millis(ms)).to_string();
    format!("{} to {}", show(min_ms), show(max_ms))
}

/// Out of line, for all ranges.
#[inline(never)]
fn duration(node: &Node, min_ms: u64, max_ms: u64, report: &mut Report) -> Option<Duration> {
    let hint = "give a number with its unit: 100ms, 30s, 15m, 1h";
    if let crate::node::Value::Number(n) = node.value {
        report.add(
            Code::WrongType,
            node.at,
            format!("a duration needs its unit, found the number {}", Plain(n)),
            hint,
        );
        return None;
    }
    let text = text(node, report)?;
    let Ok(duration) = humantime::parse_duration(text) else {
        let shown: String = text.chars().take(80).collect();
        report.add(Code::BadFormat, node.at, format!("{shown:?} is not a duration"), hint);
        return None;
    };
    if duration < Duration::from_millis(min_ms) || duration > Duration::from_millis(max_ms) {
        let hint = format!("give {}", range(min_ms, max_ms));
        report.add(Code::OutOfRange, node.at, format!("{text} is out of range"), hint);
        return None;
    }
    Some(duration)
}

/// A plain number between two bounds, both in thousandths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number<const MIN_MILLI: u32, const MAX_MILLI: u32>(pub f64);

impl<const MIN_MILLI: u32, const MAX_MILLI: u32> Decode for Number<MIN_MILLI, MAX_MILLI> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        between(node, f64::from(MIN_MILLI) / 1000.0, f64::from(MAX_MILLI) / 1000.0, report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!(
            "number, {} to {}",
            Plain(f64::from(MIN_MILLI) / 1000.0),
            Plain(f64::from(MAX_MILLI) / 1000.0)
        ))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::number::<Self>("number", f64::from(MIN_MILLI) / 1000.0, f64::from(MAX_MILLI) / 1000.0)
    }
}

/// Out of line, for all ranges.
#[inline(never)]
fn between(node: &Node, min: f64, max: f64, report: &mut Report) -> Option<f64> {
    let value = number(node, report)?;
    if !(min..=max).contains(&value) {
        let hint = format!("give {} to {}", Plain(min), Plain(max));
        report.add(Code::OutOfRange, node.at, format!("{} is out of range", Plain(value)), hint);
        return None;
    }
    Some(value)
}

/// A moment in UTC (RFC 3339), in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Decode for Timestamp {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = text(node, report)?;
        let moment = humantime::parse_rfc3339(text).ok();
        let since = moment.and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok());
        let Some(ms) = since.and_then(|d| u64::try_from(d.as_millis()).ok()) else {
            let shown: String = text.chars().take(80).collect();
            report.add(
                Code::BadFormat,
                node.at,
                format!("{shown:?} is not a time in UTC"),
                "write it as 2026-12-01T09:00:00Z",
            );
            return None;
        };
        Some(Self(ms))
    }

    fn kind() -> Kind {
        Kind::plain("time in UTC (RFC 3339), such as `2026-12-01T09:00:00Z`")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(
            Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$"),
            64,
        )
    }
}
