//! Faults that come in bursts.

use super::declare::object;
use super::decode::no_check;
use super::scalar::Span;

/// Longest mean of a state, in milliseconds: one day.
const LONGEST_MEAN_MS: u64 = 24 * 3_600_000;

object! {
    /// On and off by turns of random length (Gilbert-Elliott): the bad state is on, and the good one spares. Lengths are
    /// exponential around their means, in whole milliseconds of the mission's running time, and drawn from the seed and the
    /// scenario's name alone: all proxies with the same start and seed change together. `good / (good + bad)` of the time it is
    /// off, from the first moment on.
    pub struct Burst check no_check {
        /// Mean length of the good state.
        "good" => good: Span<100, LONGEST_MEAN_MS> [required],
        /// Mean length of the bad state.
        "bad" => bad: Span<100, LONGEST_MEAN_MS> [required],
    }
}
