//! Starts, stages, halts and releases at 2,000 requests a second: when each connection, and so each worker, saw them.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{LoadReport, Sample};

use crate::proxy::{Proxy, assert_let_go, experiment, idle, milliseconds, until};
use crate::{BOUND, alone};

const RATE: f64 = 2_000.0;
const CONNECTIONS: usize = 32;
const HALTS: usize = 10;
/// In these rounds the first stage has a fifth of the faults, and the second one all of them.
const STAGED: usize = 2;
const FIRST_STAGE: Duration = Duration::from_secs(1);
/// What all rounds together may take.
const MOST: Duration = Duration::from_secs(40);

/// What was done, and when.
struct Round {
    /// Before and after the request that began it.
    begun: (Instant, Instant),
    staged: bool,
    /// Before and after the request that halted it.
    halted: (Instant, Instant),
    /// The request that released the halt.
    released: Instant,
}

/// How long after `moment` each connection had the first answer for which this holds, the slowest one.
fn slowest_first(
    report: &LoadReport,
    moment: Instant,
    within: &Range<Instant>,
    wanted: impl Fn(&Sample) -> bool,
) -> Duration {
    let firsts = (0..CONNECTIONS).map(|connection| {
        let mut of = report.samples.iter().filter(|sample| sample.connection == connection);
        let first = of.find(|sample| within.contains(&report.ended(sample)) && wanted(sample));
        let first = first.unwrap_or_else(|| panic!("connection {connection} has never seen it"));
        report.ended(first).saturating_duration_since(moment)
    });
    firsts.max().unwrap_or_default()
}

fn faulted(sample: &Sample) -> bool {
    sample.status() == Some(503)
}

/// Faults and requests among those that were sent and answered within a time.
fn share(report: &LoadReport, within: Range<Instant>) -> (u64, u64) {
    let inside = |sample: &&Sample| report.begun(sample) >= within.start && report.ended(sample) < within.end;
    let all: Vec<&Sample> = report.samples.iter().filter(inside).collect();
    (all.iter().filter(|sample| faulted(sample)).count() as u64, all.len() as u64)
}

/// One mission from its start to its halt; what waits is let go, and a second later the count of faults stands still.
async fn round(proxy: &Proxy, number: usize) -> Round {
    let staged = number < STAGED;
    let mut experiment = experiment(&format!("round-{number}"));
    if staged {
        let stages = json!([{"for": "1s", "intensity": "20%"}, {"intensity": "100%"}]);
        experiment = experiment.set("stages", stages);
    }
    let begun = proxy.begin(&experiment).await;
    if staged {
        until(begun.1 + FIRST_STAGE).await;
    }
    let waiting = proxy.hold(8).await;
    until(begun.1 + if staged { FIRST_STAGE + BOUND + BOUND / 4 } else { BOUND / 3 }).await;
    let asked = Instant::now();
    let halted = proxy.halt().await;
    assert_let_go(waiting, halted).await;
    until(halted + BOUND).await;
    let count = proxy.faults().await;
    until(halted + BOUND + BOUND / 4).await;
    assert_eq!(proxy.faults().await, count, "a fault more than a second after the halt");
    let blocked = proxy.post("/v1/missions", &crate::proxy::order(&experiment)).await;
    assert_eq!(blocked.status, 409, "P2: a halt blocks");
    let released = Instant::now();
    if number + 1 < HALTS {
        proxy.release().await;
    }
    Round { begun, staged, halted: (asked, halted), released }
}

fn judge(report: &LoadReport, round: &Round, number: usize) {
    let Round { begun, staged, halted, released } = round;
    let start = slowest_first(report, begun.1, &(begun.0..halted.1 + BOUND), faulted);
    assert!(start < BOUND, "round {number}: a connection saw its first fault {start:?} after the start");
    let mut full_from = begun.1 + BOUND;
    if *staged {
        let (faults, all) = share(report, begun.1 + BOUND / 5..begun.0 + FIRST_STAGE);
        let (measured, count) = (faults as f64 / all as f64, all as f64);
        println!("round {number}: first stage {measured:.3} of {all}");
        assert!(count > 100.0 && (measured - 0.2).abs() < 5.0 * (0.16 / count).sqrt(), "{faults} of {all}");
        full_from = begun.1 + FIRST_STAGE + BOUND;
    }
    if full_from < halted.0 {
        let (faults, all) = share(report, full_from..halted.0);
        assert!(all > 100 && faults == all, "round {number}: {faults} of {all} in the last stage");
    }
    let late = share(report, halted.1 + BOUND..*released);
    assert!(late.0 == 0 && late.1 > 100, "round {number}: {} faults of {} after the halt", late.0, late.1);
    let after = |sample: &&Sample| faulted(sample) && (halted.1..*released).contains(&report.ended(sample));
    let last = report.samples.iter().filter(after).map(|sample| report.ended(sample) - halted.1).max();
    println!(
        "round {number}: all connections {:.0} ms after the start; last fault {:.1} ms after the halt",
        milliseconds(start),
        milliseconds(last.unwrap_or_default())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p2_ten_halts_at_2000_requests_a_second_end_every_fault_within_a_second() {
    let _turn = alone().await;
    let plugin = idle(&experiment("none"));
    let proxy = Proxy::start(&plugin).await;
    let load = proxy.load("/size/1").connections(CONNECTIONS);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let load = tokio::spawn(async move { load.open_loop_until(RATE, MOST, stopped).await.unwrap() });
    let mut rounds = Vec::new();
    for number in 0..HALTS {
        rounds.push(round(&proxy, number).await);
    }
    // A mission of the configuration that the halt keeps from beginning begins on all workers with the release.
    let mut configured = experiment("after-the-release").plugin();
    configured["identity"] = plugin["identity"].clone();
    proxy.update(&configured).await;
    let count = proxy.faults().await;
    until(Instant::now() + BOUND / 4).await;
    assert_eq!(proxy.faults().await, count, "P2: a halt blocks a mission of the configuration");
    let released = (Instant::now(), proxy.release().await);
    until(released.1 + BOUND + BOUND / 4).await;
    assert!(!load.is_finished(), "the load ended first");
    drop(stop);
    let report = load.await.unwrap();
    println!("{} requests, {:.0} a second, p99 {:?}", report.total(), report.rps(), report.percentile(0.99));
    for (number, round) in rounds.iter().enumerate() {
        judge(&report, round, number);
    }
    let end = report.began + report.elapsed;
    let late = slowest_first(&report, released.1, &(released.0..end + BOUND), faulted);
    println!("all connections {:.0} ms after the release", milliseconds(late));
    assert!(late < BOUND, "a connection saw its first fault {late:?} after the release");
    let (faults, all) = share(&report, released.1 + BOUND..end);
    assert!(all > 100 && faults == all, "{faults} of {all} a second after the release");

    assert_eq!(report.count(200) + report.count(503), report.total(), "every request was answered");
    let seen = report.count(503);
    assert_eq!(proxy.envoy.injected("cut", "abort").await.unwrap(), seen, "clients see every fault");
    assert!(
        report.rps() > RATE * 0.95,
        "the machine is too busy for this test: {:.0} a second",
        report.rps()
    );
    proxy.assert_sound().await;
}
