//! Faults that callers ask for: the causes of those that are ignored, and the headers on their way to the upstream.
//! Without `requested` in the mission nothing here calls the host.

use crate::armed::Armed;
use crate::host::{self, Side};
use crate::ledger;
use crate::request_facts::RequestFacts;
use crate::stats::{self, Cause};
use squall_policy::{FAULT_HEADER, Fact, Ignored, TOKEN_HEADER, Verdict};

pub fn cause(ignored: Ignored) -> Cause {
    match ignored {
        Ignored::Unsigned => Cause::Unsigned,
        Ignored::Malformed => Cause::Malformed,
        Ignored::BadSignature => Cause::BadSignature,
        Ignored::Expired => Cause::Expired,
        Ignored::OverLimit => Cause::OverLimit,
        Ignored::OtherTarget => Cause::OtherTarget,
    }
}

/// Takes both headers off a request once it has been decided about: a fault that was asked for happens once, and its token
/// goes no further. With marks as headers the first is taken off every request, as `marks::strip` leaves it.
#[inline(never)]
pub fn strip(armed: &Armed, verdict: &Verdict, facts: &RequestFacts) {
    if !armed.plan.takes_requests() {
        return;
    }
    let mut asked = verdict.outcomes.iter().filter_map(|o| armed.plan.scenario(o.scenario)?.requested());
    let ends_here = asked.any(|requested| !requested.forwards());
    for name in [FAULT_HEADER, TOKEN_HEADER] {
        let mark = armed.marks && name == FAULT_HEADER;
        let there = match facts.known(&Fact::Header(name.to_owned())) {
            Some(there) => there,
            None if mark => !matches!(host::request_header(name), Ok(None)),
            None => false,
        };
        // Another instance of Squall in this chain has set the mark.
        if there && (ends_here || mark) && !(mark && ledger::is_marked()) {
            stats::count_host_errors(u32::from(host::remove_header(Side::Request, name).is_err()));
        }
    }
}
