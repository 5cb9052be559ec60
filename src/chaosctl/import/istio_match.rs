//! Istio: `match` of a route as the rules of a scenario.

use super::place::{Fields, Place};
use super::rule::{Condition, Purpose, Rule};
use super::told::{Code, Told};
use super::tree::flag;
use super::units;
use squall_policy::{Node, Value};

const GATEWAY: &str = "a scenario is for the proxies that have the filter: install it in the gateway, and start the mission there";

/// Rules that hold for the same workloads.
pub struct Matched {
    pub labels: Option<Node>,
    pub rules: Vec<Rule>,
}

/// Gateways other than the sidecars themselves.
pub fn tell_gateways(gateways: Option<&Place<'_>>, told: &Told) {
    let Some(gateways) = gateways else { return };
    for gateway in gateways.items(told) {
        match gateway.text(told) {
            Some("mesh") | None => {}
            Some(name) => {
                let message = format!("the faults of gateway {name} need the filter there");
                told.add(Code::Elsewhere, gateway.key(), message, GATEWAY);
            }
        }
    }
}

/// The rules of a route by the labels of the callers. Empty when none could be carried over.
pub fn groups(matches: Option<&Place<'_>>, told: &Told) -> Vec<Matched> {
    let all = || vec![Matched { labels: None, rules: Vec::new() }];
    let Some(matches) = matches else { return all() };
    // In Istio an empty list means every request of the route.
    if is_all(matches) {
        return all();
    }
    let mut groups: Vec<Matched> = Vec::new();
    for place in matches.items(told) {
        let Some((labels, rule)) = one(&place, Purpose::Hit, told) else { continue };
        if !rule.is_whole_or_told(&place, told) {
            continue;
        }
        let same =
            |a: &Option<Node>, b: &Option<Node>| a.as_ref().map(|n| &n.value) == b.as_ref().map(|n| &n.value);
        match groups.iter_mut().find(|group| same(&group.labels, &labels)) {
            // An empty rule takes everything, and so does a scenario without rules.
            Some(group) if group.rules.is_empty() => {}
            Some(group) if rule.is_empty() => group.rules.clear(),
            Some(group) => group.rules.push(rule),
            None if rule.is_empty() => groups.push(Matched { labels, rules: Vec::new() }),
            None => groups.push(Matched { labels, rules: vec![rule] }),
        }
    }
    groups
}

/// Whether a `match` has no condition at all.
pub fn is_all(matches: &Place<'_>) -> bool {
    matches!(&matches.node.value, Value::List(items) if items.is_empty())
}

/// The rules alone.
pub fn rules(matches: Option<&Place<'_>>, purpose: Purpose) -> Vec<Rule> {
    // What is told of them is told where they are read as who is hit.
    let silent = Told::default();
    let items = matches.map(|matches| matches.items(&silent)).unwrap_or_default();
    items
        .iter()
        .filter_map(|place| one(place, purpose, &silent).map(|(_, rule)| rule))
        // Conditions that contradict each other: it takes no request.
        .filter(Rule::is_whole)
        .collect()
}

fn one(place: &Place<'_>, purpose: Purpose, told: &Told) -> Option<(Option<Node>, Rule)> {
    let mut fields = place.fields(told)?;
    fields.refuse_twins(told);
    let mut rule = Rule::default();
    let any_case = any_case(&mut fields, &mut rule, purpose, told);
    if let Some(uri) = fields.take("uri") {
        let condition = string(&uri, told);
        let condition = match condition {
            Some(condition) if any_case => condition.ignoring_case(told, &uri),
            condition => condition,
        };
        match condition {
            Some(condition) if condition.kind != "present" => rule.path(&condition, &uri, purpose, told),
            Some(_) => {}
            None => rule.lack(purpose),
        }
    }
    for (key, inverted) in [("headers", false), ("withoutHeaders", true)] {
        for (name, value) in named(&mut fields, key, &mut rule, purpose, told) {
            match string(&value, told) {
                Some(condition) => {
                    rule.header(name, &Condition { inverted, ..condition }, &value, purpose, told)
                }
                None => rule.lack(purpose),
            }
        }
    }
    if let Some(method) = fields.take("method") {
        match string(&method, told) {
            Some(condition) => rule.method(&condition, &method, purpose, told),
            None => rule.lack(purpose),
        }
    }
    if let Some(authority) = fields.take("authority") {
        match string(&authority, told) {
            Some(condition) => rule.authority(&condition, &authority, purpose, told),
            None => rule.lack(purpose),
        }
    }
    for (name, value) in named(&mut fields, "queryParams", &mut rule, purpose, told) {
        match string(&value, told) {
            Some(condition) => rule.query(name, &condition),
            None => rule.lack(purpose),
        }
    }
    let labels = fields.take("sourceLabels").map(|labels| labels.copy());
    elsewhere(&mut fields, &mut rule, purpose, told);
    let whole = fields.finish(
        told,
        "uri, method, headers, withoutHeaders, authority, queryParams, sourceLabels, ignoreUriCase",
    );
    if !whole {
        rule.lack(purpose);
    }
    Some((labels, rule))
}

/// `ignoreUriCase`. Of a slip the wider reading, for it may say who is spared; who is hit is left out.
fn any_case(fields: &mut Fields<'_>, rule: &mut Rule, purpose: Purpose, told: &Told) -> bool {
    fields.take("ignoreUriCase").is_some_and(|flag| {
        flag.bool(told).unwrap_or_else(|| {
            rule.lack(purpose);
            true
        })
    })
}

/// Conditions by their names.
fn named<'n>(
    fields: &mut Fields<'n>,
    key: &str,
    rule: &mut Rule,
    purpose: Purpose,
    told: &Told,
) -> Vec<(&'n str, Place<'n>)> {
    let named = fields.take(key).map_or(Some(Vec::new()), |named| named.map(told));
    named.unwrap_or_else(|| {
        rule.lack(purpose);
        Vec::new()
    })
}

/// What is not said of a request.
fn elsewhere(fields: &mut Fields<'_>, rule: &mut Rule, purpose: Purpose, told: &Told) {
    let _ = fields.take("name");
    fields.tell(
        &["statPrefix"],
        Code::StaysThere,
        told,
        "is no fault",
        "routing stays in the VirtualService",
    );
    tell_gateways(fields.take("gateways").as_ref(), told);
    if let Some(namespace) = fields.take("sourceNamespace") {
        let hint = "give the mission this `namespace`, and install the filter there alone";
        told.add(
            Code::Elsewhere,
            namespace.key(),
            "callers of one namespace are told by where the filter is",
            hint,
        );
    }
    for key in ["port", "scheme"] {
        if let Some(place) = fields.take(key) {
            if key == "port" && units::whole(&place, told).is_none() {
                rule.lack(purpose);
            }
            rule.lose(
                &place,
                purpose,
                &format!("a condition on the {key} of the request cannot be written here"),
                told,
            );
        }
    }
}

/// A StringMatch: `{exact: ...}`, `{prefix: ...}`, `{regex: ...}`, or nothing for "is there".
fn string(place: &Place<'_>, told: &Told) -> Option<Condition> {
    if place.node.value == Value::Null {
        return Some(Condition::new("present", flag(true)));
    }
    let mut fields = place.fields(told)?;
    fields.refuse_twins(told);
    let mut found = Vec::new();
    for kind in ["exact", "prefix", "regex"] {
        if let Some(value) = fields.take(kind) {
            value.text(told)?;
            found.push(Condition::new(kind, value.copy()));
        }
    }
    // Without what is not known it would be another condition.
    if !fields.finish(told, "exact, prefix, regex") {
        return None;
    }
    if found.len() > 1 {
        place.bad(told, "several conditions in one", "leave one of exact, prefix and regex");
        return None;
    }
    Some(found.pop().unwrap_or_else(|| Condition::new("present", flag(true))))
}
