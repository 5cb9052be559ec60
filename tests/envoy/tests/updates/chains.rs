//! Several filters: in one chain, on two listeners, and one that is taken out of its listener.

use std::time::Duration;

use serde_json::json;
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Listener,
    Load, Metrics, Route, VirtualHost, eventually,
};
use tokio::task::JoinSet;

use crate::{SHOP, active, discovered, from_istiod, listeners, mission, send, start, until_in_flight};

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

/// A request that one of them faults is no control of the other, wherever that one stands in the chain; and while both run, what has no
/// label says what has to be known first.
#[tokio::test]
async fn two_filters_in_one_chain_compare_nothing_with_what_the_other_has_faulted() {
    let upstream = HttpUpstream::start().await.unwrap();
    let sampled = json!({"sample": {"percent": 100, "by": {"header": "x-user"}}});
    let rarely = |duration: &str| {
        let faults = json!([{"delay": {"fixed": "1ms"}}]);
        let experiment = Experiment::new().scenario("rare", json!({"sample": {"percent": 0.0001}}), faults);
        experiment.set("id", json!("rare")).set("duration", json!(duration)).plugin()
    };
    let cut =
        |faults| Experiment::new().scenario("cut", sampled.clone(), faults).set("id", json!("cut")).plugin();
    let late = cut(json!([{"delay": {"fixed": "1ms"}}, {"mutate": {"response": {"status": 500}}}]));
    let aborted = cut(json!([{"abort": {"status": 500}}]));
    for (first, second) in [(rarely("4s"), aborted), (late, rarely("4s"))] {
        let filters = [discovered("istio-system.squall", &first), discovered(SHOP, &second)];
        let envoy = start(&upstream, 2, filters).await;
        let client = HttpClient::http1(envoy.addr("ingress"));
        for number in 0..10 {
            let headers = if number % 2 == 0 { &[("x-user", "ada")][..] } else { &[] };
            let status = if number % 2 == 0 { 500 } else { 200 };
            assert_eq!(client.get_with("/size/1", headers).await.unwrap().status, status);
        }
        let both =
            |metrics: &Metrics| metrics.finished("rare", "control") + metrics.finished("rare", "other") == 10;
        let metrics = envoy.prometheus_until("10 requests", both).await.unwrap();
        assert_eq!((metrics.finished("rare", "control"), metrics.finished("rare", "other")), (5, 5));
        assert_eq!((metrics.finished("cut", "control"), metrics.finished("cut", "treatment")), (5, 5));
        assert_eq!(metrics.sum("chaos_own_errors_total", &[("scenario", "cut")]), 5.0);
        assert_eq!(metrics.sum("chaos_own_errors_total", &[("scenario", "rare")]), 0.0);
        let gauge = |metrics: &Metrics, name: &str| metrics.value(name, &[]).unwrap();
        let short = gauge(&metrics, "chaos_deadline_seconds");
        let over = |metrics: &Metrics| active(metrics, "rare") == Some(0.0);
        let metrics = envoy.prometheus_until("the end of the short one", over).await.unwrap();
        assert_eq!(active(&metrics, "cut"), Some(1.0));
        let long = gauge(&metrics, "chaos_deadline_seconds");
        assert!(long > short + 3_000.0, "{short}, then {long}");
        let (stage, percent) = (gauge(&metrics, "chaos_stage"), gauge(&metrics, "chaos_intensity_percent"));
        assert_eq!((stage, percent), (1.0, 100.0));
    }
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

/// Deleting the resource in Istio takes the filter out of the listener. Once Envoy has drained the old one, the
/// virtual machines are gone, and with the last of them all that the filter ever showed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_is_taken_out_of_its_listener_leaves_no_trace_in_traffic_or_gauges() {
    let upstream = HttpUpstream::start().await.unwrap();
    let typed_config = from_istiod(SHOP, &mission("removed", 503, "20s").plugin());
    let filter = HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": typed_config}));
    let bootstrap = listeners::bootstrap(&upstream, &[filter]);
    let envoy = EnvoyOptions::default().concurrency(2).drain_seconds(1).start(bootstrap).await.unwrap();

    let waiting = send(&envoy, "/size/2", 4);
    until_in_flight(&envoy, 4).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/size/1").await.unwrap().status, 503);
    assert_eq!(active(&envoy.prometheus().await.unwrap(), "cut"), Some(1.0));

    listeners::replace(&envoy, &[]);
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
