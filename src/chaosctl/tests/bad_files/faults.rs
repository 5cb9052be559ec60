//! Values inside faults: statuses, headers, distributions, bodies.

use crate::{Case, fault};
use squall_policy::Code::{BadFormat, Conflict, NothingGiven, OutOfRange, UnknownWord, WrongType};

pub fn cases() -> Vec<Case> {
    let long = "x".repeat(16_385);
    vec![
        fault(WrongType, "«abort"),
        fault(WrongType, "abort: «503"),
        fault(WrongType, "abort: {status: «\"503\"}"),
        fault(OutOfRange, "abort: {status: «199}"),
        fault(OutOfRange, "abort: {status: «600}"),
        fault(OutOfRange, "abort: {status: «503.5}"),
        fault(OutOfRange, "abort: {status: «-503}"),
        fault(OutOfRange, "abort: {status: «.inf}"),
        fault(OutOfRange, "abort: {status: 503, percent: «200}"),
        fault(OutOfRange, "abort: {grpc_status: «0}"),
        fault(OutOfRange, "abort: {grpc_status: «100}"),
        fault(UnknownWord, "abort: {grpc_status: «UNAVAILBLE}"),
        fault(UnknownWord, "abort: {grpc_status: «unavailable}"),
        fault(WrongType, "abort: {status: 503, body: «{error: x}}"),
        fault(OutOfRange, &format!("abort: {{status: 503, body: «{long}}}")),
        fault(OutOfRange, "abort: {status: 503, body: «\"\"}"),
        fault(BadFormat, "abort: {status: 503, body: «\"a\\0b\"}"),
        fault(WrongType, "abort: {status: 503, headers: «[a]}"),
        fault(WrongType, "abort: {status: 503, headers: {a: «1}}"),
        fault(BadFormat, "abort: {status: 503, headers: {a: «\"x\\r\\ny: z\"}}"),
        fault(BadFormat, "abort: {status: 503, headers: {a: «\" x\"}}"),
        fault(BadFormat, "abort: {status: 503, headers: {«A: x}}"),
        fault(BadFormat, "abort: {status: 503, headers: {«\":status\": \"200\"}}"),
        fault(Conflict, "abort: {status: 503, headers: {«content-length: \"3\"}}"),
        fault(Conflict, "abort: {status: 503, headers: {«transfer-encoding: chunked}}"),
        fault(WrongType, "delay: «1s"),
        fault(UnknownWord, "delay: {fixed: 1s, phase: «upstream}"),
        fault(Conflict, "delay: {uniform: «{min: 2s, max: 1s}}"),
        fault(OutOfRange, "delay: {lognormal: {median: 1ms, sigma: «0}}"),
        fault(OutOfRange, "delay: {pareto: {min: 1ms, shape: «0.05}}"),
        fault(WrongType, "delay: {pareto: {min: 1ms, shape: «\"2\"}}"),
        fault(Conflict, "delay: {pareto: «{min: 2s, shape: 2, max: 1s}}"),
        fault(Conflict, "delay: {percentiles: «{p50: 2s, p99: 1s}}"),
        fault(NothingGiven, "delay: {percentiles: «{}}"),
        fault(UnknownWord, "drop: {mode: «blackhole}"),
        fault(WrongType, "drop: «reset"),
        fault(WrongType, "throttle: «64KiB/s"),
        fault(BadFormat, "mutate: {request: {path: «users}}"),
        fault(OutOfRange, "mutate: {response: {status: «100}}"),
        fault(WrongType, "mutate: {response: {body: {merge: «[1]}}}"),
        fault(OutOfRange, "mutate: {response: {body: {corrupt: «101}}}"),
        fault(BadFormat, "mutate: {response: {remove_headers: [«X-A]}}"),
        fault(OutOfRange, "mutate: {response: {remove_headers: «[]}}"),
    ]
}
