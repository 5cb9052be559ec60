//! From a tree to an armed plan: every mistake of a file or of a plugin configuration, or none and a [`Plan`].

use crate::agreement::{
    check_duration, check_known_namespace, check_names, check_namespace, check_observed, check_references,
};
use crate::caller::{self, Callers};
use crate::diagnostic::{Code, Report};
use crate::node::{Entry, Node, Position, Value};
use crate::plan::Plan;
use crate::proxy::{Identified, Proxy};
use crate::role;
use crate::series;
use crate::sign::{self, Approval, Operators, When};
use crate::wire::{self, Decode};

pub use crate::wire::Identity;

/// Largest plugin configuration that is read, in bytes.
pub const CONFIG_LIMIT: usize = 4 * 1024 * 1024;

/// Largest mission that is taken from the control listener, in bytes.
pub const MISSION_LIMIT: usize = 256 * 1024;

/// A plugin configuration without mistakes.
#[derive(Debug)]
pub struct Loaded {
    pub identity: Option<Identity>,
    pub mission: Option<wire::Mission>,
    /// Halts up to this moment are released, wall clock, milliseconds since 1970.
    pub release: Option<u64>,
    /// Empty without a mission.
    pub plan: Option<Plan>,
    /// Who signed the mission, and what for.
    pub approval: Approval,
    pub operators: Operators,
    /// How the proxy writes labels.
    pub stat_labels: wire::StatLabels,
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
            // What ends before its first character has none.
            let at = at.filter(|(line, _)| *line > 0);
            let at = at.map(|(line, column)| Position { line, column: column.max(1) });
            report.add(
                Code::Syntax,
                at,
                error.to_string(),
                "write one JSON object; `chaosctl render plugin` and `chaosctl sign` do",
            );
            None
        }
    }
}

/// Reads a plugin configuration for the proxy that it has come to: scenarios for others are dormant. `now_ms` is the
/// wall clock, milliseconds since 1970. Gives `None` when there is any error; warnings alone do not refuse.
pub fn load_plugin_on(
    bytes: &[u8],
    node: &mut dyn Proxy,
    now_ms: u64,
    report: &mut Report,
) -> Option<Loaded> {
    let tree = load_json(bytes, report)?;
    role::check(&tree, node.role(), report);
    load_tree_on(tree, node, now_ms, false, report)
}

/// Reads a mission that came over the control listener, plain or in an envelope, for a proxy with this plugin configuration,
/// whose own mission it takes the place of. The same checks, and one more: where there are operators, one of them
/// has signed it. Findings about the mission are below the key `mission`.
pub fn load_mission_on(
    plugin: &[u8],
    mission: &[u8],
    node: &mut dyn Proxy,
    now_ms: u64,
    report: &mut Report,
) -> Option<Loaded> {
    let mut tree = load_json(plugin, report)?;
    role::check(&tree, node.role(), report);
    let mission = report.in_key("mission", |r| {
        if mission.len() > MISSION_LIMIT {
            let message = format!("the mission has {} bytes", mission.len());
            r.add(Code::TooLarge, None, message, format!("keep it below {MISSION_LIMIT} bytes"));
            return None;
        }
        load_json(mission, r)
    })?;
    let Value::Object(entries) = &mut tree.value else { return None };
    entries.retain(|entry| entry.key != "mission");
    entries.push(Entry { key: "mission".to_owned(), at: None, value: mission });
    load_tree_on(tree, node, now_ms, true, report)
}

fn load_tree_on(
    tree: Node,
    node: &mut dyn Proxy,
    now_ms: u64,
    ordered: bool,
    report: &mut Report,
) -> Option<Loaded> {
    let namespace = node.namespace();
    let (plugin, mut loaded) =
        read_plugin(tree, namespace.as_deref(), Some(When { now_ms, node, ordered }), report)?;
    let identity = plugin.identity.as_ref();
    let mission = plugin.mission.as_ref();
    loaded.plan = mission
        .map(|mission| Plan::compile_on(&plugin.catalog, &mission.0, &mut Identified { identity, node }));
    if let Some(plan) = loaded.plan.as_mut().filter(|plan| plan.takes_requests()) {
        let keys = plugin.caller_keys.iter().flatten();
        plan.trust(Callers::read(keys, |name| node.environment(name), report));
        if report.has_errors() {
            return None;
        }
    }
    Some(loaded.with(plugin))
}

/// Reads a plugin configuration as if all scenarios were for this proxy, and at no time in particular: no mission has expired.
/// `namespace` is the proxy's own, where it is known. Gives `None` when there is any error; warnings alone do not refuse.
pub fn load_plugin(bytes: &[u8], namespace: Option<&str>, report: &mut Report) -> Option<Loaded> {
    let tree = load_json(bytes, report)?;
    let (plugin, mut loaded) = read_plugin(tree, namespace, None, report)?;
    loaded.plan = plugin.mission.as_ref().map(|mission| Plan::compile(&plugin.catalog, &mission.0));
    if let Some(plan) = &mut loaded.plan {
        // The variables of a VM are known there alone.
        let keys = plugin.caller_keys.iter().flatten().filter(|key| key.secret.is_some());
        plan.trust(Callers::read(keys, |_| None, report));
    }
    Some(loaded.with(plugin))
}

impl Loaded {
    fn with(self, plugin: wire::Plugin) -> Self {
        let release = plugin.release.map(|moment| moment.0);
        let stat_labels = plugin.stat_labels;
        Self {
            stat_labels,
            identity: plugin.identity,
            mission: plugin.mission.map(|mission| mission.0),
            release,
            ..self
        }
    }
}

fn read_plugin(
    mut node: Node,
    namespace: Option<&str>,
    when: Option<When<'_>>,
    report: &mut Report,
) -> Option<(wire::Plugin, Loaded)> {
    let carrier = sign::open(&mut node, report);
    let plugin = wire::Plugin::decode(&node, report);
    if let Some(catalog) = node.get("catalog") {
        report.in_key("catalog", |r| check_names(catalog, r));
        if let Some(mission) = node.get("mission") {
            report.in_key("mission", |r| check_references(mission, catalog, r));
        }
    }
    let operators = Operators::read(&node, report);
    let mut approval = Approval::default();
    if let Some(mission) = node.get("mission") {
        let own = node.get("identity").and_then(|i| valid::<wire::Name>(i, "namespace")).map(|own| own.0);
        report.in_key("mission", |r| {
            let is_told = own.is_some();
            let own = own.as_deref().or(namespace);
            r.elsewhere = !check_namespace(mission, own, r) && !is_told;
            let lost = own.is_none() && when.as_ref().is_some_and(|when| when.node.is_somewhere());
            approval = sign::check(&node, &carrier, operators.as_ref(), when, r);
            if lost {
                check_known_namespace(&node, mission, r);
            }
            check_duration(mission, node.get("catalog"), r);
            check_observed(mission, node.get("catalog"), r);
            series::check(mission, valid(&node, "max_series"), r);
        });
    }
    caller::check(&node, report);
    let plugin = plugin.filter(|_| !report.has_errors())?;
    let loaded = Loaded {
        identity: None,
        mission: None,
        release: None,
        plan: None,
        approval,
        operators: operators?,
        stat_labels: wire::StatLabels::Own,
    };
    Some((plugin, loaded))
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
    series::check(node, None, report);
    mission.filter(|_| !report.has_errors())
}

/// The items of a list under a key, read from the tree so that one bad item does not hide the others' names.
pub(crate) fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    match node.get(key).map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// A value under a key, when it is there and right; what is wrong with it is reported where the object is read.
pub(crate) fn valid<T: Decode>(node: &Node, key: &str) -> Option<T> {
    T::decode(node.get(key)?, &mut Report::default())
}

pub(crate) fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
