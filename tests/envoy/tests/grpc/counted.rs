//! What the metrics count of calls: one that the service fails is an error although its HTTP status is 200.

use serde_json::json;
use squall_envoy_tests::{Envoy, EnvoyConfig, Experiment, HttpClient, HttpUpstream, Metrics};

const CALL: [(&str, &str); 2] = [("content-type", "application/grpc"), ("te", "trailers")];

fn count(metrics: &Metrics, scenario: &str, group: &str, class: &str) -> f64 {
    let labels = [("scenario", scenario), ("group", group), ("code_class", class)];
    metrics.sum("chaos_requests_total", &labels)
}

/// Squall's own failures are errors too, and counted apart so that they can be subtracted.
#[tokio::test]
async fn failed_calls_are_errors_in_the_metrics_and_those_of_squall_are_known() {
    let sampled = |prefix: &str| json!({"match": [{"path": {"prefix": prefix}}], "sample": {"percent": 100, "by": {"header": "x-user"}}});
    let experiment = Experiment::new()
        .scenario("away", sampled("/trailers/"), json!([{"abort": {"grpc_status": "UNAVAILABLE"}}]))
        .scenario("none", sampled("/size/"), json!([{"abort": {"grpc_status": "NOT_FOUND"}}]))
        .scenario("late", sampled("/status/"), json!([{"delay": {"fixed": "1ms"}}]));
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy_http2(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    let client = HttpClient::http2(envoy.addr("ingress"));
    let treated = [CALL[0], CALL[1], ("x-user", "ada")];
    let post =
        async |path: &str, headers: &[(&str, &str)]| client.post(path, headers, "").await.unwrap().status;
    // UNAVAILABLE is the service's failure, NOT_FOUND the caller's; without the content type it is no call.
    for path in ["/trailers/14", "/trailers/14", "/trailers/5", "/trailers/0"] {
        assert_eq!(post(path, &CALL).await, 200, "{path}");
    }
    assert_eq!(post("/trailers/14", &[]).await, 200);
    for path in ["/trailers/0", "/size/1"] {
        assert_eq!(post(path, &treated).await, 200, "{path}");
    }
    assert_eq!(post("/status/503", &treated).await, 503);
    let all = |metrics: &Metrics| metrics.sum("chaos_requests_total", &[]) == 8.0;
    let metrics = envoy.prometheus_until("8 requests", all).await.unwrap();
    let classes =
        |scenario: &str, group: &str| ["2xx", "5xx"].map(|class| count(&metrics, scenario, group, class));
    assert_eq!(classes("away", "control"), [3.0, 2.0]);
    assert_eq!(classes("away", "treatment"), [0.0, 1.0]);
    assert_eq!(classes("none", "treatment"), [1.0, 0.0], "that is no failure of a service");
    assert_eq!(classes("late", "treatment"), [0.0, 1.0]);
    let own = |scenario: &str, group: &str| {
        metrics.value("chaos_own_errors_total", &[("scenario", scenario), ("group", group)])
    };
    assert_eq!(
        ["away", "none", "late"].map(|name| own(name, "treatment")),
        [Some(1.0), Some(0.0), Some(0.0)]
    );
    assert_eq!(own("late", "other"), Some(0.0), "there from the start, so that it can be subtracted");
}
