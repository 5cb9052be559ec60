//! What the scenarios did, in numbers.

use super::codec::{Reader, Writer};
use super::words::{CAUSES, FAULTS};
use crate::wire::MOST_OBSERVED;

/// Scenarios with a ledger: the first of the plan, and those that are observed. All of them are in the metrics.
pub const MOST_LEDGERS: usize = 32;
/// Largest number of a scenario.
const LARGEST: usize = 10_000;

/// What a scenario did, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Requests by [`super::Group`].
    pub groups: [u64; 3],
    /// Faults that took effect, by [`FAULTS`].
    pub injected: [u64; FAULTS.len()],
    /// Faults that did not, by [`CAUSES`].
    pub suppressed: [u64; CAUSES.len()],
    /// The rate that was declared for each request, parts per million, added up.
    pub declared_ppm: u64,
}

fn add(mine: &mut [u64], more: &[u64]) {
    for (mine, more) in mine.iter_mut().zip(more) {
        *mine = mine.saturating_add(*more);
    }
}

impl Ledger {
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.groups.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.injected.iter().all(|count| *count == 0)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        add(&mut self.groups, &other.groups);
        add(&mut self.injected, &other.injected);
        add(&mut self.suppressed, &other.suppressed);
        self.declared_ppm = self.declared_ppm.saturating_add(other.declared_ppm);
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.sparse(&self.groups);
        out.sparse(&self.injected);
        out.sparse(&self.suppressed);
        out.number(self.declared_ppm);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut ledger = Self::default();
        bytes.sparse(&mut ledger.groups)?;
        bytes.sparse(&mut ledger.injected)?;
        bytes.sparse(&mut ledger.suppressed)?;
        ledger.declared_ppm = bytes.number()?;
        Some(ledger)
    }
}

/// The ledgers of a mission, by number of the scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledgers(Vec<(usize, Ledger)>);

impl Ledgers {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn get(&self, scenario: usize) -> Option<&Ledger> {
        self.0.iter().find(|(number, _)| *number == scenario).map(|(_, ledger)| ledger)
    }

    /// The ledger of a scenario, empty when it is new.
    pub fn of(&mut self, scenario: usize) -> Option<&mut Ledger> {
        let place = match self.0.binary_search_by_key(&scenario, |(number, _)| *number) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (scenario, Ledger::default()));
                place
            }
        };
        self.0.get_mut(place).map(|(_, ledger)| ledger)
    }

    pub fn merge(&mut self, other: &Self) {
        for (scenario, ledger) in &other.0 {
            if let Some(mine) = self.of(*scenario) {
                mine.merge(ledger);
            }
        }
    }

    /// Whether no scenario has injected anything.
    #[must_use]
    pub fn are_unused(&self) -> bool {
        self.0.iter().all(|(_, ledger)| ledger.is_unused())
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.length(self.0.len());
        for (scenario, ledger) in &self.0 {
            out.length(*scenario);
            ledger.write(out);
        }
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut ledgers = Self::default();
        for _ in 0..bytes.length(MOST_LEDGERS.saturating_add(MOST_OBSERVED))? {
            let scenario = bytes.length(LARGEST)?;
            *ledgers.of(scenario)? = Ledger::read(bytes)?;
        }
        Some(ledgers)
    }
}
