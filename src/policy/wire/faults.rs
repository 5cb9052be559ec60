//! What a scenario does to a request.

use super::body::{DropFault, ThrottleFault};
use super::choice::Choice;
use super::declare::object;
use super::decode::{Decode, Kind, exactly_one, no_check};
use super::delay::DelayFault;
use super::form::{FieldName, FieldValue};
use super::mutate::MutateFault;
use super::pressure::PressureFault;
use super::requested::RequestedFault;
use super::scalar::{Percent, Text};
use super::status::{GrpcCode, HttpStatus};
use super::stream::StreamFault;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain, Value};

object! {
    /// One fault; exactly one key.
    pub struct Fault shape one_fault, check no_check {
        /// Holds the request or its response back.
        "delay" => delay: DelayFault [optional],
        /// Answers in place of the upstream, which never sees the request.
        "abort" => abort: AbortFault [optional],
        /// Ends the request or its response without an answer.
        "drop" => drop: DropFault [optional],
        /// Limits the bandwidth of bodies.
        "throttle" => throttle: ThrottleFault [optional],
        /// Changes the request or its response.
        "mutate" => mutate: MutateFault [optional],
        /// Breaks off a stream of messages.
        "stream" => stream: StreamFault [optional],
        /// Takes time or memory of the proxy's worker, or slots of a pool.
        "pressure" => pressure: PressureFault [optional],
        /// Whatever a trusted caller asks for, within limits.
        "requested" => requested: RequestedFault [optional],
        /// One of these for each request, in proportion to their weights.
        "one_of" => one_of: Vec<Choice> [optional],
    }
}

impl Fault {
    /// The key under which it stands.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self { delay: Some(_), .. } => "delay",
            Self { abort: Some(_), .. } => "abort",
            Self { drop: Some(_), .. } => "drop",
            Self { throttle: Some(_), .. } => "throttle",
            Self { mutate: Some(_), .. } => "mutate",
            Self { stream: Some(_), .. } => "stream",
            Self { pressure: Some(_), .. } => "pressure",
            Self { requested: Some(_), .. } => "requested",
            _ => "one_of",
        }
    }

    /// Share of the sampled requests that gets this fault, when it is none of several.
    #[must_use]
    pub fn percent(&self) -> Percent {
        let shares = [
            self.delay.as_ref().map(|f| f.percent),
            self.abort.as_ref().map(|f| f.percent),
            self.drop.as_ref().map(|f| f.percent),
            self.throttle.as_ref().map(|f| f.percent),
            self.mutate.as_ref().map(|f| f.percent),
            self.stream.as_ref().map(|f| f.percent),
            self.requested.as_ref().map(|f| f.percent),
        ];
        shares.into_iter().flatten().next().unwrap_or(Percent::ALL)
    }
}

object! {
    /// Answers in place of the upstream. With `status` alone a gRPC client sees the code that the gRPC specification
    /// maps it to; with `grpc_status` alone an HTTP client sees the status that the code maps to; with both, each
    /// client sees its own.
    pub struct AbortFault shape answer, check no_check {
        /// Final HTTP status.
        "status" => status: HttpStatus [optional],
        /// Body of the HTTP answer. Default: a sentence that names the scenario. Not for 204, 205 and 304.
        "body" => body: Text<16384> [optional],
        /// Headers of the answer; `content-type` is `text/plain` unless given here.
        "headers" => headers: Headers [optional],
        /// gRPC status: HTTP 200 without body or trailers, `grpc-status` in the headers.
        "grpc_status" => grpc_status: GrpcCode [optional],
        /// `grpc-message` for gRPC clients. Default: the body, of which the first 1024 bytes.
        "message" => message: Text<1024> [optional],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

/// Header names and values of an answer.
#[derive(Debug, Clone)]
pub struct Headers(pub Vec<(FieldName, FieldValue)>);

/// Headers that only the proxy may set: a wrong one breaks the connection instead of the request.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "grpc-message",
    "grpc-status",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl Decode for Headers {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = super::decode::entries(node, report)?;
        super::decode::check_twice(entries, report);
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

    #[cfg(feature = "docs")]
    fn schema(definitions: &mut super::schema::Definitions) -> serde_json::Value {
        let (name, value) = (FieldName::schema(definitions), FieldValue::schema(definitions));
        serde_json::json!({"type": "object", "propertyNames": name, "additionalProperties": value})
    }
}

fn one_fault(node: &Node, all_known: bool, report: &mut Report) {
    let faults =
        ["delay", "abort", "drop", "throttle", "mutate", "stream", "pressure", "requested", "one_of"];
    exactly_one(&faults, node, all_known, report);
}

fn answer(node: &Node, all_known: bool, report: &mut Report) {
    let (status, grpc_status) = (node.get("status"), node.get("grpc_status"));
    if status.is_none() && grpc_status.is_none() && all_known {
        let message = "neither `status` nor `grpc_status` is given";
        report.add(Code::NothingGiven, node.at, message, "add `status: 503`");
    }
    let bodiless =
        [204.0, 205.0, 304.0].into_iter().find(|s| status.map(|n| &n.value) == Some(&Value::Number(*s)));
    if let (Some(status), Some(body)) = (bodiless, node.get("body")) {
        let message = format!("status {} has no body (RFC 9110 section 6.4.1)", Plain(status));
        report.in_key("body", |r| r.add(Code::Conflict, body.at, message, "remove `body`"));
    }
    if let (Some(message), None, true) = (node.get("message"), grpc_status, all_known) {
        let hint = "add `grpc_status`, or use `body`";
        report
            .in_key("message", |r| r.add(Code::Conflict, message.at, "`message` is for `grpc_status`", hint));
    }
}
