//! From a catalog and a mission, free of mistakes, to a plan.

use super::{
    Abort, Attempts, Burst, Composition, Delay, Drop, Fault, First, Index, Mutate, Plan, Protection,
    Requested, Rule, Sample, Scenario, Shared, StreamFault, Throttle, Trigger, choice, pressure,
};
use crate::caller::Callers;
use crate::caps::Limits;
use crate::draw::PPM;
use crate::facts::Fact;
use crate::health::ScenarioRules;
use crate::names::Names;
use crate::proxy::{Dormant, Identified};
use crate::wire;

impl Plan {
    /// Compiles the scenarios that the mission names. Names that the catalog does not have were refused
    /// before ([`crate::check_mission`]).
    #[must_use]
    pub fn compile(catalog: &wire::Catalog, mission: &wire::Mission) -> Self {
        Self::compile_some(catalog, mission, |_| None)
    }

    /// The same for one proxy: scenarios of others are dormant, and in no index.
    #[must_use]
    pub fn compile_on(catalog: &wire::Catalog, mission: &wire::Mission, proxy: &mut Identified<'_>) -> Self {
        Self::compile_some(catalog, mission, |scope| proxy.differs(scope))
    }

    fn compile_some(
        catalog: &wire::Catalog,
        mission: &wire::Mission,
        mut differs: impl FnMut(&wire::Scope) -> Option<String>,
    ) -> Self {
        let by_name: Names<'_> = catalog.scenarios.iter().map(|s| s.name.0.as_str()).collect();
        let mut dormant = Vec::new();
        let scenarios: Vec<Scenario> = mission
            .scenarios
            .iter()
            .filter_map(|name| by_name.place(&name.0).and_then(|place| catalog.scenarios.get(place)))
            .filter(|scenario| match scenario.scope.as_ref().and_then(&mut differs) {
                Some(because) => {
                    dormant.push(Dormant { scenario: scenario.name.0.clone(), because });
                    false
                }
                None => true,
            })
            .map(|scenario| compile_scenario(scenario, mission))
            .collect();
        let composition = match mission.composition {
            wire::CompositionWord::FirstMatch => Composition::FirstMatch,
            wire::CompositionWord::Independent => Composition::Independent,
        };
        let index = Index::build(&scenarios);
        let limits = Limits::of_mission(mission.safety.as_ref());
        let takes_requests = scenarios.iter().any(|s| s.requested().is_some());
        let callers = Callers::default();
        Self { scenarios, composition, index, dormant, callers, takes_requests, limits }
    }
}

fn compile_scenario(scenario: &wire::Scenario, mission: &wire::Mission) -> Scenario {
    let scope = scenario.scope.as_ref();
    let sample = scope.and_then(|s| s.sample.as_ref());
    Scenario {
        name: scenario.name.0.clone(),
        direction: scope.map_or(wire::DirectionWord::Any, |s| s.direction),
        rules: scope
            .and_then(|s| s.any_of.as_ref())
            .map_or_else(Vec::new, |rules| rules.iter().map(Rule::compile).collect()),
        concerns: Rule::of_scope(scope),
        trigger: scenario.trigger.as_ref().map(|t| Trigger::compile(t, &mission.id.0, &scenario.name.0)),
        burst: scenario.burst.as_ref().map(Burst::compile),
        attempts: Attempts::compile(scope),
        protection: Protection::compile(scope),
        sample: Sample {
            ppm: sample.map_or(crate::draw::PPM, |s| s.percent.0),
            header: match sample.map(|s| &s.by) {
                Some(wire::SampleBy::Header(name)) => Some(Fact::Header(name.0.clone())),
                Some(wire::SampleBy::Request) | None => None,
            },
        },
        first: First::compile(scope, mission),
        faults: scenario
            .faults
            .iter()
            .enumerate()
            .flat_map(|(group, fault)| choice::compile(group, fault, &scenario.name.0))
            .collect(),
        limits: Limits::of_scenario(scenario.safety.as_ref()),
        health: ScenarioRules::compile(scenario),
        factor_ppm: PPM,
    }
}

pub(super) fn compile_fault(fault: &wire::Fault, scenario: &str) -> Vec<Shared> {
    let compiled = match fault {
        wire::Fault { delay: Some(delay), .. } => Delay::compile(delay).map(Fault::Delay),
        wire::Fault { abort: Some(abort), .. } => Some(Fault::Abort(Abort::compile(abort, scenario))),
        wire::Fault { drop: Some(drop), .. } => Some(Fault::Drop(Drop::compile(drop))),
        wire::Fault { throttle: Some(throttle), .. } => Some(Fault::Throttle(Throttle::compile(throttle))),
        wire::Fault { mutate: Some(mutate), .. } => Some(Fault::Mutate(Mutate::compile(mutate))),
        wire::Fault { stream: Some(stream), .. } => {
            Some(Fault::Stream(StreamFault::compile(stream, scenario)))
        }
        wire::Fault { requested: Some(requested), .. } => {
            Some(Fault::Requested(Requested::compile(requested, scenario)))
        }
        wire::Fault { pressure, .. } => return pressure::compile(pressure.as_ref(), scenario).collect(),
    };
    let ppm = fault.percent().0;
    compiled.into_iter().map(|compiled| Shared { ppm, fault: compiled, choice: None }).collect()
}
