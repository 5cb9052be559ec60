//! The configuration of a control listener: the catalog, the operators and the proxy's identity, as its filters have them.

use squall_adapter::node::Node as OwnNode;
use squall_adapter::{findings, host};
use squall_policy::health::Rules;
use squall_policy::mission::CurrentMission;
use squall_policy::wire::Role;
use squall_policy::{CONFIG_LIMIT, Node, Operators, Proxy, Report, Value, load_json, load_plugin_on};

use std::cell::RefCell;
use std::rc::Rc;

/// What the listener knows.
#[derive(Default)]
pub struct Config {
    /// Names under which it may be asked, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// `None`: the configuration has errors. Then everybody may still look, and halt.
    pub valid: Option<Valid>,
}

/// A configuration without mistakes.
pub struct Valid {
    /// As it came: with it a mission is verified.
    pub bytes: Vec<u8>,
    /// As a tree, to be shown.
    pub plugin: Node,
    /// Whose signatures count.
    pub operators: Operators,
    /// What is watched of the mission that was looked at last, and its time in milliseconds.
    pub rules: RefCell<Option<(CurrentMission, u64, Rc<Rules>)>>,
}

/// The node of this Envoy, for the control module.
pub struct ControlNode;

impl Proxy for ControlNode {
    fn namespace(&mut self) -> Option<String> {
        OwnNode.namespace()
    }

    fn service(&mut self) -> Option<String> {
        OwnNode.service()
    }

    fn label(&mut self, name: &str) -> Option<String> {
        OwnNode.label(name)
    }

    fn has_accepted(&mut self, mission: &str, digest: &[u8; 32]) -> bool {
        OwnNode.has_accepted(mission, digest)
    }

    fn role(&self) -> Role {
        Role::Control
    }

    fn environment(&mut self, name: &str) -> Option<String> {
        OwnNode.environment(name)
    }
}

impl Config {
    /// Reads the configuration of the effective root context.
    pub fn load() -> Self {
        let bytes = match host::plugin_configuration(CONFIG_LIMIT.saturating_add(1)) {
            Ok(bytes) => bytes,
            Err(status) => {
                log::error!("the host did not hand over the plugin configuration: status {}", status.0);
                return Self::default();
            }
        };
        let mut report = Report::default();
        // Without a clock nothing that expires is taken.
        let now_ms = host::wall_ms().unwrap_or(u64::MAX);
        let loaded = load_plugin_on(&bytes, &mut ControlNode, now_ms, &mut report);
        findings::tell(&report, loaded.is_none(), findings::identity(&bytes));
        let Some(plugin) = load_json(&bytes, &mut Report::default()) else { return Self::default() };
        // Of a configuration with errors too: who comes under this name shall be told of them.
        let hosts = names(plugin.get("control_hosts"));
        Self {
            hosts,
            valid: loaded.map(|loaded| Valid {
                bytes,
                plugin,
                operators: loaded.operators,
                rules: RefCell::default(),
            }),
        }
    }
}

fn names(list: Option<&Node>) -> Vec<String> {
    match list.map(|list| &list.value) {
        Some(Value::List(items)) => items.iter().filter_map(Node::text).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}
