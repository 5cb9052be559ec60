//! A catalog and a mission, compiled once into what a request can be checked against fast.

mod abort;
mod attempt;
mod body;
mod burst;
mod choice;
mod compile;
mod concurrency;
mod decide;
mod delay;
mod explain;
mod first;
mod index;
mod injection;
mod load;
mod matcher;
mod mutate;
mod pressure;
mod protect;
mod query;
mod requested;
mod spare;
mod stream;
mod test;
mod trigger;

pub use abort::{Abort, Grpc};
pub use body::{Drop, Throttle};
pub use concurrency::Concurrency;
pub use decide::{Outcome, Spared, Verdict};
pub use delay::{Delay, DelayPhase};
pub use explain::Explanation;
pub use injection::{Injected, Injection};
pub use matcher::Mismatch;
pub use mutate::{HeaderChanges, Mutate};
pub use pressure::Burn;
pub use protect::Protector;
pub use requested::Requested;
pub use stream::{StreamEnd, StreamFault, StreamPoint, StreamStatus};
pub use test::is_grpc;

use crate::caller::Callers;
use crate::caps::Limits;
use crate::draw::{PPM, Seed};
use crate::facts::{Fact, Facts};
use crate::health::ScenarioRules;
use crate::proxy::Dormant;
use crate::wire;
use attempt::Attempts;
use burst::Burst;
use choice::Choice;
use decide::scaled;
use first::First;
use index::Index;
use matcher::Rule;
use protect::Protection;
use trigger::Trigger;

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
    Stream(StreamFault),
    Burn(Burn),
    /// Bytes that a worker holds.
    Hold(u32),
    Concurrency(Box<Concurrency>),
    /// Whatever the caller asks for; the only fault of its scenario.
    Requested(Requested),
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
            Self::Stream(_) => "stream",
            Self::Burn(_) => "cpu",
            Self::Hold(_) => "memory",
            Self::Concurrency(_) => "concurrency",
            Self::Requested(_) => "requested",
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
    choice: Option<Choice>,
}

/// A scenario of the mission, ready to decide.
#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    direction: wire::DirectionWord,
    rules: Vec<Rule>,
    /// What has to hold beside any of the rules.
    concerns: Rule,
    trigger: Option<Trigger>,
    burst: Option<Burst>,
    attempts: Attempts,
    protection: Protection,
    sample: Sample,
    first: Option<First>,
    faults: Vec<Shared>,
    pub limits: Limits,
    /// Guardrails and signals; `None` without any.
    pub health: Option<Box<ScenarioRules>>,
    /// What its circuit breaker leaves of its rate, parts per million.
    factor_ppm: u32,
}

impl Scenario {
    /// Whether it is on at this moment; asks for the time only when it depends on it.
    fn is_on(&self, seed: &Seed, facts: &mut dyn Facts) -> bool {
        self.trigger.as_ref().is_none_or(|trigger| trigger.is_on(facts, seed, &self.name))
    }

    /// Whether its burst is in the good state, which spares; off without a clock.
    fn is_good(&self, seed: &Seed, facts: &mut dyn Facts) -> bool {
        let Some(burst) = &self.burst else { return false };
        facts.moment().is_none_or(|moment| !burst.is_bad(moment.running_ns, seed, &self.name))
    }

    /// Whether its window has closed for ever, so that it faults nobody any more.
    #[must_use]
    pub fn is_over(&self, wall_ms: u64) -> bool {
        self.trigger.as_ref().is_some_and(|trigger| trigger.is_over(wall_ms))
    }

    /// The present intensity after the circuit breaker, both in parts per million.
    fn eased(&self, intensity_ppm: u32) -> u32 {
        if self.factor_ppm == PPM { intensity_ppm } else { scaled(intensity_ppm, self.factor_ppm) }
    }

    /// The declared rate in parts per million of the matched requests.
    #[must_use]
    pub fn sample_ppm(&self) -> u32 {
        self.sample.ppm
    }

    /// Whether it faults only the first requests of each key.
    #[must_use]
    pub fn is_for_the_first(&self) -> bool {
        self.first.is_some()
    }

    /// Whether the value of a header decides, instead of the request id.
    #[must_use]
    pub fn is_sampled_by_header(&self) -> bool {
        self.sample.header.is_some()
    }

    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|shared| &shared.fault)
    }

    /// What its callers may ask for, when they say what its faults are.
    #[must_use]
    pub fn requested(&self) -> Option<&Requested> {
        match self.faults.first().map(|shared| &shared.fault) {
            Some(Fault::Requested(requested)) => Some(requested),
            _ => None,
        }
    }

    /// The share of the matched requests that is sampled and draws a fault, 0 to 1, at full intensity.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.sample.ppm) / 1e6 * (1.0 - choice::undrawn(&self.faults))
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
    dormant: Vec<Dormant>,
    callers: Callers,
    takes_requests: bool,
    /// The caps of all scenarios together.
    pub limits: Limits,
}

impl Plan {
    /// Whom it believes who asks for a fault; without this, nobody.
    pub fn trust(&mut self, callers: Callers) {
        self.callers = callers;
    }

    /// The circuit breaker of a scenario leaves so much of its rate, parts per million. Says whether that is news.
    pub fn ease(&mut self, scenario: usize, factor_ppm: u32) -> bool {
        let scenario = self.scenarios.get_mut(scenario);
        scenario.is_some_and(|scenario| std::mem::replace(&mut scenario.factor_ppm, factor_ppm) != factor_ppm)
    }

    /// The rate that a scenario declares at an intensity, parts per million of the requests that it matches.
    #[must_use]
    pub fn declared_ppm(&self, scenario: usize, intensity_ppm: u32) -> u32 {
        self.scenario(scenario).map_or(0, |scenario| {
            let share = libm::round(scenario.share() * 1e6) as u32;
            scaled(share, scenario.eased(intensity_ppm))
        })
    }

    /// Whether the headers of some requests may ask for faults.
    #[must_use]
    pub fn takes_requests(&self) -> bool {
        self.takes_requests
    }

    /// The scenarios of the mission that are for other proxies.
    #[must_use]
    pub fn dormant(&self) -> &[Dormant] {
        &self.dormant
    }

    /// Whether no request has anything to do with this plan.
    #[must_use]
    pub fn is_dormant(&self) -> bool {
        self.scenarios.is_empty()
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
