//! What this worker sees of the traffic of a mission, put together with what the others see; and what follows from it:
//! guardrails that halt the mission or open a breaker, and the verdicts at its end.

use crate::events;
use crate::host;
use crate::mission;
use crate::record;
use crate::stats;
use log::Level;
use squall_policy::events::Name;
use squall_policy::health::{
    Effect, Finished, Group, Health, Phase, Rules, SignalVerdict, Standing, Tally, Trip, Verdict,
};
use squall_policy::mission::{Halt, MissionRecord, State};
use squall_policy::{Plan, Ticket};

/// Workers put together what they see this often.
pub const LOOK_NS: u64 = 250_000_000;
/// By then every worker has told what it saw of a mission that is over.
pub const VERDICT_NS: u64 = 750_000_000;

const NS_PER_MS: u64 = 1_000_000;

/// What this worker sees.
pub struct Observer {
    rules: Rules,
    key: String,
    tally: Tally,
    /// Where the breakers were at the last look, by scenario.
    breakers: Vec<(usize, Standing)>,
    /// The next look.
    pub planned: Option<Ticket>,
}

/// When a worker looks.
#[derive(Clone, Copy)]
pub struct Moment {
    pub phase: Phase,
    pub running_ms: u64,
    /// Whether what is found is this root's business: a newer configuration has guardrails of its own.
    pub guards: bool,
    /// Whether it is over, and every worker has had the time to tell what it saw.
    pub judges: bool,
}

/// What a look has found, for the worker whose look it was.
#[derive(Default)]
pub struct Found {
    /// What is left of each observed scenario's rate.
    factors: Vec<(usize, u32)>,
    /// How far each observed scenario with guardrails is from the nearest of them, percent: 0 has tripped.
    pub distances: Vec<(usize, u64)>,
    effects: Vec<Effect>,
    verdicts: Option<(Option<Verdict>, Vec<SignalVerdict>)>,
}

impl Observer {
    #[must_use]
    pub fn new(mission: &str, plan: &Plan, record: &MissionRecord) -> Self {
        let timetable = &record.rules;
        let rules = Rules::of(plan, timetable.duration_ms.saturating_add(timetable.recovery_ms));
        let breakers = Health::new(&rules).breakers(&rules);
        Self { key: rules.key(mission), rules, tally: Tally::default(), breakers, planned: None }
    }

    /// Whether requests that come in are watched whatever they match.
    #[inline]
    pub fn watches_inbound(&self) -> bool {
        self.rules.watches_inbound()
    }

    /// Whether it has to look although no request comes.
    pub fn has_breakers(&self) -> bool {
        self.rules.has_breakers()
    }

    pub fn breakers(&self) -> &[(usize, Standing)] {
        &self.breakers
    }

    pub fn has_news(&self) -> bool {
        !self.tally.is_empty()
    }

    /// A request that some scenario matched is complete: what it was for each, and the rate that this one declared.
    pub fn request(&mut self, finished: &Finished, groups: &[(usize, Group, u32)]) {
        self.tally.request(&self.rules, finished, groups);
    }

    /// A request that came in is complete.
    pub fn inbound(&mut self, finished: &Finished) {
        self.tally.inbound(finished);
    }

    pub fn injected(&mut self, scenario: usize, fault: usize) {
        self.tally.injected(&self.rules, scenario, fault);
    }

    pub fn suppressed(&mut self, scenario: usize, cause: usize) {
        self.tally.suppressed(&self.rules, scenario, cause);
    }

    /// Tells the others what this worker has seen, and looks at what all have seen together. What could not be told is told
    /// next time.
    pub fn look(&mut self, moment: Moment) -> host::Result<Found> {
        let phase = moment.phase;
        let (mut found, mut breakers) = (Found::default(), Vec::new());
        record::exchange(&self.key, &mut |bytes| {
            // What cannot be read is not ours: observation begins anew, which is better than never again.
            let mut health =
                Health::from_bytes(bytes, &self.rules).unwrap_or_else(|| Health::new(&self.rules));
            health.merge(&self.rules, &self.tally, phase, moment.running_ms);
            let effects = match moment.guards {
                true => health.look(&self.rules, phase, moment.running_ms),
                false => Vec::new(),
            };
            let judges = moment.judges && health.judge();
            let verdicts = judges.then(|| (health.verdict_of_all(&self.rules), health.verdicts(&self.rules)));
            let observed = self.rules.observed.iter().map(|rules| rules.scenario);
            let factors = observed.map(|scenario| (scenario, health.factor_ppm(&self.rules, scenario)));
            breakers = health.breakers(&self.rules);
            let news = !self.tally.is_empty() || !effects.is_empty() || judges;
            let distances = if moment.guards { health.distances(&self.rules) } else { Vec::new() };
            found = Found { factors: factors.collect(), distances, effects, verdicts };
            Ok(news.then(|| health.to_bytes()))
        })?;
        (self.tally, self.breakers) = (Tally::default(), breakers);
        Ok(found)
    }

    /// The name of a scenario.
    pub fn name(&self, scenario: usize) -> &str {
        self.rules.names.get(scenario).map_or("", String::as_str)
    }

    /// Does what a look has found: events, and the halt. Says whether the mission has been halted.
    pub fn act(&self, mission: &str, plan: &Plan, found: &Found) -> bool {
        let mut halted = false;
        for effect in &found.effects {
            match effect {
                Effect::Tripped(trip) => {
                    self.tell_trip(mission, plan, trip);
                    halted |= trip.halts && self.halt(mission, trip);
                }
                Effect::Moved { scenario, to } => self.tell_breaker(mission, *scenario, *to),
            }
        }
        if let Some((all, verdicts)) = &found.verdicts {
            self.tell_verdicts(mission, *all, verdicts);
        }
        halted
    }

    fn tell_trip(&self, mission: &str, plan: &Plan, trip: &Trip) {
        let (value, unit) = trip.shown();
        let faults =
            plan.scenario(trip.scenario).map(std::slice::from_ref).map_or_else(Vec::new, events::kinds);
        let event = events::new(Name::GuardrailTripped)
            .text("mission", mission)
            .text("scenario", self.name(trip.scenario))
            .texts("faults", &faults)
            .text("rule", &trip.rule)
            .text("value", &format!("{value} {unit}"))
            .text("rollback", if trip.halts { "disable" } else { "circuit_breaker" });
        events::emit(Level::Warn, &event);
        if !trip.halts {
            self.tell_breaker(mission, trip.scenario, Standing::Open);
        }
    }

    fn tell_breaker(&self, mission: &str, scenario: usize, to: Standing) {
        let event = events::new(Name::RollbackDone)
            .text("mission", mission)
            .text("scenario", self.name(scenario))
            .text("breaker", to.word());
        events::emit(Level::Info, &event);
    }

    fn halt(&self, mission: &str, trip: &Trip) -> bool {
        let halt = Halt { reason: "guardrail", detail: &trip.rule, by: self.name(trip.scenario), mission };
        let halted = mission::halt(halt);
        stats::count_host_errors(u32::from(halted.is_err()));
        halted.is_ok()
    }

    fn tell_verdicts(&self, mission: &str, all: Option<Verdict>, verdicts: &[SignalVerdict]) {
        let mut event = events::new(Name::MissionJudged)
            .text("mission", mission)
            .text("verdict", all.map_or("nothing expected", Verdict::word));
        for verdict in [Verdict::Held, Verdict::Violated, Verdict::Inconclusive] {
            let of = verdicts.iter().filter(|found| found.verdict == verdict);
            let texts: Vec<String> = of
                .map(|found| {
                    format!("{}: {} ({})", self.name(found.scenario), found.signal.text(), found.why)
                })
                .collect();
            if !texts.is_empty() {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                event = event.texts(verdict.word(), &texts);
            }
        }
        events::emit(Level::Info, &event);
    }
}

impl Found {
    /// Brings the plan to where the breakers are. Says whether one has opened, so that nobody waits for its faults.
    pub fn ease(&self, plan: &mut Plan) -> bool {
        let mut opened = false;
        for (scenario, factor_ppm) in &self.factors {
            opened |= plan.ease(*scenario, *factor_ppm) && *factor_ppm == 0;
        }
        opened
    }
}

/// The phase of a request that comes in this state.
#[must_use]
pub fn phase_of(state: State) -> Phase {
    match state {
        State::Pending | State::Baseline => Phase::Baseline,
        State::Injecting { stage, .. } => Phase::Injecting(u32::try_from(stage).unwrap_or(u32::MAX)),
        State::Recovery | State::Over(_) => Phase::Recovery,
    }
}

/// Milliseconds since the start of the mission.
#[must_use]
pub fn running_ms(record: &MissionRecord, now_ns: u64) -> u64 {
    record.running_ns(now_ns) / NS_PER_MS
}
