//! The end of a stream: what it gives back, and what is counted of it.

use crate::armed::Armed;
use crate::caps;
use crate::engine::Engine;
use crate::grpc;
use crate::health;
use crate::host;
use crate::ledger;
use crate::root::{RETRY_NS, Root, Wake};
use crate::stats::{self, Cause};
use crate::stream::{Observed, Progress};
use crate::waiting;
use squall_policy::health::Finished;

/// The stream is complete: its wake-ups are cancelled and its outcome counted. The first of `on_log` and
/// `on_delete` does it; only `on_log` knows the status.
#[inline]
pub fn finish(engine: &mut Engine, id: u32, status: fn() -> u64) {
    engine.take_newest(id);
    if engine.remembers_streams() {
        finish_known(engine, id, status);
    }
}

fn finish_known(engine: &mut Engine, id: u32, status: fn() -> u64) {
    let Some(stream) = engine.streams.remove(&id) else { return };
    let Some(mut observed) = stream.observed else { return };
    let faulted = observed.injection.is_some();
    if faulted {
        stats::faults_in_flight(-1);
    }
    let give_back = caps::release(&observed.held) | waiting::leave_for_good(observed.at_pool.take());
    let Some(root) = engine.roots.get_mut(&stream.root) else { return };
    if let Progress::WaitingRequest(ticket) | Progress::WaitingResponse(ticket) = observed.progress {
        root.queue.cancel(ticket);
    }
    for ticket in observed.bodies.tickets() {
        root.queue.cancel(ticket);
    }
    let now = host::monotonic_ns();
    stats::count_host_errors(u32::from(now.is_err()));
    if give_back {
        // Without a clock at once.
        let now = now.unwrap_or_default();
        root.wake_at(now.saturating_add(RETRY_NS), now, Wake::GiveBack);
    }
    let Some(armed) = &mut root.armed else { return };
    if let Some(injection) = &observed.injection {
        ledger::suppress_faults(armed, &injection.faults, Cause::StreamEnded);
    }
    if let Ok(now) = now {
        let status = status();
        count_request(armed, &observed, faulted, status, now);
        observe(root, &observed, faulted, status, now);
    }
}

/// What all workers see together.
fn observe(root: &mut Root, observed: &Observed, faulted: bool, status: u64, now: u64) {
    let Some(armed) = &mut root.armed else { return };
    let latency_us = now.saturating_sub(observed.started_ns) / 1000;
    let made = |status| faulted && observed.marks.made(status);
    let status = if made(status) { status } else { grpc::status(status) };
    let injected = made(status);
    let finished = Finished { phase: observed.phase, status, latency_us, injected };
    if observed.inbound {
        armed.observer.inbound(&finished);
    }
    if !observed.outcomes.is_empty() {
        let groups: Vec<_> = observed
            .outcomes
            .iter()
            .map(|outcome| (outcome.scenario, ledger::part(outcome, faulted), outcome.declared_ppm))
            .collect();
        armed.observer.request(&finished, &groups);
    }
    root.plan_health(health::LOOK_NS, now);
}

fn count_request(armed: &mut Armed, observed: &Observed, faulted: bool, status: u64, now: u64) {
    let latency_ms = now.saturating_sub(observed.started_ns).saturating_add(500_000) / 1_000_000;
    for outcome in &observed.outcomes {
        if let Some(stats) = armed.stats.get_mut(outcome.scenario) {
            stats.request(ledger::group(outcome, observed.phase, faulted), status, latency_ms);
        }
    }
}
