//! A proxy with a scenario that delays half of the requests, and its control listener.

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, HttpClient, HttpFilter, Listener, Route, VirtualHost, eventually,
};
use std::time::Duration;

pub struct Proxy {
    envoy: Envoy,
    pub url: String,
}

impl Proxy {
    pub async fn start() -> Self {
        let plugin = json!({
            "version": 1, "role": "filter", "identity": {"namespace": "shop", "service": "cart"},
            "catalog": {"version": 1, "scenarios": [{
                "name": "slow", "severity": "low", "description": "half of the requests are late",
                "scope": {"match": [{"path": {"prefix": "/"}}], "sample": {"percent": 50}},
                "faults": [{"delay": {"fixed": "20ms"}}],
                "signals": {"latency_p95": "<= 5s"},
                "safety": {"halt_when": [{"metric": "error_rate", "group": "control", "above": "50%"}]},
            }]},
        });
        let mut control = plugin.clone();
        control["role"] = json!("control");
        let host = |status: u16| VirtualHost::any("any").route(Route::prefix("/").answer(status, "itself\n"));
        let config = EnvoyConfig::new()
            .listener(
                Listener::new("ingress").filter(HttpFilter::squall(&plugin).unwrap()).virtual_host(host(200)),
            )
            .listener(
                Listener::new("control")
                    .filter(HttpFilter::control(&control).unwrap())
                    .virtual_host(host(503)),
            );
        let envoy = EnvoyOptions::default().concurrency(2).start(config).await.unwrap();
        let url = format!("http://{}", envoy.addr("control"));
        Self { envoy, url }
    }

    pub fn name(&self) -> String {
        self.envoy.addr("control").to_string()
    }

    /// Starts a mission of an hour, and waits until the filters have it.
    pub async fn starts(&self, id: &str) {
        let mission = json!({"version": 1, "id": id, "scenarios": ["slow"], "namespace": "shop", "duration": "1h", "seed": "s"});
        let control = HttpClient::http1(self.envoy.addr("control"));
        let json = [("content-type", "application/json")];
        let reply = control.post("/v1/missions", &json, mission.to_string()).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        let runs = async || (self.state().await == "injecting").then_some(());
        eventually("the mission", Duration::from_secs(10), runs).await.unwrap();
    }

    pub async fn state(&self) -> String {
        let reply = HttpClient::http1(self.envoy.addr("control")).get("/v1/status").await.unwrap();
        let status: Value = serde_json::from_str(&reply.text()).unwrap();
        status["state"].as_str().unwrap().to_owned()
    }

    pub async fn traffic(&self, requests: usize) {
        let client = HttpClient::http1(self.envoy.addr("ingress"));
        for _ in 0..requests {
            client.get("/").await.unwrap();
        }
    }
}
