//! When a mission runs: a start and a deadline on two clocks, of which the earlier deadline counts.

use serde_json::{Value, json};

const NS_PER_MS: u64 = 1_000_000;

/// What all workers of a proxy agree on about a mission; it lives in shared data as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Start on the wall clock, milliseconds since 1970.
    pub start_wall_ms: u64,
    /// The same moment on the monotonic clock, which no step of the wall clock moves; nanoseconds. Negative when
    /// the machine has booted since.
    pub start_mono_ns: i64,
    /// The seed of all draws, drawn by the first worker when the mission names none.
    pub seed: String,
    /// Set once by the worker that sees the deadline first: an ended mission never runs again.
    pub ended: bool,
}

impl Record {
    /// The record that the first worker writes. `start_wall_ms` is `None` for a mission that starts at once.
    #[must_use]
    pub fn begin(start_wall_ms: Option<u64>, wall_ms: u64, mono_ns: u64, seed: String) -> Self {
        let start = start_wall_ms.unwrap_or(wall_ms);
        let start_mono_ns = if start >= wall_ms {
            signed(mono_ns).saturating_add(signed(start.saturating_sub(wall_ms).saturating_mul(NS_PER_MS)))
        } else {
            signed(mono_ns).saturating_sub(signed(wall_ms.saturating_sub(start).saturating_mul(NS_PER_MS)))
        };
        Self { start_wall_ms: start, start_mono_ns, seed, ended: false }
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "start_wall_ms": self.start_wall_ms,
            "start_mono_ns": self.start_mono_ns,
            "seed": self.seed,
            "ended": self.ended,
        })
        .to_string()
    }

    /// `None` for what is no record of this version. A derived reader would bring 20 KiB into the module: its errors
    /// can print numbers.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return None };
        let record = Self {
            start_wall_ms: members.get("start_wall_ms")?.as_u64()?,
            start_mono_ns: members.get("start_mono_ns")?.as_i64()?,
            seed: members.get("seed")?.as_str()?.to_owned(),
            ended: members.get("ended")?.as_bool()?,
        };
        (members.len() == 4).then_some(record)
    }
}

/// 292 years of nanoseconds fit; what does not is as far away as can be said.
fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

/// The running time of one mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    start_wall_ms: u64,
    start_mono_ns: i64,
    duration_ns: u64,
    ended: bool,
}

/// Where a mission is at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Pending { starts_mono_ns: u64 },
    Running { ends_mono_ns: u64 },
    Over,
}

impl Schedule {
    #[must_use]
    pub fn new(record: &Record, duration_ms: u64) -> Self {
        Self {
            start_wall_ms: record.start_wall_ms,
            start_mono_ns: record.start_mono_ns,
            duration_ns: duration_ms.saturating_mul(NS_PER_MS),
            ended: record.ended,
        }
    }

    /// What other VMs of the proxy have to know of it.
    #[must_use]
    pub fn to_words(self) -> [u64; 3] {
        [self.start_wall_ms, self.start_mono_ns.cast_unsigned(), self.duration_ns]
    }

    #[must_use]
    pub fn from_words([start_wall_ms, start_mono_ns, duration_ns]: [u64; 3]) -> Self {
        Self { start_wall_ms, start_mono_ns: start_mono_ns.cast_signed(), duration_ns, ended: false }
    }

    /// Promise P1: whichever clock reaches the deadline first ends the mission, so a step of the wall
    /// clock can shorten a mission and never lengthen it.
    #[must_use]
    pub fn phase(&self, wall_ms: u64, mono_ns: u64) -> Phase {
        let ends_mono_ns = self.start_mono_ns.saturating_add_unsigned(self.duration_ns).max(0).unsigned_abs();
        let starts_mono_ns = self.start_mono_ns.max(0).unsigned_abs();
        if self.ended || wall_ms >= self.deadline_wall_ms() || mono_ns >= ends_mono_ns {
            Phase::Over
        } else if mono_ns < starts_mono_ns {
            Phase::Pending { starts_mono_ns }
        } else {
            Phase::Running { ends_mono_ns }
        }
    }

    /// For how long the mission has run on the monotonic clock, nanoseconds.
    #[must_use]
    pub fn running_ns(&self, mono_ns: u64) -> u64 {
        signed(mono_ns).saturating_sub(self.start_mono_ns).max(0).unsigned_abs()
    }

    /// The deadline on the wall clock, milliseconds since 1970.
    #[must_use]
    pub fn deadline_wall_ms(&self) -> u64 {
        self.start_wall_ms.saturating_add(self.duration_ns / NS_PER_MS)
    }

    /// Whether [`Schedule::end`] was called, or the record said so from the beginning.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// From now on the mission is over, whatever the clocks say.
    pub fn end(&mut self) {
        self.ended = true;
    }
}
