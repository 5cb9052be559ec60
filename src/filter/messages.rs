//! Streams of messages that break off: does what `Breakoff` decides.

use crate::armed::Armed;
use crate::bodies::running;
use crate::host::{self, Side};
use crate::ledger::{self, Marks};
use crate::marks;
use crate::root::{RETRY_NS, Root, Wake};
use crate::stats::{self, Cause};
use crate::stream::{Action, Observed, Progress};
use crate::wake::{Moment, Woken, in_effect};
use squall_policy::{
    Breakoff, Fault, Framing, Injected, Put, Step, StreamEnd, StreamFault, StreamPoint, StreamStatus, Ticket,
};

/// A response whose messages are counted.
pub struct Watched {
    fault: Injected,
    breakoff: Breakoff,
    pub ticket: Option<Ticket>,
}

/// When things are, nanoseconds on the monotonic clock.
pub struct Times {
    pub now: u64,
    /// When the response headers go on.
    pub headers: u64,
    pub ends: u64,
}

/// The response headers have come. Gives an action when the response ends with them.
pub fn begin(root: &mut Root, observed: &mut Observed, times: &Times, last: bool) -> Option<Action> {
    let faults = &observed.injection.as_ref()?.faults;
    let injected = *faults.iter().find(|fault| matches!(fault, Injected::Stream { .. }))?;
    // Another fault's body is none that could be counted.
    let taken = observed.bodies.concern(Side::Response);
    let cause = match begin_watching(root, &injected, times, (last, taken), observed.marks) {
        Ok(Begun::Answered) => {
            settle(observed, root.armed.as_mut(), &injected, None);
            observed.progress = Progress::Ended;
            return Some(Action::Pause);
        }
        Ok(Begun::Watches(mut breakoff)) => {
            let step = breakoff.begin(times.headers, times.ends);
            let watched = Box::new(Watched { fault: injected, breakoff, ticket: None });
            perform(observed, root, watched, step, 0, times.now);
            return None;
        }
        Err(cause) => cause,
    };
    settle(observed, root.armed.as_mut(), &injected, Some(cause));
    None
}

enum Begun {
    Answered,
    Watches(Breakoff),
}

fn begin_watching(
    root: &Root,
    injected: &Injected,
    times: &Times,
    (last, taken): (bool, bool),
    marks: Marks,
) -> Result<Begun, Cause> {
    let armed = root.armed.as_ref().ok_or(Cause::HostError)?;
    let fault = fault(armed, injected).ok_or(Cause::HostError)?;
    if last || taken {
        return Err(if last { Cause::NoBody } else { Cause::BodyTaken });
    }
    let framing = framing().map_err(|_| host_error())?.ok_or(Cause::NoStream)?;
    if let StreamEnd::Status(status) = &fault.then {
        if framing == Framing::Events {
            return Err(Cause::NoStream);
        }
        if fault.after == StreamPoint::Messages(0) && times.headers == times.now {
            return answer(armed, status, marks).map(|()| Begun::Answered).map_err(|_| host_error());
        }
        // Less will come than the upstream announces.
        host::remove_header(Side::Response, "content-length").map_err(|_| host_error())?;
    }
    Ok(Begun::Watches(Breakoff::new(fault, framing)))
}

fn host_error() -> Cause {
    stats::count_host_errors(1);
    Cause::HostError
}

/// The stream fault that an injected one names.
fn fault<'a>(armed: &'a Armed, injected: &Injected) -> Option<&'a StreamFault> {
    let Injected::Stream { scenario, fault } = injected else { return None };
    match armed.plan.scenario(*scenario)?.fault(*fault)? {
        Fault::Stream(fault) => Some(fault),
        _ => None,
    }
}

/// What separates the messages of this response; nothing when it has none, or none that can be read.
fn framing() -> host::Result<Option<Framing>> {
    let content_type = host::header(Side::Response, "content-type")?.unwrap_or_default();
    let framing = Framing::of(&content_type);
    if framing != Some(Framing::Events) {
        return Ok(framing);
    }
    let encoding = host::header(Side::Response, "content-encoding")?;
    Ok(framing.filter(|_| encoding.is_none_or(|encoding| encoding == b"identity")))
}

/// The answer in place of a response of which nothing has gone out yet.
fn answer(armed: &Armed, status: &StreamStatus, marks: Marks) -> host::Result<()> {
    let StreamStatus { code, message, headers, details, .. } = status;
    let headers = &marks::on_answer(armed, marks, headers);
    host::send_local_response(200, details, message, headers, Some(*code))
}

/// The fault has had its turn: it took effect, or not for a cause.
fn settle(observed: &mut Observed, armed: Option<&mut Armed>, injected: &Injected, spared: Option<Cause>) {
    if let Some(injection) = &mut observed.injection {
        injection.faults.retain(|fault| fault != injected);
    }
    if spared.is_some() {
        // A request has one stream fault at most.
        observed.forget(&[*injected]);
    }
    if let Some(armed) = armed {
        match spared {
            Some(cause) => ledger::suppress(armed, injected.scenario(), cause),
            None => ledger::count(armed, &[*injected]),
        }
    }
}

/// A piece of the body of a watched response.
pub fn piece(observed: &mut Observed, root: &mut Root, size: usize, last: bool) -> Action {
    let Some(mut watched) = observed.bodies.messages.take() else { return Action::Continue };
    let counting = watched.breakoff.is_counting();
    let running = running(root);
    let bytes = match (counting, running) {
        (true, None) => Err(Cause::Deadline),
        (true, _) if size > 0 => host::response_body(size).map_err(|_| host_error()),
        _ => Ok(Vec::new()),
    };
    match bytes {
        Ok(bytes) => {
            let (now, ends) = running.unwrap_or_default();
            let step = watched.breakoff.piece(&bytes, last, now, ends);
            perform(observed, root, watched, step, size, now)
        }
        Err(cause) => {
            settle(observed, root.armed.as_mut(), &watched.fault, Some(cause));
            cancel(root, &mut watched);
            Action::Continue
        }
    }
}

/// The trailers of a watched response.
pub fn trailers(observed: &mut Observed, root: &mut Root) -> Action {
    let Some(mut watched) = observed.bodies.messages.take() else { return Action::Continue };
    let step = watched.breakoff.trailers();
    match perform(observed, root, watched, step, 0, 0) {
        Action::Continue => Action::Continue,
        Action::Hold | Action::Pause => Action::Pause,
    }
}

fn perform(
    observed: &mut Observed,
    root: &mut Root,
    mut watched: Box<Watched>,
    step: Step,
    size: usize,
    now_ns: u64,
) -> Action {
    let done = act(root, observed.id, &mut watched, &step, size, now_ns);
    if step.strikes {
        let spared = if done { None } else { Some(Cause::HostError) };
        settle(observed, root.armed.as_mut(), &watched.fault, spared);
    }
    if (!done && step.wake_ns.is_some()) || step.is_over && done {
        cancel(root, &mut watched);
        return Action::Continue;
    }
    if !done || step.closes {
        watched.breakoff.give_up();
        stats::count_host_errors(u32::from(host::close_stream(Side::Response).is_err()));
    }
    observed.bodies.messages = Some(watched);
    if step.holds || !done { Action::Hold } else { Action::Continue }
}

/// Says whether the host did it.
fn act(root: &mut Root, id: u32, watched: &mut Watched, step: &Step, size: usize, now_ns: u64) -> bool {
    if let Some(due) = step.wake_ns {
        cancel(root, watched);
        watched.ticket = root.wake_at(due, now_ns, Wake::Messages(id));
        if watched.ticket.is_none() {
            return false;
        }
    }
    let put = match &step.put {
        Put::Instead(bytes) if size > 0 => host::replace_response_body(size, bytes),
        Put::Before(bytes) => host::replace_response_body(0, bytes),
        Put::Instead(_) | Put::Nothing => Ok(()),
    };
    if let (true, StreamEnd::Status(status)) = (step.sets_status, watched.breakoff.then()) {
        set_status(status);
    }
    stats::count_host_errors(u32::from(put.is_err()));
    put.is_ok()
}

fn cancel(root: &mut Root, watched: &mut Watched) {
    if let Some(ticket) = watched.ticket.take() {
        root.queue.cancel(ticket);
    }
}

/// Makes the status of a gRPC call this one. When the upstream sends no trailers, the host makes some.
fn set_status(status: &StreamStatus) {
    let set = host::set_trailer("grpc-status", &status.code.to_string())
        .and_then(|()| host::set_trailer("grpc-message", &status.encoded()))
        .and_then(|()| host::remove_trailer("grpc-status-details-bin"));
    stats::count_host_errors(u32::from(set.is_err()));
}

/// The time of a watched response has come.
pub fn wake(observed: &mut Observed, armed: Option<&mut Armed>, moment: Moment) -> Woken {
    use squall_policy::Woken as Due;
    let id = observed.id;
    let Some(watched) = &mut observed.bodies.messages else { return Woken::Done };
    watched.ticket = None;
    let ends = armed.as_ref().filter(|_| moment.running).and_then(|armed| armed.injecting());
    let ends = ends.map(|(_, ends)| ends);
    let done = match watched.breakoff.wake(moment.now_ns, ends) {
        // What has not begun by now is counted with the next piece, or with the end of the stream.
        Due::Nothing => true,
        Due::Strikes(due) => {
            let injected = watched.fault;
            settle(observed, armed, &injected, None);
            return Woken::Later(Wake::Messages(id), due);
        }
        Due::Waits(due) => return Woken::Later(Wake::Messages(id), due),
        Due::Continues => in_effect(id) && host::continue_stream(Side::Response).is_ok(),
        Due::Closes => in_effect(id) && host::close_stream(Side::Response).is_ok(),
    };
    if !done {
        return Woken::Later(Wake::Messages(id), moment.now_ns.saturating_add(RETRY_NS));
    }
    watched.breakoff.go_on();
    Woken::Done
}
