//! What a document is, told from its keys.

use super::{envoy, minimal, toxiproxy};
use crate::arguments::Origin;
use squall_policy::{Node, Value};

pub fn origin(node: &Node) -> Option<Origin> {
    let kind = node.get("kind").and_then(Node::text);
    let api = node.get("apiVersion").and_then(Node::text).unwrap_or_default();
    if kind == Some("List") {
        return node.get("items").and_then(Node::list).into_iter().flatten().find_map(origin);
    }
    if api.starts_with("networking.istio.io/") || kind == Some("VirtualService") {
        return Some(Origin::Istio);
    }
    if api.starts_with("chaos-mesh.org/") {
        return Some(Origin::ChaosMesh);
    }
    if kind.is_some() && !api.is_empty() {
        return None;
    }
    if envoy::has_fault(node) || is_bare_fault(node) {
        return Some(Origin::Envoy);
    }
    let first = match &node.value {
        Value::List(items) => items.first(),
        Value::Object(entries) => entries.first().map(|entry| &entry.value),
        _ => None,
    };
    let toxic = |node: &Node| toxiproxy::is_proxy(node) || toxiproxy::is_toxic(node);
    let proxies = node.get("proxies").and_then(Node::list).is_some_and(|list| list.iter().any(toxic));
    if toxic(node) || first.is_some_and(toxic) || proxies {
        return Some(Origin::Toxiproxy);
    }
    let listed = node.get("scenarios").and_then(Node::list).or(node.list()).unwrap_or_default();
    let mission = node.get("mission").is_some_and(minimal::is_mission);
    let minimal = minimal::is_scenario(node) || minimal::is_mission(node) || mission;
    (minimal || listed.iter().any(minimal::is_scenario)).then_some(Origin::Minimal)
}

/// An HTTPFault that does not say what it is.
fn is_bare_fault(node: &Node) -> bool {
    let has = |outer: &str, inner: &[&str]| {
        node.get(outer).is_some_and(|outer| inner.iter().any(|inner| outer.get(inner).is_some()))
    };
    has("delay", &["fixed_delay", "fixedDelay", "header_delay", "headerDelay"])
        || has(
            "abort",
            &["http_status", "httpStatus", "grpc_status", "grpcStatus", "header_abort", "headerAbort"],
        )
        || has("response_rate_limit", &["fixed_limit", "header_limit"])
        || has("responseRateLimit", &["fixedLimit", "headerLimit"])
}
