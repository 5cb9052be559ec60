//! What is kept of one observed scenario: its groups, its guardrails and its breaker.

use super::breaker::{Breaker, Standing};
use super::cell::{Cell, Trials};
use super::codec::{Reader, Writer};
use super::race::Race;
use super::rules::{Condition, Guard, ScenarioRules, Watched};
use super::sketch::Sketch;
use super::tally::{Group, Part, Phase};
use super::versus;
use super::window::Window;
use crate::wire::{Bound, GuardGroup, Versus};

/// Most guardrails of a record; a scenario has fewer.
const MOST_GUARDS: usize = 8;

/// The state of one guardrail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watcher {
    pub window: Window,
    /// Latencies of the present and the last half of `for`, to show a percentile; the newer ones last.
    recent: [Sketch; 2],
    half: u64,
    /// The comparison of error rates with control.
    race: Race,
    /// When it tripped, milliseconds since the start of the mission, plus one; 0: not yet.
    tripped: u64,
}

/// A guardrail, right now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Parts per million or microseconds; for a comparison their difference. `None` without requests.
    pub value: Option<f64>,
    pub exceeding_ms: u64,
    pub trips: bool,
    /// 0: trips; 1: nothing speaks for it.
    pub distance: f64,
}

/// The cells of a guardrail's group and of the one it is compared with.
struct Pair {
    one: Cell,
    other: Cell,
}

/// What is kept of one scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watch {
    /// While faults are injected, by [`Group`].
    pub total: [Cell; 3],
    /// In scope, before the first fault.
    pub before: Cell,
    /// Since the last fresh beginning, by [`Group`], then what came in.
    pub now: [Cell; 4],
    /// Of the fresh beginning, and how many there were before.
    stage: u32,
    beginnings: u32,
    /// Those among them that a breaker brought about.
    restarts: u32,
    pub guards: Vec<Watcher>,
    pub breaker: Breaker,
}

fn joined(cells: &[&Cell], with_latency: bool) -> Cell {
    let mut all = Cell::default();
    cells.iter().for_each(|cell| all.merge(cell, with_latency));
    all
}

/// The cells of a group among those by [`Group`].
fn of_group(group: GuardGroup, [control, treatment, other]: [&Cell; 3]) -> Vec<&Cell> {
    match group {
        GuardGroup::Treatment => vec![treatment],
        GuardGroup::Control => vec![control],
        GuardGroup::All => vec![control, treatment, other],
    }
}

impl Watch {
    pub fn new(rules: &ScenarioRules) -> Self {
        Self { guards: vec![Watcher::default(); rules.guards.len()], ..Self::default() }
    }

    /// Adds what a worker has seen. `cells`: of this scenario by group. `present`: where the mission is.
    pub(super) fn merge(
        &mut self,
        rules: &ScenarioRules,
        part: &Part,
        cells: &[Cell; 3],
        (present, now_ms): (Phase, u64),
    ) {
        let compares = rules.guards.iter().any(Guard::compares_latencies);
        match part.phase {
            Some(Phase::Baseline) => cells.iter().for_each(|cell| self.before.merge(cell, true)),
            Some(Phase::Injecting(stage)) => {
                for (mine, more) in self.total.iter_mut().zip(cells) {
                    mine.merge(more, true);
                }
                if self.breaker.standing == Standing::Open {
                    // Without faults there is nothing to guard.
                    return;
                }
                // An update may bring back an earlier one, or leave none but the first.
                if let Phase::Injecting(stage) = present
                    && stage != self.stage
                {
                    self.begin_anew();
                    self.guards.iter_mut().for_each(|guard| guard.race.forget());
                    self.stage = stage;
                }
                // Requests that began in another stage had another intensity.
                if stage == self.stage {
                    for (mine, more) in self.now.iter_mut().zip(cells.iter().chain([&part.inbound])) {
                        mine.merge(more, compares);
                    }
                }
            }
            Some(Phase::Recovery) | None => return,
        }
        let [control, treatment, _] = cells;
        for (guard, watcher) in rules.guards.iter().zip(&mut self.guards) {
            if guard.races() && part.phase != Some(Phase::Baseline) {
                let treatment = treatment.trials(guard.count_injected);
                watcher.race.add(treatment, control.trials(false), limit(guard) / 1e6);
            }
            let Condition::Lasting(for_ms) = guard.condition else { continue };
            let cells = match guard.watched {
                Watched::Inbound => vec![&part.inbound],
                Watched::Group(group) => of_group(group, cells.each_ref()),
            };
            watcher.add(guard, for_ms, &cells, now_ms);
        }
    }

    /// Comparisons start with new requests: the groups have changed.
    fn begin_anew(&mut self) {
        self.now = Default::default();
        self.beginnings = self.beginnings.saturating_add(1);
    }

    /// A guardrail has opened the breaker: whatever was above a limit is done with.
    pub fn open_breaker(&mut self, now_ms: u64) {
        self.breaker.open(now_ms);
        self.start_afresh();
    }

    /// The breaker lets more through.
    pub fn start_afresh(&mut self) {
        self.guards.iter_mut().for_each(|guard| *guard = Watcher::default());
        self.begin_anew();
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Whether requests with the scenario's faults have come since the last change of the breaker.
    pub fn has_treated(&self) -> bool {
        let [_, treatment, ..] = &self.now;
        treatment.trials(true).requests > 0
    }

    /// How one of the guardrails stands. `inbound_before`: what came in before the first fault.
    pub fn look(&self, guard: &Guard, place: usize, inbound_before: &Cell) -> Look {
        match (self.guards.get(place), guard.condition) {
            (Some(watcher), Condition::Lasting(for_ms)) => watcher.look(guard, for_ms),
            (Some(watcher), Condition::Versus(_, mistakes)) if guard.races() => {
                watcher.race_look(guard, versus::needed(mistakes, self.restarts))
            }
            (Some(_), Condition::Versus(with, mistakes)) => {
                let pair = self.pair(guard, with, inbound_before);
                pair.look(guard, versus::needed(mistakes, self.beginnings))
            }
            (None, _) => Look { value: None, exceeding_ms: 0, trips: false, distance: 1.0 },
        }
    }

    pub fn tripped_ms(&self, place: usize) -> Option<u64> {
        self.guards.get(place).and_then(|watcher| watcher.tripped.checked_sub(1))
    }

    pub fn trip(&mut self, place: usize, now_ms: u64) {
        if let Some(watcher) = self.guards.get_mut(place) {
            watcher.tripped = now_ms.saturating_add(1);
        }
    }

    fn pair(&self, guard: &Guard, with: Versus, inbound_before: &Cell) -> Pair {
        let latency = guard.compares_latencies();
        let [control, treatment, other, inbound] = self.now.each_ref();
        let one = match guard.watched {
            Watched::Inbound => joined(&[inbound], latency),
            Watched::Group(group) => joined(&of_group(group, [control, treatment, other]), latency),
        };
        let other = match (with, guard.watched) {
            (Versus::Control, _) => joined(&[control], latency),
            (Versus::Baseline, Watched::Inbound) => joined(&[inbound_before], latency),
            (Versus::Baseline, Watched::Group(_)) => joined(&[&self.before], latency),
        };
        Pair { one, other }
    }

    /// Less detail, when the record is too large.
    pub fn coarsen(&mut self, neighbours: usize) {
        let cells = self.total.iter_mut().chain(&mut self.now).chain([&mut self.before]);
        let recent = self.guards.iter_mut().flat_map(|guard| &mut guard.recent);
        cells.map(|cell| &mut cell.latency).chain(recent).for_each(|sketch| sketch.coarsen(neighbours));
    }

    pub(super) fn write(&self, out: &mut Writer) {
        self.total.iter().chain([&self.before]).chain(&self.now).for_each(|cell| cell.write(out));
        out.numbers(&[self.stage, self.beginnings, self.restarts].map(u64::from));
        self.breaker.write(out);
        out.length(self.guards.len());
        for guard in &self.guards {
            guard.window.write(out);
            guard.recent.iter().for_each(|sketch| sketch.write(out));
            guard.race.write(out);
            out.numbers(&[guard.half, guard.tripped]);
        }
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut watch = Self::default();
        for cell in watch.total.iter_mut().chain([&mut watch.before]).chain(&mut watch.now) {
            *cell = Cell::read(bytes)?;
        }
        watch.stage = u32::try_from(bytes.number()?).ok()?;
        watch.beginnings = u32::try_from(bytes.number()?).ok()?;
        watch.restarts = u32::try_from(bytes.number()?).ok()?;
        watch.breaker = Breaker::read(bytes)?;
        for _ in 0..bytes.length(MOST_GUARDS)? {
            watch.guards.push(Watcher {
                window: Window::take(bytes)?,
                recent: [Sketch::read(bytes)?, Sketch::read(bytes)?],
                race: Race::read(bytes)?,
                half: bytes.number()?,
                tripped: bytes.number()?,
            });
        }
        Some(watch)
    }
}

impl Watcher {
    fn add(&mut self, guard: &Guard, for_ms: u64, cells: &[&Cell], now_ms: u64) {
        let hits = |cell: &Cell| match (guard.metric.quantile_ppm(), guard.above) {
            (Some(_), Bound::Time(us)) => {
                Trials { requests: cell.latency.total(), hits: cell.latency.above(us) }
            }
            _ => cell.trials(guard.count_injected),
        };
        let trials = cells.iter().fold(Trials::default(), |all, cell| all.plus(hits(cell)));
        self.window.add(trials, &guard.demand(for_ms), now_ms);
        if guard.metric.quantile_ppm().is_none() || trials.requests == 0 {
            return;
        }
        let half = now_ms.checked_div((for_ms / 2).max(1)).unwrap_or(0);
        if half > self.half {
            let [_, newer] = &mut self.recent;
            let older =
                if half == self.half.saturating_add(1) { std::mem::take(newer) } else { Sketch::default() };
            (self.recent, self.half) = ([older, Sketch::default()], half);
        }
        let [_, newer] = &mut self.recent;
        cells.iter().for_each(|cell| newer.merge(&cell.latency));
    }

    fn race_look(&self, guard: &Guard, needed: f64) -> Look {
        let [treatment, control] = self.race.requests;
        Look {
            value: self.race.apart().map(|apart| apart * 1e6),
            exceeding_ms: 0,
            trips: treatment.min(control) >= guard.min_requests && self.race.evidence >= needed,
            distance: (1.0 - self.race.evidence / needed).clamp(0.0, 1.0),
        }
    }

    fn look(&self, guard: &Guard, for_ms: u64) -> Look {
        let reading = self.window.read(&guard.demand(for_ms));
        let value = match guard.metric.quantile_ppm() {
            None => reading.all.rate().map(|rate| rate * 1e6),
            Some(ppm) => {
                let [mut all, newer] = self.recent.clone();
                all.merge(&newer);
                all.quantile(ppm)
            }
        };
        let lasted = reading.exceeding_ms as f64 / for_ms.max(1) as f64;
        let below = match value {
            Some(value) => (1.0 - value / limit(guard).max(1.0)).max(0.0),
            None => 1.0,
        };
        let distance = if reading.exceeding_ms > 0 { 0.5 * (1.0 - lasted) } else { 0.5 + 0.5 * below };
        Look { value, exceeding_ms: reading.exceeding_ms, trips: reading.trips, distance }
    }
}

/// In the unit of a [`Look`]'s value.
pub fn limit(guard: &Guard) -> f64 {
    match guard.above {
        Bound::Share(ppm) => f64::from(ppm),
        Bound::Time(us) => us as f64,
    }
}

impl Pair {
    fn look(&self, guard: &Guard, needed: f64) -> Look {
        match guard.metric.quantile_ppm() {
            None => self.rates(guard, needed),
            Some(ppm) => self.quantiles(guard, ppm, needed),
        }
    }

    fn rates(&self, guard: &Guard, needed: f64) -> Look {
        let (one, other) = (self.one.trials(guard.count_injected), self.other.trials(false));
        let evidence = versus::difference(one, other, limit(guard) / 1e6);
        let enough = one.requests.min(other.requests) >= guard.min_requests;
        Look {
            value: one.rate().zip(other.rate()).map(|(one, other)| (one - other) * 1e6),
            exceeding_ms: 0,
            trips: enough && evidence >= needed,
            distance: (1.0 - evidence / needed).max(0.0),
        }
    }

    /// Each of the two bounds may be wrong half as often.
    fn quantiles(&self, guard: &Guard, ppm: u32, needed: f64) -> Look {
        let needed = needed + core::f64::consts::LN_2;
        let (one, other) = (&self.one.latency, &self.other.latency);
        let apart = versus::shortest(one, ppm, needed)
            .zip(versus::longest(other, ppm, needed))
            .map(|(shortest, longest)| shortest - longest);
        let limit = limit(guard);
        let enough = one.total().min(other.total()) >= guard.min_requests;
        let value = one.quantile(ppm).zip(other.quantile(ppm)).map(|(one, other)| one - other);
        Look {
            value,
            exceeding_ms: 0,
            trips: enough && apart.is_some_and(|apart| apart > limit),
            distance: apart.map_or(1.0, |apart| (1.0 - apart / limit.max(1.0)).clamp(0.0, 1.0)),
        }
    }
}

impl Watch {
    /// The requests that had the scenario's faults.
    pub fn treatment(&self) -> &Cell {
        let [_, treatment, _] = &self.total;
        treatment
    }

    /// The place of a group's cell, for whoever reads the record.
    pub fn group(&self, group: Group) -> &Cell {
        let [control, treatment, other] = &self.total;
        match group {
            Group::Control => control,
            Group::Treatment => treatment,
            Group::Other => other,
        }
    }
}
