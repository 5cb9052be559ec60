//! Server-streaming gRPC calls.

use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{
    Cluster, EchoRequest, Envoy, Experiment, GrpcClient, GrpcUpstream, HttpClient, HttpUpstream,
};
use tonic::{Code, Status, Streaming};

use super::{QUIET_FOR, everywhere, start, until};
use squall_envoy_tests::EchoReply;

/// A service whose replies come one by one, and one whose replies come in one piece with the trailers.
const PACES: [u32; 2] = [40, 0];

async fn serve(experiment: &Experiment) -> (GrpcUpstream, Envoy, GrpcClient) {
    let upstream = GrpcUpstream::start().await.unwrap();
    let envoy = start(experiment, Cluster::http2("upstream", upstream.addr())).await;
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    (upstream, envoy, client)
}

fn replies(count: u32, every_ms: u32) -> EchoRequest {
    EchoRequest { text: "x".repeat(100), count, every_ms, ..EchoRequest::default() }
}

/// The longest that an end may take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn read(stream: &mut Streaming<EchoReply>) -> Read {
    read_for(stream, QUIET_FOR).await
}

/// The replies until the end, an error, or silence; the last is `None`.
type Read = (Vec<u32>, Option<Result<(), Status>>);

async fn read_for(stream: &mut Streaming<EchoReply>, quiet: Duration) -> Read {
    let mut indices = Vec::new();
    loop {
        match tokio::time::timeout(quiet, stream.message()).await {
            Err(_) => return (indices, None),
            Ok(Ok(None)) => return (indices, Some(Ok(()))),
            Ok(Ok(Some(reply))) => indices.push(reply.index),
            Ok(Err(status)) => return (indices, Some(Err(status))),
        }
    }
}

fn indices(count: u32) -> Vec<u32> {
    (0..count).collect()
}

#[tokio::test]
async fn a_call_stalls_after_so_many_messages_until_its_client_leaves() {
    let (_upstream, envoy, client) =
        serve(&everywhere(json!({"after": {"messages": 3}, "then": "stall"}))).await;
    for pace in PACES {
        let mut stream = client.stream(replies(6, pace)).await.unwrap();
        assert!(matches!(read(&mut stream).await, (got, None) if got == indices(3)), "one every {pace} ms");
        assert_eq!(envoy.prometheus().await.unwrap().in_flight(), 1);
        drop(stream);
        until(&envoy, "nobody waits", |m| m.in_flight() == 0).await;
    }
    let mut whole = client.stream(replies(2, 1)).await.unwrap();
    assert!(matches!(read(&mut whole).await, (got, Some(Ok(()))) if got == indices(2)));
    let metrics = until(&envoy, "all of them", |m| m.finished("s", "treatment") == 3).await;
    assert_eq!((metrics.injected("s", "stream"), metrics.spared("s", "stream_ended")), (2, 1));
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]) as u64, 0);
}

/// P1: at the deadline what was held back goes on, in order and without a gap.
#[tokio::test]
async fn p1_a_stalled_call_goes_on_at_the_deadline() {
    let experiment =
        everywhere(json!({"after": {"messages": 3}, "then": "stall"})).set("duration", json!("5s"));
    let (_upstream, envoy, client) = serve(&experiment).await;
    let mut stream = client.stream(replies(50, 40)).await.unwrap();
    let (before, silence) = read(&mut stream).await;
    assert!(before == indices(3) && silence.is_none(), "{before:?} {silence:?}");
    let (after, end) = read_for(&mut stream, PATIENCE).await;
    assert_eq!([before, after].concat(), indices(50));
    assert!(matches!(end, Some(Ok(()))), "{end:?}");
    let metrics = until(&envoy, "the end", |m| m.in_flight() == 0).await;
    assert_eq!(metrics.injected("s", "stream"), 1);
}

/// What a cut leaves of a piece cannot be put before trailers: the call fails rather than lose messages unseen.
#[tokio::test]
async fn a_stall_in_the_last_piece_ends_with_a_reset() {
    let experiment =
        everywhere(json!({"after": {"messages": 3}, "then": "stall"})).set("duration", json!("4s"));
    let (_upstream, envoy, client) = serve(&experiment).await;
    let mut stream = client.stream(replies(6, 0)).await.unwrap();
    let (got, end) = read_for(&mut stream, PATIENCE).await;
    assert!(got == indices(3) && matches!(end, Some(Err(_))), "{got:?} {end:?}");
    until(&envoy, "the end", |m| m.in_flight() == 0).await;
}

#[tokio::test]
async fn a_call_is_reset_after_so_many_messages() {
    for count in [0, 1, 3] {
        let (_upstream, envoy, client) =
            serve(&everywhere(json!({"after": {"messages": count}, "then": "reset"}))).await;
        for pace in PACES {
            let what = format!("after {count}, one every {pace} ms");
            let got = match client.stream(replies(6, pace)).await {
                Ok(mut stream) => read_for(&mut stream, PATIENCE).await,
                Err(status) => (Vec::new(), Some(Err(status))),
            };
            let status = got.1.expect("an end").expect_err("an error");
            assert_eq!((got.0, status.code()), (indices(count), Code::Internal), "{what}: {status:?}");
        }
        let metrics = until(&envoy, "both", |m| m.finished("s", "treatment") == 2).await;
        assert_eq!((metrics.injected("s", "stream"), metrics.in_flight()), (2, 0));
        assert_eq!(metrics.sum("chaos_host_errors_total", &[]) as u64, 0);
    }
}

#[tokio::test]
async fn a_call_ends_with_a_status_after_so_many_messages() {
    for count in [0, 1, 3] {
        let stream = json!({"after": {"messages": count}, "then": "end", "grpc_status": "DATA_LOSS",
            "message": "100 % gone,\nsorry ü"});
        let (_upstream, envoy, client) = serve(&everywhere(stream)).await;
        for pace in PACES {
            let got = match client.stream(replies(6, pace)).await {
                Ok(mut stream) => read_for(&mut stream, PATIENCE).await,
                Err(status) => (Vec::new(), Some(Err(status))),
            };
            let status = got.1.expect("an end").expect_err("an error");
            assert_eq!(
                (got.0, status.code(), status.message()),
                (indices(count), Code::DataLoss, "100 % gone,\nsorry ü"),
                "after {count}, one every {pace} ms"
            );
        }
        let metrics = until(&envoy, "both", |m| m.finished("s", "treatment") == 2).await;
        assert_eq!((metrics.injected("s", "stream"), metrics.in_flight()), (2, 0));
        assert_eq!(metrics.sum("chaos_host_errors_total", &[]) as u64, 0);
    }
}

/// Before the first message the answer is ours, whatever the upstream does.
#[tokio::test]
async fn an_end_before_the_first_message_does_not_wait_for_the_upstream() {
    let stream = json!({"after": {"messages": 0}, "then": "end", "grpc_status": 17});
    let (_upstream, envoy, client) = serve(&everywhere(stream)).await;
    let begun = Instant::now();
    let status = match client.stream(replies(1000, 50)).await {
        Ok(mut stream) => read(&mut stream).await.1.expect("an end").expect_err("an error"),
        Err(status) => status,
    };
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(status.code(), Code::Unknown, "tonic's word for 17: {status:?}");
    until(&envoy, "the end", |m| m.injected("s", "stream") == 1 && m.in_flight() == 0).await;
}

/// The host cannot end a response before the upstream does.
#[tokio::test]
async fn an_upstream_that_does_not_end_in_time_is_reset() {
    let stream =
        json!({"after": {"messages": 2}, "then": "end", "grpc_status": "ABORTED", "within": "300ms"});
    let (_upstream, envoy, client) = serve(&everywhere(stream)).await;
    let mut stream = client.stream(replies(1000, 50)).await.unwrap();
    let (got, end) = read_for(&mut stream, PATIENCE).await;
    assert_eq!((got, end.expect("an end").expect_err("an error").code()), (indices(2), Code::Internal));
    until(&envoy, "the end", |m| m.injected("s", "stream") == 1 && m.in_flight() == 0).await;
}

/// A response without trailers gets some.
#[tokio::test]
async fn a_call_without_trailers_ends_with_a_status_too() {
    let stream =
        json!({"after": {"messages": 2}, "then": "end", "grpc_status": "ABORTED", "message": "gone"});
    let upstream = HttpUpstream::start().await.unwrap();
    for cluster in [Cluster::http1("upstream", upstream.addr()), Cluster::http2("upstream", upstream.addr())]
    {
        let envoy = start(&everywhere(stream.clone()), cluster).await;
        let reply = HttpClient::http2(envoy.addr("ingress")).get("/frames/5").await.unwrap();
        assert_eq!(reply.body.len(), 2 * 6);
        let trailers = reply.trailers.expect("trailers");
        assert_eq!(
            (&trailers["grpc-status"], &trailers["grpc-message"]),
            (&"10".parse().unwrap(), &"gone".parse().unwrap())
        );
        let metrics =
            until(&envoy, "the end", |m| m.injected("s", "stream") == 1 && m.in_flight() == 0).await;
        assert_eq!(metrics.sum("chaos_host_errors_total", &[]) as u64, 0);
    }
}

#[tokio::test]
async fn a_call_breaks_off_after_a_time() {
    for (then, status) in [("stall", None), ("reset", Some(Code::Internal)), ("end", Some(Code::Aborted))] {
        let mut stream = json!({"after": {"time": "300ms"}, "then": then});
        if then == "end" {
            stream["grpc_status"] = json!("ABORTED");
        }
        let (_upstream, envoy, client) = serve(&everywhere(stream)).await;
        let mut stream = client.stream(replies(15, 50)).await.unwrap();
        let (got, end) = read_for(&mut stream, if then == "stall" { QUIET_FOR } else { PATIENCE }).await;
        // The first may come at once, and 300 ms have room for six.
        assert!(!got.is_empty() && got.len() <= 7 && got == indices(got.len() as u32), "{then}: {got:?}");
        assert_eq!(end.map(|end| end.expect_err("an error").code()), status, "{then}");
        drop(stream);
        let metrics = until(&envoy, "the end", |m| m.in_flight() == 0).await;
        assert_eq!(metrics.injected("s", "stream"), 1, "{then}");
    }
}
