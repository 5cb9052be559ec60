//! Only the first requests of each key: whose turn it is, is counted outside.

use super::Spared;
use crate::caps::Cap;
use crate::draw::Seed;
use crate::facts::{Fact, Facts};
use crate::turns::{Turn, Turns};
use crate::wire;

#[derive(Debug)]
pub(super) struct First {
    /// Keys of another mission are other keys.
    mission: String,
    header: Fact,
    requests: u32,
    forget_after_ms: u64,
}

impl First {
    pub(super) fn compile(scope: Option<&wire::Scope>, mission: &wire::Mission) -> Option<Self> {
        let first = scope?.first.as_ref()?;
        Some(Self {
            mission: mission.id.0.clone(),
            header: Fact::Header(first.per.header.0.clone()),
            requests: first.requests.0,
            forget_after_ms: first.forget_after.millis(),
        })
    }

    /// Counts a request that is about to get faults. `None`: its key has its turn.
    pub(super) fn spares(&self, scenario: &str, seed: &Seed, facts: &mut dyn Facts) -> Option<Spared> {
        let Some(value) = facts.fact(&self.header) else { return Some(Spared::NoKey) };
        // An id has no NUL.
        let key = [self.mission.as_bytes(), &[0], value].concat();
        let mut chance = seed.chance("first", &key, scenario);
        let turns = Turns::new(chance.word(), chance.word(), self.requests, self.forget_after_ms);
        match facts.count(&turns) {
            Turn::First => None,
            Turn::Done => Some(Spared::FirstDone),
            Turn::Full => Some(Spared::FirstFull),
            Turn::Unknown => Some(Spared::Capped(Cap::Unknown)),
        }
    }
}
