//! Tracing of `render envoy`: spans to a collector, with what Squall has done to a request.

use super::template::{list, number, object, text};
use squall_policy::Node;

/// Name of the collector's cluster.
pub const CLUSTER: &str = "squall-otlp";

/// The marks of a faulted request.
const MARKS: [&str; 5] = ["mission", "scenario", "fault", "value", "group"];

/// The key `tracing` of the HTTP connection manager. `service`: the proxy's name in traces.
pub fn provider(service: &str) -> Node {
    let tag = |mark: &str| {
        object([
            ("tag", text(format!("chaos.{mark}"))),
            ("value", text(format!("%FILTER_STATE(wasm.chaos_{mark}:PLAIN)%"))),
        ])
    };
    let grpc = object([("envoy_grpc", object([("cluster_name", text(CLUSTER))])), ("timeout", text("1s"))]);
    let config = object([
        ("@type", text("type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig")),
        ("grpc_service", grpc),
        ("service_name", text(service)),
    ]);
    let provider = object([("name", text("envoy.tracers.opentelemetry")), ("typed_config", config)]);
    object([("provider", provider), ("custom_tags", list(MARKS.map(tag)))])
}

/// What a cluster needs to be spoken to in gRPC.
pub fn http2() -> Node {
    const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let http2 = object([("http2_protocol_options", object([("max_concurrent_streams", number(100))]))]);
    let options =
        object([("@type", text(format!("type.googleapis.com/{OPTIONS}"))), ("explicit_http_config", http2)]);
    object([(OPTIONS, options)])
}
