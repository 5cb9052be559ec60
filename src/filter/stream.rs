//! One request on its way through a mission: decided about, held back, ended, let go, counted.
//!
//! The state says on which side a stream is paused, and only that side is ever resumed: resuming the other
//! crashes Envoy.

use crate::bodies::Bodies;
use crate::callers;
use crate::caps::{self, Held};
use crate::ending;
use crate::engine::Engine;
use crate::health;
use crate::host::Side;
use crate::ledger::{self, Marks};
use crate::load::Arrivals;
use crate::marks;
use crate::mutate;
use crate::pressure;
use crate::request_facts::RequestFacts;
use crate::response;
use crate::root::{Root, Wake};
use crate::stats::{self, Cause};
use crate::waiting::{self, AtPool};
use squall_policy::health::Phase;
use squall_policy::mission::State;
use squall_policy::{DelayPhase, Direction, Facts, Injected, Injection, Outcome, Ticket, Verdict};

/// What a callback tells the host to do with the stream.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    #[default]
    Continue = 0,
    /// In the headers: until continued. In a body: the host buffers it for us, and fails what does not fit.
    Pause = 1,
    /// In a body: the host holds it back, and its sender once it has enough.
    Hold = 2,
}

/// A stream of a root with a mission; streams of idle roots are not kept.
pub struct Stream {
    pub root: u32,
    pub observed: Option<Box<Observed>>,
}

/// A request that some scenario of a running mission matched.
pub struct Observed {
    pub id: u32,
    /// The phase of the mission in which it came.
    pub phase: Phase,
    /// It came in on the side that a guardrail watches.
    pub inbound: bool,
    pub started_ns: u64,
    /// When its delay began.
    pub begun_ns: u64,
    pub outcomes: Vec<Outcome>,
    /// The faults in its list have not had their turn yet.
    pub injection: Option<Injection>,
    /// What is said of all its faults.
    pub marks: Marks,
    /// What it gives back when it is complete.
    pub held: Held,
    /// Its place at a pool of slots.
    pub at_pool: Option<AtPool>,
    /// The scopes in which it is under way until it is complete.
    #[allow(dead_code, reason = "it leaves them when this is dropped")]
    pub arrivals: Arrivals,
    pub progress: Progress,
    pub bodies: Bodies,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Paused in the request headers until the ticket falls due.
    WaitingRequest(Ticket),
    /// On its way, upstream or back.
    Passing,
    /// Paused in the response headers until the ticket falls due.
    WaitingResponse(Ticket),
    /// Answered or reset, by us or by Envoy while it waited here.
    Ended,
}

impl Observed {
    /// Its mission is over and another one takes its place: nothing of it is decided or counted any more. What is held back
    /// is let go all the same.
    pub fn detach(&mut self) {
        self.outcomes.clear();
        self.marks = Marks::default();
        if let Some(injection) = &mut self.injection {
            *injection = Injection::default();
        }
    }

    /// These faults did not take place after all.
    pub fn forget(&mut self, faults: &[Injected]) {
        for fault in faults {
            self.marks.forget(fault.kind());
        }
    }
}

/// Decides about a request and begins what the verdict says.
#[inline]
pub fn request_headers(engine: &mut Engine, id: u32, last: bool) -> Action {
    // A request that nothing matched, or that came too early or too late, is forgotten at once.
    if let Some(root) = engine.take_newest(id) {
        return begin(engine, id, root, last).unwrap_or_default();
    }
    if engine.remembers_streams() { request_headers_again(engine, id, last) } else { Action::Continue }
}

/// Of a stream that is not the newest, or for the second time.
fn request_headers_again(engine: &mut Engine, id: u32, last: bool) -> Action {
    let Some(stream) = engine.streams.get(&id) else { return Action::Continue };
    if let Some(observed) = &stream.observed {
        // Decided already; a second decision would forget what waits for the first.
        let waits = matches!(observed.progress, Progress::WaitingRequest(_));
        return if waits { Action::Pause } else { Action::Continue };
    }
    let root = stream.root;
    let action = begin(engine, id, root, last);
    if action.is_none() {
        engine.streams.remove(&id);
    }
    action.unwrap_or_default()
}

#[inline]
fn begin(engine: &mut Engine, id: u32, root_id: u32, last: bool) -> Option<Action> {
    let root = engine.roots.get_mut(&root_id)?;
    let armed = root.armed.as_mut().filter(|armed| armed.running)?;
    marks::strip(armed);
    let mut facts = RequestFacts::new(armed.run.started_ns());
    let verdict = armed.plan.decide_at(armed.intensity_ppm, &armed.seed, &mut facts);
    let watched = armed.observer.watches_inbound();
    if facts.failures > 0 || armed.plan.takes_requests() || !verdict.outcomes.is_empty() || watched {
        return begin_matched(engine, (id, root_id), facts, verdict, last);
    }
    None
}

/// The verdict has something to say.
fn begin_matched(
    engine: &mut Engine,
    (id, root_id): (u32, u32),
    mut facts: RequestFacts,
    mut verdict: Verdict,
    last: bool,
) -> Option<Action> {
    let root = engine.roots.get_mut(&root_id)?;
    let armed = root.armed.as_mut()?;
    stats::count_host_errors(facts.failures);
    callers::strip(armed, &verdict, &facts);
    let inbound = armed.observer.watches_inbound() && facts.direction() == Direction::Inbound;
    if verdict.outcomes.is_empty() && !inbound {
        return None;
    }
    let Ok((state, now)) = armed.state() else {
        stats::count_host_errors(1);
        return None;
    };
    match state {
        State::Injecting { .. } => {}
        // Seen by the wall clock, or a moment before the timer: what was decided for another phase does not hold.
        State::Baseline | State::Recovery if verdict.injection.is_none() => {}
        State::Pending | State::Baseline | State::Recovery => return None,
        State::Over(_) => {
            root.end_mission(now);
            return None;
        }
    }
    let ends = armed.run.ends_ns();
    if verdict.injection.is_some() && ledger::is_marked() {
        ledger::suppress_all(armed, &verdict, Cause::AlreadyFaulted);
        return None;
    }
    pressure::admit(armed, &mut verdict, now);
    let held = caps::acquire(armed, &mut verdict);
    let started_ns = now;
    let now = pressure::apply(armed, &mut verdict, now);
    let phase = health::phase_of(state);
    if let Phase::Injecting(_) = phase {
        ledger::count_spared(armed, &verdict);
    }
    let mut observed = Observed {
        id,
        phase,
        inbound,
        started_ns,
        begun_ns: now,
        outcomes: verdict.outcomes,
        marks: Marks::of(verdict.injection.as_ref(), &armed.plan),
        injection: verdict.injection,
        held,
        at_pool: None,
        arrivals: std::mem::take(&mut facts.arrivals),
        progress: Progress::Passing,
        bodies: Bodies::default(),
    };
    let action = inject(root, &mut observed, now, ends, last);
    engine.streams.insert(id, Stream { root: root_id, observed: Some(Box::new(observed)) });
    action
}

/// Begins the faults of a request. `last`: it has no body.
fn inject(root: &mut Root, observed: &mut Observed, now: u64, ends: u64, last: bool) -> Option<Action> {
    let armed = root.armed.as_mut()?;
    let Some(injection) = &mut observed.injection else { return Some(Action::Continue) };
    ledger::mark(armed, observed.marks);
    stats::faults_in_flight(1);
    // Those have taken place, and are counted.
    ledger::take(injection, |fault| matches!(fault, Injected::Burn { .. } | Injected::Hold { .. }));
    match waiting::join(root, observed, now, ends, last) {
        Action::Continue => proceed(root, observed, now, ends, last),
        stopped => Some(stopped),
    }
}

/// Begins what comes after the pool of slots. The effective context has to be the stream.
pub fn proceed(root: &mut Root, observed: &mut Observed, now: u64, ends: u64, last: bool) -> Option<Action> {
    observed.begun_ns = now;
    let armed = root.armed.as_mut()?;
    let Some(injection) = &mut observed.injection else { return Some(Action::Continue) };
    let hangs = ending::hangs(armed, injection);
    let delay_us = injection.request_delay_us;
    let delayed = due(now, delay_us, ends);
    let from = if delay_us > 0 { delayed } else { now };
    mutate::request(armed, observed);
    observed.bodies.begin_request(armed, observed.injection.as_mut()?, from, last);
    if delay_us == 0 && !hangs {
        return Some(match ending::end_request(observed, armed) {
            Action::Continue => {
                marks::on_request(armed, observed.marks);
                Action::Continue
            }
            ended => ended,
        });
    }
    let until = if hangs { ends } else { delayed };
    let ticket = root.wake_at(until, now, Wake::Stream(observed.id));
    let armed = root.armed.as_mut()?;
    let injection = observed.injection.as_mut()?;
    let Some(ticket) = ticket else {
        // No timer, no delay: the request goes on without any of its faults.
        ledger::suppress_faults(armed, &injection.faults, Cause::HostError);
        *injection = Injection::default();
        observed.bodies = Bodies::default();
        observed.marks = Marks::default();
        return Some(Action::Continue);
    };
    observed.progress = Progress::WaitingRequest(ticket);
    let begun = ledger::take_delays(injection, DelayPhase::Request);
    ledger::count(armed, &begun);
    if hangs {
        injection.ending = None;
        let begun = ledger::take_endings(injection);
        ledger::count(armed, &begun);
    } else if injection.ending.is_none() {
        marks::on_request(armed, observed.marks);
    }
    Some(Action::Pause)
}

/// Begins what the response suffers, and holds it back when the request drew such a delay.
#[inline]
pub fn response_headers(engine: &mut Engine, id: u32, last: bool) -> Action {
    if engine.remembers_streams() {
        response::hold(engine, id, last).unwrap_or_default()
    } else {
        Action::Continue
    }
}

/// A piece of a body has come.
#[inline]
pub fn body(engine: &mut Engine, id: u32, side: Side, size: usize, last: bool) -> Action {
    if engine.remembers_streams() { body_of_known(engine, id, side, size, last) } else { Action::Continue }
}

fn body_of_known(engine: &mut Engine, id: u32, side: Side, size: usize, last: bool) -> Action {
    let Some(stream) = engine.streams.get_mut(&id) else { return Action::Continue };
    let Some(observed) = stream.observed.as_mut().filter(|o| o.bodies.concern(side)) else {
        return Action::Continue;
    };
    let Some(root) = engine.roots.get_mut(&stream.root) else { return Action::Continue };
    observed.piece(root, side, size, last)
}

/// The trailers have come: the body is complete.
#[inline]
pub fn trailers(engine: &mut Engine, id: u32, side: Side) -> Action {
    if engine.remembers_streams() { trailers_of_known(engine, id, side) } else { Action::Continue }
}

fn trailers_of_known(engine: &mut Engine, id: u32, side: Side) -> Action {
    let Some(stream) = engine.streams.get_mut(&id) else { return Action::Continue };
    let Some(observed) = stream.observed.as_mut().filter(|o| o.bodies.concern(side)) else {
        return Action::Continue;
    };
    let Some(root) = engine.roots.get_mut(&stream.root) else { return Action::Continue };
    observed.trailers(root, side)
}

/// Never past the mission's deadline (promise P1).
pub fn due(now_ns: u64, delay_us: u64, ends_ns: u64) -> u64 {
    now_ns.saturating_add(delay_us.saturating_mul(1000)).min(ends_ns)
}
