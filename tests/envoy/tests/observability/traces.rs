//! Traces: what `chaosctl render envoy --otlp` writes, in a real Envoy with a real OTLP receiver, and a second proxy behind it that
//! takes the marks from headers.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::otlp::Span;
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, HttpClient, HttpUpstream, Listener, OtlpReceiver, Route, VirtualHost,
    eventually, repo_root,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

const MARKS: [&str; 5] = ["mission", "scenario", "fault", "value", "group"];

fn catalog() -> Value {
    let on = |path: &str| json!({"match": [{"path": {"exact": path}}]});
    json!({"version": 1, "scenarios": [
        {"name": "slow", "scope": on("/slow"), "faults": [{"delay": {"fixed": "20ms"}}]},
        {"name": "gone", "scope": on("/gone"), "faults": [{"delay": {"fixed": "5ms"}}, {"abort": {"status": 503}}]},
    ]})
}

/// The front proxy, as chaosctl writes it.
async fn front(behind: &Envoy, receiver: &OtlpReceiver) -> Envoy {
    let folder = tempfile::tempdir().unwrap();
    let mission = json!({"version": 1, "id": "traced", "scenarios": ["slow", "gone"], "namespace": "shop",
        "duration": "1h", "mark": "headers"});
    for (name, document) in [("catalog.json", catalog()), ("mission.json", mission)] {
        std::fs::write(folder.path().join(name), document.to_string()).unwrap();
    }
    let chaosctl = repo_root().join("target/release/chaosctl");
    let output = Command::new(&chaosctl)
        .current_dir(folder.path())
        .args(["render", "envoy", "--catalog", "catalog.json", "--mission", "mission.json"])
        .args(["--service", "front", "--listen", "127.0.0.1:0", "--otlp", &receiver.addr().to_string()])
        .args(["--upstream", &behind.addr("ingress").to_string()])
        .args(["--module", &repo_root().join("target/squall.wasm").display().to_string()])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", chaosctl.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Envoy::start(String::from_utf8(output.stdout).unwrap()).await.unwrap()
}

/// A proxy without Squall, whose spans take the marks from headers as Istio's `customTags` with `header` do.
async fn behind(upstream: &HttpUpstream, receiver: &OtlpReceiver) -> Envoy {
    let tags: Vec<Value> = MARKS
        .iter()
        .map(|mark| json!({"tag": format!("chaos.{mark}"), "request_header": {"name": format!("x-chaos-{mark}")}}))
        .collect();
    let tracing = json!({"custom_tags": tags, "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig", "service_name": "behind",
        "grpc_service": {"envoy_grpc": {"cluster_name": "otlp"}, "timeout": "1s"},
    }}});
    let listener = Listener::new("ingress")
        .virtual_host(VirtualHost::any("any").route(Route::prefix("/").to("upstream")))
        .set_http("tracing", tracing);
    let config = EnvoyConfig::new()
        .listener(listener)
        .cluster(Cluster::http1("upstream", upstream.addr()))
        .cluster(Cluster::http2("otlp", receiver.addr()));
    Envoy::start(config).await.unwrap()
}

fn marks(span: &Span) -> Vec<Option<&str>> {
    MARKS.iter().map(|mark| span.attributes.get(&format!("chaos.{mark}")).map(String::as_str)).collect()
}

#[tokio::test]
async fn spans_carry_the_marks_and_traces_go_on_through_faults_and_injected_replies() {
    let upstream = HttpUpstream::start().await.unwrap();
    let receiver = OtlpReceiver::start().await.unwrap();
    let behind = behind(&upstream, &receiver).await;
    let front = front(&behind, &receiver).await;
    let client = HttpClient::http1(front.addr("squall"));
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    for (path, status) in [("/slow", 200), ("/gone", 503), ("/plain", 200)] {
        let reply = client.get_with(path, &[("traceparent", &traceparent)]).await.unwrap();
        assert_eq!(reply.status, status, "{path}");
    }

    // Envoy sends them every five seconds.
    let all = eventually("five spans", Duration::from_secs(30), async || {
        Some(receiver.spans()).filter(|spans| spans.len() >= 5)
    });
    let spans = all.await.unwrap();
    let of = |service: &str, path: &str| -> Vec<&Span> {
        let named = |span: &&Span| span.attributes.get("http.url").is_some_and(|url| url.ends_with(path));
        spans.iter().filter(|span| span.service == service).filter(named).collect()
    };
    let one = |service: &str, path: &str| match of(service, path)[..] {
        [span] => span,
        ref other => panic!("{service} {path}: {other:?} of {spans:#?}"),
    };
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    for path in ["/slow", "/gone", "/plain"] {
        assert_eq!(one("front", path).parent, CALLER, "{path}: its caller's trace goes on");
    }

    let slow = [Some("traced"), Some("slow"), Some("delay"), Some("20ms"), Some("treatment")];
    assert_eq!(marks(one("front", "/slow")), slow, "by filter state");
    assert_eq!(marks(one("behind", "/slow")), slow, "by header");
    assert_eq!(one("behind", "/slow").parent, one("front", "/slow").id, "the upstream's span is a child");

    let gone = [Some("traced"), Some("gone"), Some("delay,abort"), Some("5ms,503"), Some("treatment")];
    assert_eq!(marks(one("front", "/gone")), gone, "an injected reply has a span like any other");
    assert_eq!(one("front", "/gone").attributes["http.status_code"], "503");
    assert_eq!(of("behind", "/gone"), [] as [&Span; 0], "nobody behind it was asked");

    for service in ["front", "behind"] {
        assert_eq!(marks(one(service, "/plain")), [None; 5], "{service}: no fault, no mark");
    }
    access_log(&front).await;
}

/// The same marks in the access log, which goes to standard output.
async fn access_log(front: &Envoy) {
    let lines = eventually("three lines", Duration::from_secs(20), async || {
        let log = front.log();
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let entries: Vec<Value> = lines.into_iter().filter(|line| line["path"].is_string()).collect();
        Some(entries).filter(|entries| entries.len() == 3)
    });
    let lines = lines.await.unwrap();
    let marks = |path: &str| -> Vec<Value> {
        let line = lines.iter().find(|line| line["path"] == path).unwrap();
        MARKS.iter().map(|mark| line[format!("chaos_{mark}")].clone()).collect()
    };
    assert_eq!(marks("/slow"), ["traced", "slow", "delay", "20ms", "treatment"]);
    assert_eq!(marks("/gone"), ["traced", "gone", "delay,abort", "5ms,503", "treatment"]);
    assert_eq!(marks("/plain"), [const { Value::Null }; 5]);
}
