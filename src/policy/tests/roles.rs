//! Two modules read one form of configuration, and each refuses what is for the other.

use serde_json::{Value, json};
use squall_policy::wire::Role;
use squall_policy::{Proxy, Report, load_plugin, load_plugin_on};

struct Module(Role);

impl Proxy for Module {
    fn namespace(&mut self) -> Option<String> {
        None
    }
    fn service(&mut self) -> Option<String> {
        None
    }
    fn label(&mut self, _: &str) -> Option<String> {
        None
    }
    fn role(&self) -> Role {
        self.0
    }
}

fn plugin(role: Option<&str>, with_mission: bool) -> Value {
    let mut plugin = json!({
        "version": 1,
        "catalog": {"version": 1, "scenarios": [{"name": "db", "faults": [{"delay": {"fixed": "1ms"}}]}]},
    });
    if let Some(role) = role {
        plugin["role"] = json!(role);
    }
    if with_mission {
        plugin["mission"] =
            json!({"version": 1, "id": "m", "scenarios": ["db"], "namespace": "shop", "duration": "1h"});
    }
    plugin
}

fn findings(role: Role, plugin: &Value) -> Vec<String> {
    let mut report = Report::default();
    let loaded = load_plugin_on(plugin.to_string().as_bytes(), &mut Module(role), u64::MAX, &mut report);
    assert_eq!(loaded.is_none(), report.has_errors());
    report.findings.iter().map(|f| format!("{} {}", f.code.slug(), f.path)).collect()
}

#[test]
fn each_module_takes_its_own_role_and_no_other() {
    let refused = |at: &str| vec![format!("not-supported {at}")];
    let rows = [
        (Role::Filter, None, false, vec![]),
        (Role::Filter, None, true, vec![]),
        (Role::Filter, Some("filter"), true, vec![]),
        (Role::Filter, Some("control"), false, refused("role")),
        (Role::Control, Some("control"), false, vec![]),
        (Role::Control, Some("control"), true, refused("mission")),
        (Role::Control, Some("filter"), false, refused("role")),
        (Role::Control, None, false, refused("role")),
        (Role::Control, None, true, refused("role")),
        (Role::Control, Some("contrl"), false, vec!["unknown-word role".to_owned()]),
    ];
    for (module, role, mission, expected) in rows {
        assert_eq!(findings(module, &plugin(role, mission)), expected, "{module:?} {role:?} {mission}");
    }
}

#[test]
fn a_hint_names_the_module_to_load() {
    let mut report = Report::default();
    let text = plugin(Some("control"), false).to_string();
    load_plugin_on(text.as_bytes(), &mut Module(Role::Filter), u64::MAX, &mut report);
    assert!(report.findings[0].to_string().contains("squall-control.wasm"), "{}", report.findings[0]);
}

#[test]
fn without_a_module_both_roles_are_read() {
    for role in ["filter", "control"] {
        let text = plugin(Some(role), false).to_string();
        assert!(load_plugin(text.as_bytes(), None, &mut Report::default()).is_some(), "{role}");
    }
}

#[test]
fn hosts_of_the_control_listener_are_names_without_ports() {
    let rows = [
        ("squall.shop.svc.cluster.local", true),
        ("localhost", true),
        ("Shop", false),
        ("shop:9000", false),
        ("http://shop", false),
        ("shop.", false),
        ("a..b", false),
        ("", false),
    ];
    for (host, good) in rows {
        let mut plugin = plugin(Some("control"), false);
        plugin["control_hosts"] = json!([host]);
        let expected = if good { vec![] } else { vec!["bad-format control_hosts[0]".to_owned()] };
        assert_eq!(findings(Role::Control, &plugin), expected, "{host}");
    }
}
