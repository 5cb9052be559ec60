//! A proxy with a scenario that delays half of the requests, its control listener, and somebody who sends requests to it.

use serde_json::{Value, json};
use squall_envoy_tests::{
    ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, HttpClient, HttpFilter, Listener, Load, Route,
    VirtualHost, eventually, repo_root,
};
use std::time::Duration;
use tokio::task::JoinSet;

const CONTROL: &str = "control-of-squall";

pub struct Proxy {
    pub envoy: Envoy,
    pub url: String,
    /// Ends with the proxy.
    _users: JoinSet<()>,
}

/// `guardrail`: the mission halts when requests with the fault take longer than the fault.
pub fn catalog(delay: &str, guardrail: bool) -> Value {
    let mut scenario = json!({
        "name": "slow", "severity": "low", "description": "half of the requests are late",
        "scope": {"match": [{"path": {"prefix": "/"}}], "sample": {"percent": 50}},
        "faults": [{"delay": {"fixed": delay}}],
        "signals": {"latency_p95": "<= 5s"},
    });
    if guardrail {
        let rule = json!({"metric": "latency_p95", "group": "treatment", "above": "5ms", "for": "1s", "min_requests": 5});
        scenario["safety"] = json!({"halt_when": [rule]});
    }
    json!({"version": 1, "scenarios": [scenario]})
}

fn control(catalog: &Value, operators: &Operators) -> Value {
    let plugin = plugin("control", catalog, operators);
    let module = repo_root().join("target/squall-control.wasm");
    let mut config = HttpFilter::wasm_config("squall-control", &module, &plugin.to_string());
    config["config"]["vm_config"]["vm_id"] = json!("squall");
    config["config"]["allow_on_headers_stop_iteration"] = json!(true);
    config
}

/// Whose signatures count, where a proxy has operators.
type Operators = Option<Value>;

fn plugin(role: &str, catalog: &Value, operators: &Operators) -> Value {
    let mut plugin = json!({"version": 1, "role": role, "catalog": catalog,
        "identity": {"namespace": "shop", "service": "cart"}});
    if let Some(operators) = operators {
        plugin["operators"] = operators.clone();
    }
    plugin
}

impl Proxy {
    pub async fn start(catalog: &Value, requests_per_s: f64) -> Self {
        Self::of(catalog, catalog, None, requests_per_s).await
    }

    /// With operators, who have to sign.
    pub async fn signed(catalog: &Value, operators: Value, requests_per_s: f64) -> Self {
        Self::of(catalog, catalog, Some(operators), requests_per_s).await
    }

    /// Its control listener has another catalog than its filter.
    pub async fn of_two_catalogs(filter: &Value, control: &Value, requests_per_s: f64) -> Self {
        Self::of(filter, control, None, requests_per_s).await
    }

    async fn of(catalog: &Value, controls: &Value, operators: Operators, requests_per_s: f64) -> Self {
        let plugin = plugin("filter", catalog, &operators);
        let host = |status: u16| VirtualHost::any("any").route(Route::prefix("/").answer(status, "itself\n"));
        let filter = HttpFilter::squall(&plugin).unwrap();
        let config = EnvoyConfig::new()
            .listener(Listener::new("ingress").filter(filter).virtual_host(host(200)))
            .listener(
                Listener::new("control")
                    .filter(HttpFilter::discovered(CONTROL, control(controls, &operators)))
                    .virtual_host(host(503)),
            );
        let envoy = EnvoyOptions::default().concurrency(2).start(config).await.unwrap();
        let url = format!("http://{}", envoy.addr("control"));
        let mut users = JoinSet::new();
        if requests_per_s > 0.0 {
            let load = Load::http1(envoy.addr("ingress")).connections(8);
            users.spawn(async move {
                // Some fail where the proxy is killed.
                let _ = load.open_loop(requests_per_s, Duration::from_secs(600)).await;
            });
        }
        let proxy = Self { envoy, url, _users: users };
        eventually("the control listener", Duration::from_secs(10), async || proxy.status().await.map(drop))
            .await
            .unwrap();
        proxy
    }

    /// As a control plane would.
    pub async fn change_catalog(&self, catalog: &Value) {
        let verdict = self.envoy.update_filter(CONTROL, &control(catalog, &None)).await.unwrap();
        assert_eq!(verdict, ConfigUpdate::Accepted);
    }

    pub async fn status(&self) -> Option<Value> {
        let reply = HttpClient::http1(self.envoy.addr("control")).get("/v1/status").await.ok()?;
        serde_json::from_str(&reply.text()).ok()
    }

    pub async fn state(&self) -> String {
        let status = self.status().await.unwrap();
        status["state"].as_str().unwrap().to_owned()
    }

    /// Waits until it is in this state, or in this stage of it.
    pub async fn is(&self, wanted: &str, stage: Option<u64>, limit: Duration) {
        let reached = eventually(wanted, limit, async || {
            let status = self.status().await?;
            (status["state"] == wanted
                && stage.is_none_or(|stage| status["mission"]["stage"]["number"] == stage))
            .then_some(())
        });
        if let Err(error) = reached.await {
            panic!(
                "{}: {wanted} {stage:?}: {error}; {:?}",
                self.url,
                self.status().await.map(|s| s["mission"].clone())
            );
        }
    }

    pub async fn injected(&self) -> u64 {
        self.envoy.injected("slow", "delay").await.unwrap()
    }
}
