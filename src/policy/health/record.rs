//! The record that all workers share: what they have seen, merged, and how the guardrails stand.

use super::breaker::Standing;
use super::cell::Cell;
use super::codec::{Reader, Writer};
use super::ledger::Ledgers;
use super::rules::Rules;
use super::series::Series;
use super::tally::{Group, Phase, Tally};
use super::watch::{Look, Watch};
use crate::draw::PPM;
use crate::wire::{Bound, MOST_OBSERVED};

/// First byte of a record: the version of its form.
const FORM: u8 = 2;
/// Largest record, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// What all workers have seen together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// In scope, before the first fault.
    pub baseline: Cell,
    /// While faults are injected, by [`Group`].
    pub overall: [Cell; 3],
    /// In scope, after the last fault.
    pub recovery: Cell,
    /// What came in, before the first fault and then while faults are injected.
    pub inbound: [Cell; 2],
    /// Between two points of the series, milliseconds: as the mission's time was when the first request was seen. An update of
    /// its duration leaves the points where they are.
    pub series_ms: u64,
    pub series: Series,
    pub watches: Vec<Watch>,
    pub ledgers: Ledgers,
    /// The verdicts have been told.
    pub judged: bool,
}

/// What has to be done, by the one worker that wrote the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Tripped(Trip),
    /// The breaker of a scenario has changed by itself.
    Moved {
        scenario: usize,
        to: Standing,
    },
}

/// A guardrail has tripped.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    /// Its number in the plan.
    pub scenario: usize,
    /// The rule as a person would say it.
    pub rule: String,
    /// Parts per million or microseconds, as the metric has it.
    pub value: f64,
    pub above: Bound,
    /// The mission halts; else the scenario's breaker has opened.
    pub halts: bool,
}

impl Health {
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let watches = rules.observed.iter().map(Watch::new).collect();
        Self { watches, series_ms: rules.series_ms, ..Self::default() }
    }

    /// Adds what a worker has seen. `present`: where the mission is now; `now_ms`: since its start, on the monotonic clock.
    pub fn merge(&mut self, rules: &Rules, tally: &Tally, present: Phase, now_ms: u64) {
        let nothing: [Cell; 3] = Default::default();
        for part in &tally.parts {
            let [control, treatment, other] = &part.overall;
            let [inbound_before, inbound] = &mut self.inbound;
            match part.phase {
                Some(Phase::Baseline) => {
                    [control, treatment, other].iter().for_each(|cell| self.baseline.merge(cell, true));
                    inbound_before.merge(&part.inbound, true);
                }
                Some(Phase::Injecting(_)) => {
                    self.overall
                        .iter_mut()
                        .zip(&part.overall)
                        .for_each(|(mine, more)| mine.merge(more, true));
                    inbound.merge(&part.inbound, true);
                }
                Some(Phase::Recovery) => {
                    [control, treatment, other].iter().for_each(|cell| self.recovery.merge(cell, true));
                }
                None => {}
            }
            let number = now_ms.checked_div(self.series_ms).unwrap_or(0);
            self.series.add(number, control, treatment);
            for (place, (rules, watch)) in rules.observed.iter().zip(&mut self.watches).enumerate() {
                let cells = part.observed.get(place).unwrap_or(&nothing);
                watch.merge(rules, part, cells, (present, now_ms));
            }
        }
        self.ledgers.merge(&tally.ledgers);
    }

    /// Looks at every guardrail and every breaker. What it finds is remembered in the record, so that one worker alone acts on
    /// it. After the last fault there is nothing to guard.
    pub fn look(&mut self, rules: &Rules, phase: Phase, now_ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if phase == Phase::Recovery {
            return effects;
        }
        let [inbound_before, _] = &self.inbound;
        for (rules, watch) in rules.observed.iter().zip(&mut self.watches) {
            if watch.breaker.standing == Standing::Open && !pass(watch, rules, false, now_ms, &mut effects) {
                continue;
            }
            let mut exceeded = false;
            for (place, guard) in rules.guards.iter().enumerate() {
                let look = watch.look(guard, place, inbound_before);
                exceeded |= look.exceeding_ms > 0;
                if !look.trips || watch.tripped_ms(place).is_some() {
                    continue;
                }
                let trip = Trip {
                    scenario: rules.scenario,
                    rule: guard.text(),
                    value: look.value.unwrap_or_default(),
                    above: guard.above,
                    halts: rules.breaker.is_none(),
                };
                let halts = trip.halts;
                effects.push(Effect::Tripped(trip));
                if !halts {
                    watch.open_breaker(now_ms);
                    exceeded = true;
                    break;
                }
                watch.trip(place, now_ms);
            }
            let healthy = !exceeded && watch.has_treated();
            pass(watch, rules, healthy, now_ms, &mut effects);
        }
        effects
    }

    /// The mission is over: `true` for the one worker that tells the verdicts.
    pub fn judge(&mut self) -> bool {
        !std::mem::replace(&mut self.judged, true)
    }

    /// The share of a scenario's usual rate that its breaker leaves.
    #[must_use]
    pub fn factor_ppm(&self, rules: &Rules, scenario: usize) -> u32 {
        let place = rules.place(scenario);
        let breaker = place.and_then(|place| rules.observed.get(place)).and_then(|rules| rules.breaker);
        match place.and_then(|place| self.watches.get(place)).zip(breaker) {
            Some((watch, rules)) => watch.breaker.factor_ppm(&rules),
            None => PPM,
        }
    }

    /// Where each scenario's breaker stands, of those that have one.
    #[must_use]
    pub fn breakers(&self, rules: &Rules) -> Vec<(usize, Standing)> {
        let each = rules.observed.iter().zip(&self.watches).filter(|(rules, _)| rules.breaker.is_some());
        each.map(|(rules, watch)| (rules.scenario, watch.breaker.standing)).collect()
    }

    /// How a guardrail stands, by its scenario's place among the observed ones.
    #[must_use]
    pub fn standing_of(&self, rules: &Rules, observed: usize, guard: usize) -> Option<Look> {
        let [inbound_before, _] = &self.inbound;
        let rule = rules.observed.get(observed)?.guards.get(guard)?;
        Some(self.watches.get(observed)?.look(rule, guard, inbound_before))
    }

    #[must_use]
    pub fn group(&self, group: Group) -> &Cell {
        let [control, treatment, other] = &self.overall;
        match group {
            Group::Control => control,
            Group::Treatment => treatment,
            Group::Other => other,
        }
    }

    /// The record as bytes, never more than [`LARGEST`]: should it be too large, percentiles lose precision.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.write();
        for neighbours in [2, 4, 8, 16] {
            if bytes.len() <= LARGEST {
                break;
            }
            let mut coarse = self.clone();
            coarse.coarsen(neighbours);
            bytes = coarse.write();
        }
        bytes
    }

    fn cells_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        let cells = [&mut self.baseline, &mut self.recovery].into_iter();
        cells.chain(&mut self.overall).chain(&mut self.inbound)
    }

    fn coarsen(&mut self, neighbours: usize) {
        self.watches.iter_mut().for_each(|watch| watch.coarsen(neighbours));
        self.cells_mut().for_each(|cell| cell.latency.coarsen(neighbours));
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Writer(vec![FORM]);
        let cells = [&self.baseline, &self.recovery].into_iter();
        cells.chain(&self.overall).chain(&self.inbound).for_each(|cell| cell.write(&mut out));
        out.number(self.series_ms);
        self.series.write(&mut out);
        out.length(self.watches.len());
        self.watches.iter().for_each(|watch| watch.write(&mut out));
        self.ledgers.write(&mut out);
        out.number(u64::from(self.judged));
        out.0
    }

    /// `None` for what is no record of this version, or one of other rules. No bytes are an empty record.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], rules: &Rules) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::new(rules));
        }
        let (form, rest) = bytes.split_first()?;
        if *form != FORM || bytes.len() > LARGEST {
            return None;
        }
        let mut reader = Reader(rest);
        let health = Self::read(&mut reader)?;
        let guards = health.watches.iter().map(|watch| watch.guards.len());
        let fits = guards.eq(rules.observed.iter().map(|rules| rules.guards.len()));
        (fits && reader.0.is_empty()).then_some(health)
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut health = Self::default();
        for cell in health.cells_mut() {
            *cell = Cell::read(bytes)?;
        }
        health.series_ms = bytes.number()?;
        health.series = Series::read(bytes)?;
        for _ in 0..bytes.length(MOST_OBSERVED)? {
            health.watches.push(Watch::read(bytes)?);
        }
        health.ledgers = Ledgers::read(bytes)?;
        health.judged = match bytes.number()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(health)
    }
}

/// Lets time pass for a breaker, where there is one.
fn pass(
    watch: &mut Watch,
    rules: &super::rules::ScenarioRules,
    healthy: bool,
    now_ms: u64,
    effects: &mut Vec<Effect>,
) -> bool {
    let moved = rules.breaker.as_ref().is_some_and(|breaker| watch.breaker.pass(breaker, healthy, now_ms));
    if moved {
        watch.start_afresh();
        effects.push(Effect::Moved { scenario: rules.scenario, to: watch.breaker.standing });
    }
    moved
}
