//! What ends a request in the upstream's place: an answer, or a reset.

use crate::armed::Armed;
use crate::grpc;
use crate::host::{self, Side};
use crate::ledger::{self, Marks};
use crate::marks;
use crate::stats::{self, Cause};
use crate::stream::{Action, Observed, Progress};
use squall_policy::{Abort, Drop, Fault, Injection};

/// Whether the request shall hang instead of being answered.
pub fn hangs(armed: &Armed, injection: &Injection) -> bool {
    matches!(ending(armed, injection), Some((_, Fault::Drop(Drop::Hang))))
}

/// Ends the request as its injection says. The stream must be in the request phase, and paused or in its first callback.
pub fn end_request(observed: &mut Observed, armed: &mut Armed) -> Action {
    let Some(injection) = &mut observed.injection else { return Action::Continue };
    let (number, sent) = match ending(armed, injection) {
        Some((number, Fault::Abort(abort))) => (number, answer(armed, abort, observed.marks)),
        Some((number, Fault::Requested(_))) => match &injection.answer {
            Some(abort) => (number, answer(armed, abort, observed.marks)),
            None => return Action::Continue,
        },
        Some((number, Fault::Drop(Drop::Reset))) => (number, host::close_stream(Side::Request)),
        _ => return Action::Continue,
    };
    // A failure is not tried again: the stream goes on to its upstream.
    injection.ending = None;
    let faults = ledger::take_endings(injection);
    if sent.is_err() {
        stats::count_host_errors(1);
        ledger::suppress(armed, number, Cause::HostError);
        observed.forget(&faults);
        return Action::Continue;
    }
    ledger::count(armed, &faults);
    observed.progress = Progress::Ended;
    Action::Pause
}

fn ending<'a>(armed: &'a Armed, injection: &Injection) -> Option<(usize, &'a Fault)> {
    let (number, fault) = injection.ending?;
    Some((number, armed.plan.scenario(number)?.fault(fault)?))
}

pub fn answer(armed: &Armed, abort: &Abort, marks: Marks) -> host::Result<()> {
    // gRPC clients get the message where HTTP clients get the body; which one it is, only matters then.
    let grpc = abort.grpc.as_ref().filter(|_| grpc::is_call());
    let body = grpc.map_or(abort.body.as_str(), |grpc| grpc.message.as_str());
    let headers = grpc.map_or(&abort.headers, |grpc| &grpc.headers);
    let headers = &marks::on_answer(armed, marks, headers);
    host::send_local_response(abort.status, &abort.details, body, headers, grpc.map(|g| g.status))
}
