//! Aborts and delays as gRPC clients see them: a real tonic client, and the frames on the wire.

mod counted;
mod frames;

use std::time::Duration;

use frames::{END_HEADERS, END_STREAM, HEADERS, frames_of_post};
use serde_json::{Value, json};
use squall_envoy_tests::{
    EchoRequest, Envoy, EnvoyConfig, Experiment, GrpcClient, GrpcUpstream, HttpClient, Protocol,
};
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request};

const SAY: &str = "/squall.test.Echo/Say";
const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

async fn start(experiment: &Experiment) -> (GrpcUpstream, Envoy) {
    let upstream = GrpcUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy_http2(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    (upstream, envoy)
}

/// One scenario for each fault, chosen by the header `x-case`, which gRPC clients send as metadata.
fn by_case(aborts: &[(&str, Value)]) -> Experiment {
    aborts.iter().fold(Experiment::new(), |experiment, (name, abort)| {
        let scope = json!({"match": [{"headers": [{"name": "x-case", "exact": name}]}]});
        experiment.scenario(name, scope, json!([{"abort": abort}]))
    })
}

fn call(case: &str) -> Request<EchoRequest> {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-case", case.parse().unwrap());
    Request::from_parts(metadata, Extensions::default(), EchoRequest::default())
}

/// Case 3, with a real client: code and message are decoded, and the service never hears of the call.
#[tokio::test]
async fn a_grpc_abort_gives_a_real_client_its_code_and_message() {
    let cases = [
        ("named", json!({"grpc_status": "NOT_FOUND", "message": "no user 7: 100% gone, sorry"})),
        ("numbered", json!({"grpc_status": 8, "message": "quota"})),
        ("silent", json!({"grpc_status": "DATA_LOSS"})),
    ];
    let (upstream, envoy) = start(&by_case(&cases)).await;
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    for (case, code, message) in [
        ("named", Code::NotFound, "no user 7: 100% gone, sorry"),
        ("numbered", Code::ResourceExhausted, "quota"),
        ("silent", Code::DataLoss, "chaos: aborted by scenario silent"),
    ] {
        let status = client.say(call(case)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message));
        let status = client.repeat(call(case)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message), "a stream");
    }
    assert_eq!(upstream.calls(), 0);
    assert!(client.say(call("none")).await.is_ok());
    let entry = envoy.access_log_of(7).await.unwrap().remove(0);
    assert_eq!((entry.status, entry.details.as_deref()), (200, Some("chaos_abort{named}")));
    assert_eq!(entry.json["grpc_status"], "NotFound");
    assert_eq!(envoy.injected("named", "abort").await.unwrap(), 2);
}

/// Case 3 on the wire: HTTP 200, one HEADERS frame that ends the stream; no DATA, no trailers.
#[tokio::test]
async fn a_grpc_abort_is_one_headers_frame_that_ends_the_stream() {
    let cases = [("gone", json!({"grpc_status": "UNAVAILABLE", "message": "away"}))];
    let (_upstream, envoy) = start(&by_case(&cases)).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("x-case", "gone")];
    let frames = frames_of_post(envoy.addr("ingress"), SAY, &headers).await;
    assert_eq!(frames, [(HEADERS, END_STREAM | END_HEADERS)]);

    let client = HttpClient::http2(envoy.addr("ingress"));
    let reply = client.post(SAY, &headers, "").await.unwrap();
    assert_eq!((reply.status, reply.body.len(), reply.trailers.as_ref()), (200, 0, None));
    assert_eq!(reply.header("grpc-status"), Some("14"));
    assert_eq!(reply.header("grpc-message"), Some("away"));
    assert_eq!(reply.header("content-type"), Some("application/grpc"));
}

/// Case 37: with an HTTP status alone, Envoy maps it as the gRPC specification says. That reaches 6 of the 16
/// codes; `grpc_status` reaches all of them.
#[tokio::test]
async fn an_http_status_alone_becomes_the_code_that_grpc_maps_it_to() {
    let mapped = [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (429, Code::Unavailable),
        (500, Code::Unknown),
        (502, Code::Unavailable),
        (503, Code::Unavailable),
        (504, Code::Unavailable),
        (418, Code::Unknown),
    ];
    let names: Vec<String> = mapped.iter().map(|(status, _)| format!("s{status}")).collect();
    let cases: Vec<(&str, Value)> = names
        .iter()
        .zip(mapped)
        .map(|(name, (status, _))| (name.as_str(), json!({"status": status, "body": "why"})))
        .collect();
    let (upstream, envoy) = start(&by_case(&cases)).await;
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    for (name, (_, code)) in names.iter().zip(mapped) {
        let status = client.say(call(name)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, "why"), "{name}");
    }
    assert_eq!(upstream.calls(), 0);
}

/// With a gRPC status alone, a plain HTTP client sees the status that the code stands for.
#[tokio::test]
async fn a_grpc_status_alone_gives_a_plain_client_the_http_status_it_maps_to() {
    let mapped = [
        ("cancelled", 499),
        ("unknown", 500),
        ("invalid-argument", 400),
        ("deadline-exceeded", 504),
        ("not-found", 404),
        ("already-exists", 409),
        ("permission-denied", 403),
        ("resource-exhausted", 429),
        ("failed-precondition", 400),
        ("aborted", 409),
        ("out-of-range", 400),
        ("unimplemented", 501),
        ("internal", 500),
        ("unavailable", 503),
        ("data-loss", 500),
        ("unauthenticated", 401),
    ];
    let cases = mapped.map(|(name, _)| {
        (name, json!({"grpc_status": name.to_uppercase().replace('-', "_"), "message": "m", "body": "b"}))
    });
    let (upstream, envoy) = start(&by_case(&cases)).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (name, status) in mapped {
            let reply = client.get_with("/", &[("x-case", name)]).await.unwrap();
            assert_eq!((reply.status, reply.text().as_str()), (status, "b"), "{name}");
            assert_eq!(reply.header("grpc-status"), None, "{name}");
        }
    }
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    for (number, (name, _)) in (1..).zip(mapped) {
        let status = client.say(call(name)).await.unwrap_err();
        assert_eq!((status.code() as i32, status.message()), (number, "m"), "{name}");
    }
    assert_eq!(upstream.calls(), 0);
}

/// With both, each client gets its own; what only looks like gRPC is HTTP.
#[tokio::test]
async fn with_both_statuses_each_client_sees_its_own() {
    let both = json!({"status": 429, "body": "for people", "grpc_status": "ABORTED", "message": "for stubs"});
    let (upstream, envoy) = start(&by_case(&[("both", both)])).await;
    let status =
        GrpcClient::connect(envoy.addr("ingress")).await.unwrap().say(call("both")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "for stubs"));
    let client = HttpClient::http2(envoy.addr("ingress"));
    for proto in ["application/grpc", "application/grpc+proto", "application/grpc+json"] {
        let headers = [("content-type", proto), ("te", "trailers"), ("x-case", "both")];
        let reply = client.post(SAY, &headers, "").await.unwrap();
        assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("10")), "{proto}");
    }
    for plain in [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpcx",
        "application/json",
        "text/plain",
    ] {
        let headers = [("content-type", plain), ("x-case", "both")];
        let reply = client.post(SAY, &headers, "").await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (429, "for people"), "{plain}");
        assert_eq!((reply.header("grpc-status"), reply.header("grpc-message")), (None, None), "{plain}");
    }
    assert_eq!(upstream.calls(), 0);
}

/// Headers of the answer reach gRPC clients as metadata, all but the one that would make it no gRPC.
#[tokio::test]
async fn headers_of_an_abort_are_metadata_for_grpc_clients() {
    let headers = json!({"retry-after": "7", "content-type": "text/html", "x-why": "chaos"});
    let abort = json!({"status": 503, "grpc_status": "UNAVAILABLE", "headers": headers});
    let (_upstream, envoy) = start(&by_case(&[("told", abort)])).await;
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let status = client.say(call("told")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let said =
        ["retry-after", "x-why"].map(|name| status.metadata().get(name).expect(name).to_str().unwrap());
    assert_eq!(said, ["7", "chaos"]);
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("x-case", "told")];
    let reply = HttpClient::http2(envoy.addr("ingress")).post(SAY, &headers, "").await.unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/grpc")));
}

/// Case 36: a status that gRPC does not know goes out as it is. A client library may call it UNKNOWN.
#[tokio::test]
async fn a_grpc_status_of_99_is_delivered_verbatim() {
    let (_upstream, envoy) = start(&by_case(&[("odd", json!({"grpc_status": 99, "message": "odd"}))])).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("x-case", "odd")];
    let reply = HttpClient::http2(envoy.addr("ingress")).post(SAY, &headers, "").await.unwrap();
    let codes: Vec<_> = reply.headers.get_all("grpc-status").iter().collect();
    assert_eq!(reply.status, 200);
    assert_eq!(codes, ["99"]);
    assert_eq!((reply.header("grpc-message"), reply.trailers.as_ref()), (Some("odd"), None));
    let plain = HttpClient::http1(envoy.addr("ingress")).get_with("/", &[("x-case", "odd")]).await.unwrap();
    assert_eq!((plain.status, plain.header("grpc-status")), (500, None));
    let status =
        GrpcClient::connect(envoy.addr("ingress")).await.unwrap().say(call("odd")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unknown, "odd"));
}

/// A stream that no scenario matches passes untouched, and a delayed one comes late and whole.
#[tokio::test]
async fn a_server_stream_comes_whole_whether_delayed_or_not_matched() {
    let scope = |phase: &str| json!({"match": [{"headers": [{"name": "x-case", "exact": phase}]}]});
    let faults = |phase: &str| json!([{"delay": {"fixed": "80ms", "phase": phase}}]);
    let experiment = Experiment::new().scenario("request", scope("request"), faults("request")).scenario(
        "response",
        scope("response"),
        faults("response"),
    );
    let (upstream, envoy) = start(&experiment).await;
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    for (case, delay) in [("none", 0), ("request", 80), ("response", 80)] {
        let mut request = call(case);
        *request.get_mut() = EchoRequest { text: "part".to_owned(), count: 500, ..EchoRequest::default() };
        let begun = std::time::Instant::now();
        let replies = client.repeat(request).await.unwrap();
        let least = Duration::from_millis(delay).saturating_sub(Duration::from_micros(500));
        assert!(begun.elapsed() >= least, "{case}: {:?}", begun.elapsed());
        assert_eq!(replies.iter().map(|reply| reply.index).collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
    }
    assert_eq!(upstream.calls(), 3);
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!((metrics.injected("request", "delay"), metrics.injected("response", "delay")), (1, 1));
}

/// A caller whose deadline ends during the delay is told so at once, and no abort follows.
#[tokio::test]
async fn a_grpc_deadline_that_ends_in_the_delay_frees_the_slot() {
    let faults = json!([{"delay": {"fixed": "30s"}}, {"abort": {"grpc_status": "UNAVAILABLE"}}]);
    let (upstream, envoy) = start(&Experiment::new().scenario("slow", json!({}), faults)).await;
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let mut request = Request::new(EchoRequest::default());
    request.set_timeout(Duration::from_millis(100));
    let begun = std::time::Instant::now();
    let status = client.say(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded), "{status:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let metrics = envoy.prometheus_until("the freed slot", |m| m.finished("slow", "treatment") == 1).await;
    let metrics = metrics.unwrap();
    assert_eq!((metrics.injected("slow", "delay"), metrics.injected("slow", "abort")), (1, 0));
    assert_eq!((metrics.in_flight(), upstream.calls()), (0, 0));
}
