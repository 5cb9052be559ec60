//! One request on its way through a mission: decided about, held back, answered, let go, counted.
//!
//! The state says on which side a stream is paused, and only that side is ever resumed: resuming the other
//! crashes Envoy.

use crate::caps::{self, Held};
use crate::engine::Engine;
use crate::host::{self, Side};
use crate::ledger;
use crate::marks;
use crate::pressure;
use crate::request_facts::RequestFacts;
use crate::root::{Armed, RETRY_NS, Wake};
use crate::stats::{self, Cause};
use squall_policy::{DelayPhase, Injection, Outcome, Phase, SLACK_NS, Ticket};

/// What a callback tells the host to do with the stream.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    #[default]
    Continue = 0,
    Pause = 1,
}

/// A stream of a root with a mission; streams of idle roots are not kept.
pub struct Stream {
    pub root: u32,
    observed: Option<Box<Observed>>,
}

/// A request that some scenario of a running mission matched.
struct Observed {
    id: u32,
    started_ns: u64,
    outcomes: Vec<Outcome>,
    injection: Option<Injection>,
    held: Held,
    progress: Progress,
}

/// What became of a wake-up.
pub enum Woken {
    Done,
    /// The host did not let this stream go on.
    Stuck(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Paused in the request headers until the ticket falls due.
    WaitingRequest(Ticket),
    /// On its way, upstream or back.
    Passing,
    /// Paused in the response headers until the ticket falls due.
    WaitingResponse(Ticket),
    /// Answered by us.
    Replied,
}

impl Stream {
    #[must_use]
    pub fn new(root: u32) -> Self {
        Self { root, observed: None }
    }

    /// The wake-up was put off.
    pub fn wait_again(&mut self, ticket: Ticket) {
        if let Some(observed) = &mut self.observed {
            observed.progress = match observed.progress {
                Progress::WaitingRequest(_) => Progress::WaitingRequest(ticket),
                Progress::WaitingResponse(_) => Progress::WaitingResponse(ticket),
                other => other,
            };
        }
    }
}

/// Decides about a request and begins what the verdict says.
pub fn request_headers(engine: &mut Engine, id: u32) -> Action {
    let action = begin(engine, id);
    // A request that nothing matched, or that came too early or too late, is forgotten at once.
    if action.is_none() {
        engine.streams.remove(&id);
    }
    action.unwrap_or_default()
}

fn begin(engine: &mut Engine, id: u32) -> Option<Action> {
    let stream = engine.streams.get_mut(&id)?;
    if let Some(observed) = &stream.observed {
        // Decided already; a second decision would forget what waits for the first.
        let waits = matches!(observed.progress, Progress::WaitingRequest(_));
        return Some(if waits { Action::Pause } else { Action::Continue });
    }
    let root = engine.roots.get_mut(&stream.root)?;
    let armed = root.armed.as_mut().filter(|armed| armed.running)?;
    marks::strip(armed);
    let mut facts = RequestFacts::default();
    let mut verdict = armed.plan.decide(&armed.seed, &mut facts);
    stats::count_host_errors(facts.failures);
    if verdict.outcomes.is_empty() {
        return None;
    }
    let Ok((phase, now)) = armed.phase() else {
        stats::count_host_errors(1);
        return None;
    };
    let ends = match phase {
        Phase::Running { ends_mono_ns } => ends_mono_ns,
        Phase::Pending { .. } => return None,
        Phase::Over => {
            root.end_mission(now);
            return None;
        }
    };
    if verdict.injection.is_some() && ledger::is_marked() {
        ledger::suppress_all(armed, &verdict, Cause::AlreadyFaulted);
        return None;
    }
    pressure::admit(armed, &mut verdict, now);
    let held = caps::acquire(armed, &mut verdict);
    let (started_ns, held_memory) = (now, armed.holds_memory);
    let now = pressure::apply(armed, &mut verdict, now);
    ledger::count_spared(armed, &verdict);
    let mut observed = Observed {
        id,
        started_ns,
        outcomes: verdict.outcomes,
        injection: verdict.injection,
        held,
        progress: Progress::Passing,
    };
    let action = match &observed.injection {
        Some(injection) => {
            ledger::mark(armed, injection);
            stats::faults_in_flight(1);
            if injection.request_delay_us > 0 {
                let due = due(now, injection.request_delay_us, ends);
                match root.wake_at(due, now, Wake::Stream(id)) {
                    Some(ticket) => {
                        observed.progress = Progress::WaitingRequest(ticket);
                        ledger::count_delays(root.armed.as_mut()?, injection, DelayPhase::Request);
                        Action::Pause
                    }
                    None => give_up(root.armed.as_mut()?, &mut observed),
                }
            } else if injection.abort.is_some() {
                reply(&mut observed, armed)
            } else {
                Action::Continue
            }
        }
        None => Action::Continue,
    };
    if let (Some(armed), Some(injection)) = (&root.armed, &observed.injection)
        && injection.abort.is_none()
    {
        marks::on_request(armed, injection);
    }
    if !held_memory && root.armed.as_ref().is_some_and(|armed| armed.holds_memory) {
        // From now on somebody has to look at the wall clock.
        root.set_timer(now);
    }
    stream.observed = Some(Box::new(observed));
    Some(action)
}

/// Holds a response back when the request drew such a delay.
pub fn response_headers(engine: &mut Engine, id: u32) -> Action {
    hold_response(engine, id).unwrap_or_default()
}

fn hold_response(engine: &mut Engine, id: u32) -> Option<Action> {
    let stream = engine.streams.get_mut(&id)?;
    let observed = stream.observed.as_mut().filter(|o| o.progress == Progress::Passing)?;
    let injection = observed.injection.as_ref()?;
    let root = engine.roots.get_mut(&stream.root)?;
    marks::on_response(root.armed.as_ref()?, injection);
    if injection.response_delay_us == 0 {
        return None;
    }
    let replaced = root.is_replaced();
    let armed = root.armed.as_mut()?;
    let (ends_mono_ns, now) = match armed.phase() {
        Ok((Phase::Running { ends_mono_ns }, now)) if !replaced => (ends_mono_ns, now),
        _ => {
            ledger::suppress_response_delays(armed, injection, Cause::Deadline);
            return None;
        }
    };
    let due = due(now, injection.response_delay_us, ends_mono_ns);
    let Some(ticket) = root.wake_at(due, now, Wake::Stream(id)) else {
        ledger::suppress_response_delays(root.armed.as_mut()?, injection, Cause::HostError);
        return None;
    };
    ledger::count_delays(root.armed.as_mut()?, injection, DelayPhase::Response);
    observed.progress = Progress::WaitingResponse(ticket);
    Some(Action::Pause)
}

/// A deadline fell due, or the mission is over: the stream goes on, or is answered.
pub fn wake(stream: &mut Stream, armed: Option<&mut Armed>, now_ns: u64, abort_allowed: bool) -> Woken {
    let Some(observed) = &mut stream.observed else { return Woken::Done };
    let side = match observed.progress {
        Progress::WaitingRequest(_) => Side::Request,
        Progress::WaitingResponse(_) => Side::Response,
        Progress::Passing | Progress::Replied => return Woken::Done,
    };
    // When this fails another stream is still in effect, and anything done now would be done to it.
    if host::set_effective_context(observed.id).is_err() {
        stats::count_host_errors(1);
        return Woken::Stuck(observed.id);
    }
    let abort = observed.injection.as_ref().and_then(|i| i.abort).filter(|_| side == Side::Request);
    if let (Some((scenario, _)), Some(armed)) = (abort, armed) {
        let wall = host::wall_ms().unwrap_or(u64::MAX);
        let running = matches!(armed.schedule.phase(wall, now_ns), Phase::Running { .. });
        // The timer may ring a little before the mission's deadline: who waits for that one alone has not had
        // the delay that the abort comes after.
        let delayed = full_delay_served(observed, now_ns);
        if !(abort_allowed && running && delayed) {
            ledger::suppress(armed, scenario, Cause::Deadline);
            if let Some(injection) = &mut observed.injection {
                injection.abort = None;
                marks::on_request(armed, injection);
            }
        } else if reply(observed, armed) == Action::Pause {
            return Woken::Done;
        }
    }
    if host::continue_stream(side).is_err() {
        stats::count_host_errors(1);
        return Woken::Stuck(observed.id);
    }
    observed.progress = Progress::Passing;
    Woken::Done
}

/// The stream is complete: its wake-up is cancelled and its outcome counted. The first of `on_log` and
/// `on_delete` does it; only `on_log` knows the status.
pub fn finish(engine: &mut Engine, id: u32, status: impl FnOnce() -> u64) {
    let Some(stream) = engine.streams.remove(&id) else { return };
    let Some(observed) = stream.observed else { return };
    let faulted = observed.injection.is_some();
    if faulted {
        stats::faults_in_flight(-1);
    }
    let give_back = caps::release(&observed.held);
    let Some(root) = engine.roots.get_mut(&stream.root) else { return };
    if let Progress::WaitingRequest(ticket) | Progress::WaitingResponse(ticket) = observed.progress {
        root.queue.cancel(ticket);
    }
    let Ok(now) = host::monotonic_ns() else {
        stats::count_host_errors(1);
        return;
    };
    if give_back {
        root.wake_at(now.saturating_add(RETRY_NS), now, Wake::GiveBack);
    }
    let Some(armed) = &mut root.armed else { return };
    let status = status();
    let latency_ms = now.saturating_sub(observed.started_ns).saturating_add(500_000) / 1_000_000;
    for outcome in &observed.outcomes {
        if let Some(stats) = armed.stats.get_mut(outcome.scenario) {
            stats.request(ledger::group(outcome, faulted), status, latency_ms);
        }
    }
}

/// No timer, no delay: the request goes on without any of its faults.
fn give_up(armed: &mut Armed, observed: &mut Observed) -> Action {
    if let Some(injection) = &mut observed.injection {
        ledger::suppress_faults(armed, injection, Cause::HostError);
        *injection = Injection::default();
    }
    Action::Continue
}

/// Answers the request in the upstream's place. The stream must be in the request phase.
fn reply(observed: &mut Observed, armed: &mut Armed) -> Action {
    let Some((number, fault)) = observed.injection.as_ref().and_then(|i| i.abort) else {
        return Action::Continue;
    };
    let abort = match armed.plan.scenario(number).and_then(|s| s.fault(fault)) {
        Some(squall_policy::Fault::Abort(abort)) => abort,
        _ => return Action::Continue,
    };
    // gRPC clients get the message where HTTP clients get the body; which one it is, only matters then.
    let grpc = abort.grpc.as_ref().filter(|_| is_grpc());
    let body = grpc.map_or(abort.body.as_str(), |grpc| grpc.message.as_str());
    let headers = grpc.map_or(&abort.headers, |grpc| &grpc.headers);
    let headers = &marks::on_answer(armed, observed.injection.as_ref(), headers);
    let sent = host::send_local_response(abort.status, &abort.details, body, headers, grpc.map(|g| g.status));
    if sent.is_err() {
        stats::count_host_errors(1);
        ledger::suppress(armed, number, Cause::HostError);
        // Not tried again: the stream goes on to its upstream.
        if let Some(injection) = &mut observed.injection {
            injection.abort = None;
        }
        return Action::Continue;
    }
    observed.progress = Progress::Replied;
    if let Some(stats) = armed.stats.get_mut(number) {
        stats.injected_abort();
    }
    Action::Pause
}

fn is_grpc() -> bool {
    let content_type = host::request_header("content-type").ok().flatten().unwrap_or_default();
    // `application/grpc`, and with a suffix `+proto` or a parameter; not `application/grpc-web`.
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn full_delay_served(observed: &Observed, now_ns: u64) -> bool {
    let delay_us = observed.injection.as_ref().map_or(0, |injection| injection.request_delay_us);
    due(observed.started_ns, delay_us, u64::MAX) <= now_ns.saturating_add(SLACK_NS)
}

/// Never past the mission's deadline (promise P1).
fn due(now_ns: u64, delay_us: u64, ends_ns: u64) -> u64 {
    now_ns.saturating_add(delay_us.saturating_mul(1000)).min(ends_ns)
}
