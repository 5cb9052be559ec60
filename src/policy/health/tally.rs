//! What one worker has seen since it last told the others.

use super::cell::Cell;
use super::ledger::{Ledger, Ledgers, MOST_LEDGERS};
use super::rules::Rules;

/// What a request was for a scenario that matched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// No fault at all.
    Control = 0,
    /// This scenario's faults.
    Treatment = 1,
    /// Another scenario's faults only, or none because a cap was full, a trigger off, or it may have none.
    Other = 2,
}

/// Where in the mission a request began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Baseline,
    /// The number of the stage, from 0.
    Injecting(u32),
    Recovery,
}

/// A request that is complete.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    pub phase: Phase,
    /// HTTP status; 0 without a response.
    pub status: u64,
    pub latency_us: u64,
    /// Squall answered or cut it.
    pub injected: bool,
}

/// The requests of one phase.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub phase: Option<Phase>,
    /// By [`Group`], each request once.
    pub overall: [Cell; 3],
    pub inbound: Cell,
    /// By place among the observed scenarios, then by group.
    pub observed: Vec<[Cell; 3]>,
}

/// What one worker has seen since it last told the others.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) parts: Vec<Part>,
    pub(super) ledgers: Ledgers,
}

impl Tally {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.ledgers.is_empty()
    }

    fn part(&mut self, phase: Phase) -> Option<&mut Part> {
        // Requests of a worker that are complete within a quarter of a second rarely began in two phases.
        let known = self.parts.iter().position(|part| part.phase == Some(phase));
        if known.is_none() {
            self.parts.push(Part { phase: Some(phase), ..Part::default() });
        }
        match known {
            Some(place) => self.parts.get_mut(place),
            None => self.parts.last_mut(),
        }
    }

    fn ledger(&mut self, rules: &Rules, scenario: usize) -> Option<&mut Ledger> {
        if scenario >= MOST_LEDGERS && rules.place(scenario).is_none() {
            return None;
        }
        self.ledgers.of(scenario)
    }

    /// A request in scope is complete. `groups`: what it was for each scenario that matched it, and the rate that this one
    /// declared at that moment, parts per million.
    pub fn request(&mut self, rules: &Rules, finished: &Finished, groups: &[(usize, Group, u32)]) {
        for (scenario, group, declared_ppm) in groups {
            if let Some(ledger) = self.ledger(rules, *scenario)
                && matches!(finished.phase, Phase::Injecting(_))
            {
                if let Some(count) = ledger.groups.get_mut(*group as usize) {
                    *count = count.saturating_add(1);
                }
                ledger.declared_ppm = ledger.declared_ppm.saturating_add(u64::from(*declared_ppm));
            }
        }
        let among = |wanted: Group| groups.iter().any(|(_, group, _)| *group == wanted);
        let overall = if among(Group::Treatment) {
            Group::Treatment
        } else if among(Group::Control) {
            Group::Control
        } else {
            Group::Other
        };
        let Some(part) = self.part(finished.phase) else { return };
        let add = |cell: Option<&mut Cell>| {
            if let Some(cell) = cell {
                cell.add(finished.status, finished.latency_us, finished.injected);
            }
        };
        add(part.overall.get_mut(overall as usize));
        part.observed.resize(rules.observed.len(), Default::default());
        for (scenario, group, _) in groups {
            let cells = rules.place(*scenario).and_then(|place| part.observed.get_mut(place));
            add(cells.and_then(|cells| cells.get_mut(*group as usize)));
        }
    }

    /// A request on the inbound side is complete.
    pub fn inbound(&mut self, finished: &Finished) {
        if let Some(part) = self.part(finished.phase) {
            part.inbound.add(finished.status, finished.latency_us, finished.injected);
        }
    }

    /// A fault has taken effect; its place in [`super::FAULTS`].
    pub fn injected(&mut self, rules: &Rules, scenario: usize, fault: usize) {
        let ledger = self.ledger(rules, scenario);
        if let Some(count) = ledger.and_then(|ledger| ledger.injected.get_mut(fault)) {
            *count = count.saturating_add(1);
        }
    }

    /// A fault did not take effect; the cause's place in [`super::CAUSES`].
    pub fn suppressed(&mut self, rules: &Rules, scenario: usize, cause: usize) {
        let ledger = self.ledger(rules, scenario);
        if let Some(count) = ledger.and_then(|ledger| ledger.suppressed.get_mut(cause)) {
            *count = count.saturating_add(1);
        }
    }
}
