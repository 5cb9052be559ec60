//! What happens to a stream when the timer rings for it.

use crate::armed::Armed;
use crate::ending;
use crate::host::{self, Side};
use crate::ledger;
use crate::marks;
use crate::messages;
use crate::root::{RETRY_NS, Wake};
use crate::stats::{self, Cause};
use crate::stream::{Action, Observed, Progress, Stream, due};
use squall_policy::{SLACK_NS, Ticket};

/// What became of a wake-up.
pub enum Woken {
    Done,
    /// This is to come at that time: the host did not act, or the next step needs a moment.
    Later(Wake, u64),
}

/// What a wake-up may assume.
#[derive(Clone, Copy)]
pub struct Moment {
    pub now_ns: u64,
    /// The mission of this root still runs, and no newer configuration has ended it.
    pub running: bool,
}

/// A deadline fell due, or the mission is over: the stream goes on, or is ended.
pub fn wake(stream: &mut Stream, armed: Option<&mut Armed>, wake: Wake, moment: Moment) -> Woken {
    let Some(observed) = &mut stream.observed else { return Woken::Done };
    match wake {
        Wake::Stream(_) => headers(observed, armed, moment),
        Wake::Body(_, side) => body(observed, armed, side, moment),
        Wake::Close(_) => close(observed, moment.now_ns),
        Wake::Messages(_) => messages::wake(observed, armed, moment),
        Wake::Slot(_) | Wake::Mission | Wake::Handover | Wake::GiveBack | Wake::Look | Wake::Health => {
            Woken::Done
        }
    }
}

/// The wake-up was put off.
pub fn wait_again(stream: &mut Stream, wake: Wake, ticket: Ticket) {
    let Some(observed) = &mut stream.observed else { return };
    match wake {
        Wake::Stream(_) => {
            observed.progress = match observed.progress {
                Progress::WaitingRequest(_) => Progress::WaitingRequest(ticket),
                Progress::WaitingResponse(_) => Progress::WaitingResponse(ticket),
                other => other,
            };
        }
        Wake::Body(_, side) => {
            if let Some(flow) = observed.bodies.flow_mut(side) {
                flow.held = Some(ticket);
            }
        }
        Wake::Close(_) => {
            if let Some(flow) = observed.bodies.flow_mut(Side::Response) {
                flow.closing = Some(ticket);
            }
        }
        Wake::Messages(_) => {
            if let Some(watched) = &mut observed.bodies.messages {
                watched.ticket = Some(ticket);
            }
        }
        Wake::Slot(_) | Wake::Mission | Wake::Handover | Wake::GiveBack | Wake::Look | Wake::Health => {}
    }
}

fn headers(observed: &mut Observed, armed: Option<&mut Armed>, moment: Moment) -> Woken {
    let side = match observed.progress {
        Progress::WaitingRequest(_) => Side::Request,
        Progress::WaitingResponse(_) => Side::Response,
        Progress::Passing | Progress::Ended => return Woken::Done,
    };
    let again = Wake::Stream(observed.id);
    if !in_effect(observed.id) {
        return Woken::Later(again, moment.now_ns.saturating_add(RETRY_NS));
    }
    let ending = observed.injection.as_ref().and_then(|i| i.ending).filter(|_| side == Side::Request);
    if let (Some((scenario, _)), Some(armed)) = (ending, armed) {
        let running = armed.injects_until(moment.now_ns).is_some();
        // The timer may ring a little before the mission's deadline: who waits for that one alone has not had
        // the delay that the ending comes after.
        let delayed = full_delay_served(observed, moment.now_ns);
        if moment.running && running && delayed {
            if ending::end_request(observed, armed) == Action::Pause {
                return Woken::Done;
            }
            marks::on_request(armed, observed.marks);
        } else if let Some(injection) = &mut observed.injection {
            injection.ending = None;
            let spared = ledger::take_endings(injection);
            ledger::suppress(armed, scenario, Cause::Deadline);
            observed.forget(&spared);
            marks::on_request(armed, observed.marks);
        }
    }
    if host::continue_stream(side).is_err() {
        stats::count_host_errors(1);
        return Woken::Later(again, moment.now_ns.saturating_add(RETRY_NS));
    }
    observed.progress = Progress::Passing;
    Woken::Done
}

fn body(observed: &mut Observed, armed: Option<&mut Armed>, side: Side, moment: Moment) -> Woken {
    let again = Wake::Body(observed.id, side);
    let Some(flow) = observed.bodies.flow_mut(side) else { return Woken::Done };
    let due = flow.due_ns().filter(|due| moment.running && *due > moment.now_ns.saturating_add(SLACK_NS));
    if let Some(due) = due {
        // More has come while this was held back.
        return Woken::Later(again, due);
    }
    if !in_effect(observed.id) {
        return Woken::Later(again, moment.now_ns.saturating_add(RETRY_NS));
    }
    if host::continue_stream(side).is_err() {
        stats::count_host_errors(1);
        return Woken::Later(again, moment.now_ns.saturating_add(RETRY_NS));
    }
    flow.held = None;
    let kept = side == Side::Response && observed.bodies.edit.as_ref().is_some_and(|edit| edit.kept > 0);
    if let (true, Some(armed)) = (kept, armed) {
        observed.give_up_change(armed);
    }
    Woken::Done
}

fn close(observed: &mut Observed, now_ns: u64) -> Woken {
    if in_effect(observed.id) && host::close_stream(Side::Response).is_ok() {
        return Woken::Done;
    }
    Woken::Later(Wake::Close(observed.id), now_ns.saturating_add(RETRY_NS))
}

/// When this fails another stream is still in effect, and anything done now would be done to it.
pub fn in_effect(id: u32) -> bool {
    let set = host::set_effective_context(id).is_ok();
    stats::count_host_errors(u32::from(!set));
    set
}

fn full_delay_served(observed: &Observed, now_ns: u64) -> bool {
    let delay_us = observed.injection.as_ref().map_or(0, |injection| injection.request_delay_us);
    due(observed.begun_ns, delay_us, u64::MAX) <= now_ns.saturating_add(SLACK_NS)
}
