//! All faults of one request, and what they come to together.

use super::{Abort, Burn, DelayPhase, Drop, Throttle};

/// All faults of one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Injection {
    /// In the order of scenarios and their faults.
    pub faults: Vec<Injected>,
    /// Sum of the delays before the request goes upstream, microseconds.
    pub request_delay_us: u64,
    /// Sum of the delays before the response comes back, microseconds; 0 when the request is aborted.
    pub response_delay_us: u64,
    /// What ends the request after its delay instead of sending it upstream (an abort, a reset, a hang): number of the
    /// scenario and of its fault.
    pub ending: Option<(usize, usize)>,
    /// The pool of slots that the request goes through: number of the scenario and of its fault.
    pub pool: Option<(usize, usize)>,
    /// The answer that the caller asked for, where that is the ending.
    pub answer: Option<Box<Abort>>,
    /// Bandwidths of the bodies.
    pub throttle: Throttle,
    /// The response is cut after so many bytes of its body.
    pub truncate: Option<u64>,
    /// For changes of the response body that are left to chance.
    pub body_seed: u64,
}

impl Injection {
    /// Whether anything is left to do when the response comes.
    #[must_use]
    pub fn concerns_response(&self) -> bool {
        !self.faults.is_empty() || self.throttle.response.is_some()
    }

    /// Whether it has a stream fault: a stream breaks off once, by the first.
    pub(super) fn breaks_off(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Injected::Stream { .. }))
    }

    pub(super) fn push(&mut self, fault: Injected) {
        self.add_in(&fault);
        self.faults.push(fault);
    }

    /// Makes the sums and the ending those of the faults.
    pub(super) fn add_up(&mut self) {
        (self.request_delay_us, self.response_delay_us, self.ending) = (0, 0, None);
        (self.throttle, self.truncate, self.pool) = (Throttle::default(), None, None);
        let faults = std::mem::take(&mut self.faults);
        faults.iter().for_each(|fault| self.add_in(fault));
        self.faults = faults;
    }

    fn add_in(&mut self, fault: &Injected) {
        match fault {
            Injected::Delay { phase, us, .. } => {
                let sum = match phase {
                    DelayPhase::Request => &mut self.request_delay_us,
                    DelayPhase::Response => &mut self.response_delay_us,
                };
                *sum = sum.saturating_add(*us);
            }
            Injected::Throttle { rates, .. } => self.throttle = self.throttle.and(*rates),
            Injected::Drop { drop: Drop::Truncate(after), .. } => {
                self.truncate = self.truncate.into_iter().chain([*after]).min();
            }
            Injected::Concurrency { scenario, fault } => self.pool = self.pool.or(Some((*scenario, *fault))),
            other => self.ending = self.ending.or(other.ending()),
        }
    }
}

/// One fault that a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {
    Delay { scenario: usize, phase: DelayPhase, us: u64 },
    Abort { scenario: usize, fault: usize },
    Drop { scenario: usize, fault: usize, drop: Drop },
    Throttle { scenario: usize, rates: Throttle },
    Mutate { scenario: usize, fault: usize },
    Stream { scenario: usize, fault: usize },
    Burn { scenario: usize, burn: Burn },
    Hold { scenario: usize, bytes: u32 },
    Concurrency { scenario: usize, fault: usize },
}

impl Injected {
    #[must_use]
    pub fn scenario(&self) -> usize {
        match self {
            Self::Delay { scenario, .. }
            | Self::Abort { scenario, .. }
            | Self::Drop { scenario, .. }
            | Self::Throttle { scenario, .. }
            | Self::Mutate { scenario, .. }
            | Self::Stream { scenario, .. }
            | Self::Burn { scenario, .. }
            | Self::Hold { scenario, .. }
            | Self::Concurrency { scenario, .. } => *scenario,
        }
    }

    /// The number of its scenario and its own, when it ends the request.
    #[must_use]
    pub fn ending(&self) -> Option<(usize, usize)> {
        match self {
            Self::Abort { scenario, fault } => Some((*scenario, *fault)),
            Self::Drop { scenario, fault, drop: Drop::Reset | Drop::Hang } => Some((*scenario, *fault)),
            _ => None,
        }
    }

    /// The label of metrics and marks.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Abort { .. } => "abort",
            Self::Drop { .. } => "drop",
            Self::Throttle { .. } => "throttle",
            Self::Mutate { .. } => "mutate",
            Self::Stream { .. } => "stream",
            Self::Burn { .. } => "cpu",
            Self::Hold { .. } => "memory",
            Self::Concurrency { .. } => "concurrency",
        }
    }
}
