//! Server-sent events, with HTTP/1.1 and HTTP/2 on both sides.

use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{Cluster, Experiment, HttpClient, HttpUpstream, Protocol, QUIET};

use super::{QUIET_FOR, everywhere, start, until};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
/// Events that come one by one, and events in one piece.
const PATHS: [&str; 2] = ["/events/6/40", "/events/6/0"];

fn clusters(upstream: &HttpUpstream) -> [Cluster; 2] {
    [Cluster::http1("upstream", upstream.addr()), Cluster::http2("upstream", upstream.addr())]
}

fn events(count: usize) -> String {
    (0..count).map(|number| format!("data: {number}\n\n")).collect()
}

#[tokio::test]
async fn events_stall_after_so_many() {
    let upstream = HttpUpstream::start().await.unwrap();
    for cluster in clusters(&upstream) {
        let envoy = start(&everywhere(json!({"after": {"messages": 2}, "then": "stall"})), cluster).await;
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol);
            for path in PATHS {
                let partial = client.get_until_quiet(path, QUIET_FOR).await.unwrap();
                let body = String::from_utf8(partial.body).unwrap();
                assert_eq!((body, partial.cut.as_deref()), (events(2), Some(QUIET)), "{protocol:?} {path}");
            }
        }
        let metrics = until(&envoy, "nobody waits", |m| m.in_flight() == 0).await;
        assert_eq!(metrics.injected("s", "stream"), 4);
        assert_eq!(metrics.sum("chaos_host_errors_total", &[]) as u64, 0);
    }
}

/// P1: what was held back, here and at the host, goes on in order.
#[tokio::test]
async fn p1_stalled_events_go_on_at_the_deadline() {
    let upstream = HttpUpstream::start().await.unwrap();
    for cluster in clusters(&upstream) {
        let experiment: Experiment =
            everywhere(json!({"after": {"messages": 2}, "then": "stall"})).set("duration", json!("4s"));
        let envoy = start(&experiment, cluster).await;
        let address = envoy.addr("ingress");
        let begun = Instant::now();
        let (one, two) = (HttpClient::http1(address), HttpClient::http2(address));
        let (a, b, c, d) =
            tokio::join!(one.get(PATHS[0]), one.get(PATHS[1]), two.get(PATHS[0]), two.get(PATHS[1]));
        for reply in [a, b, c, d] {
            assert_eq!(reply.unwrap().text(), events(6));
        }
        assert!(begun.elapsed() > Duration::from_millis(500), "they did stall: {:?}", begun.elapsed());
        let metrics = until(&envoy, "the end", |m| m.in_flight() == 0).await;
        assert_eq!(metrics.injected("s", "stream"), 4);
    }
}

#[tokio::test]
async fn events_are_reset_after_so_many() {
    let upstream = HttpUpstream::start().await.unwrap();
    for cluster in clusters(&upstream) {
        let envoy = start(&everywhere(json!({"after": {"messages": 2}, "then": "reset"})), cluster).await;
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol);
            for path in PATHS {
                let partial = client.get_until_quiet(path, Duration::from_secs(5)).await.unwrap();
                let body = String::from_utf8(partial.body).unwrap();
                assert_eq!(body, events(2), "{protocol:?} {path}");
                assert!(partial.cut.as_ref().is_some_and(|cut| cut != QUIET), "{:?}", partial.cut);
            }
        }
        let metrics = until(&envoy, "all", |m| m.finished("s", "treatment") == 4).await;
        assert_eq!((metrics.injected("s", "stream"), metrics.in_flight()), (4, 0));
    }
}

/// What is no stream of messages passes, and so does what the fault has no meaning for.
#[tokio::test]
async fn other_responses_pass() {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = Experiment::new()
        .on_path("plain", "/size/9", json!([{"stream": {"after": {"messages": 0}, "then": "reset"}}]))
        .on_path(
            "status",
            "/events/6/0",
            json!([
            {"stream": {"after": {"messages": 1}, "then": "end", "grpc_status": "ABORTED"}}]),
        )
        .on_path("empty", "/status/204", json!([{"stream": {"after": {"time": "1ms"}, "then": "stall"}}]));
    let envoy = start(&experiment, Cluster::http1("upstream", upstream.addr())).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        assert_eq!(client.get("/size/9").await.unwrap().body.len(), 9);
        assert_eq!(client.get("/events/6/0").await.unwrap().text(), events(6));
        assert_eq!(client.get("/status/204").await.unwrap().status, 204);
    }
    let metrics = until(&envoy, "all", |m| m.finished("empty", "treatment") == 2).await;
    let spared = [("plain", "no_stream"), ("status", "no_stream"), ("empty", "no_body")];
    assert!(spared.iter().all(|(scenario, cause)| metrics.spared(scenario, cause) == 2));
    assert!(spared.iter().all(|(scenario, _)| metrics.injected(scenario, "stream") == 0));
}
