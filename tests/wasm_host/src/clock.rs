//! Virtual time: a wall clock and a monotonic clock that move only when a test moves them.

use std::time::Duration;

/// The two clocks of a process, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Unix time. May be stepped in either direction.
    pub wall: u64,
    /// Time since an arbitrary moment. Tests should never turn it back.
    pub monotonic: u64,
}

impl Default for Clock {
    /// 2026-12-01T00:00:00Z, and a process that has run for an hour.
    fn default() -> Self {
        Clock { wall: 1_796_083_200_000_000_000, monotonic: 3_600_000_000_000 }
    }
}

impl Clock {
    /// Moves both clocks ahead.
    pub fn advance(&mut self, by: Duration) {
        let nanoseconds = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.wall = self.wall.saturating_add(nanoseconds);
        self.monotonic = self.monotonic.saturating_add(nanoseconds);
    }
}
