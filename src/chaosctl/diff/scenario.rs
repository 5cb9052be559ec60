//! Two catalogs, scenario by scenario.

use super::change::{Verdict, equal, shown};
use super::compare::{Changes, listed};
use super::keys::Absent;
use super::later::{self, Missions};
use super::matching;
use squall_policy::Node;

pub fn catalogs(
    changes: &mut Changes,
    key: &str,
    (old, new): (&Node, &Node),
    missions: Option<Missions<'_>>,
) {
    let of = |catalog: &Node| -> Vec<Node> {
        catalog.get("scenarios").and_then(Node::list).unwrap_or_default().to_vec()
    };
    let (old, new) = (of(old), of(new));
    let path = |scenario: &Node| format!("{key}scenarios[{}]", name(scenario));
    for scenario in &old {
        if !new.iter().any(|other| name(other) == name(scenario)) {
            let from = changes.0.len();
            changes.add(Verdict::Narrower, &path(scenario), (None, None), "the scenario is gone");
            later::doubt(&mut changes.0[from..], scenario, &new, missions);
        }
    }
    for scenario in &new {
        match old.iter().find(|other| name(other) == name(scenario)) {
            Some(before) => {
                let from = changes.0.len();
                one(changes, &path(scenario), before, scenario);
                later::doubt(&mut changes.0[from..], before, &new, missions);
            }
            None => changes.add(Verdict::Wider, &path(scenario), (None, None), "a scenario is added"),
        }
    }
}

pub fn name(scenario: &Node) -> &str {
    scenario.get("name").and_then(Node::text).unwrap_or_default()
}

fn one(changes: &mut Changes, key: &str, old: &Node, new: &Node) {
    changes.keys("scenario", key, Some(old), Some(new), &["scope", "faults", "safety"]);
    let of = |node: &Node, name: &str| node.get(name).cloned();
    let [before, after] = [of(old, "scope"), of(new, "scope")];
    changes.keys(
        "scenario.scope",
        &format!("{key}.scope"),
        before.as_ref(),
        after.as_ref(),
        &["match", "protect", "direction"],
    );
    matching::scope(changes, &format!("{key}.scope"), before.as_ref(), after.as_ref());
    faults(changes, &format!("{key}.faults"), list(old, "faults"), list(new, "faults"));
    let [before, after] = [of(old, "safety"), of(new, "safety")];
    changes.keys(
        "scenario.safety",
        &format!("{key}.safety"),
        before.as_ref(),
        after.as_ref(),
        &["halt_when"],
    );
    let rails = |safety: &Option<Node>| safety.as_ref().map(|safety| list(safety, "halt_when").to_vec());
    guardrails(
        changes,
        &format!("{key}.safety.halt_when"),
        &rails(&before).unwrap_or_default(),
        &rails(&after).unwrap_or_default(),
    );
}

fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::list).unwrap_or_default()
}

/// Faults of one kind are compared in their order.
fn faults(changes: &mut Changes, key: &str, old: &[Node], new: &[Node]) {
    const KINDS: [&str; 9] =
        ["delay", "abort", "drop", "throttle", "mutate", "stream", "pressure", "requested", "one_of"];
    for kind in KINDS {
        let of =
            |faults: &[Node]| -> Vec<Node> { faults.iter().filter_map(|f| f.get(kind)).cloned().collect() };
        let (old, new) = (of(old), of(new));
        for number in 0..old.len().max(new.len()) {
            let path = if number == 0 { format!("{key}.{kind}") } else { format!("{key}.{kind}[{number}]") };
            match (old.get(number), new.get(number)) {
                (Some(a), Some(b)) => fault(changes, kind, &path, a, b),
                (Some(a), None) => changes.add(Verdict::Narrower, &path, (Some(a), None), "a fault is gone"),
                (None, b) => changes.add(Verdict::Wider, &path, (None, b), "a fault is added"),
            }
        }
    }
}

fn fault(changes: &mut Changes, kind: &str, path: &str, old: &Node, new: &Node) {
    const SHAPES: [&str; 6] = ["fixed", "uniform", "normal", "lognormal", "pareto", "percentiles"];
    let shape = |node: &Node| SHAPES.into_iter().find(|shape| node.get(shape).is_some());
    let mut skip = Vec::new();
    if kind == "delay" && shape(old) != shape(new) {
        let of = |node: &Node| shape(node).and_then(|shape| node.get(shape)).cloned();
        let why = "another distribution: `chaosctl simulate` tells how long the delays are";
        changes.add(Verdict::Unclear, path, (of(old).as_ref(), of(new).as_ref()), why);
        skip.extend(SHAPES);
    }
    if kind == "one_of" && !equal(Some(old), Some(new)) {
        return changes.add(Verdict::Unclear, path, (Some(old), Some(new)), "other alternatives");
    }
    if kind == "requested" {
        statuses(changes, path, old, new);
        skip.extend(STATUSES);
    }
    changes.keys(kind, path, Some(old), Some(new), &skip);
}

const STATUSES: [&str; 2] = ["statuses", "grpc_statuses"];

/// All may be asked for where neither list is there; else one that is not there has none.
fn statuses(changes: &mut Changes, path: &str, old: &Node, new: &Node) {
    let is_all = |fault: &Node| STATUSES.iter().all(|name| fault.get(name).is_none());
    for name in STATUSES {
        let both = (old.get(name), new.get(name));
        let (verdict, why) = match (is_all(old), is_all(new)) {
            _ if equal(both.0, both.1) => continue,
            (true, _) => (Verdict::Narrower, "only these from now on".to_owned()),
            (_, true) => (Verdict::Wider, "all from now on".to_owned()),
            _ => listed(both, Absent::These(&[]), Verdict::Wider),
        };
        if !why.is_empty() {
            changes.add(verdict, &format!("{path}.{name}"), both, why);
        }
    }
}

/// Guardrails that look at the same thing are the same one.
fn guardrails(changes: &mut Changes, key: &str, old: &[Node], new: &[Node]) {
    let identity = |rail: &Node| {
        let part = |name: &str, absent: &str| shown(rail.get(name)).unwrap_or_else(|| absent.to_owned());
        let watch = part("watch", "");
        let versus = part("versus", "");
        let mut text = format!("{} of {}", part("metric", ""), part("group", "treatment"));
        if !versus.is_empty() {
            text += &format!(" versus {versus}");
        }
        if watch.is_empty() { text } else { format!("{text}, {watch}") }
    };
    let mut left: Vec<&Node> = new.iter().collect();
    for rail in old {
        let path = format!("{key}[{}]", identity(rail));
        match left.iter().position(|other| identity(other) == identity(rail)) {
            Some(index) => {
                let other = left.remove(index);
                let skip = ["metric", "group", "versus", "watch"];
                changes.keys("guardrail", &path, Some(rail), Some(other), &skip);
            }
            None => changes.add(Verdict::Wider, &path, (Some(rail), None), "a guardrail is gone"),
        }
    }
    for rail in left {
        let path = format!("{key}[{}]", identity(rail));
        changes.add(Verdict::Narrower, &path, (None, Some(rail)), "a guardrail is added");
    }
}
