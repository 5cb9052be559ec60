//! gRPC calls, and which of them fail although their HTTP status is 200.

use crate::host::{self, Side};

const OK: u64 = 200;
/// What such a call counts as.
const FAILED: u64 = 500;

/// With these a service fails, and not its caller (OpenTelemetry's semantic conventions for gRPC servers): `UNKNOWN`,
/// `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS`.
const FAILURES: [&[u8]; 6] = [b"2", b"4", b"12", b"13", b"14", b"15"];

/// The status that a complete request counts with; only valid in `on_log`, where all headers can be read again. A request without
/// a content type costs a read of an absent header.
pub fn status(http: u64) -> u64 {
    if http == OK && is_call() && failed() { FAILED } else { http }
}

/// Whether a request is a call; gRPC-Web is none.
pub fn is_call() -> bool {
    matches!(host::request_header("content-type"), Ok(Some(kind)) if squall_policy::is_grpc(&kind))
}

/// A call that fails at once has no trailers: then its status stands among the headers.
fn failed() -> bool {
    let name = "grpc-status";
    let status =
        host::trailer(name).ok().flatten().or_else(|| host::header(Side::Response, name).ok().flatten());
    status.is_some_and(|status| FAILURES.contains(&status.as_slice()))
}
