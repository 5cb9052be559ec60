//! What catalog, mission and proxy have to agree on, read from the tree so that a mistake in one place hides none in another.

use crate::diagnostic::{Code, Report};
use crate::names::Names;
use crate::node::Node;
use crate::plugin::{items, text, valid};
use crate::wire;

pub(crate) fn check_names(catalog: &Node, report: &mut Report) {
    let mut seen = Names::default();
    for (index, scenario) in items(catalog, "scenarios").iter().enumerate() {
        let Some(node) = scenario.get("name") else { continue };
        let Some(name) = text(node) else { continue };
        if !seen.add(name, index) {
            let message = format!("a scenario `{name}` stands further up already");
            at_item(report, "scenarios", index, |r| {
                r.in_key("name", |r| r.add(Code::DuplicateName, node.at, message, "rename one of them"));
            });
        }
    }
}

pub(crate) fn check_references(mission: &Node, catalog: &Node, report: &mut Report) {
    let scenarios = items(catalog, "scenarios");
    let names: Vec<&str> = scenarios.iter().filter_map(|s| s.get("name").and_then(text)).collect();
    let known: Names<'_> = names.iter().copied().collect();
    // A catalog without a readable name has that mistake, and would have it again for every name of the mission.
    let complete = names.len() == scenarios.len() && !names.is_empty();
    let mut seen = Names::default();
    for (index, node) in items(mission, "scenarios").iter().enumerate() {
        let Some(name) = text(node) else { continue };
        if complete && known.place(name).is_none() {
            let tell = || {
                let shown: Vec<&str> = names.iter().copied().take(10).collect();
                let hint = format!("the catalog has: {}", shown.join(", "));
                (format!("the catalog has no scenario `{name}`"), hint)
            };
            at_item(report, "scenarios", index, |r| r.add_lazy(Code::UnknownScenario, node.at, tell));
        }
        if !seen.add(name, index) {
            let tell = || (format!("scenario `{name}` is named twice"), "remove one of them".to_owned());
            at_item(report, "scenarios", index, |r| r.add_lazy(Code::DuplicateName, node.at, tell));
        }
    }
}

fn at_item(report: &mut Report, key: &str, index: usize, add: impl FnOnce(&mut Report)) {
    report.in_key(key, |r| r.in_item(index, add));
}

/// Says whether the mission may be for this proxy.
pub(crate) fn check_namespace(mission: &Node, own: Option<&str>, report: &mut Report) -> bool {
    let Some(wanted) = valid::<wire::Name>(mission, "namespace").map(|name| name.0) else { return true };
    let Some(own) = own.filter(|own| *own != wanted) else { return true };
    let at = mission.get("namespace").and_then(|n| n.at);
    let message = format!("the mission belongs to namespace `{wanted}`, this proxy to `{own}`");
    report.in_key("namespace", |r| r.add(Code::WrongNamespace, at, message, "run it in its own namespace"));
    false
}

/// Where namespaces are denied, a proxy has to know its own: a mission could name any other, and get round them.
pub(crate) fn check_known_namespace(plugin: &Node, mission: &Node, report: &mut Report) {
    if items(plugin, "deny_namespaces").is_empty() {
        return;
    }
    let at = mission.get("namespace").and_then(|n| n.at);
    let message = "this proxy does not know its own namespace, and `deny_namespaces` is set";
    let hint = "name it: `identity.namespace` of the plugin configuration";
    report.in_key("namespace", |r| r.add(Code::WrongNamespace, at, message, hint));
}

/// A scenario may say how long it runs at most.
pub(crate) fn check_duration(mission: &Node, catalog: Option<&Node>, report: &mut Report) {
    type Longest = wire::Span<1000, { wire::LONGEST_MISSION_MS }>;
    let Some(duration) = valid::<Longest>(mission, "duration") else { return };
    let named: Names<'_> = items(mission, "scenarios").iter().filter_map(text).collect();
    let shortest = catalog
        .map_or(&[][..], |catalog| items(catalog, "scenarios"))
        .iter()
        .filter_map(|s| {
            Some((valid::<Longest>(s.get("safety")?, "max_duration")?, s.get("name").and_then(text)?))
        })
        .filter(|(_, name)| named.place(name).is_some())
        .min_by_key(|(longest, _)| *longest);
    let Some((longest, name)) = shortest.filter(|(longest, _)| *longest < duration) else { return };
    let show = |span: Longest| humantime::format_duration(span.0).to_string();
    let message = format!("scenario `{name}` runs for at most {}, not for {}", show(longest), show(duration));
    let hint = format!("give at most {}, or raise the scenario's `max_duration`", show(longest));
    let at = mission.get("duration").and_then(|n| n.at);
    report.in_key("duration", |r| r.add(Code::TooLong, at, message, hint));
}

/// What is kept of a scenario with guardrails or signals is shared by all workers, in one record of limited size.
pub(crate) fn check_observed(mission: &Node, catalog: Option<&Node>, report: &mut Report) {
    let scenarios = catalog.map_or(&[][..], |catalog| items(catalog, "scenarios"));
    let known: Names<'_> =
        scenarios.iter().map(|s| s.get("name").and_then(text).unwrap_or_default()).collect();
    let is_observed = |scenario: &&Node| {
        scenario.get("signals").is_some()
            || scenario.get("safety").is_some_and(|s| s.get("halt_when").is_some())
    };
    let named = items(mission, "scenarios").iter().filter_map(|node| known.place(text(node)?));
    let observed = named.filter_map(|place| scenarios.get(place)).filter(is_observed).count();
    if observed > wire::MOST_OBSERVED {
        let message = format!(
            "{observed} scenarios have guardrails or signals; one mission observes at most {}",
            wire::MOST_OBSERVED
        );
        let at = mission.get("scenarios").and_then(|n| n.at);
        let hint = "run them in several missions";
        report.in_key("scenarios", |r| r.add(Code::OutOfRange, at, message, hint));
    }
}
