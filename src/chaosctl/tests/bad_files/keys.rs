//! Keys that are unknown, missing, twice, or do not go together.

use crate::{Case, case, fault, mission, rule, scope};
use squall_policy::Code::{
    BadFormat, Conflict, DuplicateKey, DuplicateName, ExactlyOne, MissingKey, NothingGiven, OutOfRange,
    UnknownKey, WrongType,
};

pub fn cases() -> Vec<Case> {
    vec![
        // Unknown: misspelt, in the wrong place, from another tool.
        case(
            UnknownKey,
            "version: 1\n«scenario: []\nscenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n",
        ),
        fault(UnknownKey, "«dealy: {fixed: 1s}"),
        fault(UnknownKey, "«latency: {fixed: 1s}"),
        fault(UnknownKey, "delay: {fixed: 1s}\n  «tigger: x"),
        fault(UnknownKey, "delay: {fixed: 1s, «jitter: 5ms}"),
        fault(UnknownKey, "delay: {fixed: 1s, «percentage: 5}"),
        fault(UnknownKey, "delay: {uniform: {min: 1ms, max: 2ms, «mean: 1ms}}"),
        fault(UnknownKey, "abort: {status: 503, «code: 503}"),
        fault(UnknownKey, "abort: {status: 503, «grpc-status: 14}"),
        fault(UnknownKey, "drop: {mode: reset, «afer: 1KiB}"),
        fault(UnknownKey, "throttle: {response: 1KiB/s, «bandwidth: 1KiB/s}"),
        fault(UnknownKey, "mutate: {response: {status: 500, «boddy: x}}"),
        scope(UnknownKey, "{«matches: []}"),
        scope(UnknownKey, "{sample: {percent: 5, «per: request}}"),
        rule(UnknownKey, "{path: {exact: /a}, «method: GET}"),
        rule(UnknownKey, "{path: {exact: /a, «ignore_case: true}}"),
        rule(UnknownKey, "{headers: [{name: a, exact: b, «inverse: true}]}"),
        mission(UnknownKey, "id: m\nduration: 1m\n«durations: 2m"),
        mission(UnknownKey, "id: m\nduration: 1m\n«Seed: s"),
        // Missing.
        case(MissingKey, "version: 1\nscenarios: [«{name: a}]\n"),
        case(MissingKey, "version: 1\nscenarios:\n- «faults: [{delay: {fixed: 1s}}]\n"),
        fault(MissingKey, "delay: {uniform: «{min: 1ms}}"),
        fault(MissingKey, "delay: {normal: «{mean: 1ms}}"),
        fault(MissingKey, "delay: {lognormal: «{median: 1ms}}"),
        fault(MissingKey, "delay: {pareto: «{min: 1ms}}"),
        fault(MissingKey, "drop: «{after: 1KiB}"),
        rule(MissingKey, "{headers: [«{exact: b}]}"),
        scope(MissingKey, "{sample: {by: «{}}}"),
        mission(MissingKey, "id: m").marked_at_root(),
        mission(MissingKey, "duration: 1m").marked_at_root(),
        // Twice.
        case(
            DuplicateKey,
            "version: 1\nscenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n«version: 1\n",
        ),
        fault(DuplicateKey, "delay: {fixed: 1s, «fixed: 2s}"),
        fault(DuplicateKey, "delay: {fixed: 1s}\n  «faults: []"),
        fault(DuplicateKey, "abort: {status: 503, headers: {a: x, «a: y}}"),
        rule(DuplicateKey, "{path: {exact: /a}, «path: {exact: /b}}"),
        mission(DuplicateKey, "id: m\nduration: 1m\n«id: n"),
        case(
            DuplicateName,
            "version: 1\nscenarios:\n- {name: a, faults: [{delay: {fixed: 1s}}]}\n- {name: «a, faults: [{abort: {status: 500}}]}\n",
        ),
        // Too many, too few, not together.
        fault(ExactlyOne, "«delay: {fixed: 1s}\n    abort: {status: 503}"),
        fault(ExactlyOne, "«{}"),
        fault(ExactlyOne, "delay: «{}"),
        fault(ExactlyOne, "delay: «{percent: 5}"),
        fault(ExactlyOne, "delay: «{fixed: 1s, uniform: {min: 1ms, max: 2ms}}"),
        rule(ExactlyOne, "{path: «{}}"),
        rule(ExactlyOne, "{path: «{exact: /a, prefix: /a}}"),
        rule(ExactlyOne, "{headers: [«{name: a}]}"),
        rule(ExactlyOne, "{headers: [«{name: a, exact: b, present: true}]}"),
        rule(ExactlyOne, "{authority: «{exact: a, suffix: b}}"),
        rule(NothingGiven, "«{}"),
        fault(NothingGiven, "abort: «{body: x}"),
        fault(NothingGiven, "throttle: «{}"),
        fault(NothingGiven, "mutate: «{}"),
        fault(NothingGiven, "mutate: {response: «{}}"),
        fault(Conflict, "abort: {status: 204, body: «x}"),
        fault(Conflict, "abort: {status: 503, message: «x}"),
        fault(NothingGiven, "stream: «{after: {messages: 1}, then: end}"),
        fault(Conflict, "stream: {after: {messages: 1}, then: stall, grpc_status: «14}"),
        fault(ExactlyOne, "stream: {after: «{}, then: stall}"),
        fault(Conflict, "drop: {mode: hang, after: «1KiB}"),
        fault(WrongType, "«- delay: {fixed: 1s}"),
        fault(BadFormat, "delay: {fixed: 1s}\n- name: «B\n  faults: [{delay: {fixed: 1s}}]"),
        case(OutOfRange, "version: 1\nscenarios: «[]\n"),
        rule(OutOfRange, "{methods: «[]}"),
    ]
}

trait AtRoot {
    /// The mark at the beginning of the file: what is missing there has no place of its own.
    fn marked_at_root(self) -> Self;
}

impl AtRoot for Case {
    fn marked_at_root(self) -> Self {
        (self.0, ["«".as_bytes(), &self.1].concat())
    }
}
