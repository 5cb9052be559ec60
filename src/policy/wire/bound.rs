//! Shares that carry their unit in the text, such as `5%`, and bounds that are a share or a time.

use super::decode::{Decode, Kind, text, wrong_type};
use crate::diagnostic::{Code, Report};
use crate::draw::PPM;
use crate::node::{Node, Plain, Value};
use std::time::Duration;

/// Longest time that a bound may be, in microseconds: one hour.
const LONGEST_US: u64 = 3_600_000_000;

/// `12.5%` in parts per million, at most four decimals; `None` when it is no share from 0 to 100 %.
pub(crate) fn ppm_of(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || fraction.len() > 4 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let missing = 4_usize.saturating_sub(fraction.len());
    let tail = fraction.bytes().chain(std::iter::repeat_n(b'0', missing));
    let ppm = whole.bytes().chain(tail).fold(0_u32, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u32::from(digit.saturating_sub(b'0')))
    });
    (ppm <= PPM).then_some(ppm)
}

/// A share of parts per million as a person would write it, such as `0.5 %`.
#[must_use]
pub fn show_share(ppm: u32) -> String {
    format!("{} %", Plain(f64::from(ppm) / 10_000.0))
}

/// A share between two bounds in parts per million, text with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Decode for Share<MIN, MAX> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        share(node, MIN, MAX, report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!("text, {} to {}, at most four decimals", tight(MIN), tight(MAX)))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^[0-9]{1,3}([.][0-9]{1,4})? *%$"), 64)
    }
}

fn tight(ppm: u32) -> String {
    format!("{}%", Plain(f64::from(ppm) / 10_000.0))
}

/// Out of line, for all ranges.
#[inline(never)]
fn share(node: &Node, min: u32, max: u32, report: &mut Report) -> Option<u32> {
    let hint = format!("give {} to {}", tight(min), tight(max));
    let text = shown(node, "a share", &hint, report)?;
    let Some(ppm) = ppm_of(text) else {
        report.add(Code::BadFormat, node.at, format!("{:?} is not a share", short(text)), hint);
        return None;
    };
    if !(min..=max).contains(&ppm) {
        report.add(Code::OutOfRange, node.at, format!("{text} is out of range"), hint);
        return None;
    }
    Some(ppm)
}

/// A bound of a metric: a share or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Parts per million.
    Share(u32),
    /// Microseconds.
    Time(u64),
}

const BOUND: &str = "give a share for `error_rate` and a time for a latency: 5%, 350ms, 2s";

impl Bound {
    fn read(text: &str) -> Option<Self> {
        if text.ends_with('%') {
            return ppm_of(text).map(Self::Share);
        }
        let time = humantime::parse_duration(text).ok()?;
        u64::try_from(Duration::as_micros(&time)).ok().filter(|us| *us <= LONGEST_US).map(Self::Time)
    }

    /// As a person would write it.
    #[must_use]
    pub fn show(self) -> String {
        match self {
            Self::Share(ppm) => show_share(ppm),
            Self::Time(us) if us % 1000 == 0 && us % 1_000_000 != 0 => format!("{} ms", us / 1000),
            Self::Time(us) => humantime::format_duration(Duration::from_micros(us)).to_string(),
        }
    }
}

impl Decode for Bound {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = shown(node, "a bound", BOUND, report)?;
        let bound = Self::read(text.trim());
        if bound.is_none() {
            let message = format!("{:?} is neither a share nor a time of at most an hour", short(text));
            report.add(Code::BadFormat, node.at, message, BOUND);
        }
        bound
    }

    fn kind() -> Kind {
        Kind::plain("text: a share such as `5%`, or a duration with unit, at most 1h")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(None, 64)
    }
}

/// An upper bound as a signal has it: `<= 350ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtMost(pub Bound);

impl Decode for AtMost {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let hint = "write it as \"<= 350ms\" or \"<= 0.5%\"";
        let text = shown(node, "a bound", hint, report)?;
        let bound = text.trim_start().strip_prefix("<=").and_then(|rest| Bound::read(rest.trim()));
        if bound.is_none() {
            let message = format!("{:?} is not an upper bound", short(text));
            report.add(Code::BadFormat, node.at, message, hint);
        }
        bound.map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("text, `<=` and a share or a duration with unit, such as `<= 350ms`")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^ *<="), 64)
    }
}

/// The text, or what to write instead of a bare number.
fn shown<'n>(node: &'n Node, what: &str, hint: &str, report: &mut Report) -> Option<&'n str> {
    match node.value {
        Value::Number(n) => {
            let message = format!("{what} needs its unit, found the number {}", Plain(n));
            report.add(Code::WrongType, node.at, message, hint);
            None
        }
        Value::Text(_) => text(node, report),
        _ => {
            wrong_type(node, "text", report);
            None
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
