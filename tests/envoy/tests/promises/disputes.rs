//! Records in shared data that everybody writes at the same time, and an event ring that is full: the promises stand.

use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{Experiment, HttpClient, Reply, eventually};
use tokio::task::JoinSet;

use crate::proxy::{Proxy, assert_let_go, experiment, idle, order, request};
use crate::{BOUND, alone};

const JSON: (&str, &str) = ("content-type", "application/json");

/// All of them at once, each on a connection, and so a worker, of its own.
async fn at_once(proxy: &Proxy, path: &str, bodies: Vec<Value>) -> Vec<Reply> {
    let mut replies = JoinSet::new();
    for body in bodies {
        let client = HttpClient::http1(proxy.envoy.addr("control"));
        let path = path.to_owned();
        replies.spawn(async move { client.post(&path, &[JSON], body.to_string()).await.unwrap() });
    }
    replies.join_all().await
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// Sixteen missions are posted at once, halted by eight people at once, and released by eight at once, ten times, while configurations
/// come and every request writes the caps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p2_p4_p6_when_everybody_writes_one_mission_runs_its_cap_holds_and_a_halt_ends_it() {
    const TOTAL: u64 = 150;
    let _turn = alone().await;
    let capped = |id: &str| {
        experiment(id)
            .on_path("capped", "/size/5", json!([{"abort": {"status": 503}}]))
            .with("safety", json!({"max_total": TOTAL, "max_concurrent": 40, "max_per_second": 100_000}))
    };
    let plugin = idle(&capped("none"));
    let proxy = Proxy::start(&plugin).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let load = proxy.load("/size/5").connections(64);
    let load = tokio::spawn(async move {
        load.open_loop_until(1_000.0, Duration::from_secs(60), stopped).await.unwrap()
    });
    let (mut faults, mut updates) = (0, 0);
    for round in 0..10 {
        let ids = (0..16).map(|number| format!("round-{round}-{}", number / 2));
        let missions = ids.map(|id| order(&capped(&id))).collect();
        let started = at_once(&proxy, "/v1/missions", missions).await;
        let told: Vec<String> = started.iter().map(Reply::text).collect();
        assert_eq!((count(&started, 201), count(&started, 409)), (1, 15), "P6: {told:?}");
        for _ in 0..3 {
            let mut next = plugin.clone();
            next["revision"] = json!(updates.to_string());
            proxy.update(&next).await;
            updates += 1;
        }
        let full = async || {
            let injected = proxy.envoy.injected("capped", "abort").await.ok()?;
            (injected >= faults + TOTAL).then_some(())
        };
        eventually("the cap", Duration::from_secs(5), full).await.unwrap();
        let waiting = proxy.hold(4).await;
        let halted = at_once(&proxy, "/v1/halt", vec![json!({"by": "somebody"}); 8]).await;
        assert_eq!(count(&halted, 200), 8);
        assert_let_go(waiting, std::time::Instant::now()).await;
        let injected = proxy.envoy.injected("capped", "abort").await.unwrap();
        assert_eq!(injected - faults, TOTAL, "P4: round {round}");
        faults = injected;
        let blocked = at_once(&proxy, "/v1/missions", vec![order(&capped("blocked")); 8]).await;
        assert_eq!(count(&blocked, 409), 8, "P2: round {round}");
        let requests = (0..8).map(|_| request("release", None)).collect();
        let released = at_once(&proxy, "/v1/release", requests).await;
        assert_eq!((count(&released, 200), count(&released, 409)), (1, 7), "one release: round {round}");
        assert_eq!(proxy.envoy.injected("capped", "abort").await.unwrap(), faults, "P1: round {round}");
    }
    drop(stop);
    let report = load.await.unwrap();
    println!("{updates} updates, {} requests, {faults} faults", report.total());
    assert_eq!(
        (report.count(200), report.count(503)),
        (report.total() - faults, faults),
        "{}",
        report.broken()
    );
    assert_eq!(faults, 10 * TOTAL);
    proxy.assert_sound().await;
}

/// More events than the ring holds: what is true does not stand in the ring, and what comes later is still told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p2_p4_p6_a_flood_of_events_forgets_no_mission_no_halt_and_no_cap() {
    const RING: usize = 200;
    const TOTAL: u64 = 300;
    let _turn = alone().await;
    let capped = |id: &str| {
        Experiment::new()
            .on_path("cut", "/size/1", json!([{"abort": {"status": 503}}]))
            .with("safety", json!({"max_total": TOTAL}))
            .on_path("hold", "/size/2", json!([{"delay": {"fixed": "1m"}}, {"abort": {"status": 503}}]))
            .set("id", json!(id))
    };
    let proxy = Proxy::start(&idle(&capped("none"))).await;
    let flood = async |name: &str, number: usize| {
        let refused = |number: usize| json!({"version": 1, "id": format!("{name}-{number}")});
        for start in (0..number).step_by(20) {
            let replies = at_once(&proxy, "/v1/missions", (start..start + 20).map(refused).collect()).await;
            let refused = count(&replies, 409) + count(&replies, 422);
            assert_eq!(refused, 20, "{:?}", replies.first().map(Reply::text));
        }
    };
    let events = async || {
        let told = proxy.control.get("/v1/events").await.unwrap().json();
        let names = told["events"].as_array().cloned().unwrap_or_default();
        (
            names.len(),
            names.iter().map(|event| event["event"].clone()).collect::<Vec<_>>(),
            told["last"].clone(),
        )
    };
    proxy.begin(&capped("first")).await;
    let waiting = proxy.hold(8).await;
    let load = proxy.load("/size/1").connections(16);
    let load = tokio::spawn(async move { load.open_loop(500.0, Duration::from_secs(4)).await.unwrap() });
    flood("while-it-runs", 260).await;
    let (kept, names, last) = events().await;
    assert!(kept == RING && last.as_u64() > Some(260), "{kept} of {last}");
    assert!(!names.contains(&json!("mission.accepted")), "it has been pushed out");
    assert_eq!(proxy.status().await["mission"]["id"], "first");
    let report = load.await.unwrap();
    assert_eq!((report.count(503), report.count(200)), (TOTAL, report.total() - TOTAL), "P4");

    let halted = proxy.halt().await;
    assert_let_go(waiting, halted).await;
    let told = async || events().await.1.contains(&json!("mission.halted")).then_some(());
    eventually("the event of the halt", BOUND, told).await.unwrap();
    // Each of them is refused by the halt alone, whose event has long gone.
    flood("while-it-is-halted", 260).await;
    assert!(!events().await.1.contains(&json!("mission.halted")), "it has been pushed out");
    assert_eq!(proxy.status().await["state"], "halted");
    assert_eq!(proxy.post("/v1/missions", &order(&capped("blocked"))).await.status, 409, "P2");
    assert_eq!(proxy.load("/size/1").connections(16).requests(100).await.unwrap().count(200), 100, "P1");
    proxy.release().await;
    assert_eq!(proxy.post("/v1/missions", &order(&capped("first"))).await.status, 409, "P6: it has ended");
    proxy.begin(&capped("second")).await;
    let runs = async || {
        let report = proxy.load("/size/1").connections(16).requests(32).await.ok()?;
        (report.count(503) == 32).then_some(())
    };
    eventually("the next mission", BOUND, runs).await.unwrap();
    let accepted = events().await.1.into_iter().filter(|name| *name == "mission.accepted").count();
    assert_eq!(accepted, 1, "its event is there");
    proxy.assert_sound().await;
}
