//! Answers that are there and wrong, and requests that are not what was sent.

use serde_json::{Value, json};
use squall_envoy_tests::{Cluster, Envoy, Experiment, HttpClient, HttpUpstream, request};

use super::{BOTH, bootstrap, everywhere, patterned, start, until};

fn mutate(fields: Value) -> Experiment {
    everywhere(json!([{"mutate": fields}]))
}

#[tokio::test]
async fn the_upstream_sees_another_request() {
    let change = json!({"request": {
        "path": "/other?x=1", "headers": {"x-tenant": "none", "x-new": "1"}, "remove_headers": ["authorization"]
    }});
    let (_upstream, envoy) = start(&mutate(change)).await;
    for protocol in BOTH {
        let headers = [("x-tenant", "beta"), ("authorization", "secret"), ("x-kept", "yes")];
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let seen = client.get_with("/users/7", &headers).await.unwrap().json();
        assert_eq!(seen["path"], "/other?x=1");
        let seen = &seen["headers"];
        assert_eq!(
            (&seen["x-tenant"], &seen["x-new"], &seen["x-kept"]),
            (&json!(["none"]), &json!(["1"]), &json!(["yes"]))
        );
        assert_eq!(seen["authorization"], Value::Null);
    }
    let metrics = until(&envoy, "both", |m| m.finished("s", "treatment") == 2).await;
    assert_eq!(metrics.injected("s", "mutate"), 2);
}

#[tokio::test]
async fn the_client_sees_another_response() {
    let change = json!({"response": {
        "status": 500, "headers": {"content-type": "text/html", "x-broken": "1"}, "remove_headers": ["date"],
        "body": {"replace": "<h1>oops</h1>"}
    }});
    let (upstream, envoy) = start(&mutate(change)).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for path in ["/users/7", "/size/1", "/size/3000000"] {
            let reply = client.get(path).await.unwrap();
            assert_eq!((reply.status, reply.text().as_str()), (500, "<h1>oops</h1>"), "{protocol:?} {path}");
            assert_eq!(reply.header("content-length"), Some("13"));
            assert_eq!(
                (reply.header("content-type"), reply.header("x-broken")),
                (Some("text/html"), Some("1"))
            );
        }
        let head = client.send(request("HEAD", "/size/9", &[], "")).await.unwrap();
        assert_eq!((head.status, head.body.len()), (500, 0));
    }
    assert_eq!(upstream.requests(), 8, "the upstream did its work");
    let metrics = until(&envoy, "all", |m| m.finished("s", "treatment") == 8).await;
    assert_eq!(metrics.injected("s", "mutate"), 8);
    let class = [("scenario", "s"), ("group", "treatment"), ("code_class", "5xx")];
    assert_eq!(metrics.value("chaos_requests_total", &class), Some(8.0));
}

/// RFC 7396: members are set, removed with null, and merged inside objects.
#[tokio::test]
async fn a_json_body_is_merged_with_a_patch() {
    let patch = json!({"method": null, "path": "/forged", "headers": {"host": ["forged"]}, "n": 7});
    let experiment = mutate(json!({"response": {"body": {"merge": patch}}}));
    let upstream = HttpUpstream::start().await.unwrap();
    let clusters = [Cluster::http1("upstream", upstream.addr()), Cluster::http2("upstream", upstream.addr())];
    for cluster in clusters {
        let envoy = Envoy::start(bootstrap(&experiment, cluster, 32 << 10)).await.unwrap();
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol);
            let reply = client.get_with("/users/7", &[("x-mine", "1")]).await.unwrap();
            let seen = reply.json();
            assert_eq!(
                (&seen["path"], &seen["n"], &seen["method"]),
                (&json!("/forged"), &json!(7), &Value::Null),
                "{}",
                reply.text()
            );
            assert_eq!(
                (&seen["headers"]["host"], &seen["headers"]["x-mine"]),
                (&json!(["forged"]), &json!(["1"]))
            );
            let length = reply.header("content-length").map(|l| l.parse::<usize>().unwrap());
            assert!(length.is_none_or(|length| length == reply.body.len()), "{length:?}");
        }
        let metrics = until(&envoy, "both", |m| m.finished("s", "treatment") == 2).await;
        assert_eq!(metrics.injected("s", "mutate"), 2);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_merged_passes_as_it_is_and_is_counted() {
    let (_upstream, envoy) = start(&mutate(json!({"response": {"body": {"merge": {"a": 1}}}}))).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for size in [10, 32 << 10, (32 << 10) + 1, 3 << 20] {
            let reply = client.post("/echo", &[], patterned(size)).await.unwrap();
            assert!(reply.status == 200 && reply.body == patterned(size), "{protocol:?} {size}");
        }
    }
    let metrics = until(&envoy, "all", |m| m.finished("s", "treatment") == 8).await;
    assert_eq!(metrics.injected("s", "mutate"), 0);
    assert_eq!((metrics.spared("s", "body_not_json"), metrics.spared("s", "body_too_large")), (4, 4));
}

/// A length that is declared is looked at; one that is not is found out, without Envoy failing the response.
#[tokio::test]
async fn a_body_of_unknown_length_that_is_too_large_passes_as_it_is() {
    let upstream = HttpUpstream::start().await.unwrap();
    let experiment = mutate(json!({"response": {"body": {"merge": {"a": 1}, "max_size": "1KiB"}}}));
    let envoy = Envoy::start(bootstrap(&experiment, Cluster::http2("upstream", upstream.addr()), 32 << 10))
        .await
        .unwrap();
    let client = HttpClient::http2(envoy.addr("ingress"));
    let reply = client.get("/trailers").await.unwrap();
    assert_eq!(reply.text(), "with trailers");
    assert_eq!(reply.trailers.unwrap()["x-trailer"], "sent");
    let metrics = until(&envoy, "the end", |m| m.finished("s", "treatment") == 1).await;
    assert_eq!(metrics.spared("s", "body_not_json"), 1);
}

/// The share of changed bytes is the declared one, and the same request id changes the same bytes.
#[tokio::test]
async fn a_share_of_the_bytes_is_corrupted_the_same_way_each_time() {
    let (_upstream, envoy) = start(&mutate(json!({"response": {"body": {"corrupt": 5}}}))).await;
    let size = 200_000;
    let mut first: Option<Vec<u8>> = None;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let reply = client.post("/echo", &[("x-request-id", "one")], patterned(size)).await.unwrap();
        assert_eq!(reply.header("content-length"), Some("200000"));
        let changed = reply.body.iter().zip(patterned(size)).filter(|(a, b)| **a != *b).count();
        squall_envoy_tests::assert_share("changed bytes", changed as u64, size as u64, 0.05);
        let first = first.get_or_insert_with(|| reply.body.to_vec());
        assert!(*first == reply.body, "{protocol:?}");
    }
}
