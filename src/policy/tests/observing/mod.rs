//! Traffic that never was, for the tests of what is made of it: seeded requests, merged as workers would.

#![allow(dead_code, reason = "each test binary uses another part of it")]

use crate::request;
use serde_json::{Value, json};
use squall_policy::PPM;
use squall_policy::health::{Effect, Finished, Group, Health, Phase, Rules, Tally};

/// Deterministic and good enough for Bernoulli trials (SplitMix64).
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn happens(&mut self, chance: f64) -> bool {
        self.share() < chance
    }

    /// About the median, with a long tail.
    pub fn latency_us(&mut self, median_us: f64) -> u64 {
        // The sum of twelve is normal enough.
        let normal: f64 = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        (median_us * (0.5 * normal).exp()) as u64
    }
}

/// The rules of a mission with one scenario `a`; the other keys of it are given.
pub fn rules(keys: Value) -> Rules {
    let mut scenario = json!({"name": "a", "faults": [{"delay": {"fixed": "1ms"}}]});
    scenario.as_object_mut().expect("an object").extend(keys.as_object().expect("an object").clone());
    Rules::of(&request::plan("first_match", &[scenario]), 120_000)
}

pub fn halt_when(rule: Value) -> Rules {
    rules(json!({"safety": {"halt_when": [rule]}}))
}

/// All workers of a proxy, of which one merges at a time.
pub struct Proxy {
    pub rules: Rules,
    pub health: Health,
    pub phase: Phase,
    pub now_ms: u64,
    pub tally: Tally,
}

impl Proxy {
    pub fn new(rules: Rules) -> Self {
        let health = Health::new(&rules);
        Self { rules, health, phase: Phase::Injecting(0), now_ms: 0, tally: Tally::default() }
    }

    pub fn request(&mut self, group: Group, status: u64, latency_us: u64) {
        self.answered(group, status, latency_us, false);
    }

    /// `injected`: by Squall.
    pub fn answered(&mut self, group: Group, status: u64, latency_us: u64, injected: bool) {
        let finished = Finished { phase: self.phase, status, latency_us, injected };
        self.tally.request(&self.rules, &finished, &[(0, group, PPM / 2)]);
    }

    pub fn inbound(&mut self, status: u64, latency_us: u64) {
        let finished = Finished { phase: self.phase, status, latency_us, injected: false };
        self.tally.inbound(&finished);
    }

    /// A fault of kind `delay` has taken effect.
    pub fn inject(&mut self) {
        self.tally.injected(&self.rules, 0, 3);
    }

    /// A worker merges and looks; the record goes through its bytes, as in shared data.
    pub fn look(&mut self) -> Vec<Effect> {
        let tally = std::mem::take(&mut self.tally);
        self.health.merge(&self.rules, &tally, self.phase, self.now_ms);
        let effects = self.health.look(&self.rules, self.phase, self.now_ms);
        self.health = Health::from_bytes(&self.health.to_bytes(), &self.rules).expect("its own bytes");
        effects
    }

    /// Some traffic each 250 ms, for so long; the time of the first effects.
    pub fn run(&mut self, for_ms: u64, mut traffic: impl FnMut(&mut Self)) -> Option<(u64, Vec<Effect>)> {
        let end = self.now_ms + for_ms;
        while self.now_ms < end {
            self.now_ms += 250;
            traffic(self);
            let effects = self.look();
            if !effects.is_empty() {
                return Some((self.now_ms, effects));
            }
        }
        None
    }
}

/// When the first guardrail trips, if it does.
pub fn trips(effects: Option<(u64, Vec<Effect>)>) -> Option<u64> {
    effects.filter(|(_, effects)| effects.iter().any(|e| matches!(e, Effect::Tripped(_)))).map(|(at, _)| at)
}
