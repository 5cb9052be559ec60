//! Signed requests to the control listener: stop, renew, release.

use super::envelope::{REQUEST_TYPE, open_bytes, signers};
use super::nonces::{Nonces, Unspent};
use super::operators::Operators;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::wire::{Action, Decode, Operator, Permission, Request, Severity};

/// How far the time of a request may be from the proxy's, in milliseconds, either way.
pub const FRESH_MS: u64 = 60_000;

/// Largest request, in bytes.
const LARGEST: usize = 16 * 1024;

/// What a request was sent to, which is what it has to be for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    pub action: Action,
    /// The mission of the URL; `None` where it has none.
    pub mission: Option<&'w str>,
    /// The id of this proxy, where it is known.
    pub proxy: Option<&'w str>,
    /// The severity of the mission that is renewed or was halted, where it is known.
    pub severity: Option<Severity>,
}

/// A request that may be carried out.
#[derive(Debug, Clone)]
pub struct Approved {
    /// Name of the operator; `None` where no operators are configured.
    pub by: Option<String>,
    pub request: Request,
}

/// A request that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: Code,
    pub detail: String,
    pub hint: String,
    /// All that is wrong, the first included.
    pub findings: Vec<Diagnostic>,
}

/// Whether a request may be carried out. Its nonce is spent then, and only then; `nonces` has to be kept.
pub fn verify_request(
    bytes: &[u8],
    operators: &Operators,
    wanted: &Wanted<'_>,
    now_ms: u64,
    nonces: &mut Nonces,
) -> Result<Approved, Refused> {
    let mut report = Report::default();
    let approved = verify(bytes, operators, wanted, now_ms, nonces, &mut report);
    match (approved, report.findings.first()) {
        (Some(approved), None) => Ok(approved),
        (_, first) => Err(Refused {
            code: first.map_or(Code::Syntax, |first| first.code),
            detail: first.map(|first| first.message.clone()).unwrap_or_default(),
            hint: first.map(|first| first.hint.clone()).unwrap_or_default(),
            findings: report.findings,
        }),
    }
}

fn verify(
    bytes: &[u8],
    operators: &Operators,
    wanted: &Wanted<'_>,
    now_ms: u64,
    nonces: &mut Nonces,
    report: &mut Report,
) -> Option<Approved> {
    if bytes.len() > LARGEST {
        let message = format!("the request has {} bytes", bytes.len());
        report.add(Code::TooLarge, None, message, format!("keep it below {LARGEST} bytes"));
        return None;
    }
    let (envelope, payload) = open_bytes(bytes, REQUEST_TYPE, report)?;
    // Nothing of the payload is believed before its signature, but what is wrong with its form may be said.
    let signer = match &envelope {
        Some(envelope) => match signers(envelope, operators, report)?.as_slice() {
            [signer] => Some(*signer),
            more => {
                let message = format!("{} signatures, where one is read", more.len());
                let hint = "one operator asks for it";
                report.add_below("signatures", None, (Code::OutOfRange, None), &message, hint);
                return None;
            }
        },
        None if operators.is_empty() => None,
        None => {
            let hint = "sign it: `chaosctl` does with `--key FILE`";
            report.add(Code::SignatureNeeded, None, "the request is not signed", hint);
            return None;
        }
    };
    let request = Request::decode(&payload, report)?;
    if let Some(signer) = signer {
        check_allowed(signer, wanted, report);
    }
    check_target(&request, wanted, report);
    check_time(&request, now_ms, report);
    if report.has_errors() {
        return None;
    }
    let by = signer.map(|operator| operator.name.0.clone());
    let spent = nonces.spend(by.as_deref().unwrap_or_default(), &request.nonce.0, request.time.0, now_ms);
    let (code, message, hint) = match spent {
        Ok(()) => return Some(Approved { by, request }),
        Err(Unspent::Replayed) => {
            (Code::Replayed, "this request has been here before", "make a new one, with a new nonce")
        }
        Err(Unspent::Stale) => (
            Code::StaleRequest,
            "this request may have been here before",
            "make a new one, and check the clocks",
        ),
        Err(Unspent::Full) => {
            (Code::TooManyRequests, "more requests than the proxy remembers", "try again in two minutes")
        }
    };
    report.add_below("nonce", None, (code, None), message, hint);
    None
}

/// Whoever may do it at all may stop everything; the rest only up to a severity.
fn check_allowed(operator: &Operator, wanted: &Wanted<'_>, report: &mut Report) {
    let name = &operator.name.0;
    let permission = match wanted.action {
        Action::Stop => Permission::Stop,
        Action::Renew => Permission::Renew,
        Action::Release => Permission::Release,
    };
    let too_severe =
        wanted.severity.filter(|severity| wanted.action != Action::Stop && *severity > operator.up_to);
    let message = if !operator.may.contains(&permission) {
        format!("`{name}` may not {} missions", permission.word())
    } else if let Some(severity) = too_severe {
        format!(
            "`{name}` may {} up to severity {}, not {}",
            permission.word(),
            operator.up_to.word(),
            severity.word()
        )
    } else {
        return;
    };
    report.add(Code::NotAllowed, None, message, "ask an operator who may (`may` and `up_to` of `operators`)");
}

/// A request for something else was sent here by mistake, or by somebody who is not its signer.
fn check_target(request: &Request, wanted: &Wanted<'_>, report: &mut Report) {
    let differ =
        |signed: &str, here: &str| format!("the request is for {signed:?}, and was sent to {here:?}");
    let mut add = |key: &str, message: String| {
        let hint = "make a request for what it is sent to";
        report.add_below(key, None, (Code::OtherTarget, None), &message, hint);
    };
    if request.action != wanted.action {
        add("action", differ(request.action.word(), wanted.action.word()));
    }
    let mission = request.mission.as_ref().map(|id| id.0.as_str());
    if let Some(here) = wanted.mission.filter(|here| mission != Some(here)) {
        add("mission", differ(mission.unwrap_or_default(), here));
    }
    let proxy = request.proxy.as_ref().map(|id| id.0.as_str());
    if let Some(signed) = proxy.filter(|_| proxy != wanted.proxy) {
        add("proxy", differ(signed, wanted.proxy.unwrap_or_default()));
    }
}

fn check_time(request: &Request, now_ms: u64, report: &mut Report) {
    let off = request.time.0.abs_diff(now_ms);
    if off > FRESH_MS {
        let seconds = off / 1000;
        let which = if request.time.0 < now_ms { "old" } else { "ahead" };
        let hint = "make a new one, and check the clocks";
        let message = format!("the request is {seconds} s {which}, where 60 s are allowed");
        report.add_below("time", None, (Code::StaleRequest, None), &message, hint);
    }
}
