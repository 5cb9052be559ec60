//! Aborts on a real Envoy: what a client, the upstream, the access log and the counters see of them.

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpUpstream, Listener, Load,
    Protocol, Route, VirtualHost, assert_share, raw_exchange, request,
};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

async fn start(experiment: &Experiment) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    (upstream, envoy)
}

fn abort(fields: Value) -> Value {
    json!([{"abort": fields}])
}

/// Case 1.
#[tokio::test]
async fn a_catalog_without_a_mission_leaves_every_request_alone() {
    let mut plugin = Experiment::new().scenario("all", json!({}), abort(json!({"status": 503}))).plugin();
    plugin.as_object_mut().unwrap().remove("mission");
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = squall_envoy_tests::HttpFilter::squall(&plugin).unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    for protocol in BOTH {
        let reply = HttpClient::new(envoy.addr("ingress"), protocol).get("/users/7").await.unwrap();
        assert_eq!(reply.status, 200);
    }
    assert_eq!(upstream.requests(), 2);
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.value("chaos_config_rejected", &[]), Some(0.0));
    for family in ["chaos_faults_injected_total", "chaos_requests_total", "chaos_faults_in_flight"] {
        assert_eq!(metrics.sum(family, &[]), 0.0, "{family}");
    }
}

/// Case 2: the answer is ours alone, and every place that tells about it agrees.
#[tokio::test]
async fn an_abort_answers_in_the_upstreams_place_and_says_so_everywhere() {
    let own = json!({
        "status": 429,
        "body": "{\"error\":\"slow down\"}",
        "headers": {"content-type": "application/json", "retry-after": "7"}
    });
    let (upstream, envoy) = start(&Experiment::new().scenario("limit", json!({}), abort(own))).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let reply = client.get("/users/7?full=1").await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (429, "{\"error\":\"slow down\"}"));
        let types: Vec<_> = reply.headers.get_all("content-type").iter().collect();
        assert_eq!(types, ["application/json"], "in place of the default, not beside it");
        assert_eq!(reply.header("retry-after"), Some("7"));
        assert_eq!(reply.header("content-length"), Some("21"));
    }
    assert_eq!((upstream.requests(), upstream.connections()), (0, 0));

    for entry in envoy.access_log_of(2).await.unwrap() {
        assert_eq!((entry.status, entry.upstream), (429, None));
        assert_eq!(entry.details.as_deref(), Some("chaos_abort{limit}"));
        let marks = (entry.mission.as_deref(), entry.scenario.as_deref(), entry.fault.as_deref());
        assert_eq!(marks, (Some("test"), Some("limit"), Some("abort")));
    }
    let metrics =
        envoy.prometheus_until("two finished requests", |m| m.finished("limit", "treatment") == 2).await;
    let metrics = metrics.unwrap();
    assert_eq!((metrics.injected("limit", "abort"), metrics.injected("limit", "delay")), (2, 0));
    assert_eq!((metrics.finished("limit", "control"), metrics.in_flight()), (0, 0));
    let class = [("scenario", "limit"), ("group", "treatment"), ("code_class", "4xx")];
    assert_eq!(metrics.value("chaos_requests_total", &class), Some(2.0));
}

/// Case 2: without a body of its own an abort names its scenario, as plain text.
#[tokio::test]
async fn the_default_body_names_the_scenario() {
    let (_upstream, envoy) =
        start(&Experiment::new().scenario("auth-down", json!({}), abort(json!({"status": 503})))).await;
    for protocol in BOTH {
        let reply = HttpClient::new(envoy.addr("ingress"), protocol).get("/").await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (503, "chaos: aborted by scenario auth-down"));
        assert_eq!(reply.header("content-type"), Some("text/plain"));
    }
}

/// Case 35 says which statuses are refused; these are the first, the last and the odd ones that are not.
#[tokio::test]
async fn every_status_from_200_to_599_can_be_the_answer() {
    let statuses = [200_u16, 201, 206, 299, 301, 404, 418, 499, 500, 503, 599];
    let experiment = statuses.iter().fold(Experiment::new(), |experiment, status| {
        let path = format!("/{status}");
        experiment.on_path(&format!("s{status}"), &path, abort(json!({"status": status, "body": "mine"})))
    });
    let (upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for status in statuses {
            let reply = client.get(&format!("/{status}")).await.unwrap();
            assert_eq!((reply.status, reply.text().as_str()), (status, "mine"), "{protocol:?}");
        }
    }
    assert_eq!(upstream.requests(), 0);
}

/// Case 35: what cannot be a final status, and a body where none may be, is refused when it is read, and traffic passes.
#[tokio::test]
async fn a_status_outside_200_to_599_is_refused_at_load() {
    let wrong = [
        (json!({"status": 199}), "out-of-range", "abort.status"),
        (json!({"status": 600}), "out-of-range", "abort.status"),
        (json!({"status": 0}), "out-of-range", "abort.status"),
        (json!({"status": 200.5}), "out-of-range", "abort.status"),
        (json!({"grpc_status": 0}), "out-of-range", "abort.grpc_status"),
        (json!({"status": "503"}), "wrong-type", "abort.status"),
        (json!({"status": 204, "body": "something"}), "conflict", "abort.body"),
    ];
    let experiment =
        wrong.iter().enumerate().fold(Experiment::new(), |experiment, (number, (fields, ..))| {
            experiment.scenario(&format!("s{number}"), json!({}), abort(fields.clone()))
        });
    let (upstream, envoy) = start(&experiment).await;
    assert_eq!(HttpClient::http1(envoy.addr("ingress")).get("/").await.unwrap().status, 200);
    assert_eq!(upstream.requests(), 1);
    assert_eq!(envoy.prometheus().await.unwrap().value("chaos_config_rejected", &[]), Some(1.0));
    let log = envoy.log();
    for (number, (_, code, key)) in wrong.iter().enumerate() {
        let line = format!("error[{code}] catalog.scenarios[{number}].faults[0].{key}: ");
        assert!(log.contains(&line), "no `{line}` in:\n{log}");
    }
}

/// RFC 9110 section 6.4.1: such an answer ends with its headers. A body on it would be read as the next answer.
#[tokio::test]
async fn an_answer_that_may_have_no_body_has_none() {
    let bodiless = [204_u16, 205, 304];
    let experiment = bodiless.iter().fold(Experiment::new(), |experiment, status| {
        experiment.on_path(&format!("s{status}"), &format!("/{status}"), abort(json!({"status": status})))
    });
    let (upstream, envoy) = start(&experiment).await;
    for status in bodiless {
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol);
            let reply = client.get(&format!("/{status}")).await.unwrap();
            assert_eq!((reply.status, reply.body.len()), (status, 0), "{protocol:?}");
            // The connection is still in step: the next answer on it is the upstream's.
            assert_eq!(client.get("/size/3").await.unwrap().text(), "xxx", "{protocol:?}");
        }
        let raw = format!("GET /{status} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = raw_exchange(envoy.addr("ingress"), raw.as_bytes()).await.unwrap();
        let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n") && answer.matches("\r\n\r\n").count() == 1, "{answer}");
    }
    assert_eq!(upstream.requests(), 6);
}

/// RFC 9110 section 9.3.2: HEAD gets the headers of a GET and no body.
#[tokio::test]
async fn an_abort_of_head_has_headers_and_no_body() {
    let (upstream, envoy) = start(&Experiment::new().scenario(
        "gone",
        json!({}),
        abort(json!({"status": 410, "body": "not here"})),
    ))
    .await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for _ in 0..2 {
            let reply = client.send(request("HEAD", "/users/7", &[], "")).await.unwrap();
            assert_eq!((reply.status, reply.body.len()), (410, 0), "{protocol:?}");
        }
        assert_eq!(client.get("/users/7").await.unwrap().text(), "not here", "{protocol:?}");
    }
    let raw = b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = String::from_utf8(raw_exchange(envoy.addr("ingress"), raw).await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 410 Gone\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(upstream.requests(), 0);
}

/// A client that sends a body gets the answer all the same, and the upstream nothing of it.
#[tokio::test]
async fn an_upload_is_answered_without_reaching_the_upstream() {
    let (upstream, envoy) =
        start(&Experiment::new().scenario("full", json!({}), abort(json!({"status": 507})))).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let reply = client.post("/orders", &[], vec![7_u8; 16 << 10]).await.unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (507, "chaos: aborted by scenario full"));
    }
    assert_eq!((upstream.requests(), upstream.body_bytes()), (0, 0));
}

/// The percentage of a fault is a share of the requests that the scenario samples; the others are its control group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_with_a_percentage_hits_that_share_of_the_sampled_requests() {
    let faults = abort(json!({"status": 500, "percent": 25}));
    let (upstream, envoy) = start(&Experiment::new().scenario("quarter", json!({}), faults)).await;
    let load = Load::http1(envoy.addr("ingress")).path("/size/1").id_prefix("quarter");
    let report = load.requests(2_000).await.unwrap();
    let aborted = report.count(500);
    assert_eq!((aborted + report.count(200), upstream.requests()), (2_000, 2_000 - aborted));
    assert_share("aborted requests", aborted, 2_000, 0.25);
    let metrics = envoy.prometheus_until("2,000 finished requests", |m| {
        m.finished("quarter", "treatment") + m.finished("quarter", "control") == 2_000
    });
    let metrics = metrics.await.unwrap();
    assert_eq!(
        (metrics.injected("quarter", "abort"), metrics.finished("quarter", "treatment")),
        (aborted, aborted)
    );
}

/// A proxy whose route retries 5xx up to three times, with the filter in the chain in front of that router.
fn retrying(upstream: std::net::SocketAddr, experiment: Option<&Experiment>) -> EnvoyConfig {
    let route = Route::prefix("/").to("upstream").retry("5xx", 3);
    let filters = experiment.map(|experiment| experiment.filter().unwrap()).into_iter().flatten();
    let listener =
        Listener::new("ingress").filters(filters).virtual_host(VirtualHost::any("any").route(route));
    EnvoyConfig::new().listener(listener).cluster(Cluster::http1("upstream", upstream))
}

/// Case 40 (istio#25160, istio#13705): the router of the proxy that aborts never sees the request, so nothing retries it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_that_aborts_does_not_retry_its_own_abort() {
    let half = json!({"sample": {"percent": 50}});
    let experiment = Experiment::new().scenario("half", half, abort(json!({"status": 503})));
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = EnvoyOptions::default().start(retrying(upstream.addr(), Some(&experiment))).await.unwrap();
    let report = Load::http1(envoy.addr("ingress")).path("/size/1").requests(1_000).await.unwrap();
    assert_share("requests that stay aborted", report.count(503), 1_000, 0.5);
    assert_eq!(report.count(503) + upstream.requests(), 1_000);
    assert_eq!(envoy.injected("half", "abort").await.unwrap(), report.count(503));
}

/// Case 40: a proxy in front of the one that aborts does retry. A retry is the same request with the same
/// id, so a share drawn by request gives it the same fate (P5).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_in_front_retries_an_abort_and_the_same_id_is_aborted_again() {
    let half = json!({"sample": {"percent": 50}});
    let (upstream, back) =
        start(&Experiment::new().scenario("half", half, abort(json!({"status": 503})))).await;
    let front = Envoy::start(retrying(back.addr("ingress"), None)).await.unwrap();
    let report = Load::http1(front.addr("ingress")).path("/size/1").requests(400).await.unwrap();
    let failed = report.count(503);
    assert_eq!((failed + report.count(200), upstream.requests()), (400, 400 - failed));
    assert_share("requests that fail in spite of their retries", failed, 400, 0.5);
    assert_eq!(back.injected("half", "abort").await.unwrap(), failed * (1 + 3), "one try and three retries");
}
