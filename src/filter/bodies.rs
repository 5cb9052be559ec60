//! Faults of bodies under way: bandwidth, changes, the cut.

use crate::armed::Armed;
use crate::flow::Flow;
use crate::host::{self, Side};
use crate::ledger;
use crate::messages::{self, Watched};
use crate::mutate::mutate;
use crate::root::{Root, Wake};
use crate::stats::{self, Cause};
use crate::stream::{Action, Observed};
use squall_policy::{BodyChange, Cut, Edit, EditState, Injected, Injection, Pace, SLACK_NS, Ticket, Unfit};

/// What the bodies of one request suffer. Boxed: most requests have no such faults.
#[derive(Default)]
pub struct Bodies {
    request: Option<Box<Flow>>,
    response: Option<Box<Flow>>,
    pub edit: Option<BodyEdit>,
    pub messages: Option<Box<Watched>>,
}

/// A change of the response body under way.
pub struct BodyEdit {
    pub fault: Injected,
    pub state: EditState,
    /// Whether the fault is counted when the body is complete.
    pub waits: bool,
    /// So many bytes the host buffers for us.
    pub kept: usize,
}

impl Bodies {
    /// Whether anything happens to the body of this side.
    pub fn concern(&self, side: Side) -> bool {
        let response = side == Side::Response && (self.edit.is_some() || self.messages.is_some());
        response || self.flow(side).is_some()
    }

    pub fn flow(&self, side: Side) -> Option<&Flow> {
        match side {
            Side::Request => self.request.as_deref(),
            Side::Response => self.response.as_deref(),
        }
    }

    pub fn flow_mut(&mut self, side: Side) -> Option<&mut Flow> {
        match side {
            Side::Request => self.request.as_deref_mut(),
            Side::Response => self.response.as_deref_mut(),
        }
    }

    /// Everything that waits.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> {
        [&self.request, &self.response]
            .into_iter()
            .flatten()
            .flat_map(|flow| [flow.held, flow.closing])
            .flatten()
            .chain(self.messages.as_ref().and_then(|watched| watched.ticket))
    }

    /// The request's bandwidth begins. `last`: it has no body.
    pub fn begin_request(&mut self, armed: &mut Armed, injection: &mut Injection, from_ns: u64, last: bool) {
        let Some(rate) = injection.throttle.request else { return };
        let concerned = |fault: &Injected| throttles(fault, Side::Request);
        if !last {
            self.request = Some(Box::new(Flow { pace: Some(Pace::new(from_ns, rate)), ..Flow::default() }));
            let begun = ledger::take(injection, concerned);
            ledger::count(armed, &begun);
            return;
        }
        // What also throttles the response may still find a body there.
        let spared = ledger::take(injection, |f| concerned(f) && !throttles(f, Side::Response));
        ledger::suppress_faults(armed, &spared, Cause::NoBody);
    }

    /// The response's bandwidth and its end begin. `last`: it has no body.
    pub fn begin_response(&mut self, armed: &mut Armed, injection: &mut Injection, from_ns: u64, last: bool) {
        if last {
            let spared =
                ledger::take(injection, |f| matches!(f, Injected::Throttle { .. } | Injected::Drop { .. }));
            ledger::suppress_faults(armed, &spared, Cause::NoBody);
            return;
        }
        let pace = injection.throttle.response.map(|rate| Pace::new(from_ns, rate));
        let cut = injection.truncate.map(Cut::after);
        if pace.is_some() || cut.is_some() {
            self.response = Some(Box::new(Flow { pace, cut, ..Flow::default() }));
        }
        let begun = ledger::take(injection, |fault| matches!(fault, Injected::Throttle { .. }));
        ledger::count(armed, &begun);
    }
}

fn throttles(fault: &Injected, side: Side) -> bool {
    match fault {
        Injected::Throttle { rates, .. } => match side {
            Side::Request => rates.request.is_some(),
            Side::Response => rates.response.is_some(),
        },
        _ => false,
    }
}

impl Observed {
    /// A piece of a body: changed, cut, held back. While the host buffers for us, `size` is all that it has.
    pub fn piece(&mut self, root: &mut Root, side: Side, size: usize, last: bool) -> Action {
        if side == Side::Response && self.bodies.messages.is_some() {
            return messages::piece(self, root, size, last);
        }
        if self.bodies.flow(side).is_some_and(Flow::is_closing) {
            return Action::Hold;
        }
        match self.change(root, side, size, last) {
            Some(size) => self.pass(root, side, size, last),
            None => {
                self.keep_until_deadline(root);
                Action::Pause
            }
        }
    }

    /// A body that the host buffers for us goes on at the deadline as it is (promise P1).
    fn keep_until_deadline(&mut self, root: &mut Root) {
        let id = self.id;
        if let Some((now, ends)) = running(root) {
            let flow = self.bodies.response.get_or_insert_default();
            flow.hold(root, ends, now, Wake::Body(id, Side::Response));
        }
    }

    /// The mission ended before the body was complete: it is not changed any more.
    pub fn give_up_change(&mut self, armed: &mut Armed) {
        let Some(edit) = self.bodies.edit.take() else { return };
        if edit.waits {
            let spared = [edit.fault];
            if let Some(injection) = &mut self.injection {
                ledger::take(injection, |fault| spared.contains(fault));
            }
            ledger::suppress_faults(armed, &spared, Cause::Deadline);
        }
    }

    /// The trailers have come. A body that is held back goes first; one that the host buffers for us is complete.
    pub fn trailers(&mut self, root: &mut Root, side: Side) -> Action {
        if side == Side::Response && self.bodies.messages.is_some() {
            return messages::trailers(self, root);
        }
        if self.bodies.flow(side).is_some_and(Flow::is_closing) {
            return Action::Pause;
        }
        let kept = self.bodies.edit.as_ref().map_or(0, |edit| edit.kept);
        let complete = kept > 0 && side == Side::Response;
        let size = if complete { self.change(root, side, kept, true).unwrap_or(kept) } else { 0 };
        match self.pass(root, side, size, true) {
            Action::Continue => Action::Continue,
            Action::Pause | Action::Hold => Action::Pause,
        }
    }

    /// Changes bytes of a response. Gives how many there are now, or nothing when the host shall buffer them for us.
    fn change(&mut self, root: &mut Root, side: Side, size: usize, last: bool) -> Option<usize> {
        if side == Side::Request || self.bodies.edit.is_none() {
            return Some(size);
        }
        let over = running(root).is_none();
        let Some(armed) = root.armed.as_mut() else { return Some(size) };
        let Some(edit) = self.bodies.edit.as_mut() else { return Some(size) };
        let Some(change) = mutate(armed, &edit.fault).and_then(|fault| fault.body.as_ref()) else {
            return Some(size);
        };
        // A new body that has begun ends as it should: its length has been announced.
        if over && !matches!(change, BodyChange::Replace(_)) {
            self.give_up_change(armed);
            return Some(size);
        }
        let (size, spared) =
            match change.piece(&mut edit.state, size, last, || host::response_body(size).ok()) {
                Edit::Keep => {
                    edit.kept = size;
                    return None;
                }
                Edit::Pass => return Some(size),
                Edit::GiveUp(Unfit::TooLarge) => (size, Some(Cause::BodyTooLarge)),
                Edit::GiveUp(Unfit::NotJson) => (size, Some(Cause::BodyNotJson)),
                Edit::Put(bytes) if size == 0 && bytes.is_empty() => return Some(0),
                Edit::Put(bytes) => match host::replace_response_body(size, &bytes) {
                    Ok(()) => (bytes.len(), None),
                    Err(_) => {
                        stats::count_host_errors(1);
                        (size, Some(Cause::HostError))
                    }
                },
            };
        if std::mem::take(&mut edit.kept) > 0
            && let Some(flow) = &mut self.bodies.response
        {
            // Its bandwidth holds it from here on, not the deadline.
            flow.unhold(root);
        }
        let Some(armed) = root.armed.as_mut() else { return Some(size) };
        let Some(edit) = self.bodies.edit.as_mut() else { return Some(size) };
        if std::mem::take(&mut edit.waits) {
            let begun = [edit.fault];
            if let Some(injection) = &mut self.injection {
                ledger::take(injection, |fault| begun.contains(fault));
            }
            match spared {
                Some(cause) => ledger::suppress_faults(armed, &begun, cause),
                None => ledger::count(armed, &begun),
            }
        }
        Some(size)
    }

    /// Lets so many bytes pass, now or later.
    fn pass(&mut self, root: &mut Root, side: Side, size: usize, last: bool) -> Action {
        let id = self.id;
        let Some(flow) = self.bodies.flow_mut(side) else { return Action::Continue };
        let Some((now, ends)) = running(root) else {
            // The rest passes as it comes.
            flow.release(root);
            return Action::Continue;
        };
        let cut = flow.cut_to(size);
        let due = flow.add(cut.unwrap_or(size), ends).filter(|due| *due > now.saturating_add(SLACK_NS));
        if cut.is_some() {
            return self.end_early(root, side, due.unwrap_or(now), now, last);
        }
        match due {
            Some(due) if flow.hold(root, due, now, Wake::Body(id, side)) => Action::Hold,
            _ => {
                flow.unhold(root);
                Action::Continue
            }
        }
    }

    /// What may still pass goes on at once, also when its bandwidth would have it come later: it has to be gone
    /// before the end of the body comes, which is never passed on. The stream is closed when the time is up.
    fn end_early(&mut self, root: &mut Root, side: Side, due_ns: u64, now_ns: u64, last: bool) -> Action {
        let Some(flow) = self.bodies.flow_mut(side) else { return Action::Continue };
        flow.unhold(root);
        let grace_ns = flow.cut.map_or(0, Cut::grace_ns);
        flow.closing = root.wake_at(due_ns.saturating_add(grace_ns), now_ns, Wake::Close(self.id));
        let closes = flow.closing.is_some();
        let begun = match &mut self.injection {
            Some(injection) => ledger::take(injection, |fault| matches!(fault, Injected::Drop { .. })),
            None => Vec::new(),
        };
        if let Some(armed) = &mut root.armed {
            match closes {
                true => ledger::count(armed, &begun),
                false => ledger::suppress_faults(armed, &begun, Cause::HostError),
            }
        }
        // A piece that is the last would end the body as if it were whole.
        if last && closes { Action::Hold } else { Action::Continue }
    }
}

/// The time and the deadline, while the mission of this root runs.
pub fn running(root: &Root) -> Option<(u64, u64)> {
    let armed = root.armed.as_ref().filter(|_| !root.is_replaced())?;
    armed.injecting()
}
