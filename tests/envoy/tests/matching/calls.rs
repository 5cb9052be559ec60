//! Conditions on gRPC calls and on query parameters.

use serde_json::json;
use squall_envoy_tests::{
    EchoRequest, Envoy, EnvoyConfig, Experiment, GrpcClient, GrpcUpstream, HttpClient, Protocol, request,
};
use tonic::Code;

use super::{BOTH, PASSES, rule, start};

#[tokio::test]
async fn query_parameters_match_decoded_and_by_any_of_their_values() {
    let mut experiment = Experiment::new();
    for (status, query) in [
        (410, json!([{"name": "user id", "exact": "a/b"}])),
        (411, json!([{"name": "page", "prefix": "1"}, {"name": "page", "suffix": "9"}])),
        (412, json!([{"name": "lang", "regex": "d[ek]"}])),
        (413, json!([{"name": "debug", "present": true}, {"name": "safe", "present": false}])),
        (414, json!([{"name": "q", "contains": "é"}])),
        (415, json!([{"name": "tenant", "exact": "b", "invert": true}, {"name": "tenant", "present": true}])),
    ] {
        experiment = rule(experiment, status, json!({"query": query}));
    }
    let (_upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (path, status) in [
            ("/?user+id=a%2Fb", 410),
            ("/x?y=1&user%20id=a/b", 410),
            ("/?user_id=a/b", PASSES),
            ("/user+id=a/b", PASSES),
            ("/?page=19", 411),
            ("/?page=10&page=29", 411),
            ("/?page=10", PASSES),
            ("/?lang=fr&lang=de", 412),
            ("/?lang=den", PASSES),
            ("/?debug", 413),
            ("/?debug=0&safe=1", PASSES),
            ("/?q=caf%C3%A9", 414),
            ("/?q=cafe", PASSES),
            ("/?q=%C3", PASSES),
            ("/?tenant=a", 415),
            ("/?tenant=a&tenant=b", PASSES),
            ("/", PASSES),
        ] {
            assert_eq!(client.get(path).await.unwrap().status, status, "{protocol:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_grpc_rule_takes_calls_of_its_service_and_method_and_nothing_else() {
    let abort = json!([{"abort": {"grpc_status": "RESOURCE_EXHAUSTED", "message": "by rule"}}]);
    let scope = |grpc| json!({"match": [{"grpc": grpc}]});
    let say = scope(json!({"service": "squall.test.Echo", "method": "Say"}));
    let other = scope(json!({"service": "squall.test.Ech"}));
    let experiment =
        Experiment::new().scenario("say", say, abort.clone()).scenario("other", other, abort.clone());
    let upstream = GrpcUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy_http2(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let status = client.say(EchoRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "by rule"));
    assert_eq!(client.repeat(EchoRequest { count: 2, ..Default::default() }).await.unwrap().len(), 2);
    // The path alone is no call: gRPC-Web and plain HTTP go by.
    let http = HttpClient::new(envoy.addr("ingress"), Protocol::Http2);
    for kind in ["application/grpc-web", "application/json"] {
        let post = request("POST", "/squall.test.Echo/Say", &[("content-type", kind)], "");
        let _ = http.send(post).await.unwrap();
    }
    assert_eq!(envoy.injected("say", "abort").await.unwrap(), 1);
    let post = request("POST", "/squall.test.Echo/Say", &[("content-type", "application/grpc+proto")], "");
    assert_eq!(http.send(post).await.unwrap().header("grpc-status"), Some("8"));
    assert_eq!(envoy.injected("say", "abort").await.unwrap(), 2);

    let whole = Experiment::new().scenario("echo", scope(json!({"service": "squall.test.Echo"})), abort);
    let envoy =
        Envoy::start(EnvoyConfig::proxy_http2(upstream.addr(), whole.filter().unwrap())).await.unwrap();
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let said = client.say(EchoRequest::default()).await.unwrap_err();
    let repeated = client.repeat(EchoRequest { count: 2, ..Default::default() }).await.unwrap_err();
    assert_eq!((said.code(), repeated.code()), (Code::ResourceExhausted, Code::ResourceExhausted));
}
