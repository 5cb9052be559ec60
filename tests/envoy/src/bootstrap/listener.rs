//! Listeners: a free port with one HTTP connection manager.

use serde_json::{Map, Value, json};

use super::{HttpFilter, RUN_DIR, VirtualHost};
use crate::access_log;

/// A listener that speaks HTTP/1.1 and HTTP/2 (prior knowledge) on one port.
///
/// It keeps the client's `x-request-id`, and logs every stream to the access log of this Envoy.
#[derive(Clone, Debug)]
pub struct Listener {
    name: String,
    filters: Vec<HttpFilter>,
    hosts: Vec<VirtualHost>,
    access_log: bool,
    options: Map<String, Value>,
    http_options: Map<String, Value>,
}

impl Listener {
    /// A listener called `name`, without filters; without a virtual host it answers 404.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            filters: Vec::new(),
            hosts: Vec::new(),
            access_log: true,
            options: Map::new(),
            http_options: Map::new(),
        }
    }

    /// Adds an HTTP filter in front of the router.
    pub fn filter(self, filter: HttpFilter) -> Self {
        self.filters([filter])
    }

    /// Adds HTTP filters in front of the router, in order.
    pub fn filters(mut self, filters: impl IntoIterator<Item = HttpFilter>) -> Self {
        self.filters.extend(filters);
        self
    }

    /// Adds a virtual host.
    pub fn virtual_host(mut self, host: VirtualHost) -> Self {
        self.hosts.push(host);
        self
    }

    /// Marks the listener as `INBOUND` traffic, as a sidecar's.
    pub fn inbound(self) -> Self {
        self.set("traffic_direction", json!("INBOUND"))
    }

    /// Marks the listener as `OUTBOUND` traffic, as a sidecar's.
    pub fn outbound(self) -> Self {
        self.set("traffic_direction", json!("OUTBOUND"))
    }

    /// Writes no access log: for measurements.
    pub fn without_access_log(mut self) -> Self {
        self.access_log = false;
        self
    }

    /// Sets any other key of the listener, such as `per_connection_buffer_limit_bytes`.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.options.insert(key.to_owned(), value);
        self
    }

    /// Sets any other key of the HTTP connection manager, such as `stream_idle_timeout`.
    pub fn set_http(mut self, key: &str, value: Value) -> Self {
        self.http_options.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn files(&self) -> Vec<(String, String)> {
        self.filters.iter().filter_map(HttpFilter::file).collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut listener = json!({
            "name": self.name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": self.connection_manager(),
            }]}]
        });
        for (key, value) in &self.options {
            listener[key] = value.clone();
        }
        listener
    }

    fn connection_manager(&self) -> Value {
        let mut filters: Vec<Value> = self.filters.iter().map(HttpFilter::to_json).collect();
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
        }));
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": self.name,
            "codec_type": "AUTO",
            "preserve_external_request_id": true,
            "http_filters": filters,
            "route_config": {"name": self.name, "virtual_hosts": self.hosts.iter().map(VirtualHost::to_json).collect::<Vec<_>>()},
        });
        if self.access_log {
            manager["access_log"] = json!([access_log::config(&format!("{RUN_DIR}/access.log"))]);
        }
        for (key, value) in &self.http_options {
            manager[key] = value.clone();
        }
        manager
    }
}
