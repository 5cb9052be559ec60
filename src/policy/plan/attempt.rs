//! Which try of a retried request this is.

use crate::facts::{Fact, Facts};
use crate::wire;

/// The tries that a scenario is about.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Empty: all.
    wanted: Vec<u32>,
    envoys: Fact,
    grpcs: Fact,
}

impl Attempts {
    pub(super) fn compile(scope: Option<&wire::Scope>) -> Self {
        let wanted = scope.and_then(|s| s.attempts.as_ref());
        Self {
            wanted: wanted.map_or_else(Vec::new, |tries| tries.iter().map(|attempt| attempt.0).collect()),
            envoys: Fact::Header("x-envoy-attempt-count".to_owned()),
            grpcs: Fact::Header("grpc-previous-rpc-attempts".to_owned()),
        }
    }

    /// Nothing is asked for when all tries count.
    pub(super) fn include(&self, facts: &mut dyn Facts) -> bool {
        self.wanted.is_empty() || self.wanted.contains(&self.this(facts))
    }

    /// Envoy counts tries; gRPC clients count those before this one, and leave the header out of the first.
    fn this(&self, facts: &mut dyn Facts) -> u32 {
        if let Some(attempt) = facts.fact(&self.envoys).and_then(number) {
            return attempt;
        }
        facts.fact(&self.grpcs).and_then(number).map_or(1, |before| before.saturating_add(1))
    }
}

/// What is no number counts as absent.
fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
