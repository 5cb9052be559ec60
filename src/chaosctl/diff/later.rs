//! Of several scenarios the first that takes a request has it: what one takes no longer may come to another, whose faults may be harsher.

use super::change::{Change, Verdict};
use super::scenario::name;
use crate::overlap;
use squall_policy::wire::{Decode, Scenario};
use squall_policy::{Node, Report};

/// The missions of two plugin configurations, where there are some.
pub type Missions<'n> = (Option<&'n Node>, Option<&'n Node>);

/// Names of a mission's scenarios, in their order.
pub fn listed(mission: &Node) -> Vec<String> {
    let names = mission.get("scenarios").and_then(Node::list).unwrap_or_default();
    names.iter().filter_map(Node::text).map(ToOwned::to_owned).collect()
}

pub fn is_independent(mission: &Node) -> bool {
    mission.get("composition").and_then(Node::text) == Some("independent")
}

/// Makes unclear what is narrower for `scenario` alone. Of a catalog by itself nobody knows the order of the missions.
pub fn doubt(changes: &mut [Change], scenario: &Node, others: &[Node], missions: Option<Missions<'_>>) {
    let Some(other) = others.iter().find(|other| comes_later(scenario, other, missions)) else { return };
    for change in changes {
        if change.verdict == Verdict::Narrower && chooses(&change.key, scenario) {
            change.verdict = Verdict::Unclear;
            change.why += &format!("; what this one takes no longer may come to {}", name(other));
        }
    }
}

/// Whether a key decides which requests a scenario takes; a fault of a request that was taken comes to no other scenario.
fn chooses(key: &str, scenario: &Node) -> bool {
    let own = key.split_once(&format!("scenarios[{}]", name(scenario))).map_or(key, |(_, own)| own);
    let pauses = scenario.get("rollback").is_some_and(|rollback| rollback.get("circuit_breaker").is_some());
    own.is_empty()
        || [
            ".scope",
            ".trigger",
            ".burst",
            ".faults.requested",
            ".safety.max_concurrent",
            ".safety.max_per_second",
        ]
        .iter()
        .any(|part| own.starts_with(part))
        || own.starts_with(".safety.max_total")
        || pauses && (own.starts_with(".safety.halt_when") || own.starts_with(".rollback"))
}

fn comes_later(scenario: &Node, other: &Node, missions: Option<Missions<'_>>) -> bool {
    if name(scenario) == name(other) {
        return false;
    }
    let in_order = match missions {
        None => true,
        Some((Some(old), Some(new))) if !is_independent(old) && !is_independent(new) => {
            let names = listed(old);
            let place = |of: &Node| names.iter().position(|listed| listed == name(of));
            place(scenario).zip(place(other)).is_some_and(|(one, other)| one < other)
        }
        Some(_) => false,
    };
    let read = |node: &Node| Scenario::decode(node, &mut Report::default());
    in_order && read(scenario).zip(read(other)).is_none_or(|(a, b)| overlap::may_meet(&a, &b))
}
