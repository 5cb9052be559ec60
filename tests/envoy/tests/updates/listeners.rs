//! Listeners that come from a file while Envoy runs (LDS). Each configuration is a new listener, and the old one
//! lives on for its connections until the drain time is over.

use serde_json::json;
use squall_envoy_tests::bootstrap::RUN_DIR;
use squall_envoy_tests::{
    Bootstrap, Cluster, Envoy, EnvoyConfig, HttpFilter, HttpUpstream, Listener, Route, VirtualHost,
};

const FILE: &str = "listeners/all.json";

/// A bootstrap that reads its one listener, `ingress`, from a file.
pub fn bootstrap(upstream: &HttpUpstream, filters: &[HttpFilter]) -> Bootstrap {
    let place = |file: &str| format!("{RUN_DIR}/{file}");
    let source = json!({"path_config_source": {"path": place(FILE), "watched_directory": {"path": place("listeners")}}});
    let config = EnvoyConfig::new()
        .cluster(Cluster::http1("upstream", upstream.addr()))
        .set("dynamic_resources", json!({"lds_config": source}));
    Bootstrap::from(config).with_file(FILE, response(filters))
}

/// Replaces the listener by one with these filters.
pub fn replace(envoy: &Envoy, filters: &[HttpFilter]) {
    let next = envoy.folder().join("listeners/next.json");
    std::fs::write(&next, response(filters)).unwrap();
    std::fs::rename(next, envoy.folder().join(FILE)).unwrap();
}

fn response(filters: &[HttpFilter]) -> String {
    let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
    let listener = Listener::new("ingress").without_access_log().filters(filters.iter().cloned());
    let config = EnvoyConfig::new().listener(listener.virtual_host(host));
    let mut listener = config.to_json()["static_resources"]["listeners"][0].take();
    listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    json!({"resources": [listener]}).to_string()
}
