//! What a plain word means: the core schema of YAML 1.2 (section 10.3.2). Everything else is text, so `no`,
//! `on`, `1_000` and `12:30` are text here.

use squall_policy::Value;

pub fn value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::Text(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<f64> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| n as f64);
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|b| b.is_ascii_digit()).then(|| radix(digits, 8)).flatten();
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| radix(digits, 16)).flatten();
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        _ if matches!(text, ".nan" | ".NaN" | ".NAN") => return Some(f64::NAN),
        _ => {}
    }
    // Rust's own reader takes `inf` and `nan` too, which are words here.
    let form = unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    let first = unsigned.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.');
    (form && first).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_of_the_core_schema_are_told_from_text() {
        for (text, wanted) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("True", Value::Bool(true)),
            ("FALSE", Value::Bool(false)),
            ("503", Value::Number(503.0)),
            ("-1.5e3", Value::Number(-1500.0)),
            ("+12", Value::Number(12.0)),
            (".5", Value::Number(0.5)),
            ("0x1F", Value::Number(31.0)),
            ("0o17", Value::Number(15.0)),
            ("-.inf", Value::Number(f64::NEG_INFINITY)),
        ] {
            assert_eq!(value(text), wanted, "{text:?}");
        }
        for text in
            ["no", "on", "y", "1_000", "12:30", "inf", "nan", "0x", "1e", "--1", "2026-12-01", ".", "0o9"]
        {
            assert_eq!(value(text), Value::Text(text.to_owned()), "{text:?}");
        }
    }
}
