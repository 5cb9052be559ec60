//! Builds the bootstraps that tests need: listeners with routes and filters, clusters, stats tags, node.
//!
//! The JSON is Envoy's own; every builder has a `set` for the options that have no method here.

mod cluster;
pub(crate) mod filter;
mod listener;
mod route;

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

pub use cluster::Cluster;
pub use filter::HttpFilter;
pub use listener::Listener;
pub use route::{Route, VirtualHost};

/// Stands for Envoy's own temporary folder in any text of a bootstrap; replaced when Envoy starts.
pub const RUN_DIR: &str = "@RUN_DIR@";

/// The labels of the filter's stats; each raw tag is `chaos_` and the label.
pub const STATS_TAGS: [&str; 8] =
    ["scenario", "fault", "group", "code_class", "cause", "namespace", "result", "reason"];

/// What Envoy is started with: the bootstrap's text, and files it refers to.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub(crate) text: String,
    /// Name relative to [`RUN_DIR`], and contents.
    pub(crate) files: Vec<(String, String)>,
}

impl Bootstrap {
    /// Adds a file `name` (relative to [`RUN_DIR`]) that is written before Envoy starts.
    pub fn with_file(mut self, name: impl Into<String>, contents: impl Into<String>) -> Self {
        self.files.push((name.into(), contents.into()));
        self
    }
}

impl From<Value> for Bootstrap {
    fn from(bootstrap: Value) -> Self {
        Self { text: bootstrap.to_string(), files: Vec::new() }
    }
}

/// JSON or YAML text.
impl From<String> for Bootstrap {
    fn from(text: String) -> Self {
        Self { text, files: Vec::new() }
    }
}

/// JSON or YAML text.
impl From<&str> for Bootstrap {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<EnvoyConfig> for Bootstrap {
    fn from(config: EnvoyConfig) -> Self {
        let files = config.listeners.iter().flat_map(Listener::files).collect();
        Self { text: config.to_json().to_string(), files }
    }
}

/// A typical bootstrap. Listeners bind free ports on 127.0.0.1.
#[derive(Clone, Debug)]
pub struct EnvoyConfig {
    listeners: Vec<Listener>,
    clusters: Vec<Cluster>,
    node: Value,
    options: Map<String, Value>,
}

impl Default for EnvoyConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl EnvoyConfig {
    /// No listener, no cluster; node id and cluster are `squall-test`. Histograms appear in a scrape after 0.2 s.
    pub fn new() -> Self {
        Self {
            listeners: Vec::new(),
            clusters: Vec::new(),
            node: json!({"id": "squall-test", "cluster": "squall-test"}),
            options: Map::new(),
        }
    }

    /// The usual case: a listener `ingress` with `filters`, and one route `all` (virtual host `any`) to an HTTP/1.1
    /// cluster `upstream` at `upstream`. Use [`EnvoyConfig::proxy_http2`] for a gRPC upstream.
    pub fn proxy(upstream: SocketAddr, filters: impl IntoIterator<Item = HttpFilter>) -> Self {
        Self::proxy_to(Cluster::http1("upstream", upstream), filters)
    }

    /// As [`EnvoyConfig::proxy`], with HTTP/2 to the upstream.
    pub fn proxy_http2(upstream: SocketAddr, filters: impl IntoIterator<Item = HttpFilter>) -> Self {
        Self::proxy_to(Cluster::http2("upstream", upstream), filters)
    }

    fn proxy_to(cluster: Cluster, filters: impl IntoIterator<Item = HttpFilter>) -> Self {
        let host = VirtualHost::any("any").route(Route::prefix("/").name("all").to("upstream"));
        Self::new().listener(Listener::new("ingress").filters(filters).virtual_host(host)).cluster(cluster)
    }

    /// Adds a listener.
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Adds a cluster.
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.clusters.push(cluster);
        self
    }

    /// Replaces the node: `{"id": .., "cluster": .., "metadata": {..}}`.
    pub fn node(mut self, node: Value) -> Self {
        self.node = node;
        self
    }

    /// Sets any other key of the bootstrap's top level.
    pub fn set(mut self, key: impl Into<String>, value: Value) -> Self {
        self.options.insert(key.into(), value);
        self
    }

    /// The bootstrap as Envoy reads it; the admin address comes from the command line.
    pub fn to_json(&self) -> Value {
        let tags: Vec<Value> = STATS_TAGS
            .iter()
            .map(|tag| json!({"tag_name": tag, "regex": format!(r"(chaos_{tag}=\.=(.*?);\.;)")}))
            .collect();
        let mut bootstrap = json!({
            "node": self.node,
            "stats_config": {"stats_tags": tags},
            "stats_flush_interval": "0.2s",
            "static_resources": {
                "listeners": self.listeners.iter().map(Listener::to_json).collect::<Vec<_>>(),
                "clusters": self.clusters.iter().map(Cluster::to_json).collect::<Vec<_>>(),
            }
        });
        for (key, value) in &self.options {
            bootstrap[key] = value.clone();
        }
        bootstrap
    }
}

/// A duration as Envoy's JSON wants it: seconds with a fraction and `s`.
pub(crate) fn seconds(duration: std::time::Duration) -> Value {
    json!(format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos()))
}
