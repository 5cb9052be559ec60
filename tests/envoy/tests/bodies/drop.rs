//! Requests without an answer, and answers without an end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{Cluster, Envoy, Experiment, HttpClient, HttpUpstream, Protocol};

use super::{BOTH, bootstrap, everywhere, start, until};

fn drop(fields: Value) -> Value {
    json!({"drop": fields})
}

#[tokio::test]
async fn a_reset_closes_the_stream_and_the_upstream_sees_nothing() {
    let experiment = Experiment::new().on_path("s", "/gone", json!([drop(json!({"mode": "reset"}))]));
    let (upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        assert_eq!(client.get("/size/1").await.unwrap().status, 200);
        let error = client.get("/gone").await.expect_err("no answer").to_string();
        // hyper's words for a closed connection (HTTP/1.1) and for RST_STREAM with error 2 (HTTP/2).
        assert!(error.contains("IncompleteMessage") || error.contains("INTERNAL_ERROR"), "{error}");
        // HTTP/2: on the same connection.
        assert_eq!(client.get("/size/1").await.unwrap().status, 200, "{protocol:?}");
    }
    assert_eq!(upstream.requests(), 4);
    let metrics = until(&envoy, "two resets", |m| m.finished("s", "treatment") == 2).await;
    assert_eq!((metrics.injected("s", "drop"), metrics.in_flight()), (2, 0));
    let entries = envoy.access_log_of(6).await.unwrap();
    let dropped: Vec<_> = entries.iter().filter(|entry| entry.fault.as_deref() == Some("drop")).collect();
    assert_eq!(dropped.len(), 2);
    assert!(dropped.iter().all(|entry| entry.status == 0 && entry.upstream.is_none()), "{dropped:?}");
}

#[tokio::test]
async fn a_reset_comes_after_the_delay() {
    let (upstream, envoy) =
        start(&everywhere(json!([{"delay": {"fixed": "200ms"}}, drop(json!({"mode": "reset"}))]))).await;
    for protocol in BOTH {
        let begun = Instant::now();
        HttpClient::new(envoy.addr("ingress"), protocol).get("/").await.expect_err("no answer");
        assert!(begun.elapsed() >= Duration::from_micros(199_500), "{:?}", begun.elapsed());
    }
    assert_eq!(upstream.requests(), 0);
    let metrics = until(&envoy, "two resets", |m| m.finished("s", "treatment") == 2).await;
    assert_eq!((metrics.injected("s", "delay"), metrics.injected("s", "drop")), (2, 2));
}

#[tokio::test]
async fn a_hanging_request_ends_with_its_client() {
    let (upstream, envoy) = start(&everywhere(json!([drop(json!({"mode": "hang"}))]))).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol).deadline(Duration::from_secs(2));
        client.get("/").await.expect_err("no answer in time");
    }
    let metrics =
        until(&envoy, "nobody waits", |m| m.finished("s", "treatment") == 2 && m.in_flight() == 0).await;
    assert_eq!((metrics.injected("s", "drop"), upstream.requests()), (2, 0));
}

/// P1: the deadline of the mission lets a hanging request go.
#[tokio::test]
async fn p1_a_hanging_request_goes_on_at_the_deadline() {
    let experiment = everywhere(json!([drop(json!({"mode": "hang"}))])).set("duration", json!("6s"));
    let (upstream, envoy) = start(&experiment).await;
    let begun = Instant::now();
    let reply = HttpClient::http2(envoy.addr("ingress")).get("/size/3").await.unwrap();
    assert_eq!((reply.status, reply.text().as_str(), upstream.requests()), (200, "xxx", 1));
    assert!(begun.elapsed() > Duration::from_millis(300), "it did hang: {:?}", begun.elapsed());
    let metrics = until(&envoy, "the end", |m| m.in_flight() == 0).await;
    assert_eq!(metrics.injected("s", "drop"), 1);
}

/// The client gets exactly as much as was said, and knows that there should be more.
#[tokio::test]
async fn a_truncated_response_ends_after_so_many_bytes() {
    let experiment = everywhere(json!([drop(json!({"mode": "truncate", "after": "10kB"}))]));
    let upstream = HttpUpstream::start().await.unwrap();
    let clusters = [Cluster::http1("upstream", upstream.addr()), Cluster::http2("upstream", upstream.addr())];
    for (upstream_protocol, cluster) in BOTH.into_iter().zip(clusters) {
        let envoy = Envoy::start(bootstrap(&experiment, cluster, 1 << 20)).await.unwrap();
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol).deadline(Duration::from_secs(5));
            for size in [10_001, 1_000_000] {
                let partial = client.get_until_cut(&format!("/size/{size}")).await.unwrap();
                // An HTTP/2 upstream ends a short body in the very frame that is cut, and then nothing of it comes.
                let expected =
                    if upstream_protocol == Protocol::Http2 && size < 16 << 10 { 0 } else { 10_000 };
                let what = format!("upstream {upstream_protocol:?}, client {protocol:?}, {size} bytes");
                assert_eq!((partial.status, partial.body.len()), (200, expected), "{what}");
                assert!(partial.cut.is_some(), "{what}");
            }
            let whole = client.get_until_cut("/size/10000").await.unwrap();
            assert_eq!((whole.body.len(), whole.cut), (10_000, None), "{protocol:?}");
        }
        let metrics = until(&envoy, "all of them", |m| m.finished("s", "treatment") == 6).await;
        assert_eq!((metrics.injected("s", "drop"), metrics.in_flight()), (4, 0));
        assert_eq!(metrics.spared("s", "stream_ended"), 2, "a body that was no longer");
    }
}

/// More than a client's first window takes: the cut waits for it.
#[tokio::test]
async fn a_late_cut_passes_all_its_bytes() {
    let (_upstream, envoy) =
        start(&everywhere(json!([drop(json!({"mode": "truncate", "after": "1MB"}))]))).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let partial = client.get_until_cut("/size/3000000").await.unwrap();
        assert_eq!((partial.body.len(), partial.cut.is_some()), (1_000_000, true), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_truncated_response_may_be_slow_too() {
    let faults =
        json!([{"throttle": {"response": "50kB/s"}}, drop(json!({"mode": "truncate", "after": "20kB"}))]);
    let (_upstream, envoy) = start(&everywhere(faults)).await;
    for protocol in BOTH {
        let begun = Instant::now();
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let partial = client.get_until_cut("/size/100000").await.unwrap();
        assert_eq!(partial.body.len(), 20_000, "{protocol:?}: {:?}", partial.cut);
        assert!(
            partial.cut.is_some() && begun.elapsed() >= Duration::from_millis(399),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_response_without_a_body_is_not_truncated() {
    let (_upstream, envoy) = start(&everywhere(json!([drop(json!({"mode": "truncate"}))]))).await;
    let head = squall_envoy_tests::request("HEAD", "/size/5", &[], "");
    let reply = HttpClient::http1(envoy.addr("ingress")).send(head).await.unwrap();
    assert_eq!(reply.status, 200);
    let metrics = until(&envoy, "the end", |m| m.finished("s", "treatment") == 1).await;
    assert_eq!((metrics.injected("s", "drop"), metrics.spared("s", "no_body")), (0, 1));
}
