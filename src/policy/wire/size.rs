//! Sizes and rates: whole numbers of bytes with their unit.

use super::decode::{Decode, Kind, text, wrong_type};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain, Value};

/// Units as they are written, the binary ones (IEC 80000-13) first.
const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// The number of bytes that a text such as `64KiB` or `1.5MB` names; `None` when it is none, or no whole number.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = UNITS.iter().find_map(|(unit, size)| {
        let number = text.strip_suffix(unit)?;
        // `KiB` ends with `B` as well.
        number.ends_with(|c: char| c.is_ascii_digit() || c == ' ').then_some((number.trim_end(), *size))
    })?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let parts = whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(fraction)?.checked_mul(unit)?;
    (parts.checked_rem(scale)? == 0).then(|| parts.checked_div(scale)).flatten()
}

/// A number of bytes as a person would write it.
#[must_use]
pub fn show_bytes(bytes: u64) -> String {
    let fits = UNITS
        .iter()
        .filter(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size))
        .max_by_key(|(_, size)| *size);
    match fits {
        Some((unit, size)) => format!("{}{unit}", bytes.checked_div(*size).unwrap_or(bytes)),
        None => format!("{bytes}B"),
    }
}

fn decode(node: &Node, what: &str, suffix: &str, (min, max): (u64, u64), report: &mut Report) -> Option<u64> {
    let hint = format!("give a number with its unit: 64KiB{suffix}, 1MiB{suffix}, 500kB{suffix}");
    if let Value::Number(n) = node.value {
        report.add(
            Code::WrongType,
            node.at,
            format!("a {what} needs its unit, found the number {}", Plain(n)),
            hint,
        );
        return None;
    }
    let Value::Text(_) = node.value else {
        wrong_type(node, "text", report);
        return None;
    };
    let text = text(node, report)?;
    let Some(value) = text.strip_suffix(suffix).and_then(bytes) else {
        let shown: String = text.chars().take(80).collect();
        report.add(Code::BadFormat, node.at, format!("{shown:?} is not a {what}"), hint);
        return None;
    };
    if value < min || value > max {
        let range = format!("give {}{suffix} to {}{suffix}", show_bytes(min), show_bytes(max));
        report.add(Code::OutOfRange, node.at, format!("{text} is out of range"), range);
        return None;
    }
    Some(value)
}

/// What [`decode`] reads, as an expression.
#[cfg(feature = "docs")]
fn pattern(suffix: &str) -> String {
    let units: Vec<&str> = UNITS.iter().map(|(unit, _)| *unit).collect();
    format!("^[0-9]{{1,12}}([.][0-9]{{0,6}})? *({}){suffix}$", units.join("|"))
}

/// A number of bytes, such as `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Decode for Size<MIN, MAX> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        decode(node, "size", "", (MIN, MAX), report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!("size with unit, {} to {}", show_bytes(MIN), show_bytes(MAX)))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some(&pattern("")), 64)
    }
}

/// Bytes per second, such as `64KiB/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Decode for Rate<MIN, MAX> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        decode(node, "rate", "/s", (MIN, MAX), report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!("rate with unit, {}/s to {}/s", show_bytes(MIN), show_bytes(MAX)))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some(&pattern("/s")), 64)
    }
}
