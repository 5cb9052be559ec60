//! What a resource for Istio may say, and still do less, or more, than its author thinks.

use crate::inputs::Inputs;
use crate::terminal::shown;
use squall_policy::{Node, Value};

/// Sentences for standard error.
pub fn all(inputs: &Inputs) -> Vec<String> {
    let mut doubts = clusters(inputs);
    let runs = inputs.mission.as_ref().filter(|m| m.enable);
    if runs.is_some_and(|m| m.start.is_none()) {
        doubts.push(
            "the mission has no `start`: a pod that starts or restarts later runs it again, for its whole duration; \
             with a `start` it ends everywhere at the same time"
                .to_owned(),
        );
    }
    doubts
}

/// Clusters that no proxy of Istio has, unless somebody added them: such a rule matches nothing.
fn clusters(inputs: &Inputs) -> Vec<String> {
    let used = |name: &str| inputs.mission.as_ref().is_none_or(|m| m.scenarios.iter().any(|n| n.0 == name));
    let mut doubts = Vec::new();
    for scenario in items(inputs.catalog_node.get("scenarios")) {
        let Some(name) = scenario.get("name").and_then(text).filter(|name| used(name)) else { continue };
        for rule in items(scenario.get("scope").and_then(|scope| scope.get("match"))) {
            let Some(cluster) = rule.get("cluster").and_then(text).filter(|c| !of_istio(c)) else { continue };
            doubts.push(format!(
                "scenario `{name}`: Istio has no cluster `{}`, so that this rule matches nothing unless an EnvoyFilter \
                 adds it; its clusters are called `outbound|PORT||HOST`, such as \
                 `outbound|8080||profile-db.shop.svc.cluster.local`",
                shown(cluster)
            ));
        }
    }
    doubts
}

fn of_istio(cluster: &str) -> bool {
    let beginnings = ["inbound|", "outbound|", "inbound-vip|", "inbound-pod|", "outbound_."];
    let names = [
        "PassthroughCluster",
        "BlackHoleCluster",
        "InboundPassthroughCluster",
        "InboundPassthroughClusterIpv4",
        "InboundPassthroughClusterIpv6",
        "agent",
        "prometheus_stats",
        "sds-grpc",
        "xds-grpc",
        "zipkin",
    ];
    beginnings.iter().any(|b| cluster.starts_with(b)) || names.contains(&cluster)
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
