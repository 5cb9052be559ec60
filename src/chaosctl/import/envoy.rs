//! Envoy: HTTPFault, alone or wherever it stands in a configuration: in a filter chain, a virtual host or a route.

use super::Gathered;
use super::draft::Draft;
use super::envoy_fault::{self, Read};
use super::place::Place;
use super::rule::Rule;
use super::told::{Code, Told};
use super::tree::text;
use squall_policy::{Node, Value};

/// How the type is named, whatever stands before it.
const TYPE: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";
/// The name of the filter, by which a route's configuration goes to it.
const FILTER: &str = "envoy.filters.http.fault";

/// What a fault is within.
#[derive(Clone, Default)]
struct Within {
    direction: Option<&'static str>,
    listener: Option<String>,
    /// Virtual host, route and cluster, the widest first, with their names where they have one.
    names: Vec<(&'static str, Option<Node>)>,
    /// Whether Envoy leaves the filter out here.
    off: bool,
}

impl Within {
    /// What can be told of where it is: the names down to the first that is missing.
    fn told_by(&self) -> Vec<(&'static str, Node)> {
        self.names.iter().map_while(|(kind, name)| Some((*kind, name.clone()?))).collect()
    }

    /// Whether it is in a part of what the other one is for.
    fn is_narrower(&self, than: &Self) -> bool {
        self.names.len() > than.names.len()
            && self.names.iter().zip(&than.names).all(|((kind, name), (other_kind, other))| {
                let text = |name: &Option<Node>| name.as_ref().and_then(Node::text).map(ToOwned::to_owned);
                kind == other_kind && text(name) == text(other)
            })
    }
}

/// A fault and where it was found.
struct Found<'n> {
    place: Place<'n>,
    within: Within,
}

/// What the search brings.
#[derive(Default)]
struct Search<'n> {
    faults: Vec<Found<'n>>,
    /// Filters that have a fault, by their names.
    filters: Vec<&'n str>,
    /// Where a filter is switched off, by its name.
    off: Vec<(String, Within)>,
}

/// Whether a tree has an HTTPFault.
pub fn has_fault(node: &Node) -> bool {
    match &node.value {
        Value::Object(entries) => is_fault(node) || entries.iter().any(|entry| has_fault(&entry.value)),
        Value::List(items) => items.iter().any(has_fault),
        _ => false,
    }
}

fn is_fault(node: &Node) -> bool {
    node.get("@type").and_then(Node::text).is_some_and(|kind| kind.ends_with(TYPE))
}

/// Whether Envoy leaves out what an object is for. What is no `false` may be a slip, and is taken for a yes.
pub fn is_off(node: &Node) -> bool {
    node.get("disabled").is_some_and(|off| !matches!(off.value, Value::Null | Value::Bool(false)))
}

/// Reads one document.
pub fn read(document: &Place<'_>, told: &Told, out: &mut Gathered) {
    let mut search = Search::default();
    if has_fault(document.node) {
        walk(document, &Within::default(), &mut search);
        if document.node.get("typed_config").is_some_and(is_fault) {
            // A filter as a list of them has it.
            if let Some(mut fields) = document.fields(told) {
                let _ = (fields.take("name"), fields.take("typed_config"), fields.take("is_optional"));
                let _ = fields.take("disabled");
                fields.finish(told, "name, typed_config, disabled");
            }
        } else if !is_fault(document.node) {
            let hint = "remove the filter from it where Squall takes its place";
            let message = "what else the configuration has is no fault, and stays where it is";
            told.add(Code::StaysThere, document.here(), message, hint);
        }
    } else {
        let within = Within { off: is_off(document.node), ..Within::default() };
        search.faults.push(Found { place: document.clone(), within });
    }
    // A route's fault goes before its virtual host's, and that one before the listener's: each spares the narrower
    // ones, and where the filter is switched off.
    let off = search.off.iter().filter(|(name, _)| name == FILTER || search.filters.contains(&name.as_str()));
    let narrower: Vec<&Within> =
        search.faults.iter().map(|found| &found.within).chain(off.map(|(_, within)| within)).collect();
    for found in &search.faults {
        fault(found, &narrower, told, out);
    }
}

/// Looks for faults, and remembers what they are in.
fn walk<'n>(place: &Place<'n>, within: &Within, search: &mut Search<'n>) {
    match &place.node.value {
        Value::Object(_) if is_fault(place.node) => {
            search.faults.push(Found { place: place.clone(), within: within.clone() });
        }
        Value::Object(entries) => {
            let within = entered(place, within);
            if place.node.get("typed_config").is_some_and(is_fault) {
                search.filters.extend(place.node.get("name").and_then(Node::text));
            }
            let keys = ["typed_per_filter_config.", "typedPerFilterConfig."];
            if let Some((_, name)) = keys.iter().find_map(|key| place.path.rsplit_once(key))
                && is_off(place.node)
                && !has_fault(place.node)
            {
                search.off.push((name.to_owned(), within.clone()));
            }
            for entry in entries {
                let path = match place.path.as_str() {
                    "" => entry.key.clone(),
                    path => format!("{path}.{}", entry.key),
                };
                walk(&Place { node: &entry.value, path, key_at: entry.at }, &within, search);
            }
        }
        Value::List(items) => {
            for (number, node) in items.iter().enumerate() {
                let path = format!("{}[{number}]", place.path);
                walk(&Place { node, path, key_at: node.at }, within, search);
            }
        }
        _ => {}
    }
}

/// Whether an object has a configuration of its own for the fault filter.
fn configures(node: &Node) -> bool {
    let keys = ["typed_per_filter_config", "typedPerFilterConfig"];
    keys.iter().filter_map(|key| node.get(key)).any(|own| own.get(FILTER).is_some() || has_fault(own))
}

/// What an object says of all that is in it.
fn entered(place: &Place<'_>, within: &Within) -> Within {
    let node = place.node;
    let mut within = within.clone();
    within.off |= is_off(node);
    let name = node.get("name").filter(|name| name.text().is_some()).cloned();
    let has = |key: &str| node.get(key).is_some();
    let per_filter = has("typed_per_filter_config") || has("typedPerFilterConfig");
    if has("filter_chains") || has("filterChains") {
        within.listener = name.as_ref().and_then(Node::text).map(ToOwned::to_owned);
        let direction =
            node.get("traffic_direction").or_else(|| node.get("trafficDirection")).and_then(Node::text);
        within.direction = match direction {
            Some("INBOUND") => Some("inbound"),
            Some("OUTBOUND") => Some("outbound"),
            _ => None,
        };
    } else if (has("virtual_hosts") || has("virtualHosts")) && configures(node) {
        // Rules cannot name a whole route configuration.
        within.names.push(("route_config", None));
    } else if has("domains") {
        within.names.push(("virtual_host", name));
    } else if has("match") && (per_filter || ["route", "redirect", "direct_response"].into_iter().any(has)) {
        within.names.push(("route", name));
    } else if has("weight") && per_filter {
        // One of several clusters of a route.
        within.names.push(("cluster", name));
    }
    within
}

/// The requests that a narrower configuration takes away. `None` where they cannot be told from the others.
fn spared(within: &Within, narrower: &[&Within]) -> Option<Vec<Rule>> {
    let of = narrower.iter().filter(|other| other.is_narrower(within));
    of.map(|other| {
        // Without its name all of what it stands in is spared, but not all of what this fault is for.
        let names = other.told_by();
        (names.len() > within.names.len()).then(|| Rule::named(names))
    })
    .collect()
}

/// The bound of the fixed faults and of the requested ones: each scenario counts its own, so both share the one there.
fn shares(read: &Read, place: &Place<'_>, told: &Told) -> [Option<Node>; 2] {
    let both = || [read.most.clone(), read.most.clone()];
    let Some(Node { value: Value::Number(all), at }) = read.most else { return both() };
    if read.faults.is_empty() || read.requested.is_empty() {
        return both();
    }
    let requested = (all / 2.0).floor();
    let fixed = all - requested;
    let hint = "give the two scenarios the bounds that they should have";
    if requested == 0.0 {
        let message =
            "at most one fault at a time cannot be shared by two scenarios: what callers ask for is left out";
        told.add(Code::NoCounterpart, place.key(), message, hint);
    } else {
        let message = format!(
            "`max_active_faults` is for two scenarios here: {fixed} for the fixed faults, {requested} for the requested ones"
        );
        told.add(Code::Changed, place.key(), message, hint);
    }
    [fixed, requested].map(|share| Some(Node { value: Value::Number(share), at }))
}

fn fault(found: &Found<'_>, narrower: &[&Within], told: &Told, out: &mut Gathered) {
    let Found { place, within } = found;
    if within.off {
        let hint = "it injects nothing there; remove `disabled` and import again where it should";
        return told.add(Code::NeverFires, place.key(), "the fault is switched off with `disabled`", hint);
    }
    let Some(read) = Read::new(place, told) else { return };
    let hint = "give the route or the virtual host a `name` in Envoy's configuration, and import again";
    let names = within.told_by();
    if names.len() < within.names.len() {
        let message = "the fault is for one route, virtual host or cluster, which has no name to tell it by";
        return told.add(Code::ConditionLost, place.key(), message, hint);
    }
    let Some(protect) = spared(within, narrower) else {
        let message =
            "a route or virtual host has a configuration of its own, and no name by which it could be spared";
        return told.add(Code::ConditionLost, place.key(), message, hint);
    };
    let name = match (names.last(), &within.listener) {
        (Some((_, name)), _) => name.text().unwrap_or("envoy-fault").to_owned(),
        (None, Some(listener)) => listener.clone(),
        (None, None) => "envoy-fault".to_owned(),
    };
    let from = match place.path.as_str() {
        "" => format!("{FILTER}, alone"),
        path => format!("{FILTER} at {path}"),
    };
    let mut rule = read.rule.clone();
    for (kind, name) in names {
        rule.name(kind, name, place, told);
    }
    if !rule.is_whole_or_told(place, told) {
        return;
    }
    let [most, most_requested] = shares(&read, place, told);
    for (suffix, faults, most) in [("", read.faults, most), ("-requested", read.requested, most_requested)] {
        if matches!(&most, Some(most) if most.value == Value::Number(0.0)) {
            continue;
        }
        let mut draft = Draft::new(&format!("{name}{suffix}"), from.clone(), place);
        draft.scope.extend(within.direction.map(|direction| ("direction", text(direction))));
        if !rule.is_empty() {
            draft.rules.push(rule.clone());
        }
        draft.protect.clone_from(&protect);
        draft.safety.extend(most.map(|most| ("max_concurrent", most)));
        if suffix == "-requested" {
            draft.notes.push(envoy_fault::REQUESTED.to_owned());
        }
        for (kind, keys, percent) in faults {
            draft.fault(kind, keys, percent);
        }
        if draft.has_faults() {
            out.scenarios.extend(draft.finish(told));
        }
    }
}
