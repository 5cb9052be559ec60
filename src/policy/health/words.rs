//! The words by which faults and the reasons against them are counted, in metrics and in the ledger.

/// Every kind of fault, in the order in which marks name them: what may end a request last.
pub const FAULTS: [&str; 9] =
    ["cpu", "memory", "concurrency", "delay", "throttle", "mutate", "stream", "drop", "abort"];

/// Why a sampled fault was not injected.
pub const CAUSES: [&str; 28] = [
    "preempted",
    "no_sample_header",
    "already_faulted",
    "deadline",
    "host_error",
    "max_concurrent",
    "max_per_second",
    "max_total",
    "cpu_share",
    "protected",
    "attempt",
    "trigger",
    "burst",
    "no_key",
    "first_done",
    "first_full",
    "stream_ended",
    "no_body",
    "no_stream",
    "body_taken",
    "body_too_large",
    "body_not_json",
    "unsigned",
    "malformed",
    "bad_signature",
    "expired",
    "over_limit",
    "other_target",
];
