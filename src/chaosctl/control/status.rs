//! `status`: where each proxy's mission is, and how its requests fare.

use super::client::Answer;
use super::told::{self, Told};
use super::{all, block_on, clients};
use crate::Outcome;
use crate::arguments::{Output, Status};
use crate::table;
use crate::terminal::{self, Paint, Style, shown};
use serde_json::Value;
use std::time::Duration;

const HEAD: [&str; 8] =
    ["PROXY", "STATE", "MISSION", "STAGE", "LEFT", "ERRORS T/C", "P95 T/C", "NEAREST GUARDRAIL"];
/// What `--output wide` adds.
const MORE: [&str; 5] = ["NAMESPACE", "SERVICE", "SCENARIOS", "LEASE", "SEED"];
const NOTHING: &str = "-";

/// # Errors
/// When nobody can be asked.
pub fn run(arguments: &Status, (out, err): (Paint, Paint)) -> anyhow::Result<Outcome> {
    let proxies = &arguments.proxies;
    let asked =
        all(
            clients(proxies)?,
            |client| async move { Told::new(&client.address, client.get("/v1/status").await) },
        );
    let told = block_on(asked)?;
    let is_wide = proxies.output == Output::Wide;
    if proxies.output != Output::Text && !is_wide {
        return told::print(&told, proxies.output, None, (out, err), |_| String::new());
    }
    let documents = told.iter().filter_map(|told| match &told.answer {
        Answer::Done(status) => Some((told.proxy.as_str(), status)),
        Answer::Refused(_) | Answer::Failed(_) => None,
    });
    let rows: Vec<[String; 8]> = documents.clone().map(|(proxy, status)| row(proxy, status)).collect();
    if is_wide && !rows.is_empty() {
        let more = documents.clone().map(|(_, status)| more(status));
        let rows: Vec<[String; 13]> =
            rows.into_iter().zip(more).map(|(row, more)| joined(row, more)).collect();
        terminal::print(&table::text(&joined(HEAD, MORE), &rows, out))?;
    } else if !rows.is_empty() {
        terminal::print(&table::text(&HEAD, &rows, out))?;
    }
    let notes: String = documents.flat_map(|(proxy, status)| notes(proxy, status, out)).collect();
    if !notes.is_empty() {
        terminal::print(&format!("\n{notes}"))?;
    }
    told::complain_of(&told, None, err);
    Ok(told::outcome(&told))
}

fn at<'s>(status: &'s Value, pointer: &str) -> Option<&'s str> {
    status.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn row(proxy: &str, status: &Value) -> [String; 8] {
    let text = |pointer: &str| at(status, pointer).map_or_else(|| NOTHING.to_owned(), shown);
    let left = status.pointer("/mission/remaining_s").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
    [
        shown(proxy),
        text("/state"),
        text("/mission/id"),
        stage(status),
        left.map_or_else(|| NOTHING.to_owned(), seconds),
        both(status, "error_percent", "%"),
        both(status, "p95_ms", "ms"),
        guardrail(status),
    ]
}

/// Seconds until the lease ends; a mission that is over has 0.
fn lease(status: &Value) -> Option<u64> {
    status.pointer("/mission/lease/ends_in_s").and_then(Value::as_u64).filter(|ends| *ends > 0)
}

fn more(status: &Value) -> [String; 5] {
    let text = |pointer: &str| at(status, pointer).map_or_else(|| NOTHING.to_owned(), shown);
    let scenarios = status.pointer("/mission/scenarios").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<String> = scenarios
        .filter_map(|scenario| scenario.as_str().or_else(|| at(scenario, "/name")).map(shown))
        .collect();
    [
        text("/proxy/namespace"),
        text("/proxy/service"),
        if names.is_empty() { NOTHING.to_owned() } else { names.join(", ") },
        lease(status).map_or_else(|| NOTHING.to_owned(), seconds),
        text("/mission/seed"),
    ]
}

fn joined<T>(row: [T; 8], more: [T; 5]) -> [T; 13] {
    let mut all = row.into_iter().chain(more);
    std::array::from_fn(|_| all.next()).map(|cell| cell.unwrap_or_else(|| unreachable!("8 and 5 are 13")))
}

fn seconds(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

fn stage(status: &Value) -> String {
    let number = |key: &str| status.pointer(&format!("/mission/stage/{key}")).and_then(Value::as_number);
    match (number("number"), number("of"), number("intensity_percent")) {
        (Some(number), Some(of), Some(intensity)) => format!("{number}/{of} at {intensity} %"),
        _ => NOTHING.to_owned(),
    }
}

/// A number of treatment, and the one of control.
fn both(status: &Value, key: &str, unit: &str) -> String {
    let groups = status.pointer("/health/groups").and_then(Value::as_array);
    let of = |name: &str| {
        let group = groups?.iter().find(|group| at(group, "/group") == Some(name))?;
        group.get(key)?.as_number().map(ToString::to_string)
    };
    match (of("treatment"), of("control")) {
        (None, None) => NOTHING.to_owned(),
        (treatment, control) => {
            let [treatment, control] = [treatment, control].map(|n| n.unwrap_or_else(|| NOTHING.to_owned()));
            format!("{treatment}/{control} {unit}")
        }
    }
}

/// The one that would trip first, with what it watches now.
fn guardrail(status: &Value) -> String {
    let distance = |guard: &Value| guard.get("distance").and_then(Value::as_f64).unwrap_or(1.0);
    let all = status.get("guardrails").and_then(Value::as_array).into_iter().flatten();
    let Some(nearest) = all.min_by(|a, b| distance(a).total_cmp(&distance(b))) else {
        return NOTHING.to_owned();
    };
    let value = nearest.get("value").and_then(Value::as_number);
    let unit = if at(nearest, "/unit") == Some("ms") { "ms" } else { "%" };
    let value = value.map_or_else(|| "nothing yet".to_owned(), |value| format!("{value} {unit}"));
    let state = at(nearest, "/state").filter(|state| *state != "watching");
    let state = state.map_or_else(String::new, |state| format!(", {}", shown(state)));
    format!("{}: {value}{state}", at(nearest, "/rule").map_or_else(|| NOTHING.to_owned(), shown))
}

/// What does not fit into a row.
fn notes(proxy: &str, status: &Value, paint: Paint) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(halt) = status.get("halt").filter(|halt| !halt.is_null()) {
        let text = |key: &str| at(halt, key).map(shown);
        let by = text("/by").or_else(|| text("/reason")).unwrap_or_default();
        let detail = text("/detail").map_or_else(String::new, |detail| format!(": {detail}"));
        let when = text("/at").unwrap_or_default();
        let word = paint.paint(Style::Error, "halted");
        let proxy = shown(proxy);
        notes.push(format!(
            "{proxy}  {word} by {by} at {when}{detail}; `chaosctl release --proxy {proxy}` lets missions start again\n"
        ));
    }
    if let Some(ends) = lease(status) {
        notes.push(format!(
            "{}  its lease ends in {}; `chaosctl renew` renews it\n",
            shown(proxy),
            seconds(ends)
        ));
    }
    notes
}
