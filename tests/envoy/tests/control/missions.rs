//! Missions that the control listener starts, stops and halts, on four workers.

use super::{Site, mission, plugin, problem, told};
use serde_json::{Value, json};
use squall_envoy_tests::eventually;
use std::time::{Duration, Instant};

/// A request without operators, made now.
fn order(action: &str, id: Option<&str>) -> Value {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let nonce = squall_policy::base64(format!("nonce {number:020}").as_bytes());
    let mut request = json!({"version": 1, "action": action, "time": now, "nonce": nonce});
    if let Some(id) = id {
        request["mission"] = json!(id);
    }
    request
}

/// Waits until 40 requests in a row, each on a connection of its own, are cut or are not: all workers know.
async fn all_workers(site: &Site, cut: bool) {
    let begun = Instant::now();
    let reached = eventually("all workers", Duration::from_secs(5), async || {
        for _ in 0..40 {
            if site.is_cut().await != cut {
                return None;
            }
        }
        Some(())
    });
    reached.await.unwrap_or_else(|error| panic!("cut {cut}: {error}; {}", site.envoy.log()));
    eprintln!("all workers after {:?}", begun.elapsed());
}

async fn start(site: &Site, id: &str) {
    let reply = site.post("/v1/missions", &mission(id)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["mission"], id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_is_started_stopped_halted_and_released_on_all_workers() {
    let site = Site::with_workers(&plugin("low"), 4).await;
    all_workers(&site, false).await;
    start(&site, "first").await;
    all_workers(&site, true).await;
    let status = site.get("/v1/status").await.json();
    assert_eq!((&status["state"], &status["mission"]["id"]), (&json!("injecting"), &json!("first")));
    assert_eq!(
        (&status["mission"]["source"], &status["mission"]["duration_s"]),
        (&json!("order"), &json!(3600))
    );
    assert_eq!(status["mission"]["stage"]["intensity_percent"], 100);

    // One at a time, and an id once.
    assert_eq!(told(&site.post("/v1/missions", &mission("second")).await), problem(409, "mission-runs"));
    assert_eq!(told(&site.post("/v1/missions", &mission("first")).await), problem(409, "mission-runs"));
    let stop = |id: &str| order("stop", Some(id));
    assert_eq!(
        told(&site.post("/v1/missions/second/stop", &stop("second")).await),
        problem(404, "unknown-mission")
    );
    assert_eq!(site.post("/v1/missions/first/stop", &stop("first")).await.status, 200);
    all_workers(&site, false).await;
    assert_eq!(site.state().await, "stopped");
    assert_eq!(
        told(&site.post("/v1/missions/first/stop", &stop("first")).await),
        problem(409, "mission-ended")
    );
    assert_eq!(told(&site.post("/v1/missions", &mission("first")).await), problem(409, "mission-ended"));

    start(&site, "second").await;
    all_workers(&site, true).await;
    let halted = site.post("/v1/halt", &json!({"reason": "users complain", "by": "dana"})).await;
    assert_eq!(halted.status, 200);
    all_workers(&site, false).await;
    let status = site.get("/v1/status").await.json();
    assert_eq!((&status["state"], &status["halt"]["detail"]), (&json!("halted"), &json!("users complain")));
    assert_eq!((&status["halt"]["by"], &status["halt"]["mission"]), (&json!("dana"), &json!("second")));
    assert_eq!(told(&site.post("/v1/missions", &mission("third")).await), problem(409, "halted"));
    // Once more changes nothing.
    assert_eq!(site.post("/v1/halt", &json!({"by": "eve"})).await.json()["halt"]["by"], "dana");

    assert_eq!(site.post("/v1/release", &order("release", None)).await.status, 200);
    assert_eq!(told(&site.post("/v1/release", &order("release", None)).await), problem(409, "not-halted"));
    assert_eq!(told(&site.post("/v1/missions", &mission("second")).await), problem(409, "mission-ended"));
    start(&site, "third").await;
    all_workers(&site, true).await;

    let names: Vec<String> =
        site.events().await.iter().map(|e| e["event"].as_str().unwrap_or_default().to_owned()).collect();
    for (name, times) in
        [("mission.accepted", 3), ("mission.stopped", 1), ("mission.halted", 1), ("halt.released", 1)]
    {
        assert_eq!(names.iter().filter(|known| *known == name).count(), times, "{name}: {names:?}");
    }
    let metrics = site.envoy.prometheus().await.unwrap();
    for (name, label, value) in [
        ("chaos_missions_total", "result", "stopped"),
        ("chaos_missions_total", "result", "halted"),
        ("chaos_halts_total", "reason", "person"),
    ] {
        assert_eq!(metrics.value(name, &[(label, value)]), Some(1.0), "{name}, {value}");
    }
    assert!(site.upstream.requests() > 100);
    site.assert_sound();
}

#[tokio::test]
async fn a_lease_is_renewed_and_ends_a_mission_that_nobody_renews() {
    let site = Site::start(&plugin("low")).await;
    let mut leased = mission("leased");
    leased["lease"] = json!("2s");
    assert_eq!(site.post("/v1/missions", &leased).await.status, 201);
    all_workers(&site, true).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        let reply = site.post("/v1/missions/leased/renew", &order("renew", Some("leased"))).await;
        assert_eq!((reply.status, &reply.json()["lease"]["for_s"]), (200, &json!(2)), "{}", reply.text());
        assert!(site.is_cut().await, "after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    all_workers(&site, false).await;
    assert_eq!(site.state().await, "stopped");
    assert_eq!(site.get("/v1/status").await.json()["mission"]["ended"]["how"], "lease");
    let late = site.post("/v1/missions/leased/renew", &order("renew", Some("leased"))).await;
    assert_eq!(told(&late), problem(409, "mission-ended"));

    start(&site, "unleased").await;
    all_workers(&site, true).await;
    let renewed = site.post("/v1/missions/unleased/renew", &order("renew", Some("unleased"))).await;
    assert_eq!(told(&renewed), problem(409, "no-lease"));
}

#[tokio::test]
async fn a_mission_of_the_configuration_is_shown_stopped_and_outranks_orders() {
    let mut configured = plugin("low");
    configured["mission"] = mission("configured");
    let site = Site::start(&configured).await;
    all_workers(&site, true).await;
    let status = site.get("/v1/status").await.json();
    assert_eq!(
        (&status["mission"]["id"], &status["mission"]["source"]),
        (&json!("configured"), &json!("configuration"))
    );
    assert_eq!(told(&site.post("/v1/missions", &mission("other")).await), problem(409, "mission-runs"));
    let stopped = site.post("/v1/missions/configured/stop", &order("stop", Some("configured"))).await;
    assert_eq!(stopped.status, 200, "{}", stopped.text());
    all_workers(&site, false).await;
    start(&site, "other").await;
    all_workers(&site, true).await;
}

#[tokio::test]
async fn the_event_ring_stays_bounded_under_a_flood_of_refusals() {
    let site = Site::start(&plugin("low")).await;
    for number in 0..260 {
        let refused =
            site.post("/v1/missions", &json!({"version": 1, "id": format!("flood-{number}")})).await;
        assert_eq!(refused.status, 422);
    }
    let told = site.get("/v1/events").await;
    assert_eq!(told.json()["events"].as_array().map(Vec::len), Some(200));
    assert_eq!(told.json()["last"], 260);
    assert!(told.body.len() < 160 * 1024, "{}", told.body.len());
    assert_eq!(site.get("/v1/events?since=255").await.json()["events"].as_array().map(Vec::len), Some(5));
    start(&site, "after-the-flood").await;
    all_workers(&site, true).await;
    site.assert_sound();
}
