//! Faults that callers ask for on a real Envoy: the siblings of Envoy's `x-envoy-fault-*` headers, over HTTP/1.1, HTTP/2
//! and gRPC.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use squall_envoy_tests::{
    EchoRequest, Envoy, EnvoyConfig, Experiment, GrpcClient, GrpcUpstream, HttpClient, HttpFilter,
    HttpUpstream, Load, Protocol, assert_share,
};
use squall_policy::{Minted, base64, mint};
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn plugin(limits: Value) -> Value {
    let mut plugin = Experiment::new().scenario("asked", json!({}), json!([{"requested": limits}])).plugin();
    plugin["caller_keys"] = json!([{"name": "team-a", "secret": base64(SECRET)}]);
    plugin
}

async fn start(limits: Value) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = HttpFilter::squall(&plugin(limits)).unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    (upstream, envoy)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn minted(fault: &str) -> Minted {
    mint("team-a", SECRET, now() + 600, fault).unwrap()
}

fn headers(minted: &Minted) -> [(&str, &str); 2] {
    [("x-chaos-fault", &minted.fault), ("x-chaos-token", &minted.token)]
}

async fn status(envoy: &Envoy, protocol: Protocol, headers: &[(&str, &str)]) -> u16 {
    HttpClient::new(envoy.addr("ingress"), protocol).get_with("/users/7", headers).await.unwrap().status
}

/// Signs what `mint` refuses: whoever has the key may write what no filter reads.
fn signed(fault: &str) -> Minted {
    use hmac::{Hmac, Mac};
    let expires = now() + 600;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("squall-fault-v1\nteam-a\n{expires}\n{fault}").as_bytes());
    let token = format!("v1.team-a.{expires}.{}", base64(&mac.finalize().into_bytes()));
    Minted { fault: fault.to_owned(), token }
}

/// Cases 4, 6, 7, 12: an abort by header, and by baggage; the HTTP status wins; without a header nothing happens.
#[tokio::test]
async fn an_abort_that_is_asked_for_answers_in_the_upstreams_place() {
    let (upstream, envoy) = start(json!({})).await;
    for protocol in BOTH {
        assert_eq!(status(&envoy, protocol, &headers(&minted("abort=429"))).await, 429);
        assert_eq!(status(&envoy, protocol, &headers(&minted("abort=429;abort-grpc=5"))).await, 429);
        assert_eq!(status(&envoy, protocol, &headers(&minted("abort=418;delay-percent=50"))).await, 418);
        assert_eq!(
            status(&envoy, protocol, &[("baggage", &format!("a=b,{}", minted("abort=504").baggage()))]).await,
            504
        );
        assert_eq!(upstream.requests(), 0);
        let minted = minted("abort=429");
        // Names of headers have no case in HTTP/1.1, and none but lower in HTTP/2.
        let named = match protocol {
            Protocol::Http1 => [("X-Chaos-Fault", minted.fault.as_str()), ("X-CHAOS-TOKEN", &minted.token)],
            Protocol::Http2 => headers(&minted),
        };
        assert_eq!(status(&envoy, protocol, &named).await, 429);
    }
    assert_eq!(status(&envoy, Protocol::Http1, &[]).await, 200);
    let metrics =
        envoy.prometheus_until("all requests", |m| m.sum("chaos_requests_total", &[]) == 11.0).await.unwrap();
    assert_eq!((metrics.injected("asked", "abort"), metrics.injected("asked", "delay")), (10, 0));
    assert_eq!((metrics.finished("asked", "treatment"), metrics.finished("asked", "control")), (10, 1));
    let entry = envoy.access_log_of(11).await.unwrap().remove(0);
    assert_eq!(entry.details.as_deref(), Some("chaos_abort{asked}"));
    assert_eq!(entry.fault.as_deref(), Some("abort"));
}

/// Cases 8, 10, 13, 14, 15 and all that is not believed: it passes, and is counted with its cause.
#[tokio::test]
async fn what_is_asked_for_wrongly_passes_and_is_counted_with_its_cause() {
    let (upstream, envoy) =
        start(json!({"allow": ["delay", "abort", "throttle"], "max_delay": "500ms"})).await;
    let zero =
        minted("delay=100ms;delay-percent=0;abort=503;abort-percent=0;throttle=1KiB/s;throttle-percent=0");
    let expired = mint("team-a", SECRET, now() - 1, "abort=503").unwrap();
    let forever = mint("team-a", SECRET, now() + 86_400, "abort=503").unwrap();
    let forged = mint("team-a", b"another secret of sixteen", now() + 60, "abort=503").unwrap();
    let bound = minted("abort=503;authority=elsewhere.example.com");
    let swapped = Minted { fault: "abort=500".to_owned(), ..minted("abort=503") };
    let requests = [
        (zero, None),
        (signed("delay=abc"), Some("malformed")),
        (signed("throttle=abc"), Some("malformed")),
        (signed("throttle=0"), Some("malformed")),
        (signed("abort=199"), Some("malformed")),
        (signed("abort=600"), Some("malformed")),
        (expired, Some("expired")),
        (forever, Some("over_limit")),
        (minted("delay=501ms"), Some("over_limit")),
        (forged, Some("bad_signature")),
        (swapped, Some("bad_signature")),
        (bound, Some("other_target")),
    ];
    for protocol in BOTH {
        for (minted, _) in &requests {
            assert_eq!(status(&envoy, protocol, &headers(minted)).await, 200, "{minted:?}");
        }
        assert_eq!(status(&envoy, protocol, &[("x-chaos-fault", "abort=503")]).await, 200);
        assert_eq!(status(&envoy, protocol, &[("baggage", "chaos=%zz;%,,=,chaos-token")]).await, 200);
        // Repeated headers: the first value counts.
        let (first, second) = (minted("abort=429"), minted("abort=500"));
        let twice = [headers(&first), headers(&second)].concat();
        assert_eq!(status(&envoy, protocol, &twice).await, 429);
    }
    assert_eq!(upstream.requests(), 28);
    let metrics =
        envoy.prometheus_until("all requests", |m| m.sum("chaos_requests_total", &[]) == 30.0).await.unwrap();
    for (cause, each) in [
        ("malformed", 6),
        ("expired", 1),
        ("over_limit", 2),
        ("bad_signature", 2),
        ("other_target", 1),
        ("unsigned", 1),
    ] {
        assert_eq!(metrics.spared("asked", cause), 2 * each, "{cause}");
    }
    assert_eq!(metrics.injected("asked", "abort"), 2);
    // seen = spared + injected: 2 injected, 26 ignored, and 2 that drew nothing are control.
    let groups = ["treatment", "other", "control"].map(|group| metrics.finished("asked", group));
    assert_eq!(groups, [2, 26, 2]);
}

/// Cases 9 and 16: a delay and a pace; while the delay lasts the upstream sees nothing and the gauge is 1.
#[tokio::test]
async fn a_delay_and_a_pace_that_are_asked_for_are_served() {
    let (upstream, envoy) = start(json!({"allow": ["delay", "throttle"]})).await;
    for protocol in BOTH {
        let before = upstream.requests();
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        let minted = minted("delay=400ms;throttle=64KiB/s");
        let asked = headers(&minted);
        let sent = Instant::now();
        let (reply, metrics) = tokio::join!(
            client.get_with("/users/7", &asked),
            envoy.prometheus_until("a fault in flight", |m| m.in_flight() == 1)
        );
        assert_eq!(metrics.unwrap().in_flight(), 1);
        assert_eq!(reply.unwrap().status, 200);
        assert!(sent.elapsed() >= Duration::from_millis(394), "{:?}", sent.elapsed());
        assert_eq!(upstream.requests(), before + 1);
    }
    let metrics = envoy.prometheus_until("the end", |m| m.finished("asked", "treatment") == 2).await.unwrap();
    assert_eq!((metrics.injected("asked", "delay"), metrics.injected("asked", "throttle")), (2, 2));
    assert_eq!((metrics.injected("asked", "abort"), metrics.in_flight()), (0, 0));
}

/// Case 11.
#[tokio::test]
async fn a_percentage_that_is_asked_for_is_capped_at_the_scenarios() {
    let (_upstream, envoy) = start(json!({"percent": 20})).await;
    let minted = minted("abort=503;abort-percent=80");
    let load = Load::http1(envoy.addr("ingress")).get_with("/", &headers(&minted));
    let _ = load.requests(2000).await.unwrap();
    let metrics = envoy
        .prometheus_until("2000 requests", |m| m.sum("chaos_requests_total", &[]) == 2000.0)
        .await
        .unwrap();
    assert_share("asked for 80 of at most 20 %", metrics.injected("asked", "abort"), 2000, 0.2);
}

/// Cases 3, 5, 6: a gRPC status by metadata, as number and as name, to a real client.
#[tokio::test]
async fn a_grpc_client_gets_the_status_that_it_asked_for() {
    let upstream = GrpcUpstream::start().await.unwrap();
    let filter = HttpFilter::squall(&plugin(json!({}))).unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy_http2(upstream.addr(), [filter])).await.unwrap();
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let call = |headers: &[(&'static str, String)]| {
        let mut metadata = MetadataMap::new();
        for (name, value) in headers {
            metadata.insert(*name, value.parse().unwrap());
        }
        Request::from_parts(metadata, Extensions::default(), EchoRequest::default())
    };
    for (fault, code) in [
        ("abort-grpc=5", Code::NotFound),
        ("abort-grpc=UNAVAILABLE", Code::Unavailable),
        ("delay=20ms;abort-grpc=RESOURCE_EXHAUSTED", Code::ResourceExhausted),
        // The HTTP status wins, and Envoy maps it.
        ("abort=404;abort-grpc=5", Code::Unimplemented),
    ] {
        let minted = minted(fault);
        let by_header = [("x-chaos-fault", minted.fault.clone()), ("x-chaos-token", minted.token.clone())];
        assert_eq!(client.say(call(&by_header)).await.unwrap_err().code(), code, "{fault}");
        let by_baggage = [("baggage", minted.baggage())];
        assert_eq!(client.say(call(&by_baggage)).await.unwrap_err().code(), code, "{fault}");
    }
    assert_eq!(upstream.calls(), 0);
    assert!(client.say(call(&[("x-chaos-fault", "abort-grpc=5".to_owned())])).await.is_ok());
}

/// The token ends here, unless the scenario forwards it; baggage always goes on.
#[tokio::test]
async fn the_headers_end_here_and_baggage_goes_on() {
    for (limits, forwarded) in [(json!({}), false), (json!({"forward": true}), true)] {
        let (_upstream, envoy) = start(limits).await;
        for protocol in BOTH {
            let client = HttpClient::new(envoy.addr("ingress"), protocol);
            let minted = minted("delay=5ms");
            let seen = client.get_with("/", &headers(&minted)).await.unwrap().json()["headers"].clone();
            assert_eq!(seen["x-chaos-fault"].is_null(), !forwarded, "{seen}");
            assert_eq!(seen["x-chaos-token"].is_null(), !forwarded, "{seen}");
            let seen = client.get_with("/", &[("baggage", &minted.baggage())]).await.unwrap().json();
            assert_eq!(seen["headers"]["baggage"], json!([minted.baggage()]));
        }
        assert_eq!(envoy.injected("asked", "delay").await.unwrap(), 4);
    }
}

/// The secret stays out of the plugin configuration: `vm_config.environment_variables`.
#[tokio::test]
async fn the_secret_comes_from_the_environment_of_the_vm() {
    let mut plugin = plugin(json!({}));
    plugin["caller_keys"] = json!([{"name": "team-a", "secret_env": "TEAM_A_KEY"}]);
    let mut config = HttpFilter::squall_config("squall", &plugin).unwrap();
    config["config"]["vm_config"]["environment_variables"] =
        json!({"key_values": {"TEAM_A_KEY": base64(SECRET)}});
    let filter = HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": config}));
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    for protocol in BOTH {
        assert_eq!(status(&envoy, protocol, &headers(&minted("abort=503"))).await, 503);
    }
}
