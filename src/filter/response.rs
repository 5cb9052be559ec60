//! A response of a faulted request: what it suffers begins with its headers.

use crate::engine::Engine;
use crate::ledger;
use crate::marks;
use crate::messages::{self, Times};
use crate::mutate;
use crate::root::{Root, Wake};
use crate::stats::Cause;
use crate::stream::{Action, Observed, Progress, due};
use squall_policy::DelayPhase;

/// Begins what the response suffers. Gives an action when it waits, or ends here.
pub fn hold(engine: &mut Engine, id: u32, last: bool) -> Option<Action> {
    let stream = engine.streams.get_mut(&id)?;
    let observed = stream.observed.as_mut()?;
    let root = engine.roots.get_mut(&stream.root)?;
    match observed.progress {
        Progress::Passing => {}
        // Envoy itself has answered a request that waits here (a timeout): what was to come, comes too late.
        Progress::WaitingRequest(ticket) => {
            root.queue.cancel(ticket);
            observed.progress = Progress::Ended;
            return None;
        }
        Progress::WaitingResponse(_) | Progress::Ended => return None,
    }
    observed.injection.as_ref()?;
    let action = begin(root, observed, last);
    // What is known not to take place is not said; an answer of ours says it itself.
    if observed.progress != Progress::Ended {
        marks::on_response(root.armed.as_ref()?, observed.marks);
    }
    action
}

fn begin(root: &mut Root, observed: &mut Observed, last: bool) -> Option<Action> {
    let id = observed.id;
    let injection = observed.injection.as_mut().filter(|i| i.concerns_response())?;
    let replaced = root.is_replaced();
    let armed = root.armed.as_mut()?;
    let Some((now, ends_mono_ns)) = armed.injecting().filter(|_| !replaced) else {
        ledger::suppress_faults(armed, &injection.faults, Cause::Deadline);
        injection.faults.clear();
        return None;
    };
    let delay_us = injection.response_delay_us;
    let due = due(now, delay_us, ends_mono_ns);
    mutate::response(armed, observed, last);
    observed.bodies.begin_response(
        armed,
        observed.injection.as_mut()?,
        if delay_us > 0 { due } else { now },
        last,
    );
    let headers = if delay_us > 0 { due } else { now };
    let times = Times { now, headers, ends: ends_mono_ns };
    if let Some(ended) = messages::begin(root, observed, &times, last) {
        return Some(ended);
    }
    if delay_us == 0 {
        return None;
    }
    let ticket = root.wake_at(due, now, Wake::Stream(id));
    let begun = ledger::take_delays(observed.injection.as_mut()?, DelayPhase::Response);
    let armed = root.armed.as_mut()?;
    let Some(ticket) = ticket else {
        ledger::suppress_faults(armed, &begun, Cause::HostError);
        return None;
    };
    ledger::count(armed, &begun);
    observed.progress = Progress::WaitingResponse(ticket);
    Some(Action::Pause)
}
