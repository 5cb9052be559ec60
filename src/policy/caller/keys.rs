//! The keys of a plugin configuration beside the scenarios that need them, and their secrets.

use super::Callers;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};
use crate::wire;

/// Reports keys that stand twice, scenarios of the mission that no key can ask, and what their headers cannot do.
pub(crate) fn check(plugin: &Node, report: &mut Report) {
    let keys = items(Some(plugin), "caller_keys");
    let names: Vec<&str> = keys.iter().filter_map(|key| text(key, "name")).collect();
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|known| known == name) {
            let message = format!("a key `{name}` stands further up already");
            add(report, Code::DuplicateName, message, "rename one of them");
        }
    }
    // With a name that cannot be read, any name may be it.
    let known = (names.len() == keys.len()).then_some(names);
    let mission = plugin.get("mission");
    let named: Vec<&str> = items(mission, "scenarios").iter().filter_map(Node::text).collect();
    for scenario in items(plugin.get("catalog"), "scenarios") {
        let Some(name) = text(scenario, "name").filter(|name| named.contains(name)) else { continue };
        let requested = items(Some(scenario), "faults").iter().find_map(|fault| fault.get("requested"));
        let Some(requested) = requested else { continue };
        if let Some(known) = &known {
            check_keys(name, requested, known, report);
        }
        check_marks(name, requested, mission, report);
    }
}

fn check_keys(scenario: &str, requested: &Node, known: &[&str], report: &mut Report) {
    if known.is_empty() {
        let message = format!("scenario `{scenario}` takes requests for faults, and no key can sign them");
        let hint = "add `caller_keys`, or `chaosctl render --caller-key NAME=FILE`";
        return add(report, Code::UnknownCaller, message, hint);
    }
    for wanted in items(Some(requested), "keys").iter().filter_map(Node::text) {
        if !known.contains(&wanted) {
            let message = format!("scenario `{scenario}` trusts a key `{wanted}`, which is not here");
            add(report, Code::UnknownCaller, message, &format!("there are: {}", known.join(", ")));
        }
    }
}

#[inline(never)]
fn add(report: &mut Report, code: Code, message: String, hint: &str) {
    report.in_key("caller_keys", |r| r.add(code, None, message, hint));
}

/// The mark of a faulted request has the name of the header with the fault.
fn check_marks(name: &str, requested: &Node, mission: Option<&Node>, report: &mut Report) {
    let forwards = requested.get("forward").is_some_and(|n| n.value == Value::Bool(true));
    let mark = mission.and_then(|m| m.get("mark")).filter(|mark| forwards && mark.text() == Some("headers"));
    let Some(mark) = mark else { return };
    let message = format!("scenario `{name}` forwards `x-chaos-fault`, where a mark stands");
    let hint = "remove `forward`, and let callers use baggage; or write `mark: none`";
    report.in_key("mission", |r| r.in_key("mark", |r| r.add(Code::Conflict, mark.at, message, hint)));
}

fn items<'n>(node: Option<&'n Node>, key: &str) -> &'n [Node] {
    match node.and_then(|n| n.get(key)).map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key)?.text()
}

impl Callers {
    /// The keys with their secrets; `environment` knows the variables of the VM.
    pub fn read<'k>(
        keys: impl IntoIterator<Item = &'k wire::CallerKey>,
        mut environment: impl FnMut(&str) -> Option<String>,
        report: &mut Report,
    ) -> Self {
        let mut callers = Self::default();
        for key in keys {
            let variable = key.secret_env.as_ref().map(|name| name.0.as_str());
            let from_variable = || wire::Secret::read(&environment(variable?)?);
            match key.secret.clone().or_else(from_variable) {
                Some(secret) => callers.add(&key.name.0, &secret.0),
                None => {
                    let variable = variable.unwrap_or_default();
                    let message = format!("the VM has no secret in its environment variable {variable}");
                    let hint = "set it where Envoy is started, and name it in `vm_config.environment_variables.host_env_keys` (Istio: `vmConfig.env`); it holds base64 of 16 to 256 bytes";
                    add(report, Code::MissingSecret, message, hint);
                }
            }
        }
        callers
    }
}
