//! The answer that takes the upstream's place.

use crate::wire;

/// Everything the host needs to answer; made once, sent often.
#[derive(Debug, PartialEq, Eq)]
pub struct Abort {
    /// HTTP status for HTTP clients (RFC 9110 section 15), 200 to 599.
    pub status: u16,
    pub body: String,
    pub headers: Vec<(String, String)>,
    /// For gRPC clients; `None` lets Envoy map the HTTP status as the gRPC specification says.
    pub grpc: Option<Grpc>,
    /// What the access log shows as `%RESPONSE_CODE_DETAILS%`: `chaos_abort{scenario}`.
    pub details: String,
}

/// The gRPC side of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Grpc {
    pub status: u32,
    pub message: String,
    /// The headers of the answer, and for a code that gRPC does not know `grpc-status` itself: Envoy's Wasm host
    /// turns such a code into UNKNOWN, and leaves a header of that name alone.
    pub headers: Vec<(String, String)>,
}

/// The largest code that gRPC knows (UNAUTHENTICATED).
const LARGEST_KNOWN: u32 = 16;

/// Longest message that a body becomes, in bytes: it goes into a header, where each byte may take three, and clients
/// refuse metadata beyond 8 KiB.
const LONGEST_MESSAGE: usize = 1024;

impl Abort {
    #[must_use]
    pub fn compile(fault: &wire::AbortFault, scenario: &str) -> Self {
        let code = fault.grpc_status.map(|code| code.0);
        let status = fault.status.map_or_else(|| http_status_of(code.unwrap_or(2)), |s| s.0);
        let body = match &fault.body {
            Some(text) => text.0.clone(),
            None if matches!(status, 204 | 205 | 304) => String::new(),
            None => format!("chaos: aborted by scenario {scenario}"),
        };
        let message = match &fault.message {
            Some(text) => text.0.clone(),
            None => body.get(..body.floor_char_boundary(LONGEST_MESSAGE)).unwrap_or(&body).to_owned(),
        };
        let headers: Vec<_> = fault
            .headers
            .iter()
            .flat_map(|headers| &headers.0)
            .map(|(name, value)| (name.0.clone(), value.0.clone()))
            .collect();
        let grpc = code.map(|status| Grpc {
            status,
            message,
            headers: headers.iter().cloned().chain(odd_code(status)).collect(),
        });
        Self { status, body, headers, grpc, details: format!("chaos_abort{{{scenario}}}") }
    }
}

/// The header for a code that the host does not pass on.
pub(super) fn odd_code(code: u32) -> Option<(String, String)> {
    (code > LARGEST_KNOWN).then(|| ("grpc-status".to_owned(), code.to_string()))
}

/// The HTTP status that a gRPC status stands for (`google.rpc.Code`, comments of code.proto).
fn http_status_of(code: u32) -> u16 {
    match code {
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}
