//! Changes to headers, and the beginning of changes to a body.

use crate::bodies::BodyEdit;
use crate::host::{self, Side};
use crate::ledger;
use crate::root::Armed;
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
    for fault in &injection.faults {
        let Some(change) = mutate(armed, fault) else { continue };
        let Some(headers) = &change.response else { continue };
        apply(Side::Response, headers);
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
        return Err(Cause::Preempted);
    }
    let declared = match change.length() {
        Length::Stays => return Ok(()),
        Length::Is(length) => {
            let set = host::set_header(Side::Response, "content-length", &length.to_string());
            let encoded = host::remove_header(Side::Response, "content-encoding");
            return set.and(encoded).map_err(|_| Cause::HostError);
        }
        Length::Unknown => host::header(Side::Response, "content-length").map_err(|_| Cause::HostError)?,
    };
    let declared = declared.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
    match declared {
        Some(length) if change.is_too_large(length) => Err(Cause::BodyTooLarge),
        Some(_) => host::remove_header(Side::Response, "content-length").map_err(|_| Cause::HostError),
        None => Ok(()),
    }
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
