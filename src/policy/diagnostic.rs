//! What is wrong with a configuration: a code, a key, a place, a sentence and a way out.

use crate::node::Position;
use std::fmt::{self, Write as _};

/// Whether a finding refuses the configuration or only asks for a second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $slug:literal, $level:ident; )+) => {
        /// The code of a finding. Codes are stable: scripts may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $( $(#[doc = $doc])+ $variant, )+ }

        impl Code {
            /// Every code there is, for the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $( Self::$variant => $slug, )+ }
            }

            #[must_use]
            pub fn level(self) -> Level {
                match self { $( Self::$variant => Level::$level, )+ }
            }

            /// What the code means, in sentences.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $( Self::$variant => concat!($( $doc, "\n" ),+), )+ }
            }
        }
    };
}

codes! {
    /// The text is not YAML or JSON at all. The place is where the parser gave up.
    Syntax = "syntax", Error;
    /// The configuration is larger than Squall reads (4 MiB).
    TooLarge = "too-large", Error;
    /// `version` names a format that this Squall does not read.
    UnsupportedVersion = "unsupported-version", Error;
    /// A key that nothing reads. A misspelt key that is accepted is an experiment that does not happen.
    UnknownKey = "unknown-key", Error;
    /// The same key stands twice in one object; which one was meant?
    DuplicateKey = "duplicate-key", Error;
    /// A key that has no default is absent.
    MissingKey = "missing-key", Error;
    /// The value has another type, such as a number where text with a unit is read.
    WrongType = "wrong-type", Error;
    /// The value has the right type and lies outside its range.
    OutOfRange = "out-of-range", Error;
    /// Text that does not follow its form: a name, a duration, a time, a header, a path.
    BadFormat = "bad-format", Error;
    /// A word that is not one of the words read here.
    UnknownWord = "unknown-word", Error;
    /// A regular expression that does not compile, or is too large.
    BadRegex = "bad-regex", Error;
    /// All regular expressions of one configuration are too large together: they would fill a worker's memory.
    RegexBudget = "regex-budget", Error;
    /// Exactly one of several keys is needed, and none or more than one is there.
    ExactlyOne = "exactly-one", Error;
    /// At least one of several keys is needed, and none is there.
    NothingGiven = "nothing-given", Error;
    /// Two values contradict each other.
    Conflict = "conflict", Error;
    /// Two scenarios of a catalog have the same name.
    DuplicateName = "duplicate-name", Error;
    /// A mission names a scenario that the catalog does not have.
    UnknownScenario = "unknown-scenario", Error;
    /// The severity asks for more signatures than the mission has, or the request for one.
    SignatureNeeded = "signature-needed", Error;
    /// An operator's signature is not one of this payload: another key made it, or something was changed since.
    BadSignature = "bad-signature", Error;
    /// A signature is by somebody who is not an operator of this proxy, or there are no operators at all.
    UnknownOperator = "unknown-operator", Error;
    /// The same operator has signed twice.
    SignedTwice = "signed-twice", Error;
    /// An operator has signed what that operator may not do, or not up to this severity.
    NotAllowed = "not-allowed", Error;
    /// The envelope says that it holds something else than what is read here.
    WrongPayloadType = "wrong-payload-type", Error;
    /// The time up to which the mission may be taken is over.
    Expired = "expired", Error;
    /// The mission could still be taken in more than 30 days.
    ExpiresLate = "expires-late", Error;
    /// The scenario of the catalog is not the one that was signed.
    DigestMismatch = "digest-mismatch", Error;
    /// Missions of this namespace never run here (`deny_namespaces`).
    DeniedNamespace = "denied-namespace", Error;
    /// A public key that no key pair has: not a point of the curve, one of small order, or one written unusually.
    WeakKey = "weak-key", Error;
    /// Two operators have the same key, so that one person could sign as two.
    SharedKey = "shared-key", Error;
    /// A signed request is for another action, mission or proxy than the one that it was sent to.
    OtherTarget = "other-target", Error;
    /// A signed request was made more than 60 seconds ago, or is dated more than 60 seconds ahead.
    StaleRequest = "stale-request", Error;
    /// A signed request has been here before.
    Replayed = "replayed", Error;
    /// More signed requests within two minutes than the proxy remembers.
    TooManyRequests = "too-many-requests", Error;
    /// The mission belongs to another namespace than this proxy.
    WrongNamespace = "wrong-namespace", Error;
    /// The mission is longer than one of its scenarios allows (`max_duration`).
    TooLong = "too-long", Error;
    /// The scenarios of the mission could make more time series in each proxy than `max_series` allows.
    TooManySeries = "too-many-series", Error;
    /// A scenario takes requests for faults, and the plugin configuration has no such key of a caller, or none at all.
    UnknownCaller = "unknown-caller", Error;
    /// The Wasm VM has no environment variable of this name, or it holds no base64 of 16 to 256 bytes.
    MissingSecret = "missing-secret", Error;
    /// The configuration asks this module for what another one does, such as the filter for the control listener.
    NotSupported = "not-supported", Error;
    /// A percentage of 0, or a window that is closed while the mission runs: it is read, and never fires.
    NeverFires = "never-fires", Warning;
    /// No request can reach this scenario, because an earlier one takes them all.
    Unreachable = "unreachable", Warning;
    /// All that a scenario's rules match is protected, such as health checks: it injects nothing.
    OnlyProtected = "only-protected", Warning;
    /// Scenarios that may meet the same requests fault many more of them together than any of them says.
    UnionRate = "union-rate", Warning;
    /// A scenario of severity `low` or `medium` aborts or drops every request: no `match`, and 100 % of them.
    TakesEverything = "takes-everything", Warning;
    /// The mission's start and duration lie in the past, or a scenario's window closed: it will not run.
    AlreadyOver = "already-over", Warning;
    /// A delay longer than Envoy's default `stream_idle_timeout` (5 minutes) ends as a 504 there.
    CutByIdleTimeout = "cut-by-idle-timeout", Warning;
    /// A gRPC status above 16 reaches the client as it is; most libraries read it as UNKNOWN.
    UnusualStatus = "unusual-status", Warning;
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    /// Key path from the root, such as `scenarios[0].faults[1].abort.status`; empty for the root itself.
    pub path: String,
    /// Known for files, unknown for a plugin configuration that Envoy handed over.
    pub at: Option<Position>,
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.code.level() {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}[{}]", self.code.slug())?;
        if let Some(at) = self.at {
            write!(f, " {}:{}", at.line, at.column)?;
        }
        let path = if self.path.is_empty() { "(root)" } else { &self.path };
        // One finding is one line of the log, whatever a configuration says.
        let text = format!(" {path}: {} (hint: {})", self.message, self.hint);
        text.chars().try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

/// Most errors that are kept, and most warnings: a hostile configuration of 4 MiB has millions, and a VM never gives
/// memory back.
const MOST_KEPT: usize = 1000;

/// The findings of one configuration, and the place in the tree that is being read.
#[derive(Debug, Default)]
pub struct Report {
    /// The first 1,000 errors and the first 1,000 warnings; [`Report::count`] has them all.
    pub findings: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    path: Vec<Step>,
    /// Steps of all regular expressions so far.
    pub(crate) regex_steps: u32,
    /// The mission is for another namespace than that of the proxy it has come to.
    pub(crate) elsewhere: bool,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Report {
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether nothing is wrong but that the mission is for another namespace than the proxy's own, which the configuration says
    /// nothing about: one for the whole mesh comes to all namespaces, and is right in one of them.
    #[must_use]
    pub fn is_for_elsewhere(&self) -> bool {
        self.elsewhere && self.errors == 1
    }

    /// How many there are, with those that are not kept.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        match level {
            Level::Error => self.errors,
            Level::Warning => self.warnings,
        }
    }

    /// How many of them are not kept.
    #[must_use]
    pub fn left_out(&self, level: Level) -> usize {
        self.count(level).saturating_sub(MOST_KEPT)
    }

    /// Reads a key of the present object with `read`; findings in there carry the key in their path.
    pub fn in_key<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.enter_key(key);
        let result = read(self);
        self.leave();
        result
    }

    /// Out of line: a copy for every type that is read would be half the reader.
    #[inline(never)]
    fn enter_key(&mut self, key: &str) {
        self.path.push(Step::Key(key.to_owned()));
    }

    #[inline(never)]
    fn leave(&mut self) {
        self.path.pop();
    }

    /// Reads an item of the present list with `read`.
    pub fn in_item<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Index(index));
        let result = read(self);
        self.leave();
        result
    }

    pub fn add(
        &mut self,
        code: Code,
        at: Option<Position>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(code, at, message.into(), hint.into());
    }

    /// Adds a finding about a key of the present object, or about an item of the list below that key. Not generic: most of what
    /// a closure of [`Report::in_key`] costs is one more copy of that.
    #[inline(never)]
    pub(crate) fn add_below(
        &mut self,
        key: &str,
        item: Option<usize>,
        (code, at): (Code, Option<Position>),
        message: &str,
        hint: &str,
    ) {
        self.enter_key(key);
        if let Some(index) = item {
            self.path.push(Step::Index(index));
        }
        self.push(code, at, message.to_owned(), hint.to_owned());
        if item.is_some() {
            self.leave();
        }
        self.leave();
    }

    #[inline(never)]
    fn push(&mut self, code: Code, at: Option<Position>, message: String, hint: String) {
        self.add_lazy(code, at, || (message, hint));
    }

    /// The same where there can be millions: message and hint are made only for a finding that is kept.
    pub(crate) fn add_lazy(
        &mut self,
        code: Code,
        at: Option<Position>,
        tell: impl FnOnce() -> (String, String),
    ) {
        let count = match code.level() {
            Level::Error => &mut self.errors,
            Level::Warning => &mut self.warnings,
        };
        *count = count.saturating_add(1);
        if *count <= MOST_KEPT {
            let path = self.path();
            let (message, hint) = tell();
            self.findings.push(Diagnostic { code, path, at, message, hint });
        }
    }

    fn path(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}
