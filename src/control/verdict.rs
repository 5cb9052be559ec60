//! What the policy found wrong with a mission or a request, as a problem: whose fault it is says the status.

use crate::head::too_large;
use crate::problem::{Kind, Problem};
use squall_policy::{Code, Diagnostic, Level, Refused, Report};

/// Whether a code speaks of who may do something, and not of how it is written.
#[must_use]
pub fn is_of_signatures(code: Code) -> bool {
    matches!(
        code,
        Code::SignatureNeeded
            | Code::BadSignature
            | Code::UnknownOperator
            | Code::SignedTwice
            | Code::NotAllowed
            | Code::OtherTarget
            | Code::StaleRequest
            | Code::Replayed
            | Code::Expired
            | Code::ExpiresLate
            | Code::DigestMismatch
            | Code::DeniedNamespace
            | Code::WrongNamespace
    )
}

/// A mission that is refused.
#[must_use]
pub fn on_mission(report: Report) -> Problem {
    let errors = |finding: &&Diagnostic| finding.code.level() == Level::Error;
    let all_of_signatures =
        report.findings.iter().filter(errors).all(|finding| is_of_signatures(finding.code));
    let first = report.findings.iter().find(errors).map(|finding| finding.code);
    match first {
        Some(Code::Syntax) => Problem::found(Kind::BadBody, report),
        Some(code) if all_of_signatures => Problem::found(Kind::Forbidden, report).with_code(code.slug()),
        _ => Problem::found(Kind::InvalidMission, report),
    }
}

/// A signed request that is refused.
#[must_use]
pub fn on_request(refused: Refused) -> Problem {
    let kind = match refused.code {
        Code::TooManyRequests => Kind::TooManyRequests,
        Code::TooLarge => return too_large(),
        code if is_of_signatures(code) => Kind::Forbidden,
        _ => Kind::BadBody,
    };
    let problem = Problem { findings: refused.findings, ..Problem::new(kind, refused.detail) };
    if kind == Kind::Forbidden { problem.with_code(refused.code.slug()) } else { problem }
}
