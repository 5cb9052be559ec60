//! A pool of slots as the plan has it.

use super::abort::{Abort, Grpc};
use super::{Fault, Injected, Injection};
use crate::wire;

/// gRPC's UNAVAILABLE: what a client may try again.
const UNAVAILABLE: u32 = 14;

/// A pool of slots with a queue in front of it.
#[derive(Debug)]
pub struct Concurrency {
    pub limit: u32,
    pub queue: u32,
    /// The longest wait, in microseconds.
    pub timeout_us: u64,
    /// The answer when as many wait as may.
    pub full: Abort,
    /// The answer to who has waited too long.
    pub late: Abort,
}

pub(super) fn compile(fault: &wire::ConcurrencyPressure, scenario: &str) -> Fault {
    let answer = |why: &str, details: &str| {
        let body = format!("chaos: {why} the queue of scenario {scenario}");
        let grpc = Grpc { status: UNAVAILABLE, message: body.clone(), headers: Vec::new() };
        let status = fault.status.0;
        let details = format!("{details}{{{scenario}}}");
        let body = if matches!(status, 204 | 205 | 304) { String::new() } else { body };
        Abort { status, body, headers: Vec::new(), grpc: Some(grpc), details }
    };
    Fault::Concurrency(Box::new(Concurrency {
        limit: fault.limit.0,
        queue: fault.queue.0,
        timeout_us: fault.queue_timeout.micros(),
        full: answer("no place left in", "chaos_queue_full"),
        late: answer("waited too long in", "chaos_queue_timeout"),
    }))
}

/// Whether it takes place: a request goes through one pool, the first.
pub(super) fn add(scenario: usize, fault: usize, injection: &mut Option<Injection>) -> bool {
    let takes_place = injection.as_ref().is_none_or(|injection| injection.pool.is_none());
    if takes_place {
        injection.get_or_insert_default().push(Injected::Concurrency { scenario, fault });
    }
    takes_place
}
