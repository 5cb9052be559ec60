//! Why the benchmark could not run; the process then ends with code 2.

use std::path::PathBuf;

/// The result of every fallible step of the benchmark.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, and where a command helps, which.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Envoy did not start, or did not answer as expected.
    #[error(transparent)]
    Harness(#[from] squall_envoy_tests::Error),
    /// A file, process or socket error.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file that the command line names cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A build product is missing.
    #[error("{} is missing: run `make build empty-filter`", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The link step refused the empty filter.
    #[error("wasm-link --strip-only failed: {0}")]
    Link(String),
    /// The worker thread of Envoy was not found in `/proc`.
    #[error("no thread `{name}` in process {pid}")]
    NoWorker {
        /// Envoy's process id.
        pid: u32,
        /// The name looked for.
        name: &'static str,
    },
    /// Envoy's answer on a measured connection was not the one of its variant.
    #[error("{variant}: {what}")]
    Answer {
        /// The measured variant.
        variant: String,
        /// What came instead.
        what: String,
    },
    /// `--only` names nothing.
    #[error("--only {name}: no such part; the parts are {known}")]
    UnknownPart {
        /// The name as given.
        name: String,
        /// All names.
        known: String,
    },
    /// The document has no place for the tables.
    #[error("{} has no lines `{begin}` and `{end}` around the tables", .path.display(), begin = crate::document::BEGIN, end = crate::document::END)]
    NoMarkers {
        /// The document.
        path: PathBuf,
    },
}
