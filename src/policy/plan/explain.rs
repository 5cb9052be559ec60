//! A decision told for a person: what each scenario makes of a request, and why.

use super::decide::{sample, scaled};
use super::matcher::{Mismatch, direction_matches};
use super::{Plan, Protector};
use crate::draw::{PPM, Seed};
use crate::facts::Facts;

/// What one scenario makes of a request, told for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub scenario: usize,
    /// The nearest miss of each rule; empty when the scenario matches.
    pub mismatches: Vec<Mismatch>,
    /// The direction alone rules the request out.
    pub wrong_direction: bool,
    /// It matches, and the trigger is off.
    pub trigger_off: bool,
    /// It matches, and the burst is in its good state.
    pub burst_good: bool,
    /// It matches, and is another try than the scenario is about.
    pub other_attempt: bool,
    /// It matches, and is not to be touched.
    pub protected: Option<Protector>,
    /// The draw in parts per million, where one was needed.
    pub draw_ppm: Option<u32>,
    /// The declared share at this intensity, in parts per million.
    pub sample_ppm: u32,
}

impl Plan {
    /// What every scenario of the mission makes of a request, matched or not, at full intensity.
    pub fn explain(&self, seed: &Seed, facts: &mut impl Facts) -> Vec<Explanation> {
        self.explain_at(PPM, seed, facts)
    }

    /// The same at an intensity in parts per million.
    pub fn explain_at(&self, intensity_ppm: u32, seed: &Seed, facts: &mut impl Facts) -> Vec<Explanation> {
        self.scenarios
            .iter()
            .enumerate()
            .map(|(number, scenario)| {
                let wrong_direction = !direction_matches(scenario.direction, facts);
                let matched = scenario.rules.is_empty() || scenario.rules.iter().any(|r| r.matches(facts));
                let rules = if matched { &[][..] } else { &scenario.rules };
                let mismatches: Vec<_> =
                    rules.iter().chain([&scenario.concerns]).filter_map(|r| r.mismatch(facts)).collect();
                let met = mismatches.is_empty() && !wrong_direction;
                let trigger_off = met && !scenario.is_on(seed, facts);
                let met = met && !trigger_off;
                let burst_good = met && scenario.is_good(seed, facts);
                let met = met && !burst_good;
                let other_attempt = met && !scenario.attempts.include(facts);
                let met = met && !other_attempt;
                let protected = met.then(|| scenario.protection.of(facts)).flatten();
                let drawn = met && protected.is_none();
                Explanation {
                    scenario: number,
                    mismatches,
                    wrong_direction,
                    trigger_off,
                    burst_good,
                    other_attempt,
                    protected,
                    draw_ppm: drawn.then(|| sample(scenario, intensity_ppm, seed, facts).1).flatten(),
                    sample_ppm: scaled(scenario.sample.ppm, intensity_ppm),
                }
            })
            .collect()
    }
}
