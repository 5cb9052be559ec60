//! The short form of tutorials: a scenario as a few flat keys, and a mission of `scenario`, `duration`, `namespace`, `enable`.

use super::Gathered;
use super::draft::{Draft, dns_label};
use super::place::{Fields, Place};
use super::rule::{Condition, Purpose, Rule};
use super::told::{Code, Told};
use super::tree::{number, object};
use super::{minimal_signals, units};
use squall_policy::{Node, Value};

/// Keys that only a scenario of this form has.
const OF_SCENARIO: [&str; 5] = ["latency_ms", "abort_chance", "latencyMs", "abortChance", "signals"];

pub fn is_scenario(node: &Node) -> bool {
    node.get("name").is_some() && OF_SCENARIO.iter().any(|key| node.get(key).is_some())
}

pub fn is_mission(node: &Node) -> bool {
    node.get("scenario").is_some() && (node.get("duration").is_some() || node.get("namespace").is_some())
}

/// Reads one document.
pub fn read(document: &Place<'_>, told: &Told, out: &mut Gathered) {
    match &document.node.value {
        Value::List(_) => document.items(told).iter().for_each(|item| scenario(item, told, out)),
        _ if is_mission(document.node) => mission(document, told, out),
        _ if document.node.get("scenarios").is_some() || document.node.get("mission").is_some() => {
            let Some(mut fields) = document.fields(told) else { return };
            fields.refuse_twins(told);
            let _ = fields.take("version");
            for item in fields.take("scenarios").map(|scenarios| scenarios.items(told)).unwrap_or_default() {
                scenario(&item, told, out);
            }
            if let Some(place) = fields.take("mission") {
                mission(&place, told, out);
            }
            fields.finish(told, "scenarios, mission");
        }
        _ => scenario(document, told, out),
    }
}

fn scenario(place: &Place<'_>, told: &Told, out: &mut Gathered) {
    let Some(mut fields) = place.fields(told) else { return };
    fields.refuse_twins(told);
    let Some(given) = fields.take("name") else {
        return place.bad(told, "a scenario without a name", "add `name`");
    };
    let Some(name) = given.text(told) else { return };
    let mut draft = Draft::new(name, format!("Scenario {name} of the short form"), place);
    renamed(&given, name, told);
    draft.description = fields.take("description").map(|description| description.copy());
    draft.severity = fields.take("severity").map(|severity| severity.copy());
    let mut rule = Rule::default();
    let triggered =
        fields.take("trigger").is_none_or(|trigger| trigger_of(&trigger, &mut draft, &mut rule, told));
    let scoped = fields.take("scope").is_none_or(|scope| scope_of(&scope, &mut draft, &mut rule, told, out));
    faults(&mut fields, &mut draft, told);
    if let Some(signals) = fields.take("signals") {
        draft.signals = minimal_signals::read(&signals, told);
    }
    // What is not known may be a condition with a slip in its name.
    if !fields.finish(told, "name, description, severity, trigger, latency_ms, jitter_ms, abort_chance, abort_status, scope, signals") {
        rule.lack(Purpose::Hit);
    }
    if !rule.is_empty() {
        draft.rules.push(rule.clone());
    }
    if !draft.has_faults() {
        let hint = "give it latency_ms or abort_chance above 0";
        return told.add(Code::NeverFires, place.key(), format!("{name} injects nothing"), hint);
    }
    if rule.is_whole_or_told(place, told) && triggered && scoped {
        out.scenarios.extend(draft.finish(told));
    }
}

fn renamed(place: &Place<'_>, name: &str, told: &Told) {
    let label = dns_label(name);
    if label != name {
        let hint = "names are DNS labels here; missions name it so too";
        told.add(Code::Changed, place.here(), format!("{name:?} came over as {label}"), hint);
    }
}

fn faults(fields: &mut Fields<'_>, draft: &mut Draft, told: &Told) {
    let jitter =
        fields.take("jitter_ms").and_then(|jitter| units::number_of_millis(&jitter, told)).unwrap_or(0);
    if let Some(latency) = fields.take("latency_ms")
        && let Some(delay) = delay(&latency, jitter, told)
    {
        draft.fault("delay", vec![delay], None);
    }
    let status = fields.take_any(&["abort_status", "abort_code", "status"]);
    let Some(chance) = fields.take("abort_chance") else {
        if let Some(status) = status {
            told.add(
                Code::NeverFires,
                status.key(),
                "a status without `abort_chance` is never answered",
                "add `abort_chance`",
            );
        }
        return;
    };
    let share = match &chance.node.value {
        Value::Text(text) => text.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok()),
        _ => chance.number(told).map(|share| share * 100.0),
    };
    match share {
        Some(percent) if (0.0..=100.0).contains(&percent) => {
            if status.is_none() {
                draft.notes.push(
                    "Nothing said which status: 503 is what an upstream that is away answers with."
                        .to_owned(),
                );
            }
            let status = status.map_or_else(|| number(503.0), |status| status.copy());
            if let Some(percent) = units::percent(&chance, percent, told) {
                draft.fault("abort", vec![("status", status)], Some(percent));
            }
        }
        _ => chance.bad(told, "a chance is a number from 0 to 1", "write 0.05 or \"5%\" for one in twenty"),
    }
}

/// A number, or a span as `[min, max]` or `{min, max}`.
fn delay(place: &Place<'_>, jitter: u64, told: &Told) -> Option<(&'static str, Node)> {
    let span = |ms| place.put_text(units::span(ms));
    let uniform =
        |min: u64, max: u64| Some(("uniform", object(vec![("min", span(min)), ("max", span(max))])));
    match &place.node.value {
        Value::List(_) => {
            let bounds: Vec<_> =
                place.items(told).iter().filter_map(|item| units::number_of_millis(item, told)).collect();
            match bounds.as_slice() {
                [min, max] => uniform(*min, *max),
                _ => {
                    place.bad(told, "two bounds are needed", "write [50, 200]");
                    None
                }
            }
        }
        Value::Object(_) => {
            let mut fields = place.fields(told)?;
            let bounds = [fields.take("min"), fields.take("max")];
            fields.finish(told, "min, max");
            match bounds {
                [Some(min), Some(max)] => {
                    uniform(units::number_of_millis(&min, told)?, units::number_of_millis(&max, told)?)
                }
                _ => {
                    place.bad(told, "two bounds are needed", "write {min: 50, max: 200}");
                    None
                }
            }
        }
        _ => match units::number_of_millis(place, told)? {
            0 if jitter == 0 => {
                told.add(Code::NeverFires, place.here(), "a latency of 0 ms is none", "give 1 or more");
                None
            }
            ms if jitter > 0 => uniform(ms.saturating_sub(jitter), ms + jitter),
            ms => Some(("fixed", span(ms))),
        },
    }
}

const ALWAYS: [&str; 8] =
    ["always", "manual", "mission", "request", "requests", "on_request", "every_request", "enabled"];

/// Whether it came over.
fn trigger_of(place: &Place<'_>, draft: &mut Draft, rule: &mut Rule, told: &Told) -> bool {
    if let Value::Object(entries) = &place.node.value {
        if !entries.is_empty()
            && entries.iter().all(|entry| ["window", "load", "randomize"].contains(&entry.key.as_str()))
        {
            draft.trigger = Some(place.copy());
            return true;
        }
        let Some(mut fields) = place.fields(told) else { return false };
        requests(&mut fields, rule, told);
        let before = fields.is_done();
        fields.finish(told, "path, method, methods, headers");
        return before || lost(place, "`trigger`", told);
    }
    let Some(words) = place.text(told) else { return false };
    if ALWAYS.contains(&words.to_ascii_lowercase().as_str()) {
        return true;
    }
    match words.split_once(' ') {
        Some((method, path)) if path.starts_with('/') && method.chars().all(|c| c.is_ascii_uppercase()) => {
            rule.method(&Condition::new("exact", place.put_text(method)), place, Purpose::Hit, told);
            rule.path(&path_of(place, path.trim()), place, Purpose::Hit, told);
            true
        }
        None if words.starts_with('/') => {
            rule.path(&path_of(place, words), place, Purpose::Hit, told);
            true
        }
        _ => lost(place, &format!("the trigger {words:?}"), told),
    }
}

fn lost(place: &Place<'_>, what: &str, told: &Told) -> bool {
    let hint = "no scenario came of it, for without this it would inject more; read are \"always\", \"GET /path\" and \
        {path, method, headers}";
    told.add(Code::ConditionLost, place.key(), format!("{what} cannot be told here"), hint);
    false
}

/// A path that ends with `*` is the beginning of one.
fn path_of(place: &Place<'_>, path: &str) -> Condition {
    match path.strip_suffix('*') {
        Some(prefix) => Condition::new("prefix", place.put_text(prefix)),
        None => Condition::new("exact", place.put_text(path)),
    }
}

fn requests(fields: &mut Fields<'_>, rule: &mut Rule, told: &Told) {
    if let Some(path) = fields.take("path") {
        match path.text(told) {
            Some(text) => rule.path(&path_of(&path, text), &path, Purpose::Hit, told),
            None => rule.lack(Purpose::Hit),
        }
    }
    if let Some(prefix) = fields.take("path_prefix") {
        rule.path(&Condition::new("prefix", prefix.copy()), &prefix, Purpose::Hit, told);
    }
    if let Some(method) = fields.take_any(&["method", "methods"]) {
        let names: Vec<String> = match &method.node.value {
            // A name that cannot be read makes the methods none, which a rule refuses.
            Value::List(_) => {
                let names = method.items(told);
                let names: Option<Vec<_>> = names.iter().map(|item| item.text(told)).collect();
                names.unwrap_or_default().into_iter().map(str::to_ascii_uppercase).collect()
            }
            _ => method.text(told).map(str::to_ascii_uppercase).into_iter().collect(),
        };
        rule.method(&Condition::new("regex", method.put_text(names.join("|"))), &method, Purpose::Hit, told);
    }
    let headers =
        fields.take_any(&["headers", "header"]).map_or(Some(Vec::new()), |headers| headers.map(told));
    if headers.is_none() {
        rule.lack(Purpose::Hit);
    }
    for (name, value) in headers.unwrap_or_default() {
        match value.text(told) {
            Some(_) => rule.header(name, &Condition::new("exact", value.copy()), &value, Purpose::Hit, told),
            None => rule.lack(Purpose::Hit),
        }
    }
}

/// Whether it came over.
fn scope_of(place: &Place<'_>, draft: &mut Draft, rule: &mut Rule, told: &Told, out: &mut Gathered) -> bool {
    if !matches!(place.node.value, Value::Object(_)) {
        let Some(words) = place.text(told) else { return false };
        match words.trim() {
            "all" | "any" | "*" | "global" => {}
            "inbound" | "outbound" => draft.scope.push(("direction", place.copy())),
            pair if pair.contains("->") => {
                let (from, to) = pair.split_once("->").unwrap_or_default();
                draft.scope.push(("service", place.put_text(from.trim())));
                draft.scope.push(("dependency", place.put_text(to.trim())));
            }
            name => draft.scope.push(("service", place.put_text(name))),
        }
        return true;
    }
    let Some(mut fields) = place.fields(told) else { return false };
    fields.refuse_twins(told);
    for (key, names) in [
        ("service", &["service", "workload", "app"][..]),
        ("dependency", &["dependency", "upstream", "downstream", "cluster", "target"]),
        ("direction", &["direction"]),
        ("labels", &["labels"]),
    ] {
        draft.scope.extend(fields.take_any(names).map(|value| (key, value.copy())));
    }
    if let Some(namespace) = fields.take("namespace") {
        out.belongs_to_mission(&namespace, "namespace", told);
        out.set_namespace(&namespace, told);
    }
    if let Some(percent) = fields.take_any(&["percent", "percentage"]) {
        let share = percent.number(told).and_then(|number| units::percent(&percent, number, told));
        match share {
            Some(share) => draft.sample = Some(share),
            None => rule.lack(Purpose::Hit),
        }
    }
    requests(&mut fields, rule, told);
    let done = fields.is_done();
    fields.finish(
        told,
        "service, dependency, direction, labels, namespace, percent, path, method, methods, headers",
    );
    done || lost(place, "`scope`", told)
}

fn mission(place: &Place<'_>, told: &Told, out: &mut Gathered) {
    let Some(mut fields) = place.fields(told) else { return };
    fields.refuse_twins(told);
    out.missions += 1;
    if !out.wants_mission {
        let hint = "`--mission-out FILE` writes the mission beside the catalog";
        told.add(Code::Elsewhere, place.key(), "a mission is a file of its own", hint);
    }
    let _ = fields.take("version");
    if let Some(scenarios) = fields.take_any(&["scenario", "scenarios"]) {
        let names = match &scenarios.node.value {
            Value::List(_) => scenarios.items(told),
            _ => vec![scenarios],
        };
        for name in &names {
            out.orders.scenarios.extend(name.text(told).map(|given| name.put_text(dns_label(given))));
        }
    }
    out.orders.id = fields
        .take_any(&["id", "name"])
        .and_then(|id| id.text(told).map(ToOwned::to_owned))
        .or(out.orders.scenarios.first().and_then(|name| Some(format!("{}-run", name.text()?))));
    if let Some(duration) = fields.take("duration") {
        let ms = match duration.node.value {
            Value::Number(seconds) if seconds >= 0.0 => {
                let message = format!("a duration of {} without a unit was read as seconds", seconds);
                told.add(Code::Changed, duration.here(), message, "write its unit: 15m");
                Some((seconds * 1000.0) as u64)
            }
            _ => units::millis(&duration, told),
        };
        if let Some(ms) = ms {
            out.set_duration(duration.put_text(units::span(ms)), ms);
        }
    }
    if let Some(namespace) = fields.take("namespace") {
        out.set_namespace(&namespace, told);
    }
    out.orders.enable = fields.take_any(&["enable", "enabled"]).map(|enable| enable.copy());
    out.orders.seed = fields.take("seed").map(|seed| match &seed.node.value {
        Value::Number(number) => seed.put_text(number.to_string()),
        _ => seed.copy(),
    });
    fields.finish(told, "scenario, duration, namespace, enable, id, seed");
}
