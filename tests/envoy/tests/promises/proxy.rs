//! One proxy: four workers with a discovered filter in front of an upstream, and a control listener.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter,
    HttpUpstream, Listener, Load, Reply, Route, VirtualHost,
};
use tokio::task::JoinSet;

use crate::BOUND;

pub const FILTER: &str = "squall";

/// `/size/1` is aborted, `/size/2` waits for a minute and would then be aborted, `/size/3` is a little late.
pub fn experiment(id: &str) -> Experiment {
    let abort = json!({"abort": {"status": 503}});
    Experiment::new()
        .on_path("cut", "/size/1", json!([abort]))
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": "1m"}}, abort]))
        .on_path("late", "/size/3", json!([{"delay": {"fixed": "30ms"}}]))
        .set("id", json!(id))
}

/// The configuration without its mission.
pub fn idle(experiment: &Experiment) -> Value {
    let mut plugin = experiment.plugin();
    plugin.as_object_mut().unwrap().remove("mission");
    plugin["identity"] = json!({"namespace": "test"});
    plugin
}

/// The mission alone, as it is posted.
pub fn order(experiment: &Experiment) -> Value {
    experiment.plugin()["mission"].clone()
}

pub struct Proxy {
    _upstream: Option<HttpUpstream>,
    pub envoy: Envoy,
    pub control: HttpClient,
}

impl Proxy {
    pub async fn start(plugin: &Value) -> Self {
        Self::launch(plugin, EnvoyOptions::default()).await
    }

    pub async fn launch(plugin: &Value, options: EnvoyOptions) -> Self {
        let upstream = HttpUpstream::start().await.unwrap();
        let proxy = Self::before(upstream.addr(), plugin, options).await;
        Self { _upstream: Some(upstream), ..proxy }
    }

    /// In front of an upstream of somebody else.
    pub async fn before(upstream: SocketAddr, plugin: &Value, options: EnvoyOptions) -> Self {
        let envoy = start_envoy(upstream, plugin, options).await;
        let control = HttpClient::http1(envoy.addr("control"));
        Self { _upstream: None, envoy, control }
    }

    pub fn ingress(&self) -> SocketAddr {
        self.envoy.addr("ingress")
    }

    pub fn load(&self, path: &str) -> Load {
        Load::http1(self.ingress()).path(path)
    }

    pub async fn update(&self, plugin: &Value) {
        let config = HttpFilter::squall_config(FILTER, plugin).unwrap();
        assert_eq!(self.envoy.update_filter(FILTER, &config).await.unwrap(), ConfigUpdate::Accepted);
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.control.post(path, &[("content-type", "application/json")], body.to_string()).await.unwrap()
    }

    /// Starts a mission; the moments before the request and after its answer lie around its beginning.
    pub async fn begin(&self, experiment: &Experiment) -> (Instant, Instant) {
        let before = Instant::now();
        let reply = self.post("/v1/missions", &order(experiment)).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        (before, Instant::now())
    }

    /// Halts everything; gives the moment of the answer.
    pub async fn halt(&self) -> Instant {
        let reply = self.post("/v1/halt", &json!({"reason": "enough", "by": "alice"})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Instant::now()
    }

    pub async fn release(&self) -> Instant {
        let reply = self.post("/v1/release", &request("release", None)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Instant::now()
    }

    pub async fn status(&self) -> Value {
        self.control.get("/v1/status").await.unwrap().json()
    }

    /// Every fault so far, of any scenario.
    pub async fn faults(&self) -> u64 {
        self.envoy.prometheus().await.unwrap().sum("chaos_faults_injected_total", &[]) as u64
    }

    /// Requests that wait in the filter, on connections of their own.
    pub async fn hold(&self, count: u64) -> JoinSet<(u16, Instant)> {
        let before = self.envoy.injected("hold", "delay").await.unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..count {
            let client = HttpClient::http1(self.ingress());
            waiting.spawn(async move { (client.get("/size/2").await.unwrap().status, Instant::now()) });
        }
        let all = |metrics: &squall_envoy_tests::Metrics| metrics.injected("hold", "delay") >= before + count;
        self.envoy.prometheus_until("requests that wait", all).await.unwrap();
        waiting
    }

    /// No trap, no failed host call, and the workers have shared the connections.
    pub async fn assert_sound(&self) {
        let log = self.envoy.log();
        assert!(
            self.envoy.alive() && !log.contains("Function: proxy_") && !log.contains("[critical]"),
            "{log}"
        );
        let metrics = self.envoy.prometheus().await.unwrap();
        assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
        for worker in 0..4 {
            let stat = format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total");
            assert!(self.envoy.stat(&stat).await.unwrap() > 0, "{stat}");
        }
    }
}

async fn start_envoy(upstream: SocketAddr, plugin: &Value, options: EnvoyOptions) -> Envoy {
    let filter = HttpFilter::squall_discovered(FILTER, plugin).unwrap();
    let mut configuration = plugin.clone();
    configuration["role"] = json!("control");
    configuration.as_object_mut().unwrap().remove("mission");
    let unanswered = VirtualHost::any("unanswered").route(Route::prefix("/").answer(503, "no module"));
    let control = Listener::new("control").filter(HttpFilter::control(&configuration).unwrap());
    let host = VirtualHost::any("any").route(Route::prefix("/").name("all").to("upstream"));
    // Every worker gets its share of the connections, so that what all connections see is what all workers do.
    let ingress = Listener::new("ingress")
        .filter(filter)
        .virtual_host(host)
        .set("connection_balance_config", json!({"exact_balance": {}}))
        .without_access_log();
    let config = EnvoyConfig::new()
        .listener(ingress)
        .listener(control.virtual_host(unanswered))
        .cluster(Cluster::http1("upstream", upstream));
    options.concurrency(4).log_level("info").start(config).await.unwrap()
}

/// A request about a mission, made now; it needs no signature where there are no operators.
pub fn request(action: &str, mission: Option<&str>) -> Value {
    request_at(SystemTime::now(), action, mission)
}

/// The same by another clock.
pub fn request_at(time: SystemTime, action: &str, mission: Option<&str>) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let nonce = format!("nonce-of-a-request-{:04}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let time = humantime::format_rfc3339_millis(time).to_string();
    let mut body = json!({"version": 1, "action": action, "time": time, "nonce": nonce});
    if let Some(mission) = mission {
        body["mission"] = json!(mission);
    }
    body
}

/// Waits until a moment, which is what a test about time does.
pub async fn until(moment: Instant) {
    tokio::time::sleep_until(moment.into()).await;
}

/// All that waited were let go after `moment`, within the bound, by the upstream's answer.
pub async fn assert_let_go(waiting: JoinSet<(u16, Instant)>, moment: Instant) {
    for (status, at) in waiting.join_all().await {
        assert_eq!(status, 200, "let go, and not aborted");
        let later = at.saturating_duration_since(moment);
        assert!(later < BOUND, "let go {later:?} after");
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
