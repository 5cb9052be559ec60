//! What went wrong, as RFC 9457 has it, with a code that scripts may rely on.

use crate::answer::Answer;
use serde_json::{Value, json};
use squall_policy::{Diagnostic, Level, Report};

/// Most findings of an answer.
const MOST_FINDINGS: usize = 100;

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])* $variant:ident = $code:literal, $status:literal, $title:literal; )+) => {
        /// What can go wrong with a request, beside what the codes of findings say of a document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $( $(#[doc = $doc])* $variant, )+ }

        impl Kind {
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )+ }
            }

            #[must_use]
            pub fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )+ }
            }
        }
    };
}

kinds! {
    /// Bytes in the path that are no path.
    BadPath = "bad-path", 400, "The path cannot be read";
    /// A query that this path does not take.
    BadQuery = "bad-query", 400, "The query cannot be read";
    /// The body is not what this path reads.
    BadBody = "bad-body", 400, "The body cannot be read";
    /// A page of another origin, or one that does not say which, wants to change something.
    ForeignOrigin = "foreign-origin", 403, "The request comes from a page of another origin";
    /// Signatures, or what they stand for, do not suffice. The code is that of the first finding.
    Forbidden = "forbidden", 403, "The signatures do not allow it";
    NotFound = "not-found", 404, "There is no such path";
    UnknownMission = "unknown-mission", 404, "There is no such mission here";
    MethodNotAllowed = "method-not-allowed", 405, "The path has other methods";
    /// Another mission runs, or is to run.
    MissionRuns = "mission-runs", 409, "Another mission runs";
    /// The mission has ended, and an ended id never runs again.
    MissionEnded = "mission-ended", 409, "The mission has ended";
    /// Nothing starts before somebody releases the halt.
    Halted = "halted", 409, "A halt has not been released";
    NotHalted = "not-halted", 409, "There is no halt to release";
    /// The mission has no lease.
    NoLease = "no-lease", 409, "The mission has no lease to renew";
    /// More signed requests than the proxy remembers nonces of.
    TooManyRequests = "too-many-requests", 429, "Too many signed requests";
    TooLarge = "too-large", 413, "The body is too large";
    WrongMediaType = "wrong-media-type", 415, "The body has the wrong media type";
    ForeignHost = "foreign-host", 421, "The listener has another name";
    /// A mission with mistakes.
    InvalidMission = "invalid-mission", 422, "The mission has mistakes";
    /// The host did not do what it was asked for.
    HostError = "host-error", 500, "The proxy did not do it";
    /// Other requests change the same all the time.
    Contended = "contended", 503, "Too many requests at once";
    /// The memory for bodies is in use.
    Busy = "busy", 503, "Too many bodies at once";
    /// The configuration of the control listener has errors.
    ConfigRejected = "config-rejected", 503, "The control listener has no valid configuration";
}

/// Why a request is not done.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: Kind,
    /// Instead of the kind's.
    pub code: Option<&'static str>,
    /// What is wrong this time, in a sentence.
    pub detail: String,
    /// What is wrong with the document that was sent.
    pub findings: Vec<Diagnostic>,
    /// Headers that belong to the status.
    pub headers: Vec<(String, String)>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, code: None, detail: detail.into(), findings: Vec::new(), headers: Vec::new() }
    }

    /// With the errors that were found in a document.
    pub fn found(kind: Kind, report: Report) -> Self {
        let errors = report.count(Level::Error);
        let mut findings = report.findings;
        findings.retain(|finding| finding.code.level() == Level::Error);
        findings.truncate(MOST_FINDINGS);
        let detail = match findings.first() {
            Some(first) if errors > 1 => format!("{} (and {} more)", first.message, errors.saturating_sub(1)),
            Some(first) => first.message.clone(),
            None => String::new(),
        };
        Self { findings, ..Self::new(kind, detail) }
    }

    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.unwrap_or(self.kind.code())
    }

    #[must_use]
    pub fn answer(self) -> Answer {
        let code = self.code();
        let mut body = json!({
            "type": format!("urn:squall:problem:{code}"),
            "title": self.kind.title(),
            "status": self.kind.status(),
            "detail": self.detail,
            "code": code,
        });
        if let Some(members) = body.as_object_mut().filter(|_| !self.findings.is_empty()) {
            members.insert("findings".to_owned(), self.findings.iter().map(finding).collect());
        }
        let mut answer = Answer::new(self.kind.status(), "application/problem+json", body.to_string());
        answer.headers.extend(self.headers);
        answer.details = format!("squall_control{{{code}}}");
        answer
    }
}

fn finding(finding: &Diagnostic) -> Value {
    json!({
        "code": finding.code.slug(),
        "at": finding.path,
        "line": finding.at.map(|at| at.line),
        "column": finding.at.map(|at| at.column),
        "message": finding.message,
        "hint": finding.hint,
    })
}
