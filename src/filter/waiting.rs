//! Requests at a pool of slots: they come in, wait for their turn, or are answered.

use crate::armed::Armed;
use crate::bell;
use crate::ending;
use crate::host::{self, Side};
use crate::ledger;
use crate::marks;
use crate::root::{RETRY_NS, Root, Wake};
use crate::slots::{self, Place};
use crate::stats::{self, Cause};
use crate::stream::{self, Action, Observed, Progress, Stream, due};
use crate::wake::in_effect;
use hashbrown::HashMap;
use squall_policy::{Concurrency, DeadlineQueue, Fault, Injected, Injection, Joined, SLACK_NS, Standing};
use std::rc::Rc;

/// Requests that one look lets go on: see `ACTIONS_PER_TICK`.
const ACTIONS_PER_LOOK: usize = 32;

/// Who waits is rung for; a look without a ring, this often, is for rings that get lost.
const LOOK_NS: u64 = 100_000_000;
/// The same for a worker that nobody can ring.
const LOOK_WITHOUT_BELL_NS: u64 = 5_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// Where a request is in its pool.
pub struct AtPool {
    pub place: Place,
    /// When it came, and when it is answered if its turn has not come by then; nanoseconds on the monotonic clock.
    since_ns: u64,
    expires_ns: u64,
    /// It has no body.
    last: bool,
}

impl AtPool {
    /// A waiter is counted in the gauge.
    pub fn waits(&self) -> bool {
        matches!(self.place, Place::Waits(..))
    }
}

/// What waits in this worker for a root.
#[derive(Default)]
pub struct Waiters {
    /// Pool and stream, in their order. Streams that are gone stay until the next look.
    list: Vec<(Rc<str>, u32)>,
    /// By which others wake this worker.
    bell: Option<u32>,
}

impl Waiters {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The root that heard the bell may be gone.
    pub fn forget_bell(&mut self) {
        self.bell = None;
    }
}

/// Brings a request to its pool, if it has one. `Continue`: it goes on at once. The effective context has to be its stream.
pub fn join(root: &mut Root, observed: &mut Observed, now: u64, ends: u64, last: bool) -> Action {
    let Some(injection) = &mut observed.injection else { return Action::Continue };
    let Some(number) = injection.pool else { return Action::Continue };
    slots::flush();
    let fault = ledger::take(injection, |fault| matches!(fault, Injected::Concurrency { .. }));
    let Some(armed) = &mut root.armed else { return Action::Continue };
    let pool = armed.pools.key(number).zip(size(armed, number));
    let Some((key, size)) = pool else { return Action::Continue };
    let expires = due(now, size.timeout_us, ends);
    let bell = *root.waiters.bell.get_or_insert_with(bell::register);
    let joined = slots::change(&key, |pool| {
        slots::open(pool, size);
        Some(pool.join(bell, now / NS_PER_MS, expires / NS_PER_MS))
    });
    let at_pool = |place| Some(AtPool { place, since_ns: now, expires_ns: expires, last });
    match joined {
        Ok(Some(Joined::Inside)) => {
            ledger::count(armed, &fault);
            observed.at_pool = at_pool(Place::Inside(key));
            Action::Continue
        }
        Ok(Some(Joined::Waits(ticket))) => {
            observed.at_pool = at_pool(Place::Waits(Rc::clone(&key), ticket));
            wait(root, observed, key, &fault, now)
        }
        Ok(Some(Joined::Full)) => {
            ledger::count(armed, &fault);
            count(armed, number, "chaos_queue_overflows_total");
            answer(armed, observed, number, |size| &size.full)
        }
        Ok(None) | Err(_) => {
            spare(armed, observed, &fault);
            Action::Continue
        }
    }
}

fn wait(root: &mut Root, observed: &mut Observed, key: Rc<str>, fault: &[Injected], now: u64) -> Action {
    let Some(expires_ns) = observed.at_pool.as_ref().map(|at| at.expires_ns) else { return Action::Continue };
    let first = root.waiters.is_empty();
    if first {
        root.wake_at(now.saturating_add(look_ns(root)), now, Wake::Look);
    }
    let ticket = root.wake_at(expires_ns, now, Wake::Slot(observed.id));
    let Some(armed) = &mut root.armed else { return Action::Continue };
    let Some(ticket) = ticket else {
        // No timer, no waiting: the request goes on.
        leave(&mut root.queue, observed, now);
        spare(armed, observed, fault);
        return Action::Continue;
    };
    ledger::count(armed, fault);
    stats::move_gauge("chaos_queue_length", 1);
    observed.progress = Progress::WaitingRequest(ticket);
    root.waiters.list.push((key, observed.id));
    Action::Pause
}

/// Lets those go on whose turn has come. The caller sets the timer.
pub fn look(root: &mut Root, streams: &mut HashMap<u32, Stream>, now: u64) {
    let mut blocked: Vec<Rc<str>> = Vec::new();
    let mut acted = 0;
    let running = is_running(root, now);
    for (key, id) in std::mem::take(&mut root.waiters.list) {
        let observed = streams.get_mut(&id).and_then(|stream| stream.observed.as_deref_mut());
        let waiting = observed.and_then(|observed| match (&observed.at_pool, observed.progress) {
            (Some(AtPool { place: Place::Waits(_, number), .. }), Progress::WaitingRequest(ticket)) => {
                Some((*number, ticket, observed))
            }
            _ => None,
        });
        let Some((number, ticket, observed)) = waiting else { continue };
        // Who waits in the same pool behind one whose turn has not come need not ask.
        let asks = running.is_some() && acted < ACTIONS_PER_LOOK && !blocked.contains(&key);
        let turn = match asks {
            true => slots::change(&key, |pool| Some(pool.turn(number, now / NS_PER_MS))).ok().flatten(),
            false => None,
        };
        if turn == Some(Standing::Inside) {
            acted = acted.saturating_add(1);
            root.queue.cancel(ticket);
            go_in(root, observed, key, now);
        } else {
            // One that the pool has given up is answered by its timer.
            if turn != Some(Standing::Gone) && asks {
                blocked.push(Rc::clone(&key));
            }
            root.waiters.list.push((key, id));
        }
    }
    if !root.waiters.is_empty() {
        let soon = if acted < ACTIONS_PER_LOOK { look_ns(root) } else { NS_PER_MS };
        root.queue.retain(|wake| !matches!(wake, Wake::Look));
        root.queue.push(now.saturating_add(soon), Wake::Look);
    }
}

/// The time of a waiter is up, or the mission's is.
pub fn time_is_up(root: &mut Root, observed: &mut Observed, now: u64) {
    let (Progress::WaitingRequest(_), Some(at)) = (observed.progress, &observed.at_pool) else { return };
    let Place::Waits(key, number) = at.place.clone() else {
        return go_on(root, observed, now);
    };
    if is_running(root, now).is_none() {
        return release(root, observed, now);
    }
    if at.expires_ns > now.saturating_add(SLACK_NS) {
        return again(root, observed, at.expires_ns);
    }
    let turn = slots::change(&key, |pool| {
        let turn = pool.turn(number, now / NS_PER_MS);
        if turn == Standing::Waits {
            pool.withdraw(number);
        }
        Some(turn)
    });
    if matches!(turn, Ok(Some(Standing::Inside))) {
        return go_in(root, observed, key, now);
    }
    if !in_effect(observed.id) {
        return again(root, observed, now.saturating_add(RETRY_NS));
    }
    let number = observed.injection.as_ref().and_then(|injection| injection.pool);
    let (Some(armed), Some(number)) = (&mut root.armed, number) else { return };
    count(armed, number, "chaos_queue_timeouts_total");
    waited(armed, observed, number, now);
    // Nothing is left in the record, unless it could not be written.
    if turn.is_err() {
        leave(&mut root.queue, observed, now)
    } else {
        observed.at_pool = None
    }
    observed.progress = Progress::Passing;
    if answer(armed, observed, number, |size| &size.late) == Action::Continue {
        resume(root, observed, now);
    }
}

/// The request is complete, or does not need its place any more. Says whether that has to be told again later.
pub fn leave_for_good(at_pool: Option<AtPool>) -> bool {
    let Some(at) = at_pool else { return false };
    if at.waits() {
        stats::move_gauge("chaos_queue_length", -1);
    }
    slots::give_back(at.place)
}

fn leave(queue: &mut DeadlineQueue<Wake>, observed: &mut Observed, now: u64) {
    if observed.at_pool.take().is_some_and(|at| slots::give_back(at.place)) {
        queue.push(now.saturating_add(RETRY_NS), Wake::GiveBack);
    }
}

/// It has a slot now.
fn go_in(root: &mut Root, observed: &mut Observed, key: Rc<str>, now: u64) {
    let number = observed.injection.as_ref().and_then(|injection| injection.pool);
    if let (Some(armed), Some(number)) = (&mut root.armed, number) {
        waited(armed, observed, number, now);
    }
    if let Some(at) = &mut observed.at_pool {
        at.place = Place::Inside(key);
    }
    go_on(root, observed, now);
}

/// The rest of its faults, beginning now.
fn go_on(root: &mut Root, observed: &mut Observed, now: u64) {
    let Some(ends) = is_running(root, now) else { return release(root, observed, now) };
    if !in_effect(observed.id) {
        return again(root, observed, now.saturating_add(RETRY_NS));
    }
    let last = observed.at_pool.as_ref().is_some_and(|at| at.last);
    observed.progress = Progress::Passing;
    if stream::proceed(root, observed, now, ends, last).unwrap_or_default() == Action::Continue {
        resume(root, observed, now);
    }
}

/// The mission is over: the request goes on to its upstream, without what was still to come.
fn release(root: &mut Root, observed: &mut Observed, now: u64) {
    if !in_effect(observed.id) {
        return again(root, observed, now.saturating_add(RETRY_NS));
    }
    let number = observed.injection.as_ref().and_then(|injection| injection.pool);
    if let (Some(armed), Some(number)) = (&mut root.armed, number) {
        if observed.at_pool.as_ref().is_some_and(AtPool::waits) {
            waited(armed, observed, number, now);
            leave(&mut root.queue, observed, now);
        }
        let rest = std::mem::take(&mut observed.injection).unwrap_or_default();
        ledger::suppress_faults(armed, &rest.faults, Cause::Deadline);
        observed.forget(&rest.faults);
        observed.injection = Some(Injection::default());
        marks::on_request(armed, observed.marks);
    }
    resume(root, observed, now);
}

fn resume(root: &mut Root, observed: &mut Observed, now: u64) {
    observed.progress = Progress::Passing;
    if host::continue_stream(Side::Request).is_err() {
        stats::count_host_errors(1);
        let ticket = root.queue.push(now.saturating_add(RETRY_NS), Wake::Stream(observed.id));
        observed.progress = Progress::WaitingRequest(ticket);
    }
}

fn again(root: &mut Root, observed: &mut Observed, at_ns: u64) {
    observed.progress = Progress::WaitingRequest(root.queue.push(at_ns, Wake::Slot(observed.id)));
}

/// It gets nothing else of its faults.
fn answer(
    armed: &mut Armed,
    observed: &mut Observed,
    number: (usize, usize),
    which: impl Fn(&Concurrency) -> &squall_policy::Abort,
) -> Action {
    let rest = std::mem::take(&mut observed.injection).unwrap_or_default();
    observed.forget(&rest.faults);
    ledger::suppress_faults(armed, &rest.faults, Cause::StreamEnded);
    observed.injection = Some(Injection::default());
    let sent = size(armed, number).map(|size| ending::answer(armed, which(size), observed.marks));
    if let Some(Ok(())) = sent {
        observed.progress = Progress::Ended;
        return Action::Pause;
    }
    stats::count_host_errors(1);
    Action::Continue
}

/// The host did not let it take part.
fn spare(armed: &mut Armed, observed: &mut Observed, fault: &[Injected]) {
    stats::count_host_errors(1);
    ledger::suppress_faults(armed, fault, Cause::HostError);
    observed.forget(fault);
}

fn waited(armed: &Armed, observed: &Observed, number: (usize, usize), now: u64) {
    stats::move_gauge("chaos_queue_length", -1);
    let Some(at) = &observed.at_pool else { return };
    if let Some(scenario) = armed.plan.scenario(number.0) {
        let ms = now.saturating_sub(at.since_ns).saturating_add(NS_PER_MS / 2) / NS_PER_MS;
        stats::sample("chaos_queue_wait_ms", &[("scenario", &scenario.name)], ms);
    }
}

fn count(armed: &Armed, number: (usize, usize), name: &str) {
    if let Some(scenario) = armed.plan.scenario(number.0) {
        stats::count(name, &[("scenario", &scenario.name)], 1);
    }
}

fn size(armed: &Armed, (scenario, fault): (usize, usize)) -> Option<&Concurrency> {
    match armed.plan.scenario(scenario)?.fault(fault)? {
        Fault::Concurrency(size) => Some(size),
        _ => None,
    }
}

fn look_ns(root: &Root) -> u64 {
    if root.waiters.bell.unwrap_or(0) == 0 { LOOK_WITHOUT_BELL_NS } else { LOOK_NS }
}

/// The deadline, while the mission of this root runs and is not about to end.
fn is_running(root: &Root, now: u64) -> Option<u64> {
    let armed = root.armed.as_ref().filter(|_| !root.release && !root.is_replaced())?;
    armed.injects_until(now).filter(|ends| *ends > now.saturating_add(SLACK_NS))
}
