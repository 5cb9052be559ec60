//! Requests within requests, and headers that pretend.

use super::{Attack, Sent, good};

fn smuggled(what: &'static str, bytes: String, (status, code): (u16, &'static str)) -> Attack {
    Attack { kind: "header-smuggled", what, sent: Sent::Raw(bytes), status, code }
}

/// A halt in the body of a request, for who ends that body too early.
const HALT: &str = "POST /v1/halt HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

pub fn attacks() -> Vec<Attack> {
    let length = HALT.len();
    let mission = good("s1").to_string();
    vec![
        smuggled(
            "a length and chunks",
            post("/v1/missions", &format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"), &format!("0\r\n\r\n{HALT}")),
            (400, ""),
        ),
        smuggled("two lengths", post("/v1/missions", &format!("content-length: 0\r\ncontent-length: {length}\r\n"), HALT), (400, "")),
        smuggled("two codings", post("/v1/missions", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", &format!("0\r\n\r\n{HALT}")), (501, "")),
        smuggled("a blank before the colon", post("/v1/missions", &format!("transfer-encoding : chunked\r\ncontent-length: {length}\r\n"), HALT), (400, "")),
        smuggled("a line break in a header", post("/v1/missions", "x-a: b\rtransfer-encoding: chunked\r\n", HALT), (400, "")),
        smuggled("a halt as the body of a mission", post("/v1/missions", &format!("content-length: {length}\r\n"), HALT), (400, "bad-body")),
        smuggled(
            "a method that another replaces",
            "GET /v1/missions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx-http-method-override: POST\r\n\r\n".to_owned(),
            (405, "method-not-allowed"),
        ),
        smuggled(
            "a path that another replaces",
            post("/v1/nothing", "x-original-url: /v1/halt\r\nx-rewrite-url: /v1/halt\r\nx-envoy-original-path: /v1/halt\r\ncontent-length: 2\r\n", "{}"),
            (404, "not-found"),
        ),
        smuggled(
            "who has signed, as headers",
            post("/v1/release", "x-operator: alice\r\nauthorization: Bearer alice\r\nx-forwarded-client-cert: Subject=\"CN=alice\"\r\ncontent-length: 2\r\n", "{}"),
            (409, "not-halted"),
        ),
        smuggled(
            "a good mission from the page of another",
            post("/v1/missions", &format!("origin: http://evil.example\r\ncontent-length: {}\r\n", mission.len()), &mission),
            (403, "foreign-origin"),
        ),
        smuggled(
            "a good mission for another host",
            post("/v1/missions", &format!("content-length: {}\r\n", mission.len()), &mission).replace("host: 127.0.0.1", "host: evil.example"),
            (421, "foreign-host"),
        ),
    ]
}
