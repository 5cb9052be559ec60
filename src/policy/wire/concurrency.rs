//! The `concurrency` part of the pressure fault: a pool of slots.

use super::declare::object;
use super::decode::no_check;
use super::scalar::Span;
use super::status::HttpStatus;
use super::whole::Whole;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};
use crate::slots::LONGEST_QUEUE;

/// The longest wait for a slot, in milliseconds.
const LONGEST_WAIT_MS: u64 = 3_600_000;

object! {
    /// Lets only so many requests through at a time, over all workers of the proxy: the others wait in a queue, in the
    /// order in which they came, as before a thread pool that is all busy.
    pub struct ConcurrencyPressure shape somebody_waits, check no_check {
        /// Slots. A request holds one from here until it is complete.
        "limit" => limit: Whole<1, 10_000> [required],
        /// Requests that may wait for a slot; who comes when as many wait is answered at once.
        "queue" => queue: Whole<0, LONGEST_QUEUE> [default "0" = Whole(0)],
        /// How long a request waits before it is answered; not without a `queue`.
        "queue_timeout" => queue_timeout: Span<1, LONGEST_WAIT_MS> [default "1s" = Span(std::time::Duration::from_secs(1))],
        /// HTTP status of either answer; gRPC clients get `UNAVAILABLE`.
        "status" => status: HttpStatus [default "503" = HttpStatus(503)],
    }
}

fn somebody_waits(node: &Node, _: bool, report: &mut Report) {
    let nobody = node.get("queue").is_none_or(|queue| queue.value == Value::Number(0.0));
    if let Some(timeout) = node.get("queue_timeout").filter(|_| nobody) {
        let message = "without a `queue` nobody waits";
        report.in_key("queue_timeout", |r| {
            r.add(Code::Conflict, timeout.at, message, "add `queue: 64`, or remove `queue_timeout`");
        });
    }
}
