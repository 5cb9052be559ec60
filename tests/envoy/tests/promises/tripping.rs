//! What a guardrail ends, under load: the time from its event to the last fault that a client sees, over all workers.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use squall_envoy_tests::{Experiment, LoadReport, Sample};

use crate::proxy::{Proxy, idle, milliseconds};
use crate::{BOUND, alone};

const RATE: f64 = 1_000.0;
const CONNECTIONS: usize = 32;
const ROUNDS: usize = 3;
/// The rule trips after about one and a half seconds; the rest of the load has to pass.
const TIME: Duration = Duration::from_millis(4_500);
/// What the fault answers, and the upstream never.
const FAULT: u16 = 418;

/// Half of the requests are aborted; those that are not fail by themselves.
fn failing(id: &str) -> Experiment {
    let scope = json!({"sample": {"percent": 50}});
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "1s", "min_requests": 50});
    Experiment::new()
        .scenario("cut", scope, json!([{"abort": {"status": FAULT}}]))
        .with("safety", json!({"halt_when": [rule]}))
        .set("id", json!(id))
}

/// When the guardrail tripped, by the event's own time.
async fn tripped(proxy: &Proxy, id: &str, clocks: (SystemTime, Instant)) -> Instant {
    let events = proxy.control.get("/v1/events").await.unwrap().json();
    let of = |name: &str| -> Vec<Value> {
        let events = events["events"].as_array().unwrap().iter();
        events.filter(|event| event["event"] == name && event["mission"] == id).cloned().collect()
    };
    let (tripped, halted) = (of("guardrail.tripped"), of("mission.halted"));
    assert_eq!((tripped.len(), halted.len()), (1, 1), "{id}: {events}");
    assert_eq!(halted[0]["reason"], "guardrail");
    let at = humantime::parse_rfc3339(tripped[0]["at"].as_str().unwrap()).unwrap();
    clocks.1 + at.duration_since(clocks.0).expect("after the load began")
}

fn judge(report: &LoadReport, tripped: Instant, id: &str) {
    assert_eq!(report.count(FAULT) + report.count(503), report.total(), "{id}: {} broke", report.broken());
    let faulted = |sample: &&Sample| sample.status() == Some(FAULT);
    let ends = |sample: &Sample| report.ended(sample);
    // It was the tripping that ended them: they came until then.
    let before = report.samples.iter().filter(faulted).filter(|s| ends(s) < tripped);
    let until = before.map(ends).max().expect("faults before the tripping");
    assert!(
        tripped - until < BOUND / 4,
        "{id}: the last fault came {:?} before the tripping",
        tripped - until
    );
    let last = report.samples.iter().filter(faulted).map(ends).max().expect("a fault");
    let later = last.saturating_duration_since(tripped);
    println!("{id}: last fault {:.1} ms after the tripping", milliseconds(later));
    assert!(later <= BOUND, "{id}: a fault {later:?} after the tripping");
    // On every connection, and so on every worker, there were faults, and requests after the bound.
    for connection in 0..CONNECTIONS {
        let of = || report.samples.iter().filter(move |sample| sample.connection == connection);
        assert!(of().any(|sample| faulted(&sample)), "{id}: connection {connection} had no fault");
        let late = of().filter(|sample| report.begun(sample) > tripped + BOUND).count();
        assert!(late > 10, "{id}: {late} requests of connection {connection} after the bound");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_the_last_fault_comes_within_a_second_after_a_guardrail_has_tripped_on_all_workers() {
    let _turn = alone().await;
    let proxy = Proxy::start(&idle(&failing("none"))).await;
    for round in 0..ROUNDS {
        let id = format!("trip-{round}");
        let clocks = (SystemTime::now(), Instant::now());
        proxy.begin(&failing(&id)).await;
        let load = proxy.load("/status/503").connections(CONNECTIONS);
        let report = load.open_loop(RATE, TIME).await.unwrap();
        judge(&report, tripped(&proxy, &id, clocks).await, &id);
        assert_eq!(proxy.status().await["state"], "halted");
        proxy.release().await;
    }
    proxy.assert_sound().await;
}
