//! A catalog and a mission, compiled once into what a request can be checked against fast.

mod abort;
mod body;
mod decide;
mod delay;
mod index;
mod matcher;
mod mutate;

pub use abort::{Abort, Grpc};
pub use body::{Drop, Throttle};
pub use decide::{Explanation, Injected, Injection, Outcome, Spared, Verdict};
pub use delay::{Delay, DelayPhase};
pub use matcher::Mismatch;
pub use mutate::{HeaderChanges, Mutate};

use crate::facts::Fact;
use crate::wire;
use index::Index;
use matcher::Rule;

/// How the scenarios of a mission combine on one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composition {
    /// The first scenario that matches and samples the request takes it.
    FirstMatch,
    /// Every scenario decides for itself; delays add up, the first abort answers.
    Independent,
}

/// One fault of a scenario.
#[derive(Debug)]
pub enum Fault {
    Delay(Delay),
    Abort(Abort),
    Drop(Drop),
    Throttle(Throttle),
    Mutate(Mutate),
}

impl Fault {
    /// The label of metrics and marks.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Abort(_) => "abort",
            Self::Drop(_) => "drop",
            Self::Throttle(_) => "throttle",
            Self::Mutate(_) => "mutate",
        }
    }
}

/// What is sampled.
#[derive(Debug)]
struct Sample {
    ppm: u32,
    /// `None`: the request id; else the header whose value decides.
    header: Option<Fact>,
}

/// A fault with its share of the sampled requests.
#[derive(Debug)]
struct Shared {
    ppm: u32,
    fault: Fault,
}

/// A scenario of the mission, ready to decide.
#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    direction: wire::DirectionWord,
    rules: Vec<Rule>,
    sample: Sample,
    faults: Vec<Shared>,
}

impl Scenario {
    /// The declared rate in parts per million of the matched requests.
    #[must_use]
    pub fn sample_ppm(&self) -> u32 {
        self.sample.ppm
    }

    /// Whether the value of a header decides, instead of the request id.
    #[must_use]
    pub fn is_sampled_by_header(&self) -> bool {
        self.sample.header.is_some()
    }

    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|shared| &shared.fault)
    }

    /// The share of the matched requests that is sampled and draws a fault, 0 to 1.
    fn share(&self) -> f64 {
        let undrawn = self.faults.iter().fold(1.0, |undrawn, f| undrawn * (1.0 - f64::from(f.ppm) / 1e6));
        f64::from(self.sample.ppm) / 1e6 * (1.0 - undrawn)
    }

    /// The fault with this number, as an [`Injected`] names it.
    #[must_use]
    pub fn fault(&self, number: usize) -> Option<&Fault> {
        self.faults.get(number).map(|shared| &shared.fault)
    }
}

/// The scenarios of one mission, in the mission's order.
#[derive(Debug)]
pub struct Plan {
    scenarios: Vec<Scenario>,
    composition: Composition,
    index: Index,
}

impl Plan {
    /// Compiles the scenarios that the mission names. Names that the catalog does not have were refused
    /// before ([`crate::check_mission`]).
    #[must_use]
    pub fn compile(catalog: &wire::Catalog, mission: &wire::Mission) -> Self {
        let by_name: hashbrown::HashMap<&str, &wire::Scenario> =
            catalog.scenarios.iter().map(|s| (s.name.0.as_str(), s)).collect();
        let scenarios: Vec<Scenario> = mission
            .scenarios
            .iter()
            .filter_map(|name| by_name.get(name.0.as_str()))
            .map(|scenario| compile_scenario(scenario))
            .collect();
        let composition = match mission.composition {
            wire::CompositionWord::FirstMatch => Composition::FirstMatch,
            wire::CompositionWord::Independent => Composition::Independent,
        };
        let index = Index::build(&scenarios);
        Self { scenarios, composition, index }
    }

    #[must_use]
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    #[must_use]
    pub fn scenario(&self, number: usize) -> Option<&Scenario> {
        self.scenarios.get(number)
    }

    /// The share of requests that gets at least one fault when all scenarios match, in parts per million.
    #[must_use]
    pub fn union_ppm(&self) -> u32 {
        // Both compositions spare a request only when every scenario does.
        let spared = self.scenarios.iter().fold(1.0, |spared, s| spared * (1.0 - s.share()));
        libm::round((1.0 - spared) * 1e6) as u32
    }
}

fn compile_scenario(scenario: &wire::Scenario) -> Scenario {
    let scope = scenario.scope.as_ref();
    let sample = scope.and_then(|s| s.sample.as_ref());
    Scenario {
        name: scenario.name.0.clone(),
        direction: scope.map_or(wire::DirectionWord::Any, |s| s.direction),
        rules: scope
            .and_then(|s| s.any_of.as_ref())
            .map_or_else(Vec::new, |rules| rules.iter().map(Rule::compile).collect()),
        sample: Sample {
            ppm: sample.map_or(crate::draw::PPM, |s| s.percent.0),
            header: match sample.map(|s| &s.by) {
                Some(wire::SampleBy::Header(name)) => Some(Fact::Header(name.0.clone())),
                Some(wire::SampleBy::Request) | None => None,
            },
        },
        faults: scenario.faults.iter().filter_map(|f| compile_fault(f, &scenario.name.0)).collect(),
    }
}

fn compile_fault(fault: &wire::Fault, scenario: &str) -> Option<Shared> {
    let (percent, fault) = match fault {
        wire::Fault { delay: Some(delay), .. } => (delay.percent, Fault::Delay(Delay::compile(delay)?)),
        wire::Fault { abort: Some(abort), .. } => {
            (abort.percent, Fault::Abort(Abort::compile(abort, scenario)))
        }
        wire::Fault { drop: Some(drop), .. } => (drop.percent, Fault::Drop(Drop::compile(drop))),
        wire::Fault { throttle: Some(throttle), .. } => {
            (throttle.percent, Fault::Throttle(Throttle::compile(throttle)))
        }
        wire::Fault { mutate: Some(mutate), .. } => (mutate.percent, Fault::Mutate(Mutate::compile(mutate))),
        // Exactly one key was checked when the file was read.
        _ => return None,
    };
    Some(Shared { ppm: percent.0, fault })
}
