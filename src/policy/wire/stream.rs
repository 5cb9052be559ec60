//! The stream fault: a stream of messages that breaks off in the middle.

use super::catalog::Scenario;
use super::declare::{object, words};
use super::decode::{exactly_one, no_check};
use super::faults::Fault;
use super::scalar::{Percent, Span, Text};
use super::status::GrpcCode;
use super::whole::Whole;
use super::{DropMode, MutateFault, MutateResponse, ThrottleFault};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Position, Value};
use std::time::Duration;

object! {
    /// Breaks off the response of a gRPC call or of server-sent events (`text/event-stream`) between two messages. Any
    /// other response passes untouched.
    pub struct StreamFault shape stream_keys, check no_check {
        /// How much passes before.
        "after" => after: StreamAfter [required],
        /// `stall`: nothing more comes until the mission's deadline, and then all that was held back. `reset` closes the stream:
        /// RST_STREAM in HTTP/2, the end of the connection in HTTP/1.1. `end`: for gRPC, the call ends with `grpc_status`.
        "then" => then: StreamWord [required],
        /// For `end`: the status of the call. It comes when the upstream ends its response; what that still sends is dropped.
        "grpc_status" => grpc_status: GrpcCode [optional],
        /// For `end`: `grpc-message`. Default: a sentence that names the scenario.
        "message" => message: Text<1024> [optional],
        /// For `end`: when the upstream has not ended by then, the stream is reset: this host cannot end it sooner.
        "within" => within: Span<1, 3_600_000> [default "5s" = Span(Duration::from_secs(5))],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

object! {
    /// A point between two messages of a stream; exactly one key.
    pub struct StreamAfter shape one_point, check no_check {
        /// After so many whole messages; 0 is before the first.
        "messages" => messages: Whole<0, 1_000_000> [optional],
        /// So long after the response headers; a message that is under way then comes to its end.
        "time" => time: Span<1, 86_400_000> [optional],
    }
}

words! {
    /// What becomes of a stream.
    pub enum StreamWord { Stall = "stall", Reset = "reset", End = "end" }
}

fn one_point(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["messages", "time"], node, all_known, report);
}

fn stream_keys(node: &Node, all_known: bool, report: &mut Report) {
    let then = match node.get("then").map(|n| &n.value) {
        Some(Value::Text(then)) => then.as_str(),
        _ => return,
    };
    if then == "end" && node.get("grpc_status").is_none() && all_known {
        report.add(
            Code::NothingGiven,
            node.at,
            "`then: end` without a status",
            "add `grpc_status: UNAVAILABLE`",
        );
    }
    if matches!(then, "stall" | "reset") {
        for key in ["grpc_status", "message", "within"] {
            if let Some(given) = node.get(key) {
                let message = format!("`{key}` is for `then: end`");
                report.in_key(key, |r| {
                    r.add(Code::Conflict, given.at, message, "remove it, or set `then: end`");
                });
            }
        }
    }
}

/// What else shapes the body of a response: two of those at once would each count and hold back what the other does.
fn shapes_the_response(fault: &Fault) -> bool {
    match fault {
        Fault { drop: Some(drop), .. } => drop.mode == DropMode::Truncate,
        Fault { throttle: Some(ThrottleFault { response, .. }), .. } => response.is_some(),
        Fault { mutate: Some(MutateFault { response: Some(MutateResponse { body, .. }), .. }), .. } => {
            body.is_some()
        }
        Fault { stream, .. } => stream.is_some(),
    }
}

/// Whether it is so of the fault, or of one that it may become.
fn among(fault: &Fault, what: fn(&Fault) -> bool) -> bool {
    match &fault.one_of {
        Some(choices) => choices.iter().any(|choice| what(&choice.fault)),
        None => what(fault),
    }
}

/// What cannot stand twice, or beside each other, in one scenario.
pub fn check_scenario(scenario: &Scenario, node: &Node, report: &mut Report) {
    one_pool(scenario, node, report);
    alone_with_the_body(scenario, node, report);
}

/// A request goes through one pool.
fn one_pool(scenario: &Scenario, node: &Node, report: &mut Report) {
    let pool = |fault: &Fault| fault.pressure.as_ref().is_some_and(|pressure| pressure.concurrency.is_some());
    let mut pools = scenario.faults.iter().enumerate().filter(|(_, fault)| pool(fault));
    let Some((first, _)) = pools.next() else { return };
    for (item, _) in pools {
        let message =
            format!("`concurrency` (fault {}) is the pool of this scenario", first.saturating_add(1));
        let hint = "put it into a scenario of its own";
        report.in_key("faults", |r| {
            r.in_item(item, |r| r.add(Code::Conflict, place(node, item), message, hint))
        });
    }
}

fn place(node: &Node, item: usize) -> Option<Position> {
    match node.get("faults").map(|faults| &faults.value) {
        Some(Value::List(items)) => items.get(item).and_then(|n| n.at),
        _ => None,
    }
}

/// A stream fault has the body of the response for itself within its scenario.
fn alone_with_the_body(scenario: &Scenario, node: &Node, report: &mut Report) {
    let streams = |fault: &Fault| among(fault, |f| f.stream.is_some());
    let Some(stream) = scenario.faults.iter().position(streams) else { return };
    for (item, fault) in scenario.faults.iter().enumerate() {
        if item == stream || !among(fault, shapes_the_response) {
            continue;
        }
        let at = place(node, item);
        let message =
            format!("`stream` (fault {}) has the body of the response for itself", stream.saturating_add(1));
        let hint = "put it into a scenario of its own";
        report.in_key("faults", |r| r.in_item(item, |r| r.add(Code::Conflict, at, message, hint)));
    }
}
