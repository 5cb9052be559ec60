//! The mission's machine: what all workers of a proxy agree on about a mission, and what becomes of it when something
//! happens. Pure: who calls it reads and writes shared data, with compare-and-swap, and acts on what comes out.

mod bytes;
mod current;
mod halt;
mod join;
mod order;
mod record;
mod rules;
mod standing;
mod step;

pub use current::{Current, CurrentMission};
pub use halt::{Halt, HaltRecord};
pub use join::{Asked, Joined};
pub use order::Order;
pub use record::{End, Ended, MissionRecord, Source};
pub use rules::{Rules, Stage};
pub use standing::{Standing, State};
pub use step::{Changed, Effect, Event};

pub(crate) const NS_PER_MS: u64 = 1_000_000;

/// A moment on both clocks. The wall clock can be set, the monotonic one goes on as time does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Now {
    /// Milliseconds since 1970.
    pub wall_ms: u64,
    /// Nanoseconds since some moment, the same for all workers of a machine.
    pub mono_ns: u64,
}

/// A moment of a mission on both clocks, which may lie before the zero of the monotonic one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub wall_ms: u64,
    /// Nanoseconds on the monotonic clock; negative when the machine has booted since.
    pub mono_ns: i64,
}

impl Stamp {
    /// The present moment.
    #[must_use]
    pub fn of(now: Now) -> Self {
        Self { wall_ms: now.wall_ms, mono_ns: signed(now.mono_ns) }
    }

    /// A moment that the wall clock names, as far from now on the other one.
    #[must_use]
    pub fn at(wall_ms: u64, now: Now) -> Self {
        let (ahead, since) = (wall_ms.saturating_sub(now.wall_ms), now.wall_ms.saturating_sub(wall_ms));
        Self { wall_ms, mono_ns: signed(now.mono_ns).saturating_add(ns(ahead)).saturating_sub(ns(since)) }
    }

    /// So much later on both clocks.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self { wall_ms: self.wall_ms.saturating_add(ms), mono_ns: self.mono_ns.saturating_add(ns(ms)) }
    }

    /// The later one, for each clock.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { wall_ms: self.wall_ms.max(other.wall_ms), mono_ns: self.mono_ns.max(other.mono_ns) }
    }

    /// Whether time, which is the monotonic clock, has come to it.
    #[must_use]
    pub fn is_reached(self, now: Now) -> bool {
        signed(now.mono_ns) >= self.mono_ns
    }

    /// Whether either clock has come to it (promise P1: whichever is first ends a mission).
    #[must_use]
    pub fn is_past(self, now: Now) -> bool {
        self.is_reached(now) || now.wall_ms >= self.wall_ms
    }

    /// The moment on the monotonic clock; 0 when that is younger.
    #[must_use]
    pub fn mono(self) -> u64 {
        self.mono_ns.max(0).unsigned_abs()
    }
}

/// 292 years of nanoseconds fit; what does not is as far away as can be said.
pub(crate) fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

fn ns(ms: u64) -> i64 {
    signed(ms.saturating_mul(NS_PER_MS))
}
