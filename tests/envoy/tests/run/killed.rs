//! SIGKILL of `chaosctl run` at any time leaves no proxy that injects past its lease.

use crate::desk::Desk;
use crate::proxy::{Proxy, catalog};
use std::time::{Duration, Instant};

const LEASE: Duration = Duration::from_secs(3);
/// P1: the bound on a release from the lease; and the time in which a test sees it.
const SOON: Duration = Duration::from_millis(1500);

/// Kills it as soon as the proxy is there, and watches what the proxy does then.
async fn killed(state: &str, stage: Option<u64>) {
    let catalog = catalog("20ms", false);
    let proxy = Proxy::start(&catalog, 20.0).await;
    let desk = Desk::new(
        &catalog,
        "baseline: 6s\nduration: 20s\nrecovery: 20s\nlease: 3s\nstages: [{for: 7s, intensity: 50%}, {intensity: 100%}]\n",
    );
    let mut child = desk.begin(&[&proxy], &[]);
    proxy.is(state, stage, Duration::from_secs(40)).await;
    child.kill().unwrap();
    let killed = Instant::now();
    child.wait().unwrap();
    let (wanted, limit) = match state {
        // Nothing is injected there, and there is nothing to renew.
        "recovery" => ("recovery", Duration::ZERO),
        _ => ("stopped", LEASE + SOON),
    };
    proxy.is(wanted, None, limit.max(Duration::from_secs(1))).await;
    assert!(killed.elapsed() <= limit.max(Duration::from_secs(1)), "{:?}", killed.elapsed());
    let ended = proxy.injected().await;
    tokio::time::sleep_until((killed + LEASE + SOON + Duration::from_secs(2)).into()).await;
    assert_eq!(proxy.injected().await, ended, "it injects past its lease");
    if state == "baseline" {
        assert_eq!(ended, 0);
    } else {
        assert!(ended > 0, "nothing was injected at all");
    }
    if wanted == "stopped" {
        assert_eq!(proxy.status().await.unwrap()["mission"]["ended"]["how"], "lease");
    }
    // The journal is whole up to there.
    assert_eq!(desk.journal("run.started").len(), 1);
    assert!(desk.journal("verdict").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_killed_in_the_baseline_nothing_is_ever_injected() {
    killed("baseline", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_killed_in_any_stage_the_lease_ends_the_faults() {
    tokio::join!(killed("injecting", Some(1)), killed("injecting", Some(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_killed_in_the_recovery_nothing_is_injected_any_more() {
    killed("recovery", None).await;
}
