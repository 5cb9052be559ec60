//! What can go wrong in the harness. A test usually just unwraps it; the text says what to do.

use std::time::Duration;

/// The result of every fallible call of the harness.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the harness could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program or build product is missing.
    #[error("{what} is missing: run `{command}`")]
    Missing {
        /// What is missing, with the places that were searched.
        what: String,
        /// The command that provides it.
        command: &'static str,
    },
    /// Envoy ended or did not become ready.
    #[error("Envoy did not start: {reason}\n--- end of its log ---\n{log}")]
    Start {
        /// What was seen last.
        reason: String,
        /// The last lines of Envoy's log.
        log: String,
    },
    /// A wait with a deadline ran out.
    #[error("{what} did not happen within {limit:?}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// Envoy's admin interface answered something else than 200.
    #[error("admin {path} answered {status}: {body}")]
    Admin {
        /// The admin path asked for.
        path: String,
        /// The HTTP status of the answer.
        status: u16,
        /// The body of the answer.
        body: String,
    },
    /// The browser refused a command, or has ended.
    #[error("browser: {0}")]
    Browser(String),
    /// A program in a terminal did not show what was waited for.
    #[error("terminal: {0}")]
    Terminal(String),
    /// A malformed document came back from Envoy.
    #[error("malformed {0}")]
    Malformed(String),
    /// A file, process or socket error.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The HTTP exchange broke (refused, reset, cut in the middle).
    #[error("HTTP exchange broke: {0:?}")]
    Http(#[from] hyper::Error),
    /// A gRPC channel could not be opened.
    #[error("gRPC channel: {0:?}")]
    Grpc(#[from] tonic::transport::Error),
}
