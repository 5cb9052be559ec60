//! The wall clock of a real Envoy is set an hour ahead and an hour back: it shortens what it may shorten, and lengthens nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{EnvoyOptions, Experiment, WallClock, eventually};

use crate::proxy::{Proxy, assert_let_go, experiment, idle, order, request_at, until};
use crate::{BOUND, alone};

const HOUR: i64 = 3_600;

struct Stepped {
    proxy: Proxy,
    clock: WallClock,
}

impl Stepped {
    async fn start(experiment: &Experiment) -> Self {
        let clock = WallClock::new().unwrap();
        let options = EnvoyOptions::default().wall_clock(&clock);
        Self { proxy: Proxy::launch(&idle(experiment), options).await, clock }
    }

    /// Sets the clock, and sees that Envoy goes by it.
    async fn set(&self, seconds: i64) {
        self.clock.set(seconds).unwrap();
        let shown = self.proxy.status().await["now"].as_str().map(str::to_owned).unwrap();
        let shown = humantime::parse_rfc3339(&shown).unwrap();
        let now = self.clock.now();
        let off = now.duration_since(shown).unwrap_or_else(|error| error.duration());
        assert!(off < Duration::from_secs(5), "Envoy's clock is {off:?} off");
    }

    async fn statuses(&self) -> Vec<u16> {
        let report = self.proxy.load("/size/1").connections(16).requests(64).await.unwrap();
        report.samples.iter().map(|sample| sample.status().unwrap_or_default()).collect()
    }

    /// No fault on any worker from now on.
    async fn assert_over(&self, id: &str) {
        assert_eq!(self.statuses().await, [200; 64], "{id} is over");
        assert_eq!(self.proxy.post("/v1/missions", &order(&experiment(id))).await.status, 409, "P6: {id}");
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.proxy.post(path, body).await;
        (reply.status, reply.json()["code"].clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p6_a_clock_that_is_set_an_hour_lengthens_no_mission_and_revives_none() {
    let _turn = alone().await;
    let stepped = Stepped::start(&experiment("none")).await;
    let Stepped { proxy, .. } = &stepped;

    // Set back: the mission ends by the monotonic clock, and who waits is let go.
    let duration = Duration::from_secs(3);
    let begun = proxy.begin(&experiment("back").set("duration", json!("3s"))).await;
    let waiting = proxy.hold(8).await;
    stepped.set(-HOUR).await;
    assert_eq!(stepped.statuses().await, [503; 64], "it goes on");
    let load = proxy.load("/size/1").connections(16);
    let load =
        tokio::spawn(async move { load.open_loop(500.0, Duration::from_millis(4_500)).await.unwrap() });
    assert_let_go(waiting, begun.1 + duration).await;
    let report = load.await.unwrap();
    let late = |s: &&squall_envoy_tests::Sample| {
        s.status() == Some(503) && report.ended(s) > begun.1 + duration + BOUND
    };
    assert_eq!(report.samples.iter().filter(late).count(), 0, "P1: faults after the deadline");
    stepped.assert_over("back").await;
    stepped.set(0).await;
    stepped.assert_over("back").await;

    // Set ahead: the deadline has passed, and stays past when the clock is right again.
    proxy.begin(&experiment("ahead").set("duration", json!("10m"))).await;
    let waiting = proxy.hold(8).await;
    assert_eq!(stepped.statuses().await, [503; 64]);
    stepped.set(HOUR).await;
    let set = Instant::now();
    assert_let_go(waiting, set).await;
    until(set + BOUND).await;
    stepped.assert_over("ahead").await;
    stepped.set(0).await;
    stepped.assert_over("ahead").await;

    // The dead man's switch.
    let begun = proxy.begin(&experiment("leased").set("lease", json!("2s"))).await;
    stepped.set(-HOUR).await;
    assert_eq!(stepped.statuses().await, [503; 64]);
    until(begun.1 + duration).await;
    stepped.assert_over("leased").await;
    assert_eq!(proxy.status().await["mission"]["ended"]["how"], "lease");
    proxy.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_p4_p6_a_clock_that_is_set_an_hour_releases_nothing_lifts_no_cap_and_makes_no_request_good_again()
{
    const PER_SECOND: u64 = 40;
    let _turn = alone().await;
    let capped = || {
        Experiment::new()
            .on_path("cut", "/size/1", json!([{"abort": {"status": 503}}]))
            .with("safety", json!({"max_per_second": PER_SECOND}))
    };
    let stepped = Stepped::start(&capped()).await;
    let Stepped { proxy, clock } = &stepped;

    proxy.begin(&capped().set("id", json!("capped"))).await;
    for step in [-HOUR, 0] {
        let before = proxy.faults().await;
        let load = proxy.load("/size/1").connections(16);
        let load =
            tokio::spawn(async move { load.open_loop(400.0, Duration::from_millis(2_500)).await.unwrap() });
        until(Instant::now() + BOUND).await;
        stepped.set(step).await;
        load.await.unwrap();
        let faults = proxy.faults().await - before;
        println!("{faults} faults in 2.5 s");
        assert!((2 * PER_SECOND..=4 * PER_SECOND).contains(&faults), "P4: {faults} faults in 2.5 s");
    }
    proxy.halt().await;
    for step in [HOUR, -HOUR, 0] {
        stepped.set(step).await;
        assert_eq!(stepped.statuses().await, [200; 64], "P2: the clock {step} s off");
        let next = order(&capped().set("id", json!(format!("blocked-{step}"))));
        assert_eq!(stepped.post("/v1/missions", &next).await, (409, json!("halted")), "P2: {step} s off");
    }
    let release = request_at(clock.now(), "release", None);
    assert_eq!(stepped.post("/v1/release", &release).await.0, 200);
    proxy.begin(&capped().set("id", json!("again"))).await;
    let faulted = async || stepped.statuses().await.contains(&503).then_some(());
    eventually("the next mission", BOUND, faulted).await.unwrap();
    proxy.halt().await;
    for (step, code) in [(0, "replayed"), (HOUR, "stale-request"), (-HOUR, "stale-request"), (0, "replayed")]
    {
        stepped.set(step).await;
        assert_eq!(stepped.post("/v1/release", &release).await, (403, json!(code)), "P6: {step} s off");
    }
    assert_eq!(stepped.statuses().await, [200; 64], "P2: it is still halted");
}
