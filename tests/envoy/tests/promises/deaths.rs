//! Clients that die while they wait, and an upstream that dies under a mission: the promises stand.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, Listener, Metrics, Route, VirtualHost,
    eventually, request,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::proxy::{Proxy, assert_let_go, experiment, idle, order, until};
use crate::{BOUND, alone};

/// So many may wait at the same time, over all workers.
const AT_ONCE: u64 = 16;

/// A client that has sent its request, and reads nothing.
async fn send(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /size/2 HTTP/1.1\r\nhost: shop\r\n\r\n").await.unwrap();
    stream
}

/// Half of them as a process that ends does (FIN), half as one whose machine takes the connection down (RST).
fn kill(clients: Vec<TcpStream>) {
    for (number, client) in clients.into_iter().enumerate() {
        if number % 2 == 0 {
            client.set_zero_linger().unwrap();
        }
    }
}

/// Three generations of clients wait, are killed, and leave their places to the next: never more than the cap at once, and what
/// waits at the halt is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p2_p4_killed_clients_give_back_their_places_and_hold_up_no_halt() {
    let _turn = alone().await;
    let capped = Experiment::new()
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": "1m"}}, {"abort": {"status": 503}}]))
        .with("safety", json!({"max_concurrent": AT_ONCE}))
        .on_path("cut", "/size/1", json!([{"abort": {"status": 503}}]))
        .on_path("late", "/size/3", json!([{"delay": {"fixed": "1m"}}]))
        .set("id", json!("killed"));
    let proxy = Proxy::start(&idle(&capped)).await;
    proxy.begin(&capped).await;
    // Every third request is held, and its client leaves before that is over.
    let load = proxy.load("/").connections(16);
    let load =
        load.build(|index| request("GET", if index % 3 == 0 { "/size/3" } else { "/size/1" }, &[], ""));
    let load = load.patience(|index| Duration::from_millis(if index % 3 == 0 { 5 } else { 30_000 }));
    let load = tokio::spawn(async move { load.open_loop(500.0, Duration::from_secs(4)).await.unwrap() });
    for generation in 1..=3 {
        let mut clients = Vec::new();
        for _ in 0..64 {
            clients.push(send(proxy.ingress()).await);
        }
        let decided =
            |m: &Metrics| m.injected("hold", "delay") + m.spared("hold", "max_concurrent") == 64 * generation;
        let metrics = proxy.envoy.prometheus_until("64 decisions", decided).await.unwrap();
        assert_eq!(metrics.injected("hold", "delay"), AT_ONCE * generation, "P4: generation {generation}");
        kill(clients);
        let killed = Instant::now();
        let gone = |m: &Metrics| m.finished("hold", "treatment") == AT_ONCE * generation;
        proxy.envoy.prometheus_until("their end", gone).await.unwrap();
        assert!(killed.elapsed() < BOUND, "P4: their places were taken for {:?}", killed.elapsed());
    }
    let report = load.await.unwrap();
    assert_eq!(report.count(503) + report.left(), report.total(), "{} broke", report.broken());
    assert_eq!(report.left(), report.total().div_ceil(3), "all who were held have left");
    let waiting = proxy.hold(AT_ONCE).await;
    let halted = proxy.halt().await;
    assert_let_go(waiting, halted).await;
    let idle = |m: &Metrics| m.in_flight() == 0;
    let metrics = proxy.envoy.prometheus_until("nothing in flight", idle).await.unwrap();
    assert_eq!(metrics.injected("hold", "abort"), 0, "nobody was aborted after the halt");
    assert_eq!(proxy.load("/size/1").connections(16).requests(200).await.unwrap().count(200), 200, "P1");
    assert_eq!(proxy.post("/v1/missions", &order(&experiment("next"))).await.status, 409, "P2");
    proxy.assert_sound().await;
}

/// An upstream that is a process, on the same port every time.
async fn upstream(port: u16) -> Envoy {
    let host = VirtualHost::any("any").route(Route::prefix("/").answer(200, "here"));
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let listener = Listener::new("here").virtual_host(host).set("address", address).without_access_log();
    EnvoyOptions::default().start(EnvoyConfig::new().listener(listener)).await.unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Its process is killed in the middle of the mission, with requests waiting, and started again: the mission's clock goes on, its cap
/// counts on, its faults end at the deadline, and who waited has the answer of the new process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_p4_p6_a_killed_upstream_changes_neither_the_clock_nor_the_cap_of_a_mission() {
    const TOTAL: u64 = 600;
    let _turn = alone().await;
    let teapot = json!([{"abort": {"status": 418}}]);
    let mission = Experiment::new()
        .on_path("cut", "/size/1", teapot)
        .with("scope", json!({"match": [{"path": {"exact": "/size/1"}}], "sample": {"percent": 50}}))
        .with("safety", json!({"max_total": TOTAL}))
        .on_path("hold", "/size/2", json!([{"delay": {"fixed": "1m"}}, {"abort": {"status": 418}}]))
        .set("id", json!("upstream-dies"))
        .set("duration", json!("5s"));
    let port = free_port();
    let first = upstream(port).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let proxy = Proxy::before(address, &idle(&mission), EnvoyOptions::default()).await;
    let begun = proxy.begin(&mission).await;
    let waiting = proxy.hold(8).await;
    let load = proxy.load("/size/1").connections(16);
    let load = tokio::spawn(async move { load.open_loop(300.0, Duration::from_secs(8)).await.unwrap() });
    let deadline = proxy.status().await["mission"]["deadline"].clone();
    until(begun.1 + BOUND).await;
    drop(first);
    let client = HttpClient::http1(proxy.ingress());
    let down = async || (client.get("/size/9").await.ok()?.status == 503).then_some(());
    eventually("the death of the upstream", BOUND, down).await.unwrap();
    let died = proxy.envoy.injected("cut", "abort").await.unwrap();
    until(begun.1 + BOUND * 2).await;
    let status = proxy.status().await;
    assert_eq!((&status["state"], &status["mission"]["deadline"]), (&json!("injecting"), &deadline));
    assert!(proxy.envoy.injected("cut", "abort").await.unwrap() > died, "faults go on without an upstream");
    let _second = upstream(port).await;
    let up = async || (client.get("/size/9").await.ok()?.status == 200).then_some(());
    eventually("the new upstream", Duration::from_secs(2), up).await.unwrap();
    assert_eq!(proxy.status().await["mission"]["deadline"], deadline);
    let report = load.await.unwrap();
    assert_let_go(waiting, begun.1 + Duration::from_secs(5)).await;
    let late = |s: &&squall_envoy_tests::Sample| {
        s.status() == Some(418) && report.ended(s) > begun.1 + Duration::from_secs(5) + BOUND
    };
    assert_eq!(report.samples.iter().filter(late).count(), 0, "P1: faults after the deadline");
    let known = report.count(200) + report.count(418) + report.count(503);
    assert_eq!((known, report.count(418)), (report.total(), TOTAL), "P4: the cap");
    assert_eq!(proxy.envoy.injected("cut", "abort").await.unwrap(), TOTAL);
    assert_eq!(proxy.post("/v1/missions", &order(&mission)).await.status, 409, "P6: it has ended");
    assert_eq!(proxy.load("/size/1").connections(16).requests(200).await.unwrap().count(200), 200);
}
