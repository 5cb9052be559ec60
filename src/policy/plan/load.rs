//! Whether the scope of a scenario is as busy as it has to be; how busy it is, is measured outside.

use crate::facts::Facts;
use crate::traffic::{Busy, Measured};
use crate::wire;

#[derive(Debug)]
pub(super) struct Load {
    bounds: wire::Load,
    /// Names what is measured: the mission and the scenario.
    scope: String,
}

impl Load {
    pub(super) fn compile(load: &wire::Load, mission: &str, scenario: &str) -> Self {
        // Neither of them has a slash.
        Self { bounds: load.clone(), scope: [mission, "/", scenario].concat() }
    }

    /// Measures the request too. Where nobody measures any load will do.
    pub(super) fn holds(&self, facts: &mut dyn Facts) -> bool {
        match facts.busy(&self.scope) {
            Measured::Busy(busy) => self.admits(busy),
            Measured::Nobody => true,
            Measured::Unknown => false,
        }
    }

    fn admits(&self, busy: Busy) -> bool {
        let bounds = &self.bounds;
        let within = |found: u64, min: Option<wire::Count>, max: Option<wire::Count>| {
            min.is_none_or(|least| found >= least.0) && max.is_none_or(|most| found <= most.0)
        };
        within(busy.rps, bounds.min_rps, bounds.max_rps)
            && within(busy.in_flight, bounds.min_in_flight, bounds.max_in_flight)
    }
}
