//! HTTP filters: Squall (fixed, or discovered from a file), Envoy's own fault filter, or any JSON.

use std::path::Path;

use serde_json::{Value, json};

use super::RUN_DIR;
use crate::{Result, control_wasm, squall_wasm};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// One HTTP filter of a listener.
#[derive(Clone, Debug)]
pub struct HttpFilter {
    entry: Value,
    discovered: Option<Discovered>,
}

/// A filter whose configuration Envoy reads from a file and watches.
#[derive(Clone, Debug)]
struct Discovered {
    name: String,
    first: Value,
}

impl HttpFilter {
    /// Squall, built by `make build`, with `plugin` as its configuration.
    ///
    /// # Errors
    /// When `target/squall.wasm` is missing.
    pub fn squall(plugin: &Value) -> Result<Self> {
        Ok(Self::json(
            json!({"name": "envoy.filters.http.wasm", "typed_config": Self::squall_config("squall", plugin)?}),
        ))
    }

    /// The control module, built by `make build`, which shares the data of [`HttpFilter::squall`].
    ///
    /// # Errors
    /// When `target/squall-control.wasm` is missing.
    pub fn control(plugin: &Value) -> Result<Self> {
        let mut config = Self::wasm_config("squall-control", &control_wasm()?, &plugin.to_string());
        config["config"]["vm_config"]["vm_id"] = json!("squall");
        config["config"]["allow_on_headers_stop_iteration"] = json!(true);
        Ok(Self::json(json!({"name": "envoy.filters.http.wasm", "typed_config": config})))
    }

    /// Squall, discovered from a file as istiod would send it; [`crate::Envoy::update_filter`] replaces it.
    ///
    /// # Errors
    /// When `target/squall.wasm` is missing.
    pub fn squall_discovered(name: &str, plugin: &Value) -> Result<Self> {
        Ok(Self::discovered(name, Self::squall_config(name, plugin)?))
    }

    /// The `typed_config` of Squall, to be given to [`crate::Envoy::update_filter`].
    ///
    /// # Errors
    /// When `target/squall.wasm` is missing.
    pub fn squall_config(name: &str, plugin: &Value) -> Result<Value> {
        Ok(Self::wasm_config(name, &squall_wasm()?, &plugin.to_string()))
    }

    /// The `typed_config` of any Wasm module; name, root id and VM id are `name`, and it fails open.
    pub fn wasm_config(name: &str, module: &Path, configuration: &str) -> Value {
        json!({
            "@type": WASM,
            "config": {
                "name": name,
                "root_id": name,
                "failure_policy": "FAIL_OPEN",
                "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
                "vm_config": {
                    "vm_id": name,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": module}}
                }
            }
        })
    }

    /// Any Wasm module.
    pub fn wasm(name: &str, module: &Path, configuration: &str) -> Self {
        Self::json(
            json!({"name": "envoy.filters.http.wasm", "typed_config": Self::wasm_config(name, module, configuration)}),
        )
    }

    /// Envoy's own fault filter with the fields of `HTTPFault`.
    pub fn native_fault(mut fault: Value) -> Self {
        fault["@type"] = json!("type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault");
        Self::json(json!({"name": "envoy.filters.http.fault", "typed_config": fault}))
    }

    /// Any entry of `http_filters`.
    pub fn json(entry: Value) -> Self {
        Self { entry, discovered: None }
    }

    /// A filter called `name` that Envoy reads from a file; `first` is the `typed_config` it starts with.
    pub fn discovered(name: &str, first: Value) -> Self {
        let folder = format!("{RUN_DIR}/{}", folder(name));
        let entry = json!({
            "name": name,
            "config_discovery": {
                "config_source": {
                    "resource_api_version": "V3",
                    "path_config_source": {"path": format!("{folder}/config.json"), "watched_directory": {"path": folder}}
                },
                "type_urls": [first["@type"]]
            }
        });
        Self { entry, discovered: Some(Discovered { name: name.to_owned(), first }) }
    }

    pub(crate) fn to_json(&self) -> Value {
        self.entry.clone()
    }

    pub(crate) fn file(&self) -> Option<(String, String)> {
        let discovered = self.discovered.as_ref()?;
        Some((
            format!("{}/config.json", folder(&discovered.name)),
            discovery_response(&discovered.name, &discovered.first, 0),
        ))
    }
}

/// The folder below [`RUN_DIR`] that holds the discovered configuration of the filter `name`.
pub(crate) fn folder(name: &str) -> String {
    format!("discovered-{}", name.replace('/', "_"))
}

/// The file that Envoy watches.
pub(crate) fn discovery_response(name: &str, typed_config: &Value, version: u64) -> String {
    json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": name,
            "typed_config": typed_config
        }]
    })
    .to_string()
}
