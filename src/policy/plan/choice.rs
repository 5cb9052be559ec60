//! Which of several faults a request gets, where a scenario lists alternatives by weight.

use super::compile::compile_fault;
use super::{Scenario, Shared};
use crate::draw::{Chance, PPM, Seed};
use crate::facts::{Fact, Facts};
use crate::wire;

/// Where a fault stands among its alternatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// The item of the scenario's `faults` that they are.
    group: usize,
    /// The draws that choose it: from here on, and below the next.
    from: u32,
    to: u32,
}

/// All alternatives of one item of `faults`; most have one.
pub(super) fn compile(group: usize, fault: &wire::Fault, scenario: &str) -> Vec<Shared> {
    if fault.one_of.is_none() {
        return compile_fault(fault, scenario);
    }
    let mut sum = 0.0;
    let bound = |share: f64| libm::round(share * f64::from(PPM)) as u32;
    let alternatives = fault.alternatives().into_iter().flat_map(|(share, fault)| {
        let from = bound(sum);
        sum += share;
        let choice = Choice { group, from, to: bound(sum) };
        compile_fault(fault, scenario).into_iter().map(move |fault| Shared { choice: Some(choice), ..fault })
    });
    alternatives.collect()
}

/// The choices of one request in one scenario: one draw for each group, in their order.
#[derive(Default)]
pub(super) struct Chooser {
    chance: Option<Chance>,
    drawn: Option<(usize, u32)>,
}

impl Chooser {
    /// Whether the fault is the one that is chosen, or has no alternative.
    pub(super) fn chooses(
        &mut self,
        fault: &Shared,
        scenario: &Scenario,
        seed: &Seed,
        facts: &mut dyn Facts,
    ) -> bool {
        let Some(choice) = fault.choice else { return true };
        let draw = match self.drawn {
            Some((group, draw)) if group == choice.group => draw,
            _ => {
                let chance = self.chance.get_or_insert_with(|| {
                    let id = facts.fact(&Fact::RequestId).unwrap_or_default();
                    seed.chance("one_of", id, &scenario.name)
                });
                let draw = chance.ppm();
                self.drawn = Some((choice.group, draw));
                draw
            }
        };
        (choice.from..choice.to).contains(&draw)
    }
}

/// The share of the sampled requests that no fault is drawn for, 0 to 1.
pub(super) fn undrawn(faults: &[Shared]) -> f64 {
    let share = |fault: &Shared| f64::from(fault.ppm) / 1e6;
    let groups = faults.chunk_by(|a, b| match (a.choice, b.choice) {
        (Some(a), Some(b)) => a.group == b.group,
        _ => false,
    });
    groups.fold(1.0, |undrawn, group| {
        // An alternative may be several faults, which are drawn together: pressure on time and on memory.
        let alternatives = group.chunk_by(|a, b| a.choice.map(|c| c.from) == b.choice.map(|c| c.from));
        let drawn = alternatives.filter_map(<[Shared]>::first).map(|fault| match fault.choice {
            Some(choice) => share(fault) * f64::from(choice.to.saturating_sub(choice.from)) / 1e6,
            None => share(fault),
        });
        undrawn * (1.0 - drawn.sum::<f64>())
    })
}
