//! Error rates of two groups at the same time, compared as often as one likes: an e-process over blocks of requests.
//!
//! A block has some requests of each group. Before it is looked at, the blocks before it have given an estimate of both rates; the
//! nearest pair of rates whose difference is within the limit (nearest in Kullback-Leibler divergence, weighted by how
//! many of each there are) is the strongest opponent. The likelihood of the block under the estimate over that under the
//! opponent has an expectation of at most 1 under every such pair, so the product over all blocks reaches 1/alpha with
//! probability alpha at most, however often somebody looks (Turner, Ly and Gruenwald, "Generic E-variables for exact
//! sequential k-sample tests", 2024). Rates may change from block to block: what happens to both groups alike is no evidence.

use super::cell::Trials;
use super::codec::{Reader, Writer};
use super::versus;

/// Fewest requests of either group in a block.
const BLOCK: u64 = 5;
/// An estimate begins with so many hits and misses that never were.
const PRIOR: f64 = 0.18;

/// The evidence so far, and what comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Race {
    /// Logarithm of the product.
    pub evidence: f64,
    /// What the estimates are made of: treatment, then control.
    seen: [Trials; 2],
    /// The block under way.
    block: [Trials; 2],
    /// Of both, since the beginning.
    pub requests: [u64; 2],
}

fn estimate(seen: Trials) -> f64 {
    (seen.hits as f64 + PRIOR) / (seen.requests as f64 + 2.0 * PRIOR)
}

fn split(trials: Trials) -> (f64, f64) {
    (trials.hits as f64, trials.requests.saturating_sub(trials.hits) as f64)
}

impl Race {
    /// Adds requests of both groups. `at_most`: the difference of their rates that is fine, 0 to 1.
    pub fn add(&mut self, treatment: Trials, control: Trials, at_most: f64) {
        let [one, other] = self.block;
        let block = [one.plus(treatment), other.plus(control)];
        for (all, more) in self.requests.iter_mut().zip([treatment, control]) {
            *all = all.saturating_add(more.requests);
        }
        if block.iter().any(|trials| trials.requests < BLOCK) {
            self.block = block;
            return;
        }
        self.block = Default::default();
        self.evidence += ratio(self.seen, block, at_most);
        let [one, other] = self.seen;
        let [more, others] = block;
        self.seen = [one.plus(more), other.plus(others)];
    }

    /// How far the rates are apart in the latest stage, as seen.
    #[must_use]
    pub fn apart(&self) -> Option<f64> {
        let [one, other] = self.seen;
        let [more, others] = self.block;
        Some(one.plus(more).rate()? - other.plus(others).rate()?)
    }

    /// The groups are others from now on (a stage has begun): the evidence stays, the estimates begin anew.
    pub fn forget(&mut self) {
        self.seen = Default::default();
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.number(self.evidence.to_bits());
        for trials in self.seen.iter().chain(&self.block) {
            out.numbers(&[trials.requests, trials.hits]);
        }
        out.numbers(&self.requests);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut race = Self { evidence: f64::from_bits(bytes.number()?), ..Self::default() };
        for trials in race.seen.iter_mut().chain(&mut race.block) {
            *trials = Trials { requests: bytes.number()?, hits: bytes.number()? };
        }
        bytes.numbers(&mut race.requests)?;
        race.evidence.is_finite().then_some(race)
    }
}

/// Logarithm of the likelihood of a block under the estimates over that under their strongest opponent; 0 when the estimates
/// themselves are within the limit.
fn ratio([one, other]: [Trials; 2], [treatment, control]: [Trials; 2], at_most: f64) -> f64 {
    let (p, q) = (estimate(one), estimate(other));
    if p - q <= at_most {
        return 0.0;
    }
    let (n, m) = (treatment.requests as f64, control.requests as f64);
    let border = versus::likeliest((n * p, n * (1.0 - p)), (m * q, m * (1.0 - q)), at_most);
    let gain = |(hits, misses): (f64, f64), bet: f64, against: f64| {
        hits * libm::log(bet / against) + misses * libm::log((1.0 - bet) / (1.0 - against))
    };
    let gain = gain(split(treatment), p, border + at_most) + gain(split(control), q, border);
    // Of counts that never were.
    if gain.is_finite() { gain } else { 0.0 }
}
