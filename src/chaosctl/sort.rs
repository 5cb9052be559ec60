//! What a file is, told from its keys.

use squall_policy::{Node, Value, is_envelope};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Catalog,
    Mission,
    /// A plugin configuration, as `render plugin` writes it.
    Plugin,
    /// Nothing of ours, or the one key that would tell is misspelt.
    Unknown,
}

/// Keys that only a mission has at its root.
const MISSION_KEYS: [&str; 7] = ["id", "duration", "namespace", "start", "seed", "composition", "enable"];

impl Sort {
    pub fn of(node: &Node) -> Self {
        let Value::Object(entries) = &node.value else { return Self::Unknown };
        // A Kubernetes resource may have any key of ours deeper down, and has this one at its root.
        if node.get("apiVersion").is_some() {
            return Self::Unknown;
        }
        if node.get("catalog").is_some() {
            return Self::Plugin;
        }
        // Signed; what else could be in there is told when it is opened.
        if is_envelope(node) || entries.iter().any(|e| MISSION_KEYS.contains(&e.key.as_str())) {
            return Self::Mission;
        }
        match node.get("scenarios").map(|n| &n.value) {
            Some(Value::List(items)) if matches!(items.first().map(|i| &i.value), Some(Value::Text(_))) => {
                Self::Mission
            }
            Some(_) => Self::Catalog,
            None => Self::Unknown,
        }
    }
}
