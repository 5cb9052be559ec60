//! What a scenario does to a request.

use super::declare::object;
use super::decode::{Decode, Kind, count, exactly_one};
use super::delay::DelayFault;
use super::form::{FieldName, FieldValue};
use super::scalar::{Percent, Text};
use super::status::{GrpcCode, HttpStatus};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

object! {
    /// One fault; exactly one key.
    pub struct Fault check check_fault {
        /// Holds the request or its response back.
        "delay" => delay: DelayFault [optional],
        /// Answers in place of the upstream, which never sees the request.
        "abort" => abort: AbortFault [optional],
    }
}

object! {
    /// Answers in place of the upstream. With `status` alone a gRPC client sees the code that the gRPC specification
    /// maps it to; with `grpc_status` alone an HTTP client sees the status that the code maps to; with both, each
    /// client sees its own.
    pub struct AbortFault check check_abort {
        /// Final HTTP status.
        "status" => status: HttpStatus [optional],
        /// Body of the HTTP answer. Default: a sentence that names the scenario. Not for 204, 205 and 304.
        "body" => body: Text<16384> [optional],
        /// Headers of the answer; `content-type` is `text/plain` unless given here.
        "headers" => headers: Headers [optional],
        /// gRPC status: HTTP 200 without body or trailers, `grpc-status` in the headers.
        "grpc_status" => grpc_status: GrpcCode [optional],
        /// `grpc-message` for gRPC clients. Default: the body.
        "message" => message: Text<1024> [optional],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

/// Header names and values of an answer.
#[derive(Debug, Clone)]
pub struct Headers(pub Vec<(FieldName, FieldValue)>);

/// Headers that only the proxy may set: a wrong one breaks the connection instead of the request.
const FRAMING: [&str; 7] =
    ["connection", "content-length", "grpc-status", "keep-alive", "te", "transfer-encoding", "upgrade"];

impl Decode for Headers {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = super::decode::entries(node, report)?;
        let known: Vec<&str> = entries.iter().map(|e| e.key.as_str()).collect();
        super::decode::check_keys(entries, &known, report);
        let read: Vec<_> = entries
            .iter()
            .map(|entry| {
                report.in_key(&entry.key, |r| {
                    let key = Node { value: Value::Text(entry.key.clone()), at: entry.at };
                    let name = FieldName::decode(&key, r);
                    if FRAMING.contains(&entry.key.as_str()) {
                        let message = format!("`{}` is set by the proxy itself", entry.key);
                        r.add(Code::Conflict, entry.at, message, "remove it");
                    }
                    let value = FieldValue::decode(&entry.value, r);
                    name.zip(value)
                })
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("object of header names and values")
    }
}

fn check_fault(fault: &Fault, node: &Node, report: &mut Report) {
    exactly_one(count(&[fault.delay.is_some(), fault.abort.is_some()]), &["delay", "abort"], node, report);
}

fn check_abort(abort: &AbortFault, node: &Node, report: &mut Report) {
    if abort.status.is_none() && abort.grpc_status.is_none() {
        report.add(
            Code::NothingGiven,
            node.at,
            "neither `status` nor `grpc_status` is given",
            "add `status: 503`",
        );
    }
    if let (Some(HttpStatus(status @ (204 | 205 | 304))), Some(_)) = (abort.status, &abort.body) {
        let message = format!("status {status} has no body (RFC 9110 section 6.4.1)");
        let at = node.get("body").and_then(|n| n.at);
        report.in_key("body", |r| r.add(Code::Conflict, at, message, "remove `body`"));
    }
    if abort.message.is_some() && abort.grpc_status.is_none() {
        let at = node.get("message").and_then(|n| n.at);
        let hint = "add `grpc_status`, or use `body`";
        report.in_key("message", |r| r.add(Code::Conflict, at, "`message` is for `grpc_status`", hint));
    }
}
