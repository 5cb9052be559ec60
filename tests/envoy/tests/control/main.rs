//! The control listener in a real Envoy: every path and status, hostile requests, and missions that it starts, stops and halts on
//! all workers. Every answer is checked against docs/openapi.yaml.

mod hostile;
mod missions;
mod openapi;
mod paths;
mod shipped;
mod signed;

// chaosctl's reader of YAML, for the OpenAPI document.
#[allow(dead_code, reason = "the reader is shared with chaosctl, which needs all of it")]
#[path = "../../../../src/chaosctl/excerpt.rs"]
mod excerpt;
#[allow(dead_code, reason = "as above")]
#[path = "../../../../src/chaosctl/reader.rs"]
mod reader;
#[allow(dead_code, reason = "as above")]
#[path = "../../../../src/chaosctl/scalar.rs"]
mod scalar;
#[allow(dead_code, reason = "as above")]
#[path = "../../../../src/chaosctl/terminal.rs"]
mod terminal;

use openapi::Document;
use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, HttpClient, HttpFilter, HttpUpstream, Listener, Reply, Route,
    VirtualHost,
};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A scenario that answers every request itself, so that whoever asks sees whether it runs.
fn cut(severity: &str) -> Value {
    json!({
        "name": "cut", "severity": severity, "description": "every read fails",
        "scope": {"match": [{"path": {"prefix": "/"}}]}, "faults": [{"abort": {"status": 503}}],
    })
}

/// What filter and control listener are configured with.
fn plugin(severity: &str) -> Value {
    json!({
        "version": 1, "role": "filter", "identity": {"namespace": "shop", "service": "cart"},
        "catalog": {"version": 1, "scenarios": [cut(severity)]},
    })
}

fn mission(id: &str) -> Value {
    json!({"version": 1, "id": id, "scenarios": ["cut"], "namespace": "shop", "duration": "1h", "seed": "s"})
}

/// One proxy: a filter in front of an upstream, and a control listener.
struct Site {
    envoy: Envoy,
    upstream: HttpUpstream,
    control: HttpClient,
    document: Document,
}

impl Site {
    async fn start(plugin: &Value) -> Self {
        Self::with_workers(plugin, 1).await
    }

    async fn with_workers(plugin: &Value, workers: u32) -> Self {
        let upstream = HttpUpstream::start().await.unwrap();
        let mut control = plugin.clone();
        control["role"] = json!("control");
        if let Some(control) = control.as_object_mut() {
            control.remove("mission");
        }
        let unanswered = VirtualHost::any("unanswered").route(Route::prefix("/").answer(503, "no module\n"));
        let listener = Listener::new("control").filter(HttpFilter::control(&control).unwrap());
        let ingress = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
        let filter = HttpFilter::squall(plugin).unwrap();
        let config = EnvoyConfig::new()
            .listener(Listener::new("ingress").filter(filter).virtual_host(ingress))
            .listener(listener.virtual_host(unanswered))
            .cluster(Cluster::http1("upstream", upstream.addr()));
        let options = EnvoyOptions::default().concurrency(workers).log_level("info");
        let envoy = options.start(config).await.unwrap();
        let control = HttpClient::http1(envoy.addr("control"));
        Self { envoy, upstream, control, document: Document::load() }
    }

    /// A GET, whose answer has to be as the document says.
    async fn get(&self, path: &str) -> Reply {
        let reply = self.control.get(path).await.unwrap();
        self.document.check("get", path, &reply);
        reply
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_text(path, &body.to_string()).await
    }

    async fn post_text(&self, path: &str, body: &str) -> Reply {
        let reply = self.control.post(path, &[JSON], body.to_owned()).await.unwrap();
        self.document.check("post", path, &reply);
        reply
    }

    async fn state(&self) -> String {
        self.get("/v1/status").await.json()["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Names of all events so far.
    async fn events(&self) -> Vec<Value> {
        self.get("/v1/events").await.json()["events"].as_array().cloned().unwrap_or_default()
    }

    /// Whether a request through the filter is cut, on a connection of its own.
    async fn is_cut(&self) -> bool {
        let client = HttpClient::http1(self.envoy.addr("ingress"));
        client.get("/size/1").await.unwrap().status == 503
    }

    /// No trap, and nothing went past the module.
    fn assert_sound(&self) {
        let log = self.envoy.log();
        assert!(self.envoy.alive() && !log.contains("Function: proxy_"), "{log}");
    }
}

/// Status and code of a problem.
fn told(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn problem(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
