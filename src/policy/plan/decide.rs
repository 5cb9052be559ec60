//! One request in, a verdict and its reasons out. The filter, `chaosctl explain` and the tests all ask here.

use super::choice::Chooser;
use super::matcher::direction_matches;
use super::{
    Composition, DelayPhase, Fault, Injected, Injection, Plan, Scenario, concurrency, pressure, requested,
};
use crate::caller::Ignored;
use crate::caps::Cap;
use crate::draw::{Chance, PPM, Seed};
use crate::facts::{Fact, Facts};

/// What to do with a request, and what each scenario that matched it thinks of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// One per scenario that matched, in the mission's order.
    pub outcomes: Vec<Outcome>,
    /// `None`: leave the request alone.
    pub injection: Option<Injection>,
}

/// What one matched scenario decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub scenario: usize,
    /// `None`: the request got this scenario's faults.
    pub spared: Option<Spared>,
    /// The rate that the scenario had just then, parts per million: a breaker may change it before the request is complete.
    pub declared_ppm: u32,
}

/// Why a matched request got no fault from a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spared {
    /// The draw was above the percentage: this request belongs to the control group.
    NotSampled,
    /// Sampling is by a header that the request does not have.
    NoSampleHeader,
    /// It was sampled, and none of its faults drew its own percentage.
    NoFaultDrawn,
    /// The scenario's trigger is off at this moment.
    Trigger,
    /// The scenario's burst is in its good state at this moment.
    Burst,
    /// It is another try of a retried request than the scenario is about.
    Attempt,
    /// It is a health check or a probe, which no scenario touches that does not say so (promise P7).
    Protected,
    /// It would have been sampled, but an earlier scenario took the request, or another's abort or reset left it nothing to do.
    Preempted,
    /// It has no header that tells the keys apart of which the first requests get faults.
    NoKey,
    /// The first requests of its key have had their faults.
    FirstDone,
    /// The first requests of its key cannot be counted: there are too many keys.
    FirstFull,
    /// The caller says what the faults are, and asked for none.
    NotRequested,
    /// The caller asked for faults that it does not get.
    Ignored(Ignored),
    /// It was about to get faults, and a cap of the scenario or of the mission is full.
    Capped(Cap),
}

impl Spared {
    /// Whether the request shows how things are without faults. One that could never have got a fault is not
    /// comparable with those that did.
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(
            self,
            Self::NotSampled
                | Self::NoSampleHeader
                | Self::NoFaultDrawn
                | Self::NotRequested
                | Self::Preempted
        )
    }
}

pub(super) enum Sampling {
    Taken,
    Spared(Spared),
}

impl Plan {
    /// Decides about one request at full intensity. Draws only for scenarios that match it.
    pub fn decide(&self, seed: &Seed, facts: &mut impl Facts) -> Verdict {
        self.decide_at(PPM, seed, facts)
    }

    /// The same at an intensity in parts per million, which every sampling rate is multiplied with. The draws are the same:
    /// whoever is sampled at one intensity is sampled at every higher one.
    #[inline]
    pub fn decide_at(&self, intensity_ppm: u32, seed: &Seed, facts: &mut impl Facts) -> Verdict {
        let mut verdict = Verdict::default();
        let matching = self.index.matching(&self.scenarios, facts);
        for number in matching {
            let Some(scenario) = self.scenarios.get(number) else { continue };
            if !direction_matches(scenario.direction, facts) || !scenario.concerns.matches(facts) {
                continue;
            }
            let spared = self.judge((number, scenario), intensity_ppm, seed, facts, &mut verdict.injection);
            let declared_ppm = self.declared_ppm(number, intensity_ppm);
            verdict.outcomes.push(Outcome { scenario: number, spared, declared_ppm });
        }
        if let Some(injection) = verdict.injection.as_mut().filter(|i| i.ending.is_some()) {
            keep_until_ending(injection, &mut verdict.outcomes);
        }
        verdict
    }

    fn judge(
        &self,
        (number, scenario): (usize, &Scenario),
        intensity_ppm: u32,
        seed: &Seed,
        facts: &mut dyn Facts,
        injection: &mut Option<Injection>,
    ) -> Option<Spared> {
        if !scenario.is_on(seed, facts) {
            return Some(Spared::Trigger);
        }
        if scenario.is_good(seed, facts) {
            return Some(Spared::Burst);
        }
        if !scenario.attempts.include(facts) {
            return Some(Spared::Attempt);
        }
        if scenario.protection.of(facts).is_some() {
            return Some(Spared::Protected);
        }
        if let Sampling::Spared(cause) = sample(scenario, intensity_ppm, seed, facts).0 {
            return Some(cause);
        }
        if self.composition == Composition::FirstMatch && injection.is_some() {
            return Some(Spared::Preempted);
        }
        if let Some((asked, ppm)) = scenario.requested().zip(scenario.faults.first().map(|f| f.ppm)) {
            return requested::judge((number, scenario), (asked, ppm), &self.callers, seed, facts, injection);
        }
        if let Some(cause) =
            scenario.first.as_ref().and_then(|first| first.spares(&scenario.name, seed, facts))
        {
            return Some(cause);
        }
        let before = injection.as_ref().map_or(0, |i| i.faults.len());
        let beaten = add_faults(number, scenario, seed, facts, injection);
        let after = injection.as_ref().map_or(0, |i| i.faults.len());
        (after == before).then_some(if beaten { Spared::Preempted } else { Spared::NoFaultDrawn })
    }
}

/// A request that ends here is delayed before, and nothing else happens to it: it never goes upstream.
fn keep_until_ending(injection: &mut Injection, outcomes: &mut [Outcome]) {
    injection.faults.retain(|f| match f {
        Injected::Delay { phase, .. } => *phase == DelayPhase::Request,
        Injected::Abort { .. } | Injected::Drop { .. } => f.ending().is_some(),
        Injected::Burn { .. } | Injected::Hold { .. } | Injected::Concurrency { .. } => true,
        Injected::Throttle { .. } | Injected::Mutate { .. } | Injected::Stream { .. } => false,
    });
    injection.add_up();
    for outcome in outcomes.iter_mut().filter(|o| o.spared.is_none()) {
        if injection.faults.iter().all(|f| f.scenario() != outcome.scenario) {
            outcome.spared = Some(Spared::Preempted);
        }
    }
}

/// A sampling rate at an intensity, both in parts per million, to the nearest one; the rate itself at full intensity.
pub(super) fn scaled(ppm: u32, intensity_ppm: u32) -> u32 {
    let product = u64::from(ppm).saturating_mul(u64::from(intensity_ppm.min(PPM)));
    (product.saturating_add(500_000) / 1_000_000) as u32
}

/// Whether the scenario takes the request, and the draw where one was needed.
pub(super) fn sample(
    scenario: &Scenario,
    intensity_ppm: u32,
    seed: &Seed,
    facts: &mut dyn Facts,
) -> (Sampling, Option<u32>) {
    let ppm = scaled(scenario.sample.ppm, scenario.eased(intensity_ppm));
    let key = match &scenario.sample.header {
        Some(header) => match facts.fact(header) {
            Some(value) => value,
            None => return (Sampling::Spared(Spared::NoSampleHeader), None),
        },
        // 0 and 100 % need no draw, and so no request id.
        None if ppm == 0 => return (Sampling::Spared(Spared::NotSampled), None),
        None if ppm >= PPM => return (Sampling::Taken, None),
        None => facts.fact(&Fact::RequestId).unwrap_or_default(),
    };
    let draw = seed.chance("sample", key, &scenario.name).ppm();
    let sampling = if draw < ppm { Sampling::Taken } else { Sampling::Spared(Spared::NotSampled) };
    (sampling, Some(draw))
}

/// The numbers of one request in one scenario, made when the first is needed: fixed faults need none, and
/// then no request id is fetched either.
#[derive(Default)]
pub(super) struct LazyChance(Option<Chance>);

impl LazyChance {
    pub(super) fn get(&mut self, scenario: &Scenario, seed: &Seed, facts: &mut dyn Facts) -> &mut Chance {
        self.0.get_or_insert_with(|| {
            let id = facts.fact(&Fact::RequestId).unwrap_or_default();
            seed.chance("fault", id, &scenario.name)
        })
    }
}

/// Adds what the scenario draws. Says whether an ending was among it that comes after another's.
fn add_faults(
    number: usize,
    scenario: &Scenario,
    seed: &Seed,
    facts: &mut dyn Facts,
    injection: &mut Option<Injection>,
) -> bool {
    let mut beaten = false;
    let mut chance = LazyChance::default();
    let mut chooser = Chooser::default();
    for (fault_number, shared) in scenario.faults.iter().enumerate() {
        if !chooser.chooses(shared, scenario, seed, facts) {
            continue;
        }
        let taken = shared.ppm >= PPM || chance.get(scenario, seed, facts).ppm() < shared.ppm;
        if !taken {
            continue;
        }
        match &shared.fault {
            Fault::Delay(delay) => {
                let us = match delay.fixed_us() {
                    Some(us) => us,
                    None => delay.draw(chance.get(scenario, seed, facts)),
                };
                add_delay(number, delay.phase, us, injection);
            }
            Fault::Abort(_) => {
                beaten |= !add_ending(Injected::Abort { scenario: number, fault: fault_number }, injection);
            }
            Fault::Drop(drop) => {
                let dropped = Injected::Drop { scenario: number, fault: fault_number, drop: *drop };
                beaten |= !add_ending(dropped, injection);
            }
            Fault::Throttle(rates) => add(Injected::Throttle { scenario: number, rates: *rates }, injection),
            Fault::Mutate(mutate) => {
                let drawn = mutate.is_drawn().then(|| chance.get(scenario, seed, facts).word());
                add(Injected::Mutate { scenario: number, fault: fault_number }, injection);
                if let (Some(seed), Some(injection)) = (drawn, injection.as_mut()) {
                    injection.body_seed = seed;
                }
            }
            Fault::Concurrency(_) => beaten |= !concurrency::add(number, fault_number, injection),
            Fault::Stream(_) => {
                let stream = Injected::Stream { scenario: number, fault: fault_number };
                let breaks = injection.as_ref().is_some_and(Injection::breaks_off);
                if !breaks {
                    add(stream, injection);
                }
                beaten |= breaks;
            }
            other @ (Fault::Burn(_) | Fault::Hold(_)) => pressure::add(number, other, injection),
            // The only one of its scenario, and judged before.
            Fault::Requested(_) => {}
        }
    }
    beaten
}

pub(super) fn add(fault: Injected, injection: &mut Option<Injection>) {
    injection.get_or_insert_default().push(fault);
}

pub(super) fn add_delay(scenario: usize, phase: DelayPhase, us: u64, injection: &mut Option<Injection>) {
    // A delay of nothing is no fault, and is not counted as one.
    if us > 0 {
        add(Injected::Delay { scenario, phase, us }, injection);
    }
}

/// Whether this one takes place: a request ends once, by the first.
pub(super) fn add_ending(fault: Injected, injection: &mut Option<Injection>) -> bool {
    let takes_place = fault.ending().is_none() || injection.as_ref().is_none_or(|i| i.ending.is_none());
    if takes_place {
        add(fault, injection);
    }
    takes_place
}
