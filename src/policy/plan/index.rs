//! Finds the scenarios that a request may concern without asking each: 1,000 scenarios cost about what 1 does.
//!
//! Every rule is filed under one anchor: an exact value of one fact, or the literal beginning of its path.
//! A lookup is one hash per kind of anchor in use; rules without an anchor are asked every time.

use super::Scenario;
use super::matcher::{Anchor, without_query};
use crate::facts::{Fact, Facts};
use hashbrown::HashMap;

/// Number of a scenario and of a rule in it.
pub(super) type RuleRef = (usize, usize);

type Bucket = HashMap<Box<[u8]>, Vec<RuleRef>>;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// In the order of the mission: scenarios that take every request.
    everything: Vec<usize>,
    exact: Vec<(Fact, Bucket)>,
    prefix: Bucket,
    /// The lengths that the keys of `prefix` have, ascending.
    prefix_lengths: Vec<usize>,
    unanchored: Vec<RuleRef>,
}

impl Index {
    pub(super) fn build(scenarios: &[Scenario]) -> Self {
        let mut index = Self::default();
        for (number, scenario) in scenarios.iter().enumerate() {
            if scenario.rules.is_empty() {
                index.everything.push(number);
            }
            for (rule_number, rule) in scenario.rules.iter().enumerate() {
                let rule_ref = (number, rule_number);
                match rule.anchor() {
                    Anchor::Exact(fact, text) => {
                        index.exact_bucket(fact).entry(text.into()).or_default().push(rule_ref)
                    }
                    Anchor::PathPrefix(prefix) => {
                        index.prefix.entry(prefix.into()).or_default().push(rule_ref);
                        index.prefix_lengths.push(prefix.len());
                    }
                    Anchor::Nothing => index.unanchored.push(rule_ref),
                }
            }
        }
        index.prefix_lengths.sort_unstable();
        index.prefix_lengths.dedup();
        index
    }

    fn exact_bucket(&mut self, fact: &Fact) -> &mut Bucket {
        let position = self.exact.iter().position(|(known, _)| known == fact).unwrap_or_else(|| {
            self.exact.push((fact.clone(), Bucket::default()));
            self.exact.len().saturating_sub(1)
        });
        #[allow(
            clippy::indexing_slicing,
            reason = "the position was found or made two lines up; configuration time only"
        )]
        &mut self.exact[position].1
    }

    /// The scenarios that match, in the mission's order. Allocates only when some rule is worth asking.
    pub(super) fn matching(&self, scenarios: &[Scenario], facts: &mut impl Facts) -> Vec<usize> {
        let mut found: Vec<usize> = self.everything.clone();
        for (fact, bucket) in &self.exact {
            let refs = match (fact, facts.fact(fact)) {
                (_, None) => continue,
                (Fact::Path, Some(path)) => bucket.get(without_query(path)),
                (_, Some(value)) => bucket.get(value),
            };
            self.ask(refs.map_or(&[], Vec::as_slice), scenarios, facts, &mut found);
        }
        for length in &self.prefix_lengths {
            let path = facts.fact(&Fact::Path).map_or(&[][..], without_query);
            let Some(refs) = path.get(..*length).map(|prefix| self.prefix.get(prefix)) else { break };
            self.ask(refs.map_or(&[], Vec::as_slice), scenarios, facts, &mut found);
        }
        self.ask(&self.unanchored, scenarios, facts, &mut found);
        found.sort_unstable();
        found
    }

    fn ask(&self, refs: &[RuleRef], scenarios: &[Scenario], facts: &mut impl Facts, found: &mut Vec<usize>) {
        for (number, rule_number) in refs {
            if found.contains(number) {
                continue;
            }
            let rule = scenarios.get(*number).and_then(|s| s.rules.get(*rule_number));
            if rule.is_some_and(|rule| rule.matches(facts)) {
                found.push(*number);
            }
        }
    }
}
