//! The circuit breaker of a scenario: open, half-open, closed.

use super::codec::{Reader, Writer};
use crate::draw::PPM;
use crate::wire;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    pub open_for_ms: u64,
    pub half_open_ppm: u32,
    pub close_after_ms: u64,
}

impl BreakerRules {
    pub(super) fn compile(breaker: &wire::CircuitBreaker) -> Self {
        Self {
            open_for_ms: breaker.open_for.millis(),
            half_open_ppm: breaker.half_open_intensity.0,
            close_after_ms: breaker.close_after.millis(),
        }
    }
}

/// Where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// Faults as the mission says.
    #[default]
    Closed,
    /// No faults.
    Open,
    /// A few.
    HalfOpen,
}

impl Standing {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    /// As the record and `chaos_breaker` have it.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

/// The breaker of one scenario. Times are milliseconds since the start of the mission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    pub standing: Standing,
    pub since_ms: u64,
    /// How often it has opened.
    pub opened: u64,
}

impl Breaker {
    /// The share of the usual rate that is left of it.
    #[must_use]
    pub fn factor_ppm(&self, rules: &BreakerRules) -> u32 {
        match self.standing {
            Standing::Closed => PPM,
            Standing::Open => 0,
            Standing::HalfOpen => rules.half_open_ppm,
        }
    }

    /// A guardrail has tripped.
    pub fn open(&mut self, now_ms: u64) {
        *self = Self { standing: Standing::Open, since_ms: now_ms, opened: self.opened.saturating_add(1) };
    }

    /// Time has passed. `healthy`: requests have come since the last change, and no guardrail is exceeded. Says whether it
    /// changed.
    pub fn pass(&mut self, rules: &BreakerRules, healthy: bool, now_ms: u64) -> bool {
        let lasted = now_ms.saturating_sub(self.since_ms);
        let next = match self.standing {
            Standing::Open if lasted >= rules.open_for_ms => Standing::HalfOpen,
            Standing::HalfOpen if lasted >= rules.close_after_ms && healthy => Standing::Closed,
            _ => return false,
        };
        (self.standing, self.since_ms) = (next, now_ms);
        true
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.numbers(&[self.standing.number(), self.since_ms, self.opened]);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let standing = match bytes.number()? {
            0 => Standing::Closed,
            1 => Standing::Open,
            2 => Standing::HalfOpen,
            _ => return None,
        };
        Some(Self { standing, since_ms: bytes.number()?, opened: bytes.number()? })
    }
}
