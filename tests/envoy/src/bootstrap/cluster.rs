//! Clusters: where requests go upstream.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

/// One static endpoint. The circuit breakers are opened wide, so that a load test meets the filter and not them.
#[derive(Clone, Debug)]
pub struct Cluster {
    name: String,
    endpoint: SocketAddr,
    http2: bool,
    options: Map<String, Value>,
}

impl Cluster {
    /// A cluster that is spoken to in HTTP/1.1.
    pub fn http1(name: impl Into<String>, endpoint: SocketAddr) -> Self {
        Self { name: name.into(), endpoint, http2: false, options: Map::new() }
    }

    /// A cluster that is spoken to in HTTP/2 with prior knowledge (gRPC).
    pub fn http2(name: impl Into<String>, endpoint: SocketAddr) -> Self {
        Self { http2: true, ..Self::http1(name, endpoint) }
    }

    /// Sets any other key of the cluster.
    pub fn set(mut self, key: impl Into<String>, value: Value) -> Self {
        self.options.insert(key.into(), value);
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        let wide = json!({"max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000, "max_retries": 1_000});
        let mut cluster = json!({
            "name": self.name,
            "type": "STATIC",
            "connect_timeout": "2s",
            "circuit_breakers": {"thresholds": [wide]},
            "load_assignment": {
                "cluster_name": self.name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
                    "address": self.endpoint.ip().to_string(),
                    "port_value": self.endpoint.port(),
                }}}}]}]
            }
        });
        if self.http2 {
            cluster["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}}
                }
            });
        }
        for (key, value) in &self.options {
            cluster[key] = value.clone();
        }
        cluster
    }
}
