//! Records as the API shows them.

use serde_json::{Value, json};
use squall_policy::events::Ring;
use squall_policy::{Node, Value as Tree};

/// `GET /v1/events`: the lines after a number, each with its own.
#[must_use]
pub fn events(ring: &Ring, since: u64) -> String {
    let mut lines = Vec::new();
    for (number, entry) in ring.since(since) {
        // Whoever shares the data can write to the ring: what is no JSON would spoil all that is.
        let Ok(Value::Object(_)) = serde_json::from_str(&entry.line) else { continue };
        let rest = entry.line.strip_prefix('{').unwrap_or_default().trim_start();
        let comma = if rest == "}" { "" } else { "," };
        lines.push(format!("{{\"number\":{number}{comma}{rest}"));
    }
    format!("{{\"last\":{},\"events\":[{}]}}", ring.last(), lines.join(","))
}

/// `GET /v1/catalog`: what a mission can name. `digest` is what a signed mission says of a scenario.
#[must_use]
pub fn catalog(catalog: Option<&Node>, digest: &dyn Fn(&Node) -> String) -> String {
    let scenarios = match catalog.and_then(|catalog| catalog.get("scenarios")).map(|node| &node.value) {
        Some(Tree::List(scenarios)) => scenarios.as_slice(),
        _ => &[],
    };
    let scenarios: Vec<Value> = scenarios.iter().map(|node| scenario(node, digest)).collect();
    json!({"version": 1, "scenarios": scenarios}).to_string()
}

fn scenario(node: &Node, digest: &dyn Fn(&Node) -> String) -> Value {
    let text = |key| node.get(key).and_then(Node::text);
    let faults = match node.get("faults").map(|faults| &faults.value) {
        Some(Tree::List(faults)) => faults.as_slice(),
        _ => &[],
    };
    let kinds = faults.iter().filter_map(|fault| match &fault.value {
        Tree::Object(entries) => entries.first().map(|entry| entry.key.as_str()),
        _ => None,
    });
    json!({
        "name": text("name"),
        "description": text("description"),
        "severity": text("severity").unwrap_or("low"),
        "faults": kinds.collect::<Vec<_>>(),
        "digest": digest(node),
    })
}
