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
    virtual_host: Option<Node>,
    route: Option<Node>,
    /// Whether it is inside a route or a virtual host that has no name.
    nameless: bool,
}

/// A fault and where it was found.
struct Found<'n> {
    place: Place<'n>,
    within: Within,
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

/// Reads one document.
pub fn read(document: &Place<'_>, told: &Told, out: &mut Gathered) {
    let mut found = Vec::new();
    if has_fault(document.node) {
        walk(document, &Within::default(), &mut found);
        if document.node.get("typed_config").is_some_and(is_fault) {
            // A filter as a list of them has it.
            if let Some(mut fields) = document.fields(told) {
                let _ = (fields.take("name"), fields.take("typed_config"), fields.take("is_optional"));
                fields.finish(told, "name, typed_config");
            }
        } else if !is_fault(document.node) {
            let hint = "remove the filter from it where Squall takes its place";
            let message = "what else the configuration has is no fault, and stays where it is";
            told.add(Code::StaysThere, document.here(), message, hint);
        }
    } else {
        found.push(Found { place: document.clone(), within: Within::default() });
    }
    // A route's fault goes before its virtual host's, and that one before the listener's: each spares the narrower ones.
    let narrower: Vec<(bool, Rule)> = found
        .iter()
        .filter_map(|found| {
            let within = &found.within;
            let mut rule = Rule::default();
            match (&within.route, &within.virtual_host) {
                (Some(route), _) => rule.name("route", route.clone()),
                (None, Some(host)) if !within.nameless => rule.name("virtual_host", host.clone()),
                _ => return None,
            }
            Some((within.route.is_some(), rule))
        })
        .collect();
    for found in &found {
        let level = (found.within.route.is_some(), found.within.virtual_host.is_some());
        let spared = narrower.iter().filter(|(route, _)| match level {
            (true, _) => false,
            (false, true) => *route,
            (false, false) => true,
        });
        let protect = spared.map(|(_, rule)| rule.clone()).collect();
        fault(found, protect, told, out);
    }
}

/// Looks for faults, and remembers what they are in.
fn walk<'n>(place: &Place<'n>, within: &Within, found: &mut Vec<Found<'n>>) {
    match &place.node.value {
        Value::Object(_) if is_fault(place.node) => {
            found.push(Found { place: place.clone(), within: within.clone() });
        }
        Value::Object(entries) => {
            let within = entered(place, within);
            for entry in entries {
                let path = match place.path.as_str() {
                    "" => entry.key.clone(),
                    path => format!("{path}.{}", entry.key),
                };
                walk(&Place { node: &entry.value, path, key_at: entry.at }, &within, found);
            }
        }
        Value::List(items) => {
            for (number, node) in items.iter().enumerate() {
                let path = format!("{}[{number}]", place.path);
                walk(&Place { node, path, key_at: node.at }, &within.clone(), found);
            }
        }
        _ => {}
    }
}

/// What an object says of all that is in it.
fn entered(place: &Place<'_>, within: &Within) -> Within {
    let node = place.node;
    let mut within = within.clone();
    let name = node.get("name").filter(|name| name.text().is_some()).cloned();
    let has = |key: &str| node.get(key).is_some();
    if has("filter_chains") || has("filterChains") {
        within.listener = name.as_ref().and_then(Node::text).map(ToOwned::to_owned);
        let direction =
            node.get("traffic_direction").or_else(|| node.get("trafficDirection")).and_then(Node::text);
        within.direction = match direction {
            Some("INBOUND") => Some("inbound"),
            Some("OUTBOUND") => Some("outbound"),
            _ => None,
        };
    } else if has("domains") {
        within.nameless = name.is_none();
        within.virtual_host = name;
    } else if has("match") && ["route", "redirect", "direct_response"].into_iter().any(has) {
        within.nameless = name.is_none();
        within.route = name;
    }
    within
}

fn fault(found: &Found<'_>, protect: Vec<Rule>, told: &Told, out: &mut Gathered) {
    let Found { place, within } = found;
    let Some(read) = Read::new(place, told) else { return };
    if within.nameless {
        let hint = "give the route or the virtual host a `name` in Envoy's configuration, and import again";
        let message = "the fault is for one route or virtual host, which has no name to tell it by";
        return told.add(Code::ConditionLost, place.key(), message, hint);
    }
    let name = match (&within.route, &within.virtual_host, &within.listener) {
        (Some(name), ..) | (None, Some(name), _) => name.text().unwrap_or("envoy-fault").to_owned(),
        (None, None, Some(listener)) => listener.clone(),
        (None, None, None) => "envoy-fault".to_owned(),
    };
    let from = match place.path.as_str() {
        "" => format!("{FILTER}, alone"),
        path => format!("{FILTER} at {path}"),
    };
    let mut rule = read.rule.clone();
    match (&within.route, &within.virtual_host) {
        (Some(route), _) => rule.name("route", route.clone()),
        (None, Some(host)) => rule.name("virtual_host", host.clone()),
        (None, None) => {}
    }
    if !rule.is_whole() {
        return;
    }
    for (suffix, faults) in [("", read.faults), ("-requested", read.requested)] {
        let mut draft = Draft::new(&format!("{name}{suffix}"), from.clone(), place);
        draft.scope.extend(within.direction.map(|direction| ("direction", text(direction))));
        if !rule.is_empty() {
            draft.rules.push(rule.clone());
        }
        draft.protect.clone_from(&protect);
        draft.safety.extend(read.most.clone().map(|most| ("max_concurrent", most)));
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
