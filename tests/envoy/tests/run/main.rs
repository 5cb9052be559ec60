//! `chaosctl run` over real proxies, with everything that can go wrong on the way.

mod desk;
mod killed;
mod metrics;
mod person;
mod proxy;
mod relay;
mod signed;
mod skew;

use desk::{Desk, end, interrupt, told};
use proxy::{Proxy, catalog};
use serde_json::json;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

async fn three(catalog: &serde_json::Value, requests_per_s: [f64; 3]) -> [Proxy; 3] {
    let [a, b, c] = requests_per_s;
    let (a, b, c) =
        tokio::join!(Proxy::start(catalog, a), Proxy::start(catalog, b), Proxy::start(catalog, c));
    [a, b, c]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_on_three_proxies_goes_from_its_checks_to_its_verdict() {
    let catalog = catalog("20ms", false);
    let [a, b, c] = three(&catalog, [40.0; 3]).await;
    let desk = Desk::new(
        &catalog,
        "baseline: 4s\nduration: 16s\nrecovery: 2s\nlease: 3s\nstages: [{for: 4s, intensity: 50%}, {intensity: 100%}]\n",
    );
    let ran = end(desk.begin(&[&a, &b, &c], &["--output", "json"])).await;
    told(
        &ran,
        0,
        &["ok      clock", "as in the catalog", "stage 1/2 at 50 %", "stage 2/2 at 100 %", "recovery"],
    );
    let verdict: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(verdict["verdict"], "held", "{}", ran.out);
    for proxy in verdict["proxies"].as_array().unwrap() {
        assert_eq!((&proxy["state"], &proxy["how"]), (&json!("done"), &json!("done")));
        assert!(proxy["injected"].as_u64().unwrap() > 50, "{proxy}");
    }
    assert_eq!(desk.phases(), ["preflight", "baseline", "injecting", "injecting", "recovery", "done"]);
    assert!(
        desk.journal("action").iter().filter(|line| line["what"] == "renew" && line["ok"] == true).count()
            > 20
    );
    let judged =
        desk.journal("event").iter().filter(|line| line["event"]["event"] == "mission.judged").count();
    assert_eq!(judged, 3);
    let steady = desk.journal("preflight");
    let steady =
        steady.iter().filter(|line| line["check"] == "steady_state" && line["detail"] == "the signals hold");
    assert_eq!(steady.count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_killed_in_the_middle_stops_it_on_the_others() {
    let catalog = catalog("20ms", false);
    let [a, b, c] = three(&catalog, [20.0; 3]).await;
    let desk = Desk::new(&catalog, "duration: 10m\n");
    let child = desk.begin(&[&a, &b, &c], &[]);
    c.is("injecting", None, LIMIT).await;
    let lost = c.url.clone();
    drop(c);
    let gone = Instant::now();
    let ran = end(child).await;
    told(
        &ran,
        1,
        &[
            "inconclusive",
            &format!("{lost} lost"),
            "each proxy ends the mission by itself",
            "its lease, 30 s",
        ],
    );
    assert!(gone.elapsed() >= Duration::from_secs(10), "{:?}", gone.elapsed());
    for proxy in [&a, &b] {
        assert_eq!(proxy.state().await, "stopped");
    }
    let fates = &desk.journal("verdict")[0]["proxies"];
    assert_eq!((&fates[0]["how"], &fates[2]["state"]), (&json!("stopped"), &json!("lost")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_whose_guardrail_trips_stops_it_on_the_others() {
    let catalog = catalog("20ms", true);
    // What would trip the others too is seen by the one that has traffic.
    let [a, b, c] = three(&catalog, [0.0, 40.0, 0.0]).await;
    let desk = Desk::new(&catalog, "baseline: 3s\nduration: 10m\n");
    let ran = end(desk.begin(&[&a, &b, &c], &[])).await;
    told(
        &ran,
        1,
        &[
            "violated",
            &format!("{} was halted by a guardrail", b.url),
            "no request was in scope in the baseline",
        ],
    );
    assert_eq!([a.state().await, b.state().await, c.state().await], ["stopped", "halted", "stopped"]);
    let verdict = &desk.journal("verdict")[0];
    assert_eq!(
        (&verdict["halts"][0]["proxy"], &verdict["halts"][0]["reason"]),
        (&json!(b.url), &json!("guardrail"))
    );
    assert_eq!(desk.phases(), ["preflight", "baseline", "injecting", "halted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_with_another_catalog_keeps_it_from_starting() {
    let ours = catalog("20ms", false);
    let (a, b) = tokio::join!(Proxy::start(&ours, 0.0), Proxy::start(&ours, 0.0));
    let c = Proxy::start(&catalog("50ms", false), 0.0).await;
    let desk = Desk::new(&ours, "duration: 10m\n");
    let ran = end(desk.begin(&[&a, &b, &c], &[])).await;
    told(
        &ran,
        1,
        &[&format!("failed  scenario {}", c.url), "not that of the catalog", "nothing was started"],
    );
    for proxy in [&a, &b, &c] {
        assert_eq!(proxy.state().await, "idle");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_whose_catalog_changes_on_the_way_stops_it_everywhere() {
    let ours = catalog("20ms", false);
    let [a, b, c] = three(&ours, [10.0; 3]).await;
    let desk = Desk::new(&ours, "duration: 10m\n");
    let child = desk.begin(&[&a, &b, &c], &[]);
    b.is("injecting", None, LIMIT).await;
    b.change_catalog(&catalog("50ms", false)).await;
    let ran = end(child).await;
    told(
        &ran,
        1,
        &["inconclusive", &format!("{} does not run the mission", b.url), "its catalog has changed: slow"],
    );
    for proxy in [&a, &b, &c] {
        assert_eq!(proxy.state().await, "stopped");
    }
    assert_eq!(desk.journal("proxy")[0]["state"], "skewed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_stops_it_and_a_second_one_leaves_at_once() {
    let catalog = catalog("20ms", false);
    let (a, b) = tokio::join!(Proxy::start(&catalog, 20.0), Proxy::start(&catalog, 20.0));
    let desk = Desk::new(&catalog, "duration: 10m\n");
    let child = desk.begin(&[&a, &b], &[]);
    a.is("injecting", None, LIMIT).await;
    interrupt(&child);
    told(&end(child).await, 1, &["inconclusive", "interrupted (SIGINT)", &format!("{} stopped", b.url)]);
    let injected = [a.injected().await, b.injected().await];
    assert_eq!([a.state().await, b.state().await], ["stopped", "stopped"]);
    assert_eq!(desk.journal("verdict").len(), 1);

    let again = Desk::new(&catalog, "duration: 10m\nlease: 2s\n");
    // No id runs twice.
    told(&end(again.begin(&[&a], &[])).await, 1, &["failed  idle", "no id runs twice"]);
    assert_eq!([a.injected().await, b.injected().await], injected);
    let (c, desk) = (Proxy::start(&catalog, 20.0).await, Desk::new(&catalog, "duration: 10m\nlease: 2s\n"));
    let child = desk.begin(&[&c], &[]);
    c.is("injecting", None, LIMIT).await;
    interrupt(&child);
    let first = async || (!desk.journal("interrupted").is_empty()).then_some(());
    squall_envoy_tests::eventually("the first one", LIMIT, first).await.unwrap();
    interrupt(&child);
    told(
        &end(child).await,
        2,
        &["left at once", "its deadline is 20", "its lease, 2 s after the last renewal"],
    );
    assert!(desk.journal("verdict").is_empty());
    c.is("stopped", None, Duration::from_secs(4)).await;
}
