//! Bandwidths: never faster than declared, whole, in bounded memory, and over with the mission.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, EchoRequest, Envoy, Experiment, GrpcClient, GrpcUpstream, HttpClient, HttpUpstream,
};

use super::{BOTH, bootstrap, everywhere, patterned, since, start, until};

fn throttle(fields: Value) -> Experiment {
    everywhere(json!([{"throttle": fields}]))
}

/// A loaded machine may take longer; it never may be faster.
fn assert_paced(taken: Duration, expected: Duration, what: &str) {
    let least = expected.saturating_sub(Duration::from_millis(1));
    assert!(taken >= least && taken < expected * 2, "{what}: {taken:?}, declared {expected:?}");
}

#[tokio::test]
async fn a_response_comes_at_its_bandwidth_and_whole() {
    for (rate, size) in [("100KiB/s", 100 << 10), ("5MiB/s", 5 << 20)] {
        let (_upstream, envoy) = start(&throttle(json!({"response": rate}))).await;
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol);
            let begun = Instant::now();
            let reply = client.post("/echo", &[], patterned(size)).await.unwrap();
            assert!(reply.body == patterned(size), "{protocol:?} {rate}: {} bytes", reply.body.len());
            assert_paced(since(begun), Duration::from_secs(1), rate);
        }
        let metrics = until(&envoy, "both", |m| m.finished("s", "treatment") == 2).await;
        assert_eq!((metrics.injected("s", "throttle"), metrics.in_flight()), (2, 0));
    }
}

#[tokio::test]
async fn a_request_goes_upstream_at_its_bandwidth_and_whole() {
    let (upstream, envoy) = start(&throttle(json!({"request": "2MiB/s"}))).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let begun = Instant::now();
        let reply = client.post("/echo", &[], patterned(1 << 20)).await.unwrap();
        assert!(reply.body == patterned(1 << 20), "{protocol:?}: {} bytes", reply.body.len());
        assert_paced(since(begun), Duration::from_millis(500), "request");
    }
    assert_eq!(upstream.body_bytes(), 2 << 20);
    // No body, no bandwidth.
    HttpClient::http1(envoy.addr("ingress")).get("/size/1000000").await.unwrap();
    let metrics = until(&envoy, "three", |m| m.finished("s", "treatment") == 3).await;
    assert_eq!((metrics.injected("s", "throttle"), metrics.spared("s", "no_body")), (2, 1));
}

/// The pace begins when the delay is over.
#[tokio::test]
async fn a_delayed_response_is_slow_from_its_end_on() {
    let faults =
        json!([{"delay": {"fixed": "300ms", "phase": "response"}}, {"throttle": {"response": "100kB/s"}}]);
    let (_upstream, envoy) = start(&everywhere(faults)).await;
    let begun = Instant::now();
    let reply = HttpClient::http1(envoy.addr("ingress")).get("/size/20000").await.unwrap();
    assert_eq!(reply.body.len(), 20_000);
    assert_paced(since(begun), Duration::from_millis(500), "both");
}

#[tokio::test]
async fn trailers_come_once_and_last() {
    let upstream = HttpUpstream::start().await.unwrap();
    let cluster = Cluster::http2("upstream", upstream.addr());
    let experiment = throttle(json!({"response": "100B/s"}));
    let envoy = Envoy::start(bootstrap(&experiment, cluster, 1 << 20)).await.unwrap();
    let begun = Instant::now();
    let reply = HttpClient::http2(envoy.addr("ingress")).get("/trailers").await.unwrap();
    assert_eq!(reply.text(), "with trailers");
    assert_eq!(reply.trailers.unwrap().get_all("x-trailer").iter().count(), 1);
    assert_paced(since(begun), Duration::from_millis(130), "13 bytes");
}

#[tokio::test]
async fn a_grpc_stream_is_slow_and_complete() {
    let upstream = GrpcUpstream::start().await.unwrap();
    let cluster = Cluster::http2("upstream", upstream.addr());
    let experiment = throttle(json!({"response": "20kB/s", "request": "100kB/s"}));
    let envoy = Envoy::start(bootstrap(&experiment, cluster, 32 << 10)).await.unwrap();
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let begun = Instant::now();
    let replies = client
        .repeat(EchoRequest { text: "x".repeat(90), count: 100, ..EchoRequest::default() })
        .await
        .unwrap();
    assert!(replies.iter().enumerate().all(|(at, reply)| reply.index == at as u32 && reply.text.len() == 90));
    assert_eq!(replies.len(), 100);
    // Each message has at least 5 + 92 bytes.
    let taken = since(begun);
    assert!(taken >= Duration::from_millis(480), "{taken:?}");
}

/// The sender is held back instead of the bytes being kept.
#[tokio::test]
async fn a_slow_response_does_not_grow_envoys_memory() {
    let upstream = HttpUpstream::start().await.unwrap();
    let cluster = Cluster::http1("upstream", upstream.addr());
    let envoy =
        Envoy::start(bootstrap(&throttle(json!({"response": "32MiB/s"})), cluster, 64 << 10)).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    client.get("/size/1000").await.unwrap();
    let before = envoy.rss().unwrap();
    let begun = Instant::now();
    let exchange = tokio::spawn(async move { client.get(&format!("/size/{}", 48 << 20)).await });
    let mut most = 0;
    while !exchange.is_finished() {
        most = most.max(envoy.rss().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(exchange.await.unwrap().unwrap().body.len(), 48 << 20);
    assert_paced(since(begun), Duration::from_millis(1_500), "48 MiB");
    let grown = most.saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes");
}

/// P1: at the deadline the rest comes at once.
#[tokio::test]
async fn p1_the_deadline_ends_the_bandwidth() {
    let experiment = throttle(json!({"response": "10kB/s"})).set("duration", json!("6s"));
    let (_upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let begun = Instant::now();
        let reply = HttpClient::new(envoy.addr("ingress"), protocol).get("/size/3000000").await.unwrap();
        assert_eq!(reply.body.len(), 3_000_000);
        // The rate alone would take five minutes.
        assert!(since(begun) < Duration::from_secs(20), "{:?}", since(begun));
    }
    until(&envoy, "nothing under way", |m| m.in_flight() == 0 && m.finished("s", "treatment") == 1).await;
}

#[tokio::test]
async fn clients_that_leave_in_the_middle_of_a_slow_body_do_no_harm() {
    let (_upstream, envoy) = start(&throttle(json!({"response": "100kB/s", "request": "100kB/s"}))).await;
    let address = envoy.addr("ingress");
    let mut leaving = tokio::task::JoinSet::new();
    for number in 0..60_u64 {
        let protocol = BOTH[number as usize % 2];
        leaving.spawn(async move {
            // Long enough for a busy machine to begin all of them.
            let deadline = Duration::from_millis(500 + number * 7);
            let client = HttpClient::new(address, protocol).deadline(deadline);
            // Too short a time for either body.
            client.post("/echo", &[], patterned(200_000)).await.expect_err("left");
        });
    }
    while let Some(left) = leaving.join_next().await {
        left.unwrap();
    }
    let metrics = until(&envoy, "nobody is left", |m| m.in_flight() == 0).await;
    assert!(metrics.finished("s", "treatment") >= 40, "{}", metrics.finished("s", "treatment"));
    assert_eq!(HttpClient::http1(address).get("/size/1").await.unwrap().status, 200);
}
