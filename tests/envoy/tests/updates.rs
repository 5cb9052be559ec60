//! Configurations that come while Envoy runs, as istiod sends them: from discovery, without a virtual machine id,
//! named after the resource. Promise P9 and what becomes of requests that wait when their mission goes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::bootstrap::RUN_DIR;
use squall_envoy_tests::{
    Bootstrap, Cluster, ConfigUpdate, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter,
    HttpUpstream, Listener, Load, Metrics, Route, VirtualHost, eventually,
};
use tokio::task::JoinSet;

/// The discovered resource of a plugin, as istiod names it.
fn resource(plugin: &str) -> String {
    format!("extensions.istio.io/wasmplugin/{plugin}")
}

const SHOP: &str = "shop.squall";

/// What istiod makes of a WasmPlugin: the plugin's name with its namespace, its `pluginName` as root id, the
/// `pluginConfig` as text, and no virtual machine id, so that all plugins with this module share one.
fn from_istiod(plugin: &str, configuration: &Value) -> Value {
    let mut config = HttpFilter::squall_config(plugin, configuration).unwrap();
    config["config"]["root_id"] = json!("squall");
    config["config"]["vm_config"].as_object_mut().unwrap().remove("vm_id");
    config
}

fn discovered(plugin: &str, configuration: &Value) -> HttpFilter {
    HttpFilter::discovered(&resource(plugin), from_istiod(plugin, configuration))
}

async fn update(envoy: &Envoy, plugin: &str, configuration: &Value) {
    let verdict = envoy.update_filter(&resource(plugin), &from_istiod(plugin, configuration)).await;
    assert_eq!(verdict.unwrap(), ConfigUpdate::Accepted);
}

async fn start(
    upstream: &HttpUpstream,
    workers: u32,
    filters: impl IntoIterator<Item = HttpFilter>,
) -> Envoy {
    let config = EnvoyConfig::proxy(upstream.addr(), filters);
    EnvoyOptions::default().concurrency(workers).log_level("info").start(config).await.unwrap()
}

/// A mission in which `/size/1` is aborted, and `/size/2` waits before or `/sleep/*` after the upstream.
fn mission(id: &str, status: u16, hold: &str) -> Experiment {
    let late = json!({"match": [{"path": {"prefix": "/sleep/"}}]});
    Experiment::new()
        .on_path("cut", "/size/1", json!([{"abort": {"status": status}}]))
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": hold}}, {"abort": {"status": status}}]))
        .scenario("hold-back", late, json!([{"delay": {"fixed": hold, "phase": "response"}}]))
        .set("id", json!(id))
}

fn active(metrics: &Metrics, scenario: &str) -> Option<f64> {
    metrics.value("chaos_active", &[("scenario", scenario), ("namespace", "test")])
}

/// Sends `path` `count` times at once in HTTP/2 and HTTP/1.1; each ends with its status and the moment of its end.
fn send(envoy: &Envoy, path: &'static str, count: usize) -> JoinSet<(u16, Instant)> {
    let mut replies = JoinSet::new();
    for number in 0..count {
        let address = envoy.addr("ingress");
        let client = if number % 2 == 0 { HttpClient::http1(address) } else { HttpClient::http2(address) };
        replies.spawn(async move { (client.get(path).await.unwrap().status, Instant::now()) });
    }
    replies
}

async fn until_in_flight(envoy: &Envoy, count: u64) {
    envoy.prometheus_until("requests in flight", |metrics| metrics.in_flight() == count).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p9_updates_under_load_lose_no_request() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 2, [discovered(SHOP, &mission("load", 503, "30s").plugin())]).await;
    let time = Duration::from_secs(4);
    let mut loads = JoinSet::new();
    for load in [
        Load::http1(envoy.addr("ingress")).path("/size/1").connections(2),
        Load::http2(envoy.addr("ingress")).path("/size/1").connections(2).streams(2),
        Load::http1(envoy.addr("ingress")).path("/size/9").connections(2),
    ] {
        loads.spawn(async move { load.for_time(time).await.unwrap() });
    }
    let begin = Instant::now();
    let mut updates = 0;
    while begin.elapsed() < time - Duration::from_millis(200) || updates < 20 {
        updates += 1;
        let (status, mut next) = if updates % 2 == 0 { (503, "load") } else { (429, "load") };
        if updates % 5 == 0 {
            next = "load-other";
        }
        let next = mission(next, status, "30s").set("seed", json!(format!("{updates}")));
        update(&envoy, SHOP, &next.plugin()).await;
    }
    let reports = loads.join_all().await;
    println!("{updates} updates under {} requests", reports.iter().map(|report| report.total()).sum::<u64>());
    for report in reports {
        let answered = report.count(503) + report.count(429) + report.count(200);
        assert_eq!((answered, report.broken(), report.left()), (report.total(), 0, 0));
    }
    assert!(updates >= 20);
    let metrics = envoy.prometheus_until("rest", |metrics| metrics.in_flight() == 0).await.unwrap();
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
    assert!(envoy.alive() && !envoy.log().contains("Function: proxy_"), "{}", envoy.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_that_is_replaced_lets_its_waiting_requests_go_at_once_and_aborts_none() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 2, [discovered(SHOP, &mission("old-0", 503, "20s").plugin())]).await;
    // Streams that begin while the update is on its way to a worker must not keep the old mission alive.
    let traffic = Load::http2(envoy.addr("ingress")).path("/size/9").connections(2).streams(8);
    let traffic = tokio::spawn(async move { traffic.for_time(Duration::from_secs(6)).await.unwrap() });
    let begin = Instant::now();
    let mut round = 0;
    while begin.elapsed() < Duration::from_millis(5_000) {
        let waiting = send(&envoy, "/size/2", 20);
        until_in_flight(&envoy, 20).await;
        round += 1;
        let next = if round % 3 == 0 {
            mission(&format!("old-{round}"), 503, "20s").set("enable", json!(false))
        } else {
            mission(&format!("old-{round}"), 503, "20s")
        };
        update(&envoy, SHOP, &next.plugin()).await;
        let updated = Instant::now();
        for (status, released) in waiting.join_all().await {
            assert_eq!(status, 200, "round {round}");
            let late = released.saturating_duration_since(updated);
            assert!(late < Duration::from_secs(1), "round {round}: released {late:?} after the update");
        }
        until_in_flight(&envoy, 0).await;
        if round % 3 == 0 {
            round += 1;
            update(&envoy, SHOP, &mission(&format!("old-{round}"), 503, "20s").plugin()).await;
        }
    }
    assert_eq!(traffic.await.unwrap().error_rate(), 0.0);
    println!("{round} rounds");
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(
        metrics.value("chaos_missions_total", &[("result", "done")]),
        None,
        "no mission reached its deadline"
    );
    assert_eq!(metrics.injected("hold", "abort"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_mission_does_not_hold_back_responses_that_come_later() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 1, [discovered(SHOP, &mission("stop", 503, "20s").plugin())]).await;
    let under_way = send(&envoy, "/sleep/1000", 4);
    until_in_flight(&envoy, 4).await;
    update(&envoy, SHOP, &mission("stop", 503, "20s").set("enable", json!(false)).plugin()).await;
    let updated = Instant::now();
    for (status, ended) in under_way.join_all().await {
        assert_eq!(status, 200);
        let late = ended.saturating_duration_since(updated);
        assert!(late < Duration::from_millis(2_500), "held back for {late:?} after the stop");
    }
    let metrics = envoy.prometheus_until("the end", |metrics| metrics.in_flight() == 0).await.unwrap();
    assert_eq!((metrics.injected("hold-back", "delay"), active(&metrics, "hold-back")), (0, Some(0.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_that_goes_on_serves_its_waiting_requests_to_the_end() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 2, [discovered(SHOP, &mission("same", 503, "2s").plugin())]).await;
    let begin = Instant::now();
    let waiting = send(&envoy, "/size/2", 20);
    until_in_flight(&envoy, 20).await;
    update(&envoy, SHOP, &mission("same", 429, "20s").plugin()).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/size/1").await.unwrap().status, 429, "new requests see the new configuration");
    for (status, ended) in waiting.join_all().await {
        assert_eq!(status, 503, "as the configuration said when the request came");
        assert!(ended - begin >= Duration::from_secs(2), "{:?}", ended - begin);
    }
    let metrics = envoy.prometheus_until("the end", |metrics| metrics.in_flight() == 0).await.unwrap();
    assert_eq!((active(&metrics, "cut"), active(&metrics, "hold")), (Some(1.0), Some(1.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_wrong_lets_traffic_flow_and_says_so() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, 2, [discovered(SHOP, &mission("wrong", 503, "20s").plugin())]).await;
    let waiting = send(&envoy, "/size/2", 10);
    until_in_flight(&envoy, 10).await;
    let mut wrong = mission("wrong", 503, "20s").plugin();
    wrong["mission"]["duration"] = json!("for a while");
    update(&envoy, SHOP, &wrong).await;
    let updated = Instant::now();
    for (status, released) in waiting.join_all().await {
        assert_eq!(status, 200);
        assert!(released.saturating_duration_since(updated) < Duration::from_secs(1));
    }
    let report = Load::http1(envoy.addr("ingress")).path("/size/1").requests(500).await.unwrap();
    assert_eq!(report.count(200), 500);
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(
        (metrics.value("chaos_config_rejected", &[]), active(&metrics, "cut")),
        (Some(1.0), Some(0.0))
    );

    update(&envoy, SHOP, &mission("wrong", 503, "20s").plugin()).await;
    let report = Load::http1(envoy.addr("ingress")).path("/size/1").requests(500).await.unwrap();
    assert_eq!(report.count(503), 500);
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(
        (metrics.value("chaos_config_rejected", &[]), active(&metrics, "cut")),
        (Some(0.0), Some(1.0))
    );
}

/// Istio stacks the plugins of the root namespace and of the workload's own in one chain.
#[tokio::test]
async fn two_filters_in_one_chain_inject_once() {
    let upstream = HttpUpstream::start().await.unwrap();
    let delay = |name: &str, id: &str| {
        Experiment::new()
            .scenario(name, json!({}), json!([{"delay": {"fixed": "300ms"}}]))
            .set("id", json!(id))
            .plugin()
    };
    let filters = [
        discovered("istio-system.squall", &delay("mesh-wide", "mesh")),
        discovered(SHOP, &delay("own", "own")),
    ];
    let envoy = start(&upstream, 1, filters).await;
    let client = HttpClient::http2(envoy.addr("ingress"));
    for _ in 0..5 {
        let reply = client.get("/size/1").await.unwrap();
        assert_eq!(reply.status, 200);
        let elapsed = reply.elapsed;
        assert!((Duration::from_millis(299)..Duration::from_millis(580)).contains(&elapsed), "{elapsed:?}");
    }
    let metrics = envoy.prometheus_until("the end", |metrics| metrics.in_flight() == 0).await.unwrap();
    assert_eq!((metrics.injected("mesh-wide", "delay"), metrics.injected("own", "delay")), (5, 0));
    assert_eq!(
        (metrics.spared("own", "already_faulted"), metrics.spared("mesh-wide", "already_faulted")),
        (5, 0)
    );
    let marked = envoy.access_log_of(5).await.unwrap();
    assert!(marked.iter().all(|entry| entry.scenario.as_deref() == Some("mesh-wide")), "{marked:?}");
}

/// Two listeners, each with a filter of its own; `names` are the plugins' names.
async fn two_listeners(upstream: &HttpUpstream, names: [&str; 2]) -> Envoy {
    let mut config = EnvoyConfig::new().cluster(Cluster::http1("upstream", upstream.addr()));
    for (index, name) in names.into_iter().enumerate() {
        let status = 500 + index;
        let experiment = Experiment::new()
            .on_path(&format!("cut-{index}"), "/size/1", json!([{"abort": {"status": status}}]))
            .on_path(&format!("hold-{index}"), "/size/2", json!([{"delay": {"fixed": "1500ms"}}]))
            .set("id", json!(format!("listener-{index}")));
        let typed_config = from_istiod(name, &experiment.plugin());
        let filter =
            HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": typed_config}));
        let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
        config =
            config.listener(Listener::new(&format!("listener-{index}")).filter(filter).virtual_host(host));
    }
    EnvoyOptions::default().concurrency(2).start(config).await.unwrap()
}

/// With one name for both, the filter cannot know at first whether one is the successor of the other: a request
/// that waits in the first quarter of a second after a configuration may be let go early.
#[tokio::test]
async fn two_listeners_with_missions_of_their_own_do_not_disturb_each_other() {
    let upstream = HttpUpstream::start().await.unwrap();
    for names in [["one", "other"], ["squall", "squall"]] {
        let envoy = two_listeners(&upstream, names).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut held = JoinSet::new();
        for (index, status) in [(0, 500), (1, 501)] {
            let load = Load::http1(envoy.addr(&format!("listener-{index}"))).path("/size/1").connections(8);
            let report = load.requests(200).await.unwrap();
            assert_eq!(report.count(status), 200, "{names:?}, listener {index}");
            let client = HttpClient::http1(envoy.addr(&format!("listener-{index}")));
            held.spawn(async move { client.get("/size/2").await.unwrap() });
        }
        for reply in held.join_all().await {
            assert!(
                reply.status == 200 && reply.elapsed >= Duration::from_millis(1_499),
                "{:?}",
                reply.elapsed
            );
        }
        let metrics = envoy.prometheus().await.unwrap();
        for scenario in ["cut-0", "hold-0", "cut-1", "hold-1"] {
            assert_eq!(active(&metrics, scenario), Some(1.0), "{names:?}, {scenario}");
        }
        assert!(metrics.value("chaos_deadline_seconds", &[]).is_some_and(|deadline| deadline > 0.0));
        assert_eq!(metrics.value("chaos_missions_total", &[("result", "done")]), None);
    }
}

/// The gauges follow the mission that runs, also when streams of the old one linger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gauges_tell_of_the_new_mission_while_streams_of_the_old_one_linger() {
    let upstream = HttpUpstream::start().await.unwrap();
    let named = |scenario: &str, duration: &str| {
        Experiment::new()
            .scenario(scenario, json!({}), json!([{"delay": {"fixed": "1ms"}}]))
            .set("id", json!(scenario))
            .set("duration", json!(duration))
            .plugin()
    };
    let envoy = start(&upstream, 2, [discovered(SHOP, &named("one", "1h"))]).await;
    let traffic = Load::http2(envoy.addr("ingress")).path("/size/1").connections(2).streams(8);
    let traffic = tokio::spawn(async move { traffic.for_time(Duration::from_secs(5)).await.unwrap() });
    // These keep the old configuration's root context alive for a while.
    let lingering = send(&envoy, "/sleep/2500", 8);
    until_at_least(&envoy, 8).await;
    update(&envoy, SHOP, &named("two", "1h")).await;
    for _ in 0..20 {
        let metrics = envoy.prometheus().await.unwrap();
        assert_eq!((active(&metrics, "one"), active(&metrics, "two")), (Some(0.0), Some(1.0)));
        assert!(metrics.value("chaos_deadline_seconds", &[]).is_some_and(|deadline| deadline > 0.0));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert!(lingering.join_all().await.iter().all(|(status, _)| *status == 200));
    assert_eq!(traffic.await.unwrap().error_rate(), 0.0);
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!((active(&metrics, "one"), active(&metrics, "two")), (Some(0.0), Some(1.0)));
}

async fn until_at_least(envoy: &Envoy, count: u64) {
    envoy.prometheus_until("requests in flight", |metrics| metrics.in_flight() >= count).await.unwrap();
}

/// Deleting the resource in Istio takes the filter out of the listener. Once Envoy has drained the old one, the
/// virtual machines are gone, and with the last of them all that the filter ever showed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_is_taken_out_of_its_listener_leaves_no_trace_in_traffic_or_gauges() {
    let upstream = HttpUpstream::start().await.unwrap();
    let listeners = |filters: &[HttpFilter]| {
        let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
        let listener = Listener::new("ingress").filters(filters.iter().cloned()).virtual_host(host);
        let mut listener =
            EnvoyConfig::new().listener(listener).to_json()["static_resources"]["listeners"][0].take();
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        json!({"version_info": filters.len().to_string(), "resources": [listener]}).to_string()
    };
    let place = |file: &str| format!("{RUN_DIR}/listeners{file}");
    let source =
        json!({"path_config_source": {"path": place("/all.json"), "watched_directory": {"path": place("")}}});
    let config = EnvoyConfig::new()
        .cluster(Cluster::http1("upstream", upstream.addr()))
        .set("dynamic_resources", json!({"lds_config": source}));
    let typed_config = from_istiod(SHOP, &mission("removed", 503, "20s").plugin());
    let filter = HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": typed_config}));
    let first = listeners(&[filter]).replace(RUN_DIR, "/dev/null");
    let first = first.replace("/dev/null/access.log", "/dev/null");
    let bootstrap = Bootstrap::from(config).with_file("listeners/all.json", first);
    let envoy = EnvoyOptions::default().concurrency(2).drain_seconds(1).start(bootstrap).await.unwrap();

    let waiting = send(&envoy, "/size/2", 4);
    until_in_flight(&envoy, 4).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/size/1").await.unwrap().status, 503);
    assert_eq!(active(&envoy.prometheus().await.unwrap(), "cut"), Some(1.0));

    let next = envoy.folder().join("listeners/next.json");
    let without = listeners(&[]).replace(RUN_DIR, "/dev/null").replace("/dev/null/access.log", "/dev/null");
    std::fs::write(&next, without).unwrap();
    std::fs::rename(next, envoy.folder().join("listeners/all.json")).unwrap();
    let passed = eventually("the listener without the filter", Duration::from_secs(10), async || {
        let reply = HttpClient::http1(envoy.addr("ingress")).get("/size/1").await;
        reply.is_ok_and(|reply| reply.status == 200).then_some(())
    });
    passed.await.unwrap();
    // Envoy drops the old listener, with its connections, after the drain time.
    drop((waiting, client));
    let quiet =
        |metrics: &Metrics| metrics.in_flight() == 0 && active(metrics, "cut").is_none_or(|on| on == 0.0);
    envoy.prometheus_until("gauges at rest", quiet).await.unwrap();
    assert!(envoy.alive() && !envoy.log().contains("Function: proxy_"), "{}", envoy.log());
}
