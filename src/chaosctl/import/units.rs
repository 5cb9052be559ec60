//! Durations, shares and numbers of other formats, as a catalog writes them.

use super::place::Place;
use super::told::{Code, Told};
use squall_policy::{Node, Value};

/// Longest time that is read, in nanoseconds: a year. Squall's own bounds are told later.
const LONGEST_NS: f64 = 365.0 * 86_400e9;

/// A duration of Go or Protocol Buffers (`1h15m0.5s`, `0.100s`) in milliseconds. Less than that is rounded, which is told.
pub fn millis(place: &Place<'_>, told: &Told) -> Option<u64> {
    let text = place.text(told)?;
    let Some(ns) = nanos(text) else {
        let message = format!("{text:?} is no duration");
        told.add(Code::BadValue, place.here(), message, "write it with its unit: 100ms, 1.5s, 5m");
        return None;
    };
    Some(rounded(place, ns / 1e6, "ms", told))
}

/// A number of milliseconds.
pub fn number_of_millis(place: &Place<'_>, told: &Told) -> Option<u64> {
    let number = place.number(told)?;
    if !(0.0..=LONGEST_NS / 1e6).contains(&number) {
        place.bad(told, format!("{} is no number of milliseconds", number), "give 0 or more");
        return None;
    }
    Some(rounded(place, number, "ms", told))
}

/// A whole number of at least 0.
pub fn whole(place: &Place<'_>, told: &Told) -> Option<u64> {
    // The JSON form of Protocol Buffers has 64-bit numbers in quotes.
    let number = match &place.node.value {
        Value::Text(text) => text.parse::<f64>().ok(),
        _ => Some(place.number(told)?),
    };
    match number {
        Some(number) if number.trunc() == number && (0.0..=9e15).contains(&number) => Some(number as u64),
        _ => {
            place.bad(told, "a whole number of at least 0 is needed", "correct it, and import again");
            None
        }
    }
}

fn rounded(place: &Place<'_>, value: f64, unit: &str, told: &Told) -> u64 {
    let whole = value.round();
    if (value - whole).abs() > 1e-6 {
        let message = format!("{} {unit} is finer than a catalog is", value);
        told.add(Code::Changed, place.here(), message, format!("it came over as {} {unit}", whole));
    }
    whole as u64
}

fn nanos(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        sum += number
            * match unit.trim() {
                "ns" => 1.0,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                "d" => 86_400e9,
                _ => return None,
            };
        rest = tail;
    }
    (sum <= LONGEST_NS).then_some(sum)
}

/// A span of time as a person would write it.
pub fn span(ms: u64) -> String {
    match ms {
        0 => "0s".to_owned(),
        ms if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        ms if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        ms if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// A share of 100, with the four decimals that a catalog has. Where it becomes none of all, that is told.
pub fn percent(place: &Place<'_>, percent: f64, told: &Told) -> Option<Node> {
    if !percent.is_finite() || percent < 0.0 {
        place.bad(told, format!("{} is no share", percent), "give 0 to 100 %");
        return None;
    }
    if percent > 100.0 {
        let hint = "it came over as 100 %; correct it where less was meant";
        told.add(Code::Changed, place.here(), format!("{percent} % is more than all"), hint);
    }
    let fine = percent.min(100.0) * 10_000.0;
    let whole = fine.round();
    if whole > 0.0 && (fine - whole).abs() > 1e-6 {
        let message = format!("{} % is finer than one in a million", percent);
        told.add(Code::Changed, place.here(), message, format!("it came over as {} %", whole / 10_000.0));
    }
    if whole == 0.0 {
        let hint = "nothing is injected there either; give it a share above 0 where it should be";
        told.add(Code::NeverFires, place.here(), "0 % never fires, and is left out", hint);
        return None;
    }
    Some(place.put(Value::Number(whole / 10_000.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_and_protocol_buffers_are_read() {
        for (text, ms) in [
            ("5s", 5_000.0),
            ("0.100s", 100.0),
            ("1h15m0.5s", 4_500_500.0),
            ("100ms", 100.0),
            ("1500us", 1.5),
            ("2d", 172_800_000.0),
        ] {
            assert_eq!(nanos(text).map(|ns| ns / 1e6), Some(ms), "{text}");
        }
        for bad in ["", "5", "s", "5 parsecs", "-5s", "1..2s", "99999999h"] {
            assert_eq!(nanos(bad), None, "{bad}");
        }
        assert_eq!([90_000, 120_000, 7_200_000, 1500, 0].map(span), ["90s", "2m", "2h", "1500ms", "0s"]);
    }
}
