//! Faults of connections and bodies: drop and throttle.

use super::declare::{object, words};
use super::decode::no_check;
use super::scalar::Percent;
use super::size::{Rate, Size};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

/// Slowest and fastest pace, in bytes per second.
pub type Pace = Rate<{ *PACES.start() }, { *PACES.end() }>;
pub(crate) const PACES: std::ops::RangeInclusive<u64> = 100..=10_737_418_240;

object! {
    /// Ends the request without an answer, leaves it without one, or cuts the response short.
    pub struct DropFault shape drop_keys, check no_check {
        /// `reset` closes the stream before the request goes upstream: an HTTP/1.1 client sees its connection close
        /// (after `delayed_close_timeout`, 1 s by default), an HTTP/2 client RST_STREAM. `hang` never answers, until the
        /// client or a timeout gives up; at the mission's deadline the request goes on. `truncate` ends the response
        /// after some bytes of its body.
        "mode" => mode: DropMode [required],
        /// For `truncate`: so much of the body still arrives.
        "after" => after: Size<0, 1_073_741_824> [default "0B" = Size(0)],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

words! {
    /// How a request is dropped.
    pub enum DropMode { Reset = "reset", Hang = "hang", Truncate = "truncate" }
}

object! {
    /// Limits the bandwidth of each request by itself. The average is exact; how even the pace is, depends on
    /// Envoy's buffer limit (`per_connection_buffer_limit_bytes`): bursts are about twice that.
    pub struct ThrottleFault shape some_rate, check no_check {
        /// Bytes per second of response body towards the client.
        "response" => response: Pace [optional],
        /// Bytes per second of request body towards the upstream.
        "request" => request: Pace [optional],
        /// Share of the sampled requests that gets this fault.
        "percent" => percent: Percent [default "100" = Percent::ALL],
    }
}

fn drop_keys(node: &Node, _all_known: bool, report: &mut Report) {
    let mode = match node.get("mode").map(|n| &n.value) {
        Some(Value::Text(mode)) => mode.as_str(),
        _ => return,
    };
    if let Some(after) = node.get("after").filter(|_| matches!(mode, "reset" | "hang")) {
        let hint = "remove `after`, or set `mode: truncate`";
        report.in_key("after", |r| r.add(Code::Conflict, after.at, "`after` is for `mode: truncate`", hint));
    }
}

fn some_rate(node: &Node, all_known: bool, report: &mut Report) {
    if node.get("response").is_none() && node.get("request").is_none() && all_known {
        let message = "neither `response` nor `request` is given";
        report.add(Code::NothingGiven, node.at, message, "add `response: 64KiB/s`");
    }
}
