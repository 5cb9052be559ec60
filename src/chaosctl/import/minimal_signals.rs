//! The short form: `signals`, whose numbers have no units.

use super::place::Place;
use super::told::{Code, Told};
use super::tree::object;
use squall_policy::{Node, Value};

/// What is measured here.
const KNOWN: [&str; 5] = ["error_rate", "latency_p50", "latency_p90", "latency_p95", "latency_p99"];

pub fn read(place: &Place<'_>, told: &Told) -> Option<Node> {
    let mut entries = Vec::new();
    for (name, value) in place.named(told) {
        let Some(known) = KNOWN.iter().find(|known| **known == name) else {
            let hint = format!("measured are {}", KNOWN.join(", "));
            told.add(Code::NoCounterpart, value.key(), format!("{name} is not measured here"), hint);
            continue;
        };
        if entries.iter().any(|(key, _)| key == known) {
            told.add(
                Code::DuplicateKey,
                value.key(),
                format!("`{name}` stands there twice"),
                "remove one of them",
            );
            continue;
        }
        entries
            .extend(bound(&value, *known == "error_rate", told).map(|bound| (*known, value.put_text(bound))));
    }
    (!entries.is_empty()).then(|| object(entries))
}

/// `<= 350` is milliseconds for a latency, and `<= 0.01` is 1 % for a rate.
fn bound(place: &Place<'_>, is_rate: bool, told: &Told) -> Option<String> {
    let words = match &place.node.value {
        Value::Number(number) => number.to_string(),
        _ => place.text(told)?.to_owned(),
    };
    let words = words.trim();
    let (operator, value) = match words.find(|c: char| !matches!(c, '<' | '>' | '=')) {
        Some(at) => words.split_at(at),
        None => (words, ""),
    };
    match operator {
        "<=" | "" => {}
        "<" => told.add(
            Code::Changed,
            place.here(),
            "`<` came over as `<=`",
            "signals are written with `<=` here",
        ),
        _ => {
            let hint = "a signal is what should hold at most: `<= 350ms`";
            told.add(
                Code::NoCounterpart,
                place.here(),
                format!("a signal with `{operator}` cannot be written here"),
                hint,
            );
            return None;
        }
    }
    let value = value.trim();
    match value.parse::<f64>() {
        Ok(number) if is_rate && (0.0..=1.0).contains(&number) => {
            Some(format!("<= {}%", (number * 1_000_000.0).round() / 10_000.0))
        }
        Ok(number) if is_rate => {
            let message = format!("{} is no rate", number);
            place.bad(told, message, "write a number from 0 to 1, or a share with its sign: 5%");
            None
        }
        Ok(number) => Some(format!("<= {}ms", number)),
        // With a unit; what is none is told when the scenario is checked.
        Err(_) => Some(format!("<= {}", value.replace(' ', ""))),
    }
}
