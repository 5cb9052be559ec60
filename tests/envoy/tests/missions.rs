//! Missions over all workers of a real Envoy: stages, leases, and what the control listener does to them at run time
//! (promises P1, P2, P6, P9).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use squall_envoy_tests::{
    ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream,
    Listener, Load, Route, VirtualHost, eventually,
};
use tokio::task::JoinSet;

const FILTER: &str = "squall";
/// The bound of promises P1 and P2.
const BOUND: Duration = Duration::from_secs(1);

/// `/size/1` is aborted, `/size/2` waits first.
fn experiment(id: &str) -> Experiment {
    let abort = json!({"abort": {"status": 503}});
    Experiment::new()
        .on_path("cut", "/size/1", json!([abort]))
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": "1m"}}, abort]))
        .set("id", json!(id))
}

fn idle() -> Value {
    let mut plugin = experiment("none").plugin();
    plugin.as_object_mut().unwrap().remove("mission");
    plugin["identity"] = json!({"namespace": "test"});
    plugin
}

/// The mission alone, as it is posted.
fn order(id: &str) -> Value {
    experiment(id).plugin()["mission"].clone()
}

struct Proxy {
    _upstream: HttpUpstream,
    envoy: Envoy,
    control: HttpClient,
}

impl Proxy {
    /// Four workers, an idle filter and a control listener.
    async fn start(plugin: &Value) -> Self {
        let upstream = HttpUpstream::start().await.unwrap();
        let filter = HttpFilter::squall_discovered(FILTER, plugin).unwrap();
        let mut configuration = idle();
        configuration["role"] = json!("control");
        let unanswered = VirtualHost::any("unanswered").route(Route::prefix("/").answer(503, "no module"));
        let control = Listener::new("control").filter(HttpFilter::control(&configuration).unwrap());
        let config = EnvoyConfig::proxy(upstream.addr(), [filter]).listener(control.virtual_host(unanswered));
        let envoy = EnvoyOptions::default().concurrency(4).log_level("info").start(config).await.unwrap();
        let control = HttpClient::http1(envoy.addr("control"));
        Self { _upstream: upstream, envoy, control }
    }

    async fn post(&self, path: &str, body: &Value) -> u16 {
        let headers = [("content-type", "application/json")];
        let reply = self.control.post(path, &headers, body.to_string()).await.unwrap();
        println!("POST {path}: {} {}", reply.status, reply.text());
        reply.status
    }

    async fn ask(&self, path: &str, action: &str, mission: Option<&str>) -> u16 {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let nonce = format!("nonce-of-a-request-{:04}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let mut body = json!({"version": 1, "action": action, "time": time, "nonce": nonce});
        if let Some(mission) = mission {
            body["mission"] = json!(mission);
        }
        self.post(path, &body).await
    }

    /// The statuses of so many new connections, which all workers share.
    async fn statuses(&self, count: usize) -> Vec<u16> {
        let mut replies = JoinSet::new();
        for _ in 0..count {
            let client = HttpClient::http1(self.envoy.addr("ingress"));
            replies.spawn(async move { client.get("/size/1").await.unwrap().status });
        }
        replies.join_all().await
    }

    async fn until_all(&self, status: u16) {
        let all = eventually("all workers", BOUND, async || {
            (self.statuses(16).await == [status; 16]).then_some(())
        });
        all.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_come_on_all_workers_in_time() {
    let proxy = Proxy::start(&idle()).await;
    let staged = experiment("staged").set("duration", json!("10s")).set("baseline", json!("2s")).set(
        "stages",
        json!([{"for": "2s", "intensity": "10%"}, {"for": "2s", "intensity": "50%"}, {"intensity": "100%"}]),
    );
    let config = HttpFilter::squall_config(FILTER, &staged.plugin()).unwrap();
    let begun = Instant::now();
    assert_eq!(proxy.envoy.update_filter(FILTER, &config).await.unwrap(), ConfigUpdate::Accepted);
    let accepted = begun.elapsed().as_secs_f64();
    let load = Load::http1(proxy.envoy.addr("ingress")).path("/size/1").connections(16);
    let offset = begun.elapsed().as_secs_f64();
    let report = load.for_time(Duration::from_millis(11_500)).await.unwrap();
    // Between these seconds after the start, whenever that was, the share of the faults is this.
    for (from, to, share) in
        [(0.0, 2.0, 0.0), (2.0, 4.0, 0.1), (4.0, 6.0, 0.5), (6.0, 10.0, 1.0), (10.0, 11.4, 0.0)]
    {
        let within = report.samples.iter().filter(|sample| {
            let sent = offset + sample.sent_after.as_secs_f64();
            sent >= from + accepted + 0.2 && sent < to - 0.2
        });
        let statuses: Vec<u16> = within.filter_map(squall_envoy_tests::Sample::status).collect();
        let faults = statuses.iter().filter(|status| **status == 503).count() as f64;
        let (count, measured) = (statuses.len() as f64, faults / statuses.len() as f64);
        println!("{from} to {to} s: {measured:.3} of {count}");
        assert!(count > 100.0, "{count} requests from {from} to {to} s");
        let tolerance = 5.0 * (share * (1.0 - share) / count).sqrt();
        assert!((measured - share).abs() <= tolerance, "{measured} instead of {share} from {from} to {to} s");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p2_p6_an_order_starts_on_all_workers_and_a_halt_ends_it_until_a_release() {
    let proxy = Proxy::start(&idle()).await;
    assert_eq!(proxy.statuses(16).await, [200; 16]);
    for round in 0..3 {
        let id = format!("ordered-{round}");
        assert_eq!(proxy.post("/v1/missions", &order(&id)).await, 201);
        proxy.until_all(503).await;
        let mut waiting = JoinSet::new();
        for _ in 0..8 {
            let client = HttpClient::http1(proxy.envoy.addr("ingress"));
            waiting.spawn(async move { (client.get("/size/2").await.unwrap().status, Instant::now()) });
        }
        proxy.envoy.prometheus_until("waiting", |metrics| metrics.in_flight() >= 8).await.unwrap();
        let load = Load::http1(proxy.envoy.addr("ingress")).path("/size/1").connections(8);
        let sent = Instant::now();
        let load = tokio::spawn(async move { load.for_time(Duration::from_secs(4)).await.unwrap() });
        tokio::time::timeout(Duration::from_secs(3), async {
            proxy.envoy.prometheus_until("faults", |metrics| metrics.injected("cut", "abort") > 50).await
        })
        .await
        .unwrap()
        .unwrap();
        let halted = Instant::now();
        assert_eq!(proxy.post("/v1/halt", &json!({"reason": "enough", "by": "alice"})).await, 200);
        for (status, released) in waiting.join_all().await {
            assert_eq!(status, 200, "released, and not aborted");
            assert!(released.saturating_duration_since(halted) < BOUND);
        }
        let report = load.await.unwrap();
        let late = |sample: &&squall_envoy_tests::Sample| {
            sample.status() == Some(503) && sent + sample.sent_after > halted + BOUND
        };
        assert_eq!(report.samples.iter().filter(late).count(), 0, "faults a second after the halt");
        assert_eq!(proxy.post("/v1/missions", &order("blocked")).await, 409, "P2");
        assert_eq!(proxy.statuses(16).await, [200; 16]);
        assert_eq!(proxy.ask("/v1/release", "release", None).await, 200);
        assert_eq!(proxy.post("/v1/missions", &order(&id)).await, 409, "P6: it has ended");
        assert_eq!(proxy.statuses(16).await, [200; 16], "a release revives nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p9_updates_keep_the_order_and_its_clock() {
    let proxy = Proxy::start(&idle()).await;
    let mut mission = order("kept");
    mission["duration"] = json!("8s");
    let ordered = Instant::now();
    assert_eq!(proxy.post("/v1/missions", &mission).await, 201);
    proxy.until_all(503).await;
    let load = Load::http1(proxy.envoy.addr("ingress")).path("/size/1").connections(8);
    let load = tokio::spawn(async move { load.for_time(Duration::from_millis(4_500)).await.unwrap() });
    let mut updates = 0;
    let mut interval = tokio::time::interval(Duration::from_millis(200));
    while ordered.elapsed() < Duration::from_secs(5) {
        interval.tick().await;
        let mut next = idle();
        next["revision"] = json!(updates.to_string());
        let config = HttpFilter::squall_config(FILTER, &next).unwrap();
        assert_eq!(proxy.envoy.update_filter(FILTER, &config).await.unwrap(), ConfigUpdate::Accepted);
        updates += 1;
    }
    let report = load.await.unwrap();
    let (total, faults) = (report.total(), report.count(503));
    println!("{updates} updates, {faults} of {total}");
    assert_eq!((faults, report.broken()), (total, 0), "{updates} updates lost requests, or the mission");
    let over = eventually("the deadline", Duration::from_secs(6), async || {
        (proxy.statuses(16).await == [200; 16]).then_some(())
    });
    over.await.unwrap();
    let lasted = ordered.elapsed();
    assert!(lasted < Duration::from_secs(8) + BOUND, "its clock began anew: {lasted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_a_lease_runs_out_unless_somebody_renews_it() {
    let proxy = Proxy::start(&idle()).await;
    let mut mission = order("leased");
    mission["lease"] = json!("3s");
    assert_eq!(proxy.post("/v1/missions", &mission).await, 201);
    proxy.until_all(503).await;
    let mut renewed = Instant::now();
    for _ in 0..3 {
        let wait = eventually("time for a renewal", Duration::from_secs(3), async || {
            (renewed.elapsed() > Duration::from_millis(1_500)).then_some(())
        });
        wait.await.unwrap();
        renewed = Instant::now();
        assert_eq!(proxy.ask("/v1/missions/leased/renew", "renew", Some("leased")).await, 200);
        assert_eq!(proxy.statuses(8).await, [503; 8]);
    }
    let over = eventually("the end of the lease", Duration::from_secs(5), async || {
        (proxy.statuses(16).await == [200; 16]).then_some(())
    });
    over.await.unwrap();
    assert!(renewed.elapsed() < Duration::from_secs(3) + BOUND + BOUND, "{:?}", renewed.elapsed());
    assert_eq!(proxy.ask("/v1/missions/leased/renew", "renew", Some("leased")).await, 409);
    let metrics = proxy.envoy.prometheus().await.unwrap();
    assert_eq!(metrics.value("chaos_missions_total", &[("result", "lease")]), Some(1.0));
}
