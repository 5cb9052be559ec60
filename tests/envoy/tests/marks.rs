//! `mark: headers` on a real Envoy: what the upstream and the client see, in HTTP/1.1 and HTTP/2.

use serde_json::{Value, json};
use squall_envoy_tests::{Envoy, EnvoyConfig, Experiment, HttpClient, HttpUpstream, Reply};

const SMUGGLED: [(&str, &str); 6] = [
    ("x-chaos-mission", "evil"),
    ("x-chaos-fault", "abort"),
    ("X-CHAOS-FAULT", "twice"),
    ("x-chaos-scenario", "evil"),
    ("x-chaos-value", "evil"),
    ("x-chaos-group", "control"),
];

fn experiment() -> Experiment {
    let delay = |phase: &str| json!([{"delay": {"fixed": "5ms", "phase": phase}}]);
    Experiment::new()
        .on_path("slow", "/slow", delay("request"))
        .on_path("late", "/late", delay("response"))
        .on_path("gone", "/gone", json!([{"delay": {"fixed": "5ms"}}, {"abort": {"status": 503}}]))
        .scenario(
            "once",
            json!({"match": [{"path": {"exact": "/once"}}], "sample": {"percent": 100, "by": {"header": "x-user"}}}),
            delay("request"),
        )
        .with("safety", json!({"max_total": 1}))
}

async fn start(upstream: &HttpUpstream, experiment: &Experiment) -> Envoy {
    Envoy::start(EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap())).await.unwrap()
}

const NAMES: [&str; 5] =
    ["x-chaos-mission", "x-chaos-scenario", "x-chaos-fault", "x-chaos-value", "x-chaos-group"];

/// The values of each mark that the upstream saw.
fn upstream_marks(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200);
    NAMES.iter().map(|name| reply.json()["headers"][name].clone()).collect()
}

fn client_marks(reply: &Reply) -> Vec<Vec<&str>> {
    let values = |name: &&str| reply.headers.get_all(*name).iter().map(|v| v.to_str().unwrap()).collect();
    NAMES.iter().map(values).collect()
}

fn clients(envoy: &Envoy) -> [HttpClient; 2] {
    [HttpClient::http1(envoy.addr("ingress")), HttpClient::http2(envoy.addr("ingress"))]
}

#[tokio::test]
async fn a_faulted_request_is_marked_for_its_upstream_and_its_client_and_smuggled_marks_are_gone() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment().set("mark", json!("headers"))).await;
    for client in clients(&envoy) {
        for headers in [&[][..], &SMUGGLED] {
            for name in ["slow", "late"] {
                let reply = client.get_with(&format!("/{name}"), headers).await.unwrap();
                assert_eq!(
                    upstream_marks(&reply),
                    [["test"], [name], ["delay"], ["5ms"], ["treatment"]].map(|value| json!(value))
                );
                assert_eq!(client_marks(&reply), [["test"], [name], ["delay"], ["5ms"], ["treatment"]]);
            }
            let reply = client.get_with("/gone", headers).await.unwrap();
            assert_eq!(reply.status, 503);
            assert_eq!(
                client_marks(&reply),
                [["test"], ["gone"], ["delay,abort"], ["5ms,503"], ["treatment"]]
            );
        }
    }
}

#[tokio::test]
async fn who_has_no_fault_has_no_mark_whatever_the_client_sends() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment().set("mark", json!("headers"))).await;
    let user = [&SMUGGLED[..], &[("x-user", "ada")]].concat();
    let [first, second] = clients(&envoy);
    let treated = first.get_with("/once", &user).await.unwrap();
    assert_eq!(client_marks(&treated), [["test"], ["once"], ["delay"], ["5ms"], ["treatment"]]);
    for client in [first, second] {
        // Nothing matches; the sample header is missing; the cap is full.
        for (path, headers) in [("/other", &SMUGGLED[..]), ("/once", &SMUGGLED), ("/once", &user)] {
            let reply = client.get_with(path, headers).await.unwrap();
            assert_eq!(upstream_marks(&reply), [const { Value::Null }; 5], "{path}");
            assert_eq!(client_marks(&reply), [[""; 0]; 5], "{path}");
        }
    }
}

#[tokio::test]
async fn without_the_key_headers_pass_as_they_are() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&upstream, &experiment()).await;
    for client in clients(&envoy) {
        let reply = client.get_with("/slow", &SMUGGLED).await.unwrap();
        assert_eq!(
            upstream_marks(&reply),
            [
                json!(["evil"]),
                json!(["evil"]),
                json!(["abort", "twice"]),
                json!(["evil"]),
                json!(["control"])
            ]
        );
        assert_eq!(client_marks(&reply), [[""; 0]; 5]);
    }
}
