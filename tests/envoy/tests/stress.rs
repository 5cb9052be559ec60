//! Promise P8 under stress: clients that leave at any moment, headers that are no text, streams without request
//! headers, and a thousand requests due at once. Afterwards Envoy and the filter are there, and nothing leaked.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use serde_json::{Value, json};
use squall_envoy_tests::client::RequestBody;
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpUpstream, Load, Metrics, raw_exchange,
    request,
};
use tokio::task::JoinSet;

/// The requests of the storm; divided over five loads.
const STORM: u64 = 20_000;

/// Spreads numbers over 64 bits (SplitMix64), so that every run does the same.
fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn experiment() -> Experiment {
    let delay = |time: &str, phase: &str| json!({"delay": {"fixed": time, "phase": phase}});
    let abort = json!({"abort": {"status": 503}});
    Experiment::new()
        .on_path("cut", "/storm/cut", json!([abort]))
        .on_path("hold", "/storm/hold", json!([{"delay": {"uniform": {"min": "1ms", "max": "30ms"}}}]))
        .on_path("hold-back", "/storm/back", json!([delay("8ms", "response")]))
        .on_path("cut-late", "/storm/late", json!([delay("10ms", "request"), abort]))
        .on_path("both", "/storm/both", json!([delay("5ms", "request"), delay("5ms", "response")]))
        .scenario(
            "odd",
            json!({"match": [{"headers": [{"name": "x-odd", "present": true}]}]}),
            json!([delay("3ms", "request")]),
        )
        .scenario("all", json!({"sample": {"percent": 10, "by": {"header": "x-odd"}}}), json!([abort]))
}

const PATHS: [&str; 8] = [
    "/storm/cut",
    "/storm/hold",
    "/storm/back",
    "/storm/late",
    "/storm/both",
    "/size/20000",
    "/sleep/5",
    "/echo",
];

/// Any of the paths, sometimes with a body, sometimes with a header that is no text.
fn stormy(number: u64) -> Request<RequestBody> {
    let chance = spread(number);
    let path = PATHS[(chance % 8) as usize];
    let body = if chance & 0x700 == 0 { Bytes::from(vec![b'b'; 40_000]) } else { Bytes::new() };
    let mut request = request(if body.is_empty() { "GET" } else { "POST" }, path, &[], body);
    if chance & 0x3000 == 0 {
        let bytes = HeaderValue::from_bytes(b"\xff\xfe\x80").expect("bytes above 0x7f are valid in a header");
        request.headers_mut().insert("x-odd", bytes);
    }
    request
}

/// A third of the clients leaves within 25 ms.
fn hasty(number: u64) -> Duration {
    let chance = spread(number ^ 0xABCD);
    if chance.is_multiple_of(3) {
        Duration::from_micros(chance / 3 % 25_000)
    } else {
        Duration::from_secs(30)
    }
}

async fn start(upstream: &HttpUpstream, experiment: &Experiment, workers: u32) -> Envoy {
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    EnvoyOptions::default().concurrency(workers).log_level("info").start(config).await.unwrap()
}

/// The filter still works, no call into it failed, and no request is believed to be under way.
async fn assert_unharmed(envoy: &Envoy, path: &str, status: u16) -> Metrics {
    assert!(envoy.alive());
    // Several connections, so that every worker has its say.
    let report = Load::http1(envoy.addr("ingress")).path(path).connections(32).requests(64).await.unwrap();
    assert_eq!(report.count(status), 64);
    let log = envoy.log();
    assert!(!log.contains("Function: proxy_") && !log.contains("[critical]"), "{log}");
    let metrics =
        envoy.prometheus_until("nothing in flight", |metrics| metrics.in_flight() == 0).await.unwrap();
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
    metrics
}

/// A request for an upgrade that the listener does not allow: its stream never shows the filter request headers.
async fn refused_upgrades(envoy: &Envoy, count: usize) {
    let upgrade = b"GET /storm/cut HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let address = envoy.addr("ingress");
    let answers = (0..count).map(|_| raw_exchange(address, upgrade)).collect::<JoinSet<_>>();
    for answer in answers.join_all().await {
        let answer = answer.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 403"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p8_20_000_mixed_requests_with_clients_that_leave_do_no_harm() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment(), 4).await;
    let address = envoy.addr("ingress");
    let mut loads = JoinSet::new();
    for part in 0..5_u64 {
        let load = match part {
            0..3 => Load::http1(address).connections(16),
            _ => Load::http2(address).connections(4).streams(16),
        };
        let load = load
            .id_prefix(&format!("storm-{part}"))
            .build(move |index| stormy(part << 32 | index))
            .patience(move |index| hasty(part << 32 | index));
        loads.spawn(async move { load.requests(STORM / 5).await.unwrap() });
    }
    refused_upgrades(&envoy, 100).await;
    let reports = loads.join_all().await;
    let sum = |count: fn(&squall_envoy_tests::LoadReport) -> u64| reports.iter().map(count).sum::<u64>();
    let (total, left, broken) = (sum(|r| r.total()), sum(|r| r.left()), sum(|r| r.broken()));
    let (passed, aborted) = (sum(|r| r.count(200)), sum(|r| r.count(503)));
    println!("{passed} passed, {aborted} aborted, {left} left, {broken} broken");
    assert_eq!((total, passed + aborted + left + broken), (STORM, STORM));
    assert!(left > STORM / 20 && aborted > STORM / 20, "the storm was too mild");
    // A client that leaves before its HTTP/1.1 connection stands takes nothing down with it.
    assert_eq!(broken, 0, "{:?}", reports.iter().flat_map(|r| &r.samples).find(|s| s.status().is_none()));

    let metrics = assert_unharmed(&envoy, "/storm/cut", 503).await;
    assert!(metrics.injected("both", "delay") > 0 && metrics.injected("odd", "delay") > 0);
    // Whoever waits for the end of a delay and stays gets the abort; nobody else does.
    assert!(metrics.injected("cut-late", "abort") <= metrics.injected("cut-late", "delay"));
}

/// One worker, so that all deadlines stand in one queue: the actions of one tick nest, and 270 of them overflow
/// the stack of the virtual machine.
async fn all_due_at_once(faults: Value, status: u16, count: usize) {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = Experiment::new().on_path("due", "/size/1", faults).on_path(
        "cut",
        "/size/2",
        json!([{"abort": {"status": 418}}]),
    );
    let envoy = start(&upstream, &experiment, 1).await;
    let streams = 250;
    let load =
        Load::http2(envoy.addr("ingress")).path("/size/1").connections(count / streams).streams(streams);
    let report = load.requests(count as u64).await.unwrap();
    assert_eq!(report.count(status), count as u64, "{} broke", report.broken());
    assert!(
        report.fastest() + Duration::from_micros(500) >= Duration::from_millis(400),
        "{:?}",
        report.fastest()
    );
    assert_unharmed(&envoy, "/size/2", 418).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_delays_that_end_together_are_all_served() {
    all_due_at_once(json!([{"delay": {"fixed": "400ms"}}]), 200, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_aborts_that_fall_due_together_are_all_served() {
    all_due_at_once(json!([{"delay": {"fixed": "400ms"}}, {"abort": {"status": 504}}]), 504, 500).await;
}

/// The deadline of a mission makes everything that waits due in the same millisecond.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_that_a_deadline_lets_go_together_are_all_served() {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = Experiment::new()
        .on_path("hold", "/size/1", json!([{"delay": {"fixed": "30s"}}, {"abort": {"status": 503}}]))
        .set("duration", json!("4s"));
    let envoy = start(&upstream, &experiment, 1).await;
    let load = Load::http2(envoy.addr("ingress")).path("/size/1").connections(4).streams(250);
    let report = load.requests(1_000).await.unwrap();
    assert_eq!(report.count(200), 1_000, "{} broke", report.broken());
    let metrics = assert_unharmed(&envoy, "/size/1", 200).await;
    assert_eq!((metrics.spared("hold", "deadline"), metrics.injected("hold", "abort")), (1_000, 0));
}

/// Header values are bytes: one that is no UTF-8 matches where bytes match, and breaks nothing.
#[tokio::test]
async fn headers_that_are_no_text_match_as_bytes() {
    let upstream = HttpUpstream::start().await.unwrap();
    let rule = |name: &str, test: Value| {
        let mut header = json!({"name": name});
        header.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
        json!({"match": [{"headers": [header]}]})
    };
    let experiment = Experiment::new()
        .scenario("prefix", rule("x-a", json!({"prefix": "ok"})), json!([{"abort": {"status": 501}}]))
        .scenario("regex", rule("x-b", json!({"regex": "o.*"})), json!([{"abort": {"status": 502}}]))
        .scenario("present", rule("x-c", json!({"present": true})), json!([{"abort": {"status": 503}}]));
    let envoy = start(&upstream, &experiment, 1).await;
    for (header, status) in [("x-a", "501"), ("x-c", "503")] {
        let raw = [
            b"GET /size/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n",
            header.as_bytes(),
            b": ok\xff\xfe\r\n\r\n",
        ]
        .concat();
        let answer = raw_exchange(envoy.addr("ingress"), &raw).await.unwrap();
        assert!(
            answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()),
            "{header}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    let raw = b"GET /size/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-b: ok\xff\xfe\r\n\r\n";
    let answer = raw_exchange(envoy.addr("ingress"), raw).await.unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "an expression is about text: {}",
        String::from_utf8_lossy(&answer)
    );
    let reply = HttpClient::http1(envoy.addr("ingress")).get_with("/size/1", &[("x-b", "ok")]).await.unwrap();
    assert_eq!(reply.status, 502);
    assert!(!envoy.log().contains("Function: proxy_"), "{}", envoy.log());
}
