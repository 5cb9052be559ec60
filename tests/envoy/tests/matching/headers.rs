//! Header conditions: every kind, inverted, with several values, with bytes that are no text.

use serde_json::json;
use squall_envoy_tests::{Experiment, HttpClient, raw_exchange};

use super::{BOTH, PASSES, any_of, rule, start};

/// Cases 21, 22 and 24: every kind of condition, its opposite, and several values of one header.
#[tokio::test]
async fn headers_match_in_every_kind_and_inverted() {
    let kinds = [
        ("exact", json!("a,b"), ["a,b", "a,b"], "a"),
        ("prefix", json!("be"), ["beta", "be"], "alpha"),
        ("suffix", json!("ta"), ["beta", "ta"], "tap"),
        ("contains", json!("ell"), ["hello", "ell"], "helo"),
        ("regex", json!("[0-9]{3}"), ["123", "007"], "1234"),
        ("present", json!(true), ["", "anything"], ""),
    ];
    let mut experiment = Experiment::new();
    for (status, (kind, wanted, ..)) in (410..).zip(&kinds) {
        let plain = json!({"name": "x-one", *kind: wanted});
        let inverted = json!({"name": "x-one", *kind: wanted, "invert": true});
        let path = |text: &str| json!({"exact": format!("/{text}/{kind}")});
        experiment = rule(experiment, status, json!({"path": path("plain"), "headers": [plain]}));
        experiment = rule(experiment, status + 10, json!({"path": path("inverted"), "headers": [inverted]}));
    }
    let (_upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let status_of = async |path: String, headers: &[(&str, &str)]| {
            client.get_with(&path, headers).await.unwrap().status
        };
        for (status, (kind, _, hits, miss)) in (410..).zip(&kinds) {
            let (plain, inverted) = (format!("/plain/{kind}"), format!("/inverted/{kind}"));
            for hit in hits {
                let headers = [("x-one", *hit)];
                assert_eq!(status_of(plain.clone(), &headers).await, status, "{kind} {hit:?}");
                assert_eq!(status_of(inverted.clone(), &headers).await, PASSES, "not {kind} {hit:?}");
            }
            assert_eq!(status_of(plain.clone(), &[]).await, PASSES, "{kind} of an absent header");
            assert_eq!(status_of(inverted.clone(), &[]).await, status + 10, "not {kind} of an absent header");
            if *kind != "present" {
                let headers = [("x-one", *miss)];
                assert_eq!(status_of(plain.clone(), &headers).await, PASSES, "{kind} {miss:?}");
                assert_eq!(status_of(inverted.clone(), &headers).await, status + 10, "not {kind} {miss:?}");
            }
        }
        // RFC 9110 section 5.3: two lines of one header are one list.
        let two_lines = [("x-one", "a"), ("x-other", "-"), ("x-one", "b")];
        assert_eq!(status_of("/plain/exact".to_owned(), &two_lines).await, 410, "{protocol:?}");
        assert_eq!(status_of("/plain/exact".to_owned(), &two_lines[..2]).await, PASSES, "{protocol:?}");
    }
}

/// Cases 21 and 22: all parts of a rule have to hold, and a miss counts nothing, waits for nothing, marks nothing.
#[tokio::test]
async fn a_miss_by_one_header_counts_nothing() {
    let headers = json!([{"name": "x-foo1", "exact": "Bar"}, {"name": "x-foo2", "present": true}]);
    let experiment = rule(Experiment::new(), 503, json!({"headers": headers}));
    let (upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for miss in [
            [("x-foo1", "Bar"), ("x-foo3", "1")],
            [("x-foo1", "bar"), ("x-foo2", "1")],
            [("x-foo2", "1"), ("x-foo3", "Bar")],
        ] {
            assert_eq!(client.get_with("/", &miss).await.unwrap().status, PASSES, "{miss:?}");
        }
    }
    assert_eq!(upstream.requests(), 6);
    for entry in envoy.access_log_of(6).await.unwrap() {
        assert_eq!((entry.mission, entry.scenario, entry.fault), (None, None, None));
    }
    let metrics = envoy.prometheus().await.unwrap();
    for family in ["chaos_faults_injected_total", "chaos_requests_total", "chaos_faults_suppressed_total"] {
        assert_eq!(metrics.sum(family, &[]), 0.0, "{family}");
    }
    assert_eq!(metrics.sum("service_downstream_latency_ms_count", &[]), 0.0);

    let both = [("x-foo1", "Bar"), ("x-foo2", "")];
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get_with("/", &both).await.unwrap().status, 503);
    assert_eq!(envoy.injected("s503", "abort").await.unwrap(), 1);
}

/// Promise P8: bytes that are no UTF-8 are compared as bytes, and the module survives them in every place.
#[tokio::test]
async fn a_header_that_is_not_utf8_is_a_value_like_any_other() {
    let mut experiment = Experiment::new();
    for (status, kind, wanted) in [
        (411, "prefix", json!("pre")),
        (412, "suffix", json!("end")),
        (413, "contains", json!("mid")),
        (414, "regex", json!(".*x.*")),
        (410, "exact", json!("plain")),
    ] {
        experiment = rule(experiment, status, json!({"headers": [{"name": "x-bad", kind: wanted}]}));
    }
    let sticky = json!({
        "match": [{"headers": [{"name": "x-bad", "present": true}]}],
        "sample": {"percent": 99.9999, "by": {"header": "x-bad"}}
    });
    let (upstream, envoy) = start(&any_of(experiment, 415, sticky)).await;
    let status_of = async |value: &[u8]| {
        let head: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-bad: ";
        let raw = [head, value, b"\r\n\r\n"].concat();
        let answer = raw_exchange(envoy.addr("ingress"), &raw).await.unwrap();
        String::from_utf8_lossy(&answer).get(9..12).and_then(|status| status.parse::<u16>().ok())
    };
    for (value, status) in [
        (&b"pre\xff\xfe"[..], 411),
        (b"\xff\xfeend", 412),
        // A value that is not text contains no text and matches no expression: the last scenario takes it.
        (b"\xffmid\xff", 415),
        (b"\xffx", 415),
        (b"\xc3\x28", 415),
        (b"mid", 413),
        (b"plain", 410),
    ] {
        assert_eq!(status_of(value).await, Some(status), "{value:?}");
    }
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/").await.unwrap().status, PASSES);
    assert_eq!(client.get_with("/", &[("x-bad", "plain")]).await.unwrap().status, 410, "the filter is alive");
    assert_eq!(upstream.requests(), 1);
    assert_eq!(envoy.prometheus().await.unwrap().sum("chaos_host_errors_total", &[]), 0.0);
}

/// Envoy has `Host` as `:authority` alone, so that a condition on a header `host` would never hold.
#[tokio::test]
async fn the_host_is_matched_as_authority_and_refused_as_a_header() {
    let by_authority = rule(Experiment::new(), 503, json!({"authority": {"exact": "db.shop"}}));
    let (_upstream, envoy) = start(&by_authority).await;
    let ask = "GET /size/1 HTTP/1.1\r\nhost: DB.shop\r\nconnection: close\r\n\r\n";
    let reply = raw_exchange(envoy.addr("ingress"), ask.as_bytes()).await.unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&reply));
    for scope in [
        json!({"match": [{"headers": [{"name": "host", "exact": "db.shop"}]}]}),
        json!({"sample": {"by": {"header": "host"}}}),
    ] {
        let by_header = Experiment::new().scenario("a", scope, json!([{"abort": {"status": 503}}]));
        let (_upstream, envoy) = start(&by_header).await;
        let log = envoy.log();
        assert!(log.contains("error[bad-format]") && log.contains("for `host` match `authority`"), "{log}");
    }
}
