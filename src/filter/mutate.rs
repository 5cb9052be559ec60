//! Changes to headers, and the beginning of changes to a body.

use crate::armed::Armed;
use crate::bodies::BodyEdit;
use crate::host::{self, Side};
use crate::ledger;
use crate::stats::{self, Cause};
use crate::stream::Observed;
use squall_policy::{BodyChange, Fault, HeaderChanges, Injected, Length, Mutate};

/// Changes the request headers. A request that we end ourselves has no such faults.
pub fn request(armed: &mut Armed, observed: &mut Observed) {
    let Some(injection) = &mut observed.injection else { return };
    let mut begun = Vec::new();
    for fault in &injection.faults {
        let Some(change) = mutate(armed, fault) else { continue };
        let Some(headers) = &change.request else { continue };
        apply(Side::Request, headers);
        // What it also does to the response is counted there.
        if !change.concerns_response() {
            begun.push(*fault);
        }
    }
    if begun.is_empty() {
        return;
    }
    ledger::take(injection, |fault| begun.contains(fault));
    ledger::count(armed, &begun);
}

/// Changes the response headers, and prepares the change of the body. `last`: there is none.
///
/// What the client sees of a fault counts it: a body that cannot be changed spares only a fault that changes nothing else.
pub fn response(armed: &mut Armed, observed: &mut Observed, last: bool) {
    let Some(injection) = &mut observed.injection else { return };
    let (mut begun, mut spared) = (Vec::new(), Vec::new());
    if !injection.faults.iter().any(|fault| matches!(fault, Injected::Mutate { .. })) {
        return;
    }
    // What follows the agreement to another protocol is no body, and no status of ours goes with it.
    let switched = matches!(host::header(Side::Response, ":status"), Ok(Some(status)) if status == b"101");
    for fault in &injection.faults {
        let Some(change) = mutate(armed, fault) else { continue };
        let Some(headers) = &change.response else { continue };
        if switched {
            spared.push((*fault, Cause::NoBody));
            continue;
        }
        apply(Side::Response, headers);
        if last && headers.sets_status() {
            // A 304 may announce the length of the body that it does not have; another status would promise it.
            let removed = host::remove_header(Side::Response, "content-length");
            stats::count_host_errors(u32::from(removed.is_err()));
        }
        let visible = !headers.is_empty();
        let edit =
            change.body.as_ref().map(|body| (body, begin_edit(body, last, observed.bodies.edit.is_some())));
        // Whether a body can be merged with is only known when it is complete.
        let waits = matches!(edit, Some((BodyChange::Merge { .. }, Ok(())))) && !visible;
        match edit {
            Some((_, Err(cause))) if !visible => spared.push((*fault, cause)),
            _ if !waits => begun.push(*fault),
            _ => {}
        }
        if let Some((body, Ok(()))) = edit {
            observed.bodies.edit =
                Some(BodyEdit { fault: *fault, state: body.begin(injection.body_seed), waits, kept: 0 });
        }
    }
    ledger::take(injection, |fault| {
        begun.contains(fault) || spared.iter().any(|(spared, _)| spared == fault)
    });
    ledger::count(armed, &begun);
    for (fault, cause) in spared {
        ledger::suppress(armed, fault.scenario(), cause);
    }
}

/// Makes `content-length` right for the body that will come, or says why the body stays as it is.
fn begin_edit(change: &BodyChange, last: bool, edited: bool) -> Result<(), Cause> {
    if last {
        return Err(Cause::NoBody);
    }
    if edited {
        return Err(Cause::BodyTaken);
    }
    if change.length() == Length::Stays {
        return Ok(());
    }
    let declared = host::header(Side::Response, "content-length").map_err(|_| Cause::HostError)?;
    let declared: Option<u64> = declared.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
    if declared.is_some_and(|length| change.is_too_large(length)) {
        return Err(Cause::BodyTooLarge);
    }
    let set = match (change.length(), declared) {
        // Only a body that is announced is sure to come: trailers may follow the headers at once.
        (Length::Is(length), Some(1..)) => {
            host::set_header(Side::Response, "content-length", &length.to_string())
        }
        (_, Some(_)) => host::remove_header(Side::Response, "content-length"),
        (_, None) => Ok(()),
    };
    let encoded = match change.length() {
        Length::Is(_) => host::remove_header(Side::Response, "content-encoding"),
        Length::Stays | Length::Unknown => Ok(()),
    };
    set.and(encoded).map_err(|_| Cause::HostError)
}

/// The mutate fault that an injected one names.
pub fn mutate<'a>(armed: &'a Armed, fault: &Injected) -> Option<&'a Mutate> {
    let Injected::Mutate { scenario, fault } = fault else { return None };
    match armed.plan.scenario(*scenario)?.fault(*fault)? {
        Fault::Mutate(mutate) => Some(mutate),
        _ => None,
    }
}

fn apply(side: Side, changes: &HeaderChanges) {
    let removed = changes.remove.iter().filter(|name| host::remove_header(side, name).is_err()).count();
    let set = changes.set.iter().filter(|(name, value)| host::set_header(side, name, value).is_err()).count();
    stats::count_host_errors(u32::try_from(removed.saturating_add(set)).unwrap_or(u32::MAX));
}
