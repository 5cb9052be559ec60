//! Counts verdicts by scenario, in the terms of the filter's metrics.

use super::sketch::Sketch;
use serde::Serialize;
use squall_policy::{Fault, Injected, Plan, Requested, Scenario, Spared, Verdict};
use std::collections::BTreeMap;

pub struct Tally {
    pub scenarios: Vec<Counts>,
    pub requests: u64,
    /// Requests with at least one fault.
    pub faulted: u64,
}

#[derive(Default)]
pub struct Counts {
    pub name: String,
    /// Some requests are sampled by a header: a draw that asks for no request id.
    by_header: bool,
    pub groups: Groups,
    pub injected: BTreeMap<&'static str, u64>,
    spared: BTreeMap<Spared, u64>,
    pub delays: Sketch,
}

/// The groups of `chaos_requests_total`.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Groups {
    pub treatment: u64,
    pub control: u64,
    pub other: u64,
}

impl Groups {
    pub fn sum(self) -> u64 {
        self.treatment + self.control + self.other
    }
}

fn kinds(scenario: &Scenario) -> impl Iterator<Item = &'static str> {
    let fixed = scenario.faults().filter(|_| scenario.requested().is_none()).map(Fault::kind);
    fixed.chain(scenario.requested().into_iter().flat_map(Requested::kinds))
}

impl Tally {
    pub fn new(plan: &Plan) -> Self {
        let counts = plan.scenarios().iter().map(|scenario| Counts {
            name: scenario.name.clone(),
            by_header: scenario.is_sampled_by_header(),
            // Kinds that are never drawn show as 0, as in the metrics.
            injected: kinds(scenario).map(|kind| (kind, 0)).collect(),
            ..Counts::default()
        });
        Self { scenarios: counts.collect(), requests: 0, faulted: 0 }
    }

    /// Whether the value of a header decided, and so the seed.
    pub fn is_drawn_by_header(&self, verdict: &Verdict) -> bool {
        verdict.outcomes.iter().any(|outcome| {
            outcome.spared != Some(Spared::NoSampleHeader)
                && self.scenarios.get(outcome.scenario).is_some_and(|counts| counts.by_header)
        })
    }

    pub fn count(&mut self, verdict: &Verdict) {
        let faulted = verdict.injection.is_some();
        self.requests += 1;
        self.faulted += u64::from(faulted);
        for outcome in &verdict.outcomes {
            let Some(counts) = self.scenarios.get_mut(outcome.scenario) else { continue };
            match outcome.spared {
                None => counts.groups.treatment += 1,
                Some(cause) if !faulted && cause.is_control() && cause != Spared::Preempted => {
                    counts.groups.control += 1;
                }
                Some(_) => counts.groups.other += 1,
            }
            if let Some(cause) = outcome.spared {
                *counts.spared.entry(cause).or_default() += 1;
            }
        }
        for fault in verdict.injection.iter().flat_map(|injection| &injection.faults) {
            let Some(counts) = self.scenarios.get_mut(fault.scenario()) else { continue };
            *counts.injected.entry(fault.kind()).or_default() += 1;
            if let Injected::Delay { us, .. } = fault {
                counts.delays.add(*us);
            }
        }
    }
}

impl Counts {
    pub fn sampled(&self) -> u64 {
        let drawn_out = [
            Spared::NotSampled,
            Spared::NoSampleHeader,
            Spared::Trigger,
            Spared::Burst,
            Spared::Attempt,
            Spared::Protected,
        ];
        let spared: u64 = drawn_out.iter().filter_map(|cause| self.spared.get(cause)).sum();
        self.groups.sum() - spared
    }

    /// By the name of the cause.
    pub fn spared(&self) -> BTreeMap<String, u64> {
        self.spared.iter().map(|(cause, count)| (word(*cause), *count)).collect()
    }
}

/// `NoFaultDrawn` as the metrics write it: `no_fault_drawn`.
fn word(cause: Spared) -> String {
    let mut word = String::new();
    for c in format!("{cause:?}").chars().filter(char::is_ascii_alphanumeric) {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}
