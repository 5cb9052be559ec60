//! The control listener of `render envoy`: a module of its own, which shares the data of the filter's by their one `vm_id`.

use super::template::{self, list, number, text};
use crate::arguments::RenderEnvoy;
use squall_policy::{Entry, Node, Value};
use std::net::SocketAddr;

const TEMPLATE: &str = include_str!("control.yaml.in");

/// Sentences for the keys of the listener.
pub const COMMENTS: [(&str, &str); 3] = [
    (
        "static_resources.listeners.filter_chains.filters.typed_config.request_headers_timeout",
        "Nobody keeps a request open: bodies are at most 256 KiB.",
    ),
    (
        "static_resources.listeners.filter_chains.filters.typed_config.route_config.virtual_hosts.routes.direct_response",
        "The module answers every request itself; should it be gone, nothing else is reached.",
    ),
    (
        "static_resources.listeners.filter_chains.filters.typed_config.http_filters.typed_config.config.allow_on_headers_stop_iteration",
        "Without this no body reaches the module.",
    ),
];

/// The listener at an address, for a filter with this plugin configuration.
///
/// # Errors
/// When the configuration cannot be written as JSON.
pub fn listener(
    arguments: &RenderEnvoy,
    at: SocketAddr,
    plugin: &Node,
    environment: Option<Node>,
) -> anyhow::Result<Node> {
    let plugin = configuration(plugin, &arguments.control_host);
    template::render(
        TEMPLATE,
        &[
            ("CONTROL_ADDRESS", Some(text(at.ip().to_string()))),
            ("CONTROL_PORT", Some(number(at.port()))),
            ("CONTROL_PLUGIN", Some(text(serde_json::to_string_pretty(&plugin)?))),
            ("CONTROL_MODULE", Some(text(&arguments.control_module))),
            ("ENVIRONMENT", environment),
        ],
    )
}

/// What the filter knows, without its mission: the listener verifies what it is sent as the filter will.
fn configuration(plugin: &Node, hosts: &[String]) -> Node {
    let entries = match &plugin.value {
        Value::Object(entries) => entries.as_slice(),
        _ => &[],
    };
    let mut entries: Vec<Entry> = entries.iter().filter(|entry| entry.key != "mission").cloned().collect();
    if let Some(role) = entries.iter_mut().find(|entry| entry.key == "role") {
        role.value = text("control");
    }
    if !hosts.is_empty() {
        let value = list(hosts.iter().map(text));
        entries.push(Entry { key: "control_hosts".to_owned(), at: None, value });
    }
    Value::Object(entries).into()
}
