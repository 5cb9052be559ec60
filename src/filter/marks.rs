//! Marks as headers (`mark: headers`): a faulted request says so to its upstream and to its client, and nobody else
//! can. Without that key nothing here calls the host.

use crate::armed::Armed;
use crate::host::{self, Side};
use crate::ledger::{self, Marks};
use crate::stats;
use std::borrow::Cow;

type Headers = [(String, String)];

const NAMES: [&str; 5] =
    ["x-chaos-mission", "x-chaos-scenario", "x-chaos-fault", "x-chaos-value", "x-chaos-group"];

/// Takes marks that came from outside off a request, so that an upstream can trust those that it sees. An absent
/// header is nearly free to ask for, and the usual case.
#[inline]
pub fn strip(armed: &Armed) {
    if armed.marks {
        strip_now(armed);
    }
}

fn strip_now(armed: &Armed) {
    // A caller may ask for a fault in that header; `callers::strip` takes it off later.
    let asks = |name: &&str| *name == squall_policy::FAULT_HEADER && armed.plan.takes_requests();
    let present = NAMES.into_iter().filter(|name| !asks(name));
    let present = present.filter(|name| !matches!(host::request_header(name), Ok(None)));
    let mut present = present.peekable();
    // Another instance of Squall in this chain has set them: those are from inside.
    if present.peek().is_none() || ledger::is_marked() {
        return;
    }
    count(present.map(|name| host::remove_header(Side::Request, name)));
}

/// Marks a faulted request that goes on to its upstream.
pub fn on_request(armed: &Armed, marks: Marks) {
    set(Side::Request, armed, marks);
}

/// Marks the upstream's response to a faulted request.
pub fn on_response(armed: &Armed, marks: Marks) {
    set(Side::Response, armed, marks);
}

/// The headers of an answer of our own.
pub fn on_answer<'h>(armed: &Armed, marks: Marks, headers: &'h Headers) -> Cow<'h, Headers> {
    let values = Some(marks).filter(|_| armed.marks).and_then(|marks| marks.values(armed));
    let Some(values) = values else { return Cow::Borrowed(headers) };
    let others = headers.iter().filter(|(name, _)| !NAMES.contains(&name.as_str())).cloned();
    let ours = NAMES.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.into_owned()));
    Cow::Owned(others.chain(ours).collect())
}

fn set(side: Side, armed: &Armed, marks: Marks) {
    if !armed.marks {
        return;
    }
    if let Some(values) = marks.values(armed) {
        count(NAMES.iter().zip(values).map(|(name, value)| host::set_header(side, name, &value)));
    }
}

fn count(results: impl Iterator<Item = host::Result<()>>) {
    let failures = results.filter(Result::is_err).count();
    stats::count_host_errors(u32::try_from(failures).unwrap_or(u32::MAX));
}
