//! A configuration every 200 ms for half a minute, at 2,000 requests a second, over a mission that was ordered and one of the
//! configuration.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{LoadReport, Sample, request};

use crate::proxy::{Proxy, experiment, idle, until};
use crate::{BOUND, alone};

const RATE: f64 = 2_000.0;
const EVERY: Duration = Duration::from_millis(200);
const WHOLE: Duration = Duration::from_secs(30);
const MISSION: Duration = Duration::from_secs(11);
/// From here on the configuration has a mission of its own.
const SECOND_HALF: Duration = Duration::from_secs(14);

/// In turn a request that is aborted, one that is a little late, one that nobody matches.
const PATHS: [&str; 3] = ["/size/1", "/size/3", "/size/9"];

fn path(sample: &Sample) -> &'static str {
    PATHS[(sample.index % 3) as usize]
}

/// A mission that runs between these moments, by the requests that began it.
struct Run {
    begun: (Instant, Instant),
}

impl Run {
    /// Whether a request was surely within the mission (`Some(true)`), surely not (`Some(false)`), or at one of its edges.
    fn covers(&self, sent: Instant, ended: Instant) -> Option<bool> {
        let deadline = (self.begun.0 + MISSION, self.begun.1 + BOUND + MISSION);
        if sent >= self.begun.1 + BOUND && ended < deadline.0 {
            Some(true)
        } else if ended < self.begun.0 || sent > deadline.1 {
            Some(false)
        } else {
            None
        }
    }
}

/// What each request has to be, by when it was sent and what it asked for.
fn judge(report: &LoadReport, runs: &[Run; 2]) {
    let mut counts = [0_u64; 3];
    for sample in &report.samples {
        let (sent, ended) = (report.begun(sample), report.ended(sample));
        let status = sample.status().unwrap_or_else(|| panic!("a request was lost: {sample:?}"));
        let mut covered = runs.iter().map(|run| run.covers(sent, ended));
        let within = covered.try_fold(false, |any, one| Some(any || one?));
        let is_late = ended - sent >= Duration::from_millis(29);
        match (path(sample), within) {
            ("/size/9", _) => assert_eq!(status, 200, "nobody has declared this: {sample:?}"),
            ("/size/1", Some(true)) => assert_eq!(status, 503, "a fault is missing: {sample:?}"),
            ("/size/3", Some(true)) => assert!(status == 200 && is_late, "a fault is missing: {sample:?}"),
            ("/size/1", Some(false)) => assert_eq!(status, 200, "a fault outside of the mission: {sample:?}"),
            ("/size/1", None) => assert!(matches!(status, 200 | 503), "{sample:?}"),
            _ => assert_eq!(status, 200, "{sample:?}"),
        }
        counts[match within {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        }] += 1;
    }
    let [within, outside, edges] = counts;
    println!("{within} requests within the missions, {outside} outside, {edges} at their edges");
    assert!(within > report.total() / 2 && outside > report.total() / 10);
}

/// The id, the start and the deadline that the control listener shows.
fn clock(status: &Value) -> Option<(String, String, String)> {
    let text = |key: &str| status["mission"][key].as_str().map(str::to_owned);
    Some((text("id")?, text("start")?, text("deadline")?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p9_an_update_every_200_ms_for_30_s_loses_no_request_and_restarts_no_clock() {
    let _turn = alone().await;
    let lasting = |id: &str| experiment(id).set("duration", json!("11s"));
    let plugin = idle(&experiment("none"));
    let mut configured = lasting("configured").plugin();
    configured["identity"] = plugin["identity"].clone();
    let proxy = Proxy::start(&plugin).await;
    let load = proxy.load("/").connections(64);
    let load = load.build(|index| request("GET", PATHS[(index % 3) as usize], &[], ""));
    let load = tokio::spawn(async move { load.open_loop(RATE, WHOLE).await.unwrap() });
    let begun = Instant::now();
    let ordered = proxy.begin(&lasting("ordered")).await;
    let mut second = None;
    let mut clocks = BTreeSet::new();
    let mut updates = 0_u32;
    while begun.elapsed() < WHOLE {
        until(begun + EVERY * updates).await;
        let mut next = if begun.elapsed() < SECOND_HALF { plugin.clone() } else { configured.clone() };
        next["revision"] = json!(updates.to_string());
        let before = Instant::now();
        proxy.update(&next).await;
        if begun.elapsed() >= SECOND_HALF && second.is_none() && next.get("mission").is_some() {
            second = Some((before, Instant::now()));
        }
        clocks.extend(clock(&proxy.status().await));
        updates += 1;
    }
    let report = load.await.unwrap();
    println!("{updates} updates; {} requests, {:.0} a second", report.total(), report.rps());
    assert!(updates >= 140, "{updates} updates");
    assert_eq!((report.broken(), report.left()), (0, 0));
    judge(&report, &[Run { begun: ordered }, Run { begun: second.unwrap() }]);
    let ids: Vec<&str> = clocks.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids, ["configured", "ordered"], "a clock was restarted: {clocks:?}");
    let metrics = proxy.envoy.prometheus().await.unwrap();
    assert_eq!(metrics.value("chaos_missions_total", &[("result", "done")]), Some(2.0), "each ended once");
    assert!(
        report.rps() > RATE * 0.95,
        "the machine is too busy for this test: {:.0} a second",
        report.rps()
    );
    proxy.assert_sound().await;
}
