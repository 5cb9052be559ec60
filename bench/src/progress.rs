//! Says what is going on, on standard error, so that nobody waits before a silent terminal.

use std::sync::OnceLock;
use std::time::Instant;

/// Writes a line with the seconds since the first one.
pub fn progress(line: impl AsRef<str>) {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    eprintln!("[{:>5.1} s] {}", start.elapsed().as_secs_f64(), line.as_ref());
}
