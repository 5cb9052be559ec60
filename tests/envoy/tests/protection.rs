//! Promise P7 on a real Envoy: health checks, probes and scrapes pass while everything else is answered with 503.

use serde_json::json;
use squall_envoy_tests::{Envoy, EnvoyConfig, Experiment, HttpClient, HttpUpstream, Protocol};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

const PROTECTED: [(&str, &str); 9] = [
    ("/healthz", "curl/8"),
    ("/livez?verbose", "curl/8"),
    ("/readyz", "curl/8"),
    ("/healthz/ready", "curl/8"),
    ("/stats/prometheus", "Prometheus/3"),
    ("/grpc.health.v1.Health/Check", "grpc-go/1"),
    ("/users", "kube-probe/1.31"),
    ("/users", "GoogleHC/1.0"),
    ("/users", "Envoy/HC"),
];

async fn start(experiment: &Experiment) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    (upstream, envoy)
}

#[tokio::test]
async fn p7_probes_pass_through_a_scenario_that_answers_everything() {
    let faults = json!([{"abort": {"status": 503}}]);
    let (upstream, envoy) = start(&Experiment::new().scenario("all", json!({}), faults)).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (path, agent) in PROTECTED {
            let reply = client.get_with(path, &[("user-agent", agent)]).await.unwrap();
            assert_eq!(reply.status, 200, "{protocol:?} {path} {agent}");
            let reply = client.get_with(&format!("/x{path}"), &[("user-agent", "curl/8")]).await.unwrap();
            assert_eq!(reply.status, 503, "{protocol:?} /x{path}");
        }
        assert_eq!(client.get("/users").await.unwrap().status, 503, "without a user agent");
    }
    assert_eq!(upstream.requests(), 18);
    let metrics = envoy
        .prometheus_until("all requests", |metrics| metrics.sum("chaos_requests_total", &[]) == 38.0)
        .await
        .unwrap();
    assert_eq!((metrics.spared("all", "protected"), metrics.injected("all", "abort")), (18, 20));
    let groups = ["control", "treatment", "other"].map(|group| metrics.finished("all", group));
    assert_eq!(groups, [0, 20, 18], "a probe is no control");
}

#[tokio::test]
async fn p7_a_scenario_that_names_probes_faults_them() {
    let scope = json!({"allow_protected": true, "protect": [{"path": {"prefix": "/admin"}}]});
    let faults = json!([{"abort": {"status": 503}}]);
    let (_upstream, envoy) = start(&Experiment::new().scenario("all", scope, faults)).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    for (path, agent) in PROTECTED {
        assert_eq!(client.get_with(path, &[("user-agent", agent)]).await.unwrap().status, 503, "{path}");
    }
    assert_eq!(client.get("/admin/users").await.unwrap().status, 200);
}
