//! Two missions, and two plugin configurations.

use super::change::{Verdict, equal, quantity, shown};
use super::compare::Changes;
use super::curve;
use super::later;
use super::scenario::catalogs;
use squall_policy::{Node, Value};
use std::time::{Duration, UNIX_EPOCH};

pub fn missions(changes: &mut Changes, prefix: &str, old: &Node, new: &Node) {
    let key = |name: &str| format!("{prefix}{name}");
    let skip = ["scenarios", "stages", "start"];
    changes.keys("mission", prefix.trim_end_matches('.'), Some(old), Some(new), &skip);
    let [a, b] = [old, new].map(|mission| mission.get("scenarios").cloned());
    if !equal(a.as_ref(), b.as_ref()) {
        let (verdict, why) = named(old, new);
        changes.add(verdict, &key("scenarios"), (a.as_ref(), b.as_ref()), why);
    }
    let [a, b] = [old, new].map(|mission| mission.get("stages").cloned());
    if !equal(a.as_ref(), b.as_ref()) {
        let (verdict, why) = curve::intensities(old, new);
        changes.add(verdict, &key("stages"), (a.as_ref(), b.as_ref()), why);
    }
    start(changes, &key("start"), old, new);
}

fn named(old: &Node, new: &Node) -> (Verdict, &'static str) {
    let (a, b) = (later::listed(old), later::listed(new));
    let has_all = |all: &[String], of: &[String]| of.iter().all(|name| all.contains(name));
    // Where a request may have the faults of several in one of the two, what is left is a part of it in any order.
    let independent = later::is_independent(old) || later::is_independent(new);
    match (has_all(&b, &a), has_all(&a, &b)) {
        (true, true) if independent => {
            (Verdict::Same, "another order, which has no meaning with `independent`")
        }
        (true, true) => (Verdict::Unclear, "another order: the first that takes a request has it"),
        (true, false) => (Verdict::Wider, "more scenarios run"),
        (false, true) if independent || a.starts_with(&b) => (Verdict::Narrower, "fewer scenarios run"),
        (false, true) => (
            Verdict::Unclear,
            "what a scenario took that is gone, and was not the last one, may come to the ones after it",
        ),
        (false, false) => (Verdict::Unclear, "other scenarios run"),
    }
}

/// What counts of a start is the deadline that follows from it.
fn start(changes: &mut Changes, key: &str, old: &Node, new: &Node) {
    let [a, b] = [old, new].map(|mission| mission.get("start").cloned());
    if equal(a.as_ref(), b.as_ref()) {
        return;
    }
    let deadline = |mission: &Node| {
        Some(mission.get("start").and_then(quantity)? + mission.get("duration").and_then(quantity)?)
    };
    let moment = |ms: f64| {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(ms as u64)).to_string()
    };
    let (verdict, why) = match (deadline(old), deadline(new)) {
        (Some(a), Some(b)) if b > a => {
            (Verdict::Wider, format!("faults may come until {}, later than {}", moment(b), moment(a)))
        }
        (Some(a), Some(b)) => {
            (Verdict::Narrower, format!("faults end by {}, no later than {}", moment(b), moment(a)))
        }
        (None, _) => (Verdict::Narrower, "a deadline that a restarted proxy keeps, too".to_owned()),
        (_, None) => {
            (Verdict::Wider, "without a start every restarted proxy runs the whole duration again".to_owned())
        }
    };
    changes.add(verdict, key, (a.as_ref(), b.as_ref()), why);
}

pub fn plugins(changes: &mut Changes, old: &Node, new: &Node) {
    let skip = ["catalog", "mission", "caller_keys", "operators"];
    changes.keys("plugin", "", Some(old), Some(new), &skip);
    let nothing = Node::from(Value::Object(Vec::new()));
    let of = |plugin: &Node, name: &str| plugin.get(name).cloned();
    let [a, b] = [old, new].map(|plugin| of(plugin, "catalog").unwrap_or_else(|| nothing.clone()));
    let missions = (of(old, "mission"), of(new, "mission"));
    catalogs(changes, "catalog.", (&a, &b), Some((missions.0.as_ref(), missions.1.as_ref())));
    match missions {
        (Some(a), Some(b)) => self::missions(changes, "mission.", &a, &b),
        (Some(_), None) => {
            changes.add(Verdict::Narrower, "mission", (None, None), "no mission runs any more")
        }
        (None, Some(_)) => changes.add(Verdict::Wider, "mission", (None, None), "a mission runs"),
        (None, None) => {}
    }
    people(
        changes,
        "caller_keys",
        (old, new),
        ("who may ask for faults is added", "who may ask for faults is gone"),
    );
    match (old.get("operators").is_some(), new.get("operators").is_some()) {
        (true, false) => {
            changes.add(Verdict::Wider, "operators", (None, None), "missions need no signature any more")
        }
        (false, true) => {
            let why = "signatures are needed, and with them severities `high` and `critical` run, too";
            changes.add(Verdict::Wider, "operators", (None, None), why);
        }
        _ => people(
            changes,
            "operators",
            (old, new),
            ("whose signature counts is added", "whose signature counts is gone"),
        ),
    }
}

/// Lists whose items have names.
fn people(changes: &mut Changes, key: &str, (old, new): (&Node, &Node), (comes, goes): (&str, &str)) {
    let of =
        |plugin: &Node| -> Vec<Node> { plugin.get(key).and_then(Node::list).unwrap_or_default().to_vec() };
    let (old, new) = (of(old), of(new));
    let name = |item: &Node| shown(item.get("name")).unwrap_or_default();
    for item in &old {
        if !new.iter().any(|other| name(other) == name(item)) {
            changes.add(
                Verdict::Narrower,
                &format!("{key}[{}]", name(item)),
                (None, None),
                format!("one {goes}"),
            );
        }
    }
    for item in &new {
        let path = format!("{key}[{}]", name(item));
        match old.iter().find(|other| name(other) == name(item)) {
            // A secret is never shown.
            Some(before) if key == "caller_keys" => {
                if !equal(Some(before), Some(item)) {
                    changes.add(Verdict::Unclear, &path, (None, None), "another secret");
                }
            }
            Some(before) => changes.keys("operator", &path, Some(before), Some(item), &["name"]),
            None => changes.add(Verdict::Wider, &path, (None, None), format!("one {comes}")),
        }
    }
}
