//! The access log that the harness's listeners write: its format, and its lines read back.

use serde_json::{Value, json};

/// One finished stream, as Envoy logged it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLogEntry {
    /// `%RESPONSE_CODE%`; 0 when the client left before an answer.
    pub status: u16,
    /// `%RESPONSE_CODE_DETAILS%`, such as `via_upstream`.
    pub details: Option<String>,
    /// `%RESPONSE_FLAGS%`, such as `DC`.
    pub flags: Option<String>,
    /// The filter state `wasm.chaos_scenario`: the scenario that touched the request.
    pub scenario: Option<String>,
    /// The filter state `wasm.chaos_mission`.
    pub mission: Option<String>,
    /// The filter state `wasm.chaos_fault`: `delay`, `abort` or `delay,abort`.
    pub fault: Option<String>,
    /// `x-request-id`.
    pub request_id: Option<String>,
    /// `:path`.
    pub path: Option<String>,
    /// `%UPSTREAM_HOST%`; none when the request never went upstream.
    pub upstream: Option<String>,
    /// `%DURATION%` in milliseconds.
    pub duration_ms: Option<u64>,
    /// The whole line, for fields that have no name here.
    pub json: Value,
}

/// The access-log entry of an HTTP connection manager that writes these lines into `file`.
pub(crate) fn config(file: &str) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": {"json_format": {
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "scenario": "%FILTER_STATE(wasm.chaos_scenario:PLAIN)%",
                "mission": "%FILTER_STATE(wasm.chaos_mission:PLAIN)%",
                "fault": "%FILTER_STATE(wasm.chaos_fault:PLAIN)%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "path": "%REQ(:PATH)%",
                "upstream": "%UPSTREAM_HOST%",
                "duration_ms": "%DURATION%",
                "route": "%ROUTE_NAME%",
                "protocol": "%PROTOCOL%",
                "grpc_status": "%GRPC_STATUS%",
                "bytes_received": "%BYTES_RECEIVED%",
                "bytes_sent": "%BYTES_SENT%"
            }}
        }
    })
}

/// Parses whole lines; a last line that is still being written is left out.
pub(crate) fn parse(text: &str) -> Vec<AccessLogEntry> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).map(entry).collect()
}

fn entry(json: Value) -> AccessLogEntry {
    let text = |key: &str| json[key].as_str().filter(|value| *value != "-").map(str::to_owned);
    let number = |key: &str| json[key].as_u64().or_else(|| json[key].as_str()?.parse().ok());
    AccessLogEntry {
        status: number("status").and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        details: text("details"),
        flags: text("flags"),
        scenario: text("scenario"),
        mission: text("mission"),
        fault: text("fault"),
        request_id: text("request_id"),
        path: text("path"),
        upstream: text("upstream"),
        duration_ms: number("duration_ms"),
        json,
    }
}
