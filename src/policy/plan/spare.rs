//! Takes faults off a verdict again, when something that only the adapter knows speaks against them.

use super::body::{Drop, Throttle};
use super::decide::{Injected, Injection, Spared, Verdict};
use super::delay::DelayPhase;

impl Verdict {
    /// The scenarios whose faults the request is about to get, each once.
    #[must_use]
    pub fn faulting(&self) -> Vec<usize> {
        self.outcomes.iter().filter(|o| o.spared.is_none()).map(|o| o.scenario).collect()
    }

    /// Takes all faults of a scenario off the request. What another scenario lost to them stays lost.
    pub fn spare(&mut self, scenario: usize, why: Spared) {
        for outcome in self.outcomes.iter_mut().filter(|o| o.scenario == scenario) {
            outcome.spared = Some(why);
        }
        self.retain(|fault| fault.scenario() != scenario);
    }

    /// Keeps only some of the faults; a request that is left with none is not injected at all.
    pub fn retain(&mut self, keep: impl Fn(&Injected) -> bool) {
        let Some(injection) = &mut self.injection else { return };
        injection.faults.retain(keep);
        injection.add_up();
        if injection.faults.is_empty() {
            self.injection = None;
        }
    }
}

impl Injection {
    /// Makes the sums and the ending those of the faults.
    pub(super) fn add_up(&mut self) {
        (self.request_delay_us, self.response_delay_us, self.ending) = (0, 0, None);
        (self.throttle, self.truncate) = (Throttle::default(), None);
        for fault in &self.faults {
            match fault {
                Injected::Delay { phase: DelayPhase::Request, us, .. } => {
                    self.request_delay_us = self.request_delay_us.saturating_add(*us);
                }
                Injected::Delay { phase: DelayPhase::Response, us, .. } => {
                    self.response_delay_us = self.response_delay_us.saturating_add(*us);
                }
                Injected::Throttle { rates, .. } => self.throttle = self.throttle.and(*rates),
                Injected::Drop { drop: Drop::Truncate(after), .. } => {
                    self.truncate = self.truncate.into_iter().chain([*after]).min();
                }
                other => self.ending = self.ending.or(other.ending()),
            }
        }
    }
}
