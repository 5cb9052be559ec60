//! Bursts: which of two states a scenario is in, at any moment of its mission, without walking there.
//!
//! The states are a two-state Markov chain with a step of one millisecond (Gilbert-Elliott), so lengths are geometric:
//! exponential, in whole milliseconds. Over a long span the chain forgets where it was; so its state is drawn at the
//! ends of long blocks, each for itself, and from there at the middle between two known moments, given both, until the
//! present millisecond is met. What is drawn for a moment depends on the seed, the scenario and that moment, never on
//! who asked before: any order of questions gives the same answers, and a question costs some 10 to 30 draws.

use crate::draw::{Chance, Seed};
use crate::wire;

const NS_PER_MS: u64 = 1_000_000;

/// A block is so long that the states at its ends are independent: what is left of their tie is less than a
/// double tells beside 1.
const FORGOTTEN: f64 = 1e-17;

/// 2^40 ms are 35 years; the longest means need 2^31.
const MOST_LEVELS: usize = 40;

#[derive(Debug)]
pub(super) struct Burst {
    /// Share of the time that is bad.
    bad: f64,
    /// What is left of the tie between two moments that are 2^n milliseconds apart, by n; a block is twice the last of them.
    ties: Vec<f64>,
}

impl Burst {
    pub(super) fn compile(burst: &wire::Burst) -> Self {
        let (good, bad) = (burst.good.millis().max(1) as f64, burst.bad.millis().max(1) as f64);
        // Leaving a state with probability 1 / mean per step makes the mean what it says.
        let mut tie = 1.0 - 1.0 / good - 1.0 / bad;
        let mut ties = Vec::new();
        while tie > FORGOTTEN && ties.len() < MOST_LEVELS {
            ties.push(tie);
            tie *= tie;
        }
        Self { bad: bad / (good + bad), ties }
    }

    /// Whether it is bad now.
    pub(super) fn is_bad(&self, running_ns: u64, seed: &Seed, scenario: &str) -> bool {
        let now = running_ns / NS_PER_MS;
        let key = seed.chance("burst", &[], scenario).word();
        let drawn = |moment: u64, share: f64| Chance::numbered(key, moment).unit() < share;
        let mut half = 1_u64.checked_shl(u32::try_from(self.ties.len()).unwrap_or(0)).unwrap_or(u64::MAX);
        let mut from = now & !half.saturating_sub(1);
        let mut left = drawn(from, self.bad);
        let mut right = drawn(from.saturating_add(half), self.bad);
        for tie in self.ties.iter().rev() {
            if now == from {
                break;
            }
            half >>= 1;
            let middle = from.saturating_add(half);
            let state = drawn(middle, self.between(left, right, *tie));
            if now < middle {
                right = state;
            } else {
                (from, left) = (middle, state);
            }
        }
        left
    }

    /// The chance that it is bad in the middle between two moments.
    fn between(&self, left: bool, right: bool, tie: f64) -> f64 {
        let bad = self.to_bad(left, tie)
            * if right { self.to_bad(true, tie) } else { 1.0 - self.to_bad(true, tie) };
        let good = (1.0 - self.to_bad(left, tie))
            * if right { self.to_bad(false, tie) } else { 1.0 - self.to_bad(false, tie) };
        bad / (bad + good)
    }

    /// The chance that it is bad at a moment, given its state at an earlier one.
    fn to_bad(&self, was_bad: bool, tie: f64) -> f64 {
        if was_bad { self.bad + (1.0 - self.bad) * tie } else { self.bad * (1.0 - tie) }
    }
}
