//! Chance as a function: the same seed, request and scenario give the same numbers on every machine.
//!
//! SipHash-2-4 turns (seed, purpose, request, scenario) into a key; PCG expands it. Both are specified bit
//! by bit, and all floating-point functions are `libm`'s, so that native code and wasm agree exactly (P5).

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// Parts per million in a whole: the unit of every probability.
pub const PPM: u32 = 1_000_000;

/// The key of all draws of a mission, made from the seed's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    high: u64,
    low: u64,
}

impl Seed {
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let mut hasher = SipHasher24::new();
        hasher.write(text.as_bytes());
        let hash = hasher.finish128();
        Self { high: hash.h1, low: hash.h2 }
    }

    /// The numbers that belong to one request in one scenario. `purpose` keeps draws for different
    /// questions independent.
    #[must_use]
    pub fn chance(&self, purpose: &str, key: &[u8], scenario: &str) -> Chance {
        let mut hasher = SipHasher24::new_with_keys(self.high, self.low);
        for part in [purpose.as_bytes(), key, scenario.as_bytes()] {
            // The length first, so that no two different triples are the same bytes.
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        Chance(Pcg64Mcg::from_seed(hasher.finish128().as_bytes()))
    }
}

/// A sequence of numbers that only its key determines.
#[derive(Debug)]
pub struct Chance(Pcg64Mcg);

impl Chance {
    /// The numbers for the bytes of one body.
    #[must_use]
    pub fn of_body(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// The numbers that belong to one of many numbers under a key.
    #[must_use]
    pub fn numbered(key: u64, number: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(key ^ number))
    }

    /// A number that [`Chance::of_body`] takes.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to 999,999, each equally likely.
    pub fn ppm(&mut self) -> u32 {
        let wide = u128::from(self.0.next_u64()).wrapping_mul(u128::from(PPM));
        (wide >> 64) as u32
    }

    /// A number in the open interval (0, 1): safe for logarithms and powers.
    pub fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
    }

    /// A draw from the standard normal distribution (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}
