//! Caps (promise P4): how many requests may have faults, over all workers together. A scope (one scenario, or a
//! whole mission) has one small record that all workers share; this is what a worker makes of the bytes it read
//! and what it writes back. The compare-and-swap around it is the adapter's.

use crate::wire;

/// The caps of one scope; `None`: no such cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests that have their faults in hand at the same time.
    pub concurrent: Option<u64>,
    /// Requests per whole second of the mission's running time.
    pub per_second: Option<u64>,
    /// Requests from the mission's start to its end.
    pub total: Option<u64>,
}

impl Limits {
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    #[must_use]
    pub fn of_scenario(safety: Option<&wire::Safety>) -> Self {
        safety.map_or_else(Self::default, |s| Self {
            concurrent: s.max_concurrent.map(|n| n.0),
            per_second: s.max_per_second.map(|n| n.0),
            total: s.max_total.map(|n| n.0),
        })
    }

    #[must_use]
    pub fn of_mission(safety: Option<&wire::MissionSafety>) -> Self {
        safety.map_or_else(Self::default, |s| Self {
            concurrent: s.max_concurrent.map(|n| n.0),
            per_second: s.max_per_second.map(|n| n.0),
            total: s.max_total.map(|n| n.0),
        })
    }
}

/// Why a request that was about to get a fault is spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cap {
    Concurrent,
    PerSecond,
    Total,
    /// The record could not be read or written: spared, to be on the safe side.
    Unknown,
    /// The worker has burnt its share of the time.
    CpuShare,
}

/// What a scope has used of its caps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    total: u64,
    active: u64,
    second: u64,
    in_second: u64,
}

/// First byte of a record: the version of its form.
const FORM: u8 = 1;
/// Form, then four numbers, little-endian.
const SIZE: usize = 33;

impl Usage {
    /// `None` for bytes that are no record of this version. No bytes are an unused scope: shared data has no
    /// real removal.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (form, numbers) = bytes.split_first()?;
        if *form != FORM || bytes.len() != SIZE {
            return None;
        }
        let (words, _) = numbers.as_chunks::<8>();
        match words {
            [total, active, second, in_second] => Some(Self {
                total: u64::from_le_bytes(*total),
                active: u64::from_le_bytes(*active),
                second: u64::from_le_bytes(*second),
                in_second: u64::from_le_bytes(*in_second),
            }),
            _ => None,
        }
    }

    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZE);
        bytes.push(FORM);
        for number in [self.total, self.active, self.second, self.in_second] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// One more request with faults, in this second of the mission's running time. The second has to be read
    /// from the clock **after** the record: then whoever writes later has read a later clock, and no second is
    /// ever counted after the next one has begun. A second that is earlier than the record's is one of a mission
    /// that was given a new start.
    ///
    /// # Errors
    /// The cap that is full.
    pub fn acquire(self, limits: &Limits, second: u64) -> Result<Self, Cap> {
        let in_second = if second == self.second { self.in_second } else { 0 };
        let full = |used: u64, limit: Option<u64>| limit.is_some_and(|limit| used >= limit);
        if full(self.total, limits.total) {
            return Err(Cap::Total);
        }
        if full(self.active, limits.concurrent) {
            return Err(Cap::Concurrent);
        }
        if full(in_second, limits.per_second) {
            return Err(Cap::PerSecond);
        }
        Ok(Self {
            total: self.total.saturating_add(1),
            active: self.active.saturating_add(1),
            second,
            in_second: in_second.saturating_add(1),
        })
    }

    /// A request that had been counted is complete.
    #[must_use]
    pub fn release(self) -> Self {
        Self { active: self.active.saturating_sub(1), ..self }
    }

    /// A request that had been counted in this second gets no fault after all.
    #[must_use]
    pub fn undo(self, second: u64) -> Self {
        let here = u64::from(second == self.second);
        Self {
            total: self.total.saturating_sub(1),
            in_second: self.in_second.saturating_sub(here),
            ..self.release()
        }
    }

    /// Requests that have their faults in hand.
    #[must_use]
    pub fn active(&self) -> u64 {
        self.active
    }

    /// Requests that got faults so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}
