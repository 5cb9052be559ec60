//! From a tree to an armed plan: every mistake of a file or of a plugin configuration, or none and a [`Plan`].

use crate::caller::{self, Callers};
use crate::diagnostic::{Code, Report};
use crate::names::Names;
use crate::node::{Node, Position, Value};
use crate::plan::Plan;
use crate::proxy::{Identified, Proxy};
use crate::role;
use crate::wire::{self, Decode, Severity};

pub use crate::wire::Identity;

/// Largest plugin configuration that is read, in bytes.
pub const CONFIG_LIMIT: usize = 4 * 1024 * 1024;

/// A plugin configuration without mistakes.
#[derive(Debug)]
pub struct Loaded {
    pub identity: Option<Identity>,
    pub mission: Option<wire::Mission>,
    /// Empty without a mission.
    pub plan: Option<Plan>,
}

/// Reads JSON text into a tree; a mistake in the text itself is the one mistake that hides all others.
pub fn load_json(bytes: &[u8], report: &mut Report) -> Option<Node> {
    if bytes.len() > CONFIG_LIMIT {
        let message = format!("the configuration has {} bytes", bytes.len());
        report.add(
            Code::TooLarge,
            None,
            message,
            format!("keep it below {CONFIG_LIMIT} bytes: split the catalog"),
        );
        return None;
    }
    match serde_json::from_slice(bytes) {
        Ok(node) => Some(node),
        Err(error) => {
            let at = u32::try_from(error.line()).ok().zip(u32::try_from(error.column()).ok());
            let at = at.filter(|(line, _)| *line > 0).map(|(line, column)| Position { line, column });
            report.add(
                Code::Syntax,
                at,
                error.to_string(),
                "the plugin configuration is one JSON object; `chaosctl render plugin` writes it",
            );
            None
        }
    }
}

/// Reads a plugin configuration for the proxy that it has come to: scenarios for others are dormant.
/// Gives `None` when there is any error; warnings alone do not refuse.
pub fn load_plugin_on(bytes: &[u8], node: &mut dyn Proxy, report: &mut Report) -> Option<Loaded> {
    let tree = load_json(bytes, report)?;
    role::check(&tree, node.role(), report);
    let namespace = node.namespace();
    let plugin = read_plugin(&tree, namespace.as_deref(), report)?;
    let identity = plugin.identity.as_ref();
    let mut plan = plugin
        .mission
        .as_ref()
        .map(|mission| Plan::compile_on(&plugin.catalog, mission, &mut Identified { identity, node }));
    if let Some(plan) = plan.as_mut().filter(|plan| plan.takes_requests()) {
        let keys = plugin.caller_keys.iter().flatten();
        plan.trust(Callers::read(keys, |name| node.environment(name), report));
        if report.has_errors() {
            return None;
        }
    }
    Some(Loaded { identity: plugin.identity, mission: plugin.mission, plan })
}

/// Reads a plugin configuration as if all scenarios were for this proxy. `namespace` is the proxy's own, where it is
/// known. Gives `None` when there is any error; warnings alone do not refuse.
pub fn load_plugin(bytes: &[u8], namespace: Option<&str>, report: &mut Report) -> Option<Loaded> {
    let tree = load_json(bytes, report)?;
    let plugin = read_plugin(&tree, namespace, report)?;
    let mut plan = plugin.mission.as_ref().map(|mission| Plan::compile(&plugin.catalog, mission));
    if let Some(plan) = &mut plan {
        // The variables of a VM are known there alone.
        let keys = plugin.caller_keys.iter().flatten().filter(|key| key.secret.is_some());
        plan.trust(Callers::read(keys, |_| None, report));
    }
    Some(Loaded { identity: plugin.identity, mission: plugin.mission, plan })
}

fn read_plugin(node: &Node, namespace: Option<&str>, report: &mut Report) -> Option<wire::Plugin> {
    let plugin = wire::Plugin::decode(node, report);
    if let Some(catalog) = node.get("catalog") {
        report.in_key("catalog", |r| check_names(catalog, r));
        if let Some(mission) = node.get("mission") {
            report.in_key("mission", |r| check_references(mission, catalog, r));
        }
    }
    if let Some(mission) = node.get("mission") {
        let own = node.get("identity").and_then(|i| valid::<wire::Name>(i, "namespace")).map(|own| own.0);
        report.in_key("mission", |r| {
            check_namespace(mission, own.as_deref().or(namespace), r);
            check_severity(mission, node.get("catalog"), r);
            check_duration(mission, node.get("catalog"), r);
        });
    }
    caller::check(node, report);
    plugin.filter(|_| !report.has_errors())
}

/// Reads a catalog file.
pub fn check_catalog(node: &Node, report: &mut Report) -> Option<wire::Catalog> {
    let catalog = wire::Catalog::decode(node, report);
    check_names(node, report);
    catalog.filter(|_| !report.has_errors())
}

/// Reads a mission file, against the catalog it draws from when there is one.
pub fn check_mission(node: &Node, catalog: Option<&Node>, report: &mut Report) -> Option<wire::Mission> {
    let mission = wire::Mission::decode(node, report);
    if let Some(catalog) = catalog {
        check_references(node, catalog, report);
    }
    mission.filter(|_| !report.has_errors())
}

/// The items of a list under a key, read from the tree so that one bad item does not hide the others' names.
fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    match node.get(key).map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// A value under a key, when it is there and right; what is wrong with it is reported where the object is read.
fn valid<T: Decode>(node: &Node, key: &str) -> Option<T> {
    T::decode(node.get(key)?, &mut Report::default())
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn check_names(catalog: &Node, report: &mut Report) {
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

fn check_references(mission: &Node, catalog: &Node, report: &mut Report) {
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

fn check_namespace(mission: &Node, own: Option<&str>, report: &mut Report) {
    let Some(wanted) = valid::<wire::Name>(mission, "namespace").map(|name| name.0) else { return };
    let Some(own) = own.filter(|own| *own != wanted) else { return };
    let at = mission.get("namespace").and_then(|n| n.at);
    let message = format!("the mission belongs to namespace `{wanted}`, this proxy to `{own}`");
    report.in_key("namespace", |r| r.add(Code::WrongNamespace, at, message, "run it in its own namespace"));
}

/// High and critical missions need signatures (promise P6), which this version cannot verify yet: it refuses them.
fn check_severity(mission: &Node, catalog: Option<&Node>, report: &mut Report) {
    let scenarios = catalog.map_or(&[][..], |catalog| items(catalog, "scenarios"));
    let known: Names<'_> =
        scenarios.iter().map(|s| s.get("name").and_then(text).unwrap_or_default()).collect();
    for (index, node) in items(mission, "scenarios").iter().enumerate() {
        let Some(name) = text(node) else { continue };
        let scenario = known.place(name).and_then(|place| scenarios.get(place));
        let severity = scenario.and_then(|s| valid::<Severity>(s, "severity"));
        let Some(severity) = severity.filter(|severity| *severity >= Severity::High) else { continue };
        let message =
            format!("scenario `{name}` is of severity {} and the mission is not signed", severity.word());
        let hint = "signed missions are not supported yet; run it as low or medium, with a smaller scope";
        at_item(report, "scenarios", index, |r| r.add(Code::SignatureNeeded, node.at, message, hint));
    }
}

/// A scenario may say how long it runs at most.
fn check_duration(mission: &Node, catalog: Option<&Node>, report: &mut Report) {
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
