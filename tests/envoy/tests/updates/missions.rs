//! One filter whose configuration is replaced: under load, while requests wait, by a wrong one.

use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{Experiment, HttpClient, HttpUpstream, Load};
use tokio::task::JoinSet;

use crate::{SHOP, active, discovered, mission, send, start, until_at_least, until_in_flight, update};

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
