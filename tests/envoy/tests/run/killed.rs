//! SIGKILL of `chaosctl run` at any time leaves no proxy that injects past its lease.

use crate::desk::{Desk, spawn};
use crate::proxy::{Proxy, catalog};
use crate::relay::Relay;
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

/// Before it has heard that any proxy took the mission: one has it, to one it is on its way, and to one it never comes. The lease
/// is that which `run` adds by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_killed_while_it_starts_no_proxy_injects_past_the_lease_that_run_has_added() {
    const USUAL: Duration = Duration::from_secs(30);
    let catalog = catalog("20ms", false);
    let [has_it, gets_it, never] = crate::three(&catalog, [20.0; 3]).await;
    let (late, lost) = (Relay::to(&gets_it.envoy).await, Relay::to(&never.envoy).await);
    let desk = Desk::new(&catalog, "duration: 10m\n");
    let urls = [has_it.url.as_str(), &late.url, &lost.url];
    let mut child = spawn(&mut desk.run("mission.yaml", &urls, &["--yes"]));
    tokio::join!(late.holds(), lost.holds(), has_it.is("injecting", None, Duration::from_secs(30)));
    child.kill().unwrap();
    let killed = Instant::now();
    child.wait().unwrap();
    late.lets_go();
    gets_it.is("injecting", None, Duration::from_secs(10)).await;
    drop(lost);
    // It lives as long as the lease lasts, and no longer.
    tokio::time::sleep_until((killed + USUAL - Duration::from_secs(5)).into()).await;
    assert_eq!([has_it.state().await, gets_it.state().await], ["injecting", "injecting"]);
    for proxy in [&has_it, &gets_it] {
        let left = (killed + USUAL + SOON).saturating_duration_since(Instant::now());
        proxy.is("stopped", None, left).await;
    }
    let ended = [has_it.injected().await, gets_it.injected().await];
    tokio::time::sleep_until((killed + USUAL + SOON + Duration::from_secs(2)).into()).await;
    assert_eq!([has_it.injected().await, gets_it.injected().await], ended, "they inject past their lease");
    assert!(ended.iter().all(|faults| *faults > 50), "{ended:?}");
    for proxy in [&has_it, &gets_it] {
        assert_eq!(proxy.status().await.unwrap()["mission"]["ended"]["how"], "lease");
    }
    assert_eq!((never.state().await.as_str(), never.injected().await), ("idle", 0));
    // Whoever reads the journal learns that it may have begun.
    assert_eq!((desk.journal("run.started").len(), desk.journal("verdict").len()), (1, 0));
}
