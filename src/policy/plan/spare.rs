//! Takes faults off a verdict again, when something that only the adapter knows speaks against them.

use super::{Injected, Spared, Verdict};

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
