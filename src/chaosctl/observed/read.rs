//! Reading values that may be anything.

use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// Longest text that is kept, in characters.
const LONGEST: usize = 400;

/// Text from outside, safe to show and not to be mistaken for another: control characters and changes of direction are
/// replaced. Lines stay lines.
#[must_use]
pub fn harmless(text: &str) -> String {
    let hides = |c: char| {
        c.is_control() && c != '\n'
            || matches!(u32::from(c), 0x061c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
    };
    text.chars().map(|c| if hides(c) { '\u{fffd}' } else { c }).collect()
}

/// The same on one line that is no longer than a screen.
#[must_use]
pub fn safe(text: &str) -> String {
    let mut out: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    harmless(&out).replace('\n', "\u{fffd}")
}

/// A text that is not empty.
#[must_use]
pub fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(safe)
}

/// A finite number.
#[must_use]
pub fn number(value: &Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer).and_then(Value::as_f64).filter(|number| number.is_finite())
}

#[must_use]
pub fn count(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

/// A time (RFC 3339) in milliseconds since 1970.
#[must_use]
pub fn moment(value: &Value, pointer: &str) -> Option<u64> {
    let at = humantime::parse_rfc3339(value.pointer(pointer)?.as_str()?).ok()?;
    u64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// What can be read of a list.
pub fn list<T>(value: &Value, pointer: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(read).collect()
}

/// Names with their counts, in the order of the names.
pub fn counts(value: &Value, key: &str) -> Vec<(String, u64)> {
    let entries = value.get(key).and_then(Value::as_object).into_iter().flatten();
    let mut counts: Vec<(String, u64)> =
        entries.filter_map(|(name, count)| Some((safe(name), count.as_u64()?))).collect();
    counts.sort();
    counts
}

/// The time of day in UTC of a moment in milliseconds since 1970: `09:00:05`.
#[must_use]
pub fn clock(at_ms: u64) -> String {
    // The year 9999 is the last that can be written.
    let at = Duration::from_millis(at_ms.min(253_402_300_799_000));
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + at).to_string();
    text.get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_read_is_harmless_and_what_is_odd_is_unknown() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}c\nd"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d");
        assert_eq!(safe(&"x".repeat(5_000)).chars().count(), LONGEST + 1);
        let odd = json!({"a": 7, "b": "", "c": "not a time", "d": {"x": -1, "y": 2, "z\u{7}": 3}, "e": "1969-01-01T00:00:00Z"});
        assert_eq!((text(&odd, "/a"), text(&odd, "/b"), number(&odd, "/b")), (None, None, None));
        assert_eq!((moment(&odd, "/c"), moment(&odd, "/e"), moment(&odd, "/a")), (None, None, None));
        assert_eq!(counts(&odd, "d"), [("y".to_owned(), 2), ("z\u{fffd}".to_owned(), 3)]);
    }

    #[test]
    fn times_of_day_are_told_even_of_odd_clocks() {
        assert_eq!(clock(1_764_579_605_999), "09:00:05");
        assert_eq!(clock(u64::MAX), "23:59:59");
    }
}
