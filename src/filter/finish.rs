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
use squall_policy::health::{Finished, Group, Phase};

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
        let latency_us = now.saturating_sub(observed.started_ns) / 1000;
        let http = status();
        let status = grpc::status(http);
        let injected = faulted && observed.marks.made(http, status);
        let finished = Finished { phase: observed.phase, status, latency_us, injected };
        // Another instance in this chain may have faulted it, before this one or after it: then it is no control either.
        let faulted = faulted || (is_compared(&observed) && ledger::is_marked());
        count_request(armed, &observed, faulted, &finished);
        observe(root, &observed, faulted, &finished, now);
    }
}

/// Whether it is control for some scenario as long as no fault at all has touched it.
fn is_compared(observed: &Observed) -> bool {
    let is_control = |outcome| matches!(ledger::part(outcome, false), Group::Control);
    matches!(observed.phase, Phase::Injecting(_)) && observed.outcomes.iter().any(is_control)
}

/// What all workers see together.
fn observe(root: &mut Root, observed: &Observed, faulted: bool, finished: &Finished, now: u64) {
    let Some(armed) = &mut root.armed else { return };
    if observed.inbound {
        armed.observer.inbound(finished);
    }
    if !observed.outcomes.is_empty() {
        let groups: Vec<_> = observed
            .outcomes
            .iter()
            .map(|outcome| (outcome.scenario, ledger::part(outcome, faulted), outcome.declared_ppm))
            .collect();
        armed.observer.request(finished, &groups);
    }
    root.plan_health(health::LOOK_NS, now);
}

fn count_request(armed: &mut Armed, observed: &Observed, faulted: bool, finished: &Finished) {
    let latency_ms = finished.latency_us.saturating_add(500) / 1000;
    for outcome in &observed.outcomes {
        if let Some(stats) = armed.stats.get_mut(outcome.scenario) {
            let group = ledger::group(outcome, observed.phase, faulted);
            stats.request(group, finished.status, finished.injected, latency_ms);
        }
    }
}
