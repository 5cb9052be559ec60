//! A mission in this proxy: its plan, where it is, and what the metrics show of that.

use crate::caps::Caps;
use crate::events;
use crate::health::Observer;
use crate::host;
use crate::mission;
use crate::pressure;
use crate::run::Run;
use crate::shown::{self, Injects, Owner};
use crate::slots::Pools;
use crate::stats::{self, ScenarioStats};
use squall_policy::events::Name;
use squall_policy::mission::{Now, Standing, State};
use squall_policy::{Plan, Seed};

/// A mission in this proxy.
pub struct Armed {
    pub mission: String,
    /// Whose mission it is.
    pub owner: Owner,
    pub namespace: String,
    pub plan: Plan,
    pub stats: Vec<ScenarioStats>,
    pub seed: Seed,
    pub run: Run,
    pub caps: Caps,
    pub pools: Pools,
    /// Whether faulted requests and their responses carry headers that say so.
    pub marks: bool,
    /// How many operators have signed it.
    pub approvals: u64,
    /// What this worker has seen of its traffic.
    pub observer: Observer,
    /// This worker holds memory for it.
    pub holds_memory: bool,
    /// Requests are observed: from the start to the end of the recovery. Set by the timer, and checked against both clocks
    /// before each fault.
    pub running: bool,
    /// What its sampling rates are multiplied with, parts per million; 0 while nothing is injected.
    pub intensity_ppm: u32,
    /// It is over here, for ever.
    pub is_ended: bool,
    /// The state that was shown last.
    pub shown: Option<State>,
}

impl Armed {
    /// Whether streams have to be remembered.
    #[inline]
    pub fn concerns_streams(&self) -> bool {
        // Marks from outside are taken off every request.
        !self.is_ended && (self.marks || !self.plan.is_dormant())
    }

    /// Where the mission is.
    pub fn state(&self) -> host::Result<(State, u64)> {
        let now_ns = host::monotonic_ns()?;
        Ok((self.run.state(Now { wall_ms: host::wall_ms()?, mono_ns: now_ns }), now_ns))
    }

    /// The time and the deadline while faults are injected; `None` at any other time, and without a clock.
    pub fn injecting(&self) -> Option<(u64, u64)> {
        match self.state() {
            Ok((State::Injecting { .. }, now_ns)) => Some((now_ns, self.run.ends_ns())),
            _ => None,
        }
    }

    /// The same for who has looked at the monotonic clock.
    pub fn injects_until(&self, now_ns: u64) -> Option<u64> {
        let now = Now { wall_ms: host::wall_ms().ok()?, mono_ns: now_ns };
        matches!(self.run.state(now), State::Injecting { .. }).then(|| self.run.ends_ns())
    }

    /// Looks at what has become of the mission elsewhere, and shows it.
    pub fn look(&mut self, shown: bool) -> host::Result<(Standing, u64)> {
        self.run.look(&self.mission)?;
        let standing = self.run.standing();
        self.seed = Seed::from_text(&self.run.record().seed);
        self.running = standing.state.observes();
        self.intensity_ppm = standing.state.intensity_ppm();
        if shown && self.shown != Some(standing.state) {
            self.show(standing.state);
            self.tell(standing.state);
        }
        Ok((standing, host::monotonic_ns()?))
    }

    /// Nothing is injected until the next look.
    pub fn pause(&mut self, shown: bool) {
        self.intensity_ppm = 0;
        if std::mem::take(&mut self.running) && shown {
            self.show_active(false);
        }
        self.shown = None;
    }

    /// Whether what waits has nothing to wait for: the mission is put off, or only recovers.
    pub fn lets_go(&self) -> bool {
        matches!(self.run.standing().state, State::Pending | State::Recovery)
    }

    /// It is over here.
    pub fn end(&mut self, shown: bool) {
        if !self.run.has_ended() && self.run.look(&self.mission).is_err() {
            stats::count_host_errors(1);
            log::error!("the end of mission {} could not be recorded", self.mission);
        }
        self.run.end();
        (self.running, self.is_ended, self.intensity_ppm) = (false, true, 0);
        self.free_memory();
        if shown {
            self.show(self.run.standing().state);
        }
    }

    pub fn free_memory(&mut self) {
        self.holds_memory = false;
        pressure::free(&self.mission);
    }

    /// Shows in the metrics where the mission is.
    fn show(&mut self, state: State) {
        self.shown = Some(state);
        self.show_active(matches!(state, State::Injecting { .. }));
    }

    /// Shows in the metrics whether the scenarios are active.
    pub fn show_active(&self, active: bool) {
        for (number, scenario) in self.plan.scenarios().iter().enumerate() {
            stats::set_gauge("chaos_active", &self.labels(&scenario.name), u64::from(active));
            self.show_declared(number, active);
        }
        self.show_breakers(active);
        shown::show(self.owner, self.injects().filter(|_| active));
    }

    fn labels<'l>(&'l self, scenario: &'l str) -> [(&'static str, &'l str); 2] {
        [("scenario", scenario), ("namespace", &self.namespace)]
    }

    fn injects(&self) -> Option<Injects> {
        let State::Injecting { stage, intensity_ppm } = self.run.standing().state else { return None };
        Some(Injects {
            approvals: self.approvals,
            stage: stage.saturating_add(1) as u64,
            // One percent at least while anything is injected.
            percent: (u64::from(intensity_ppm).saturating_add(5_000) / 10_000).max(1),
            deadline_s: self.run.record().deadline().wall_ms / 1000,
        })
    }

    /// Shows where the breakers are: scenarios without one have no such gauge.
    pub fn show_breakers(&self, active: bool) {
        for (scenario, standing) in self.observer.breakers() {
            let Some(known) = self.plan.scenario(*scenario) else { continue };
            let number = if active { standing.number() } else { 0 };
            stats::set_gauge("chaos_breaker", &self.labels(&known.name), number);
        }
    }

    /// Shows the share of the requests that a scenario is to fault now: a breaker may have eased it.
    pub fn show_declared(&self, scenario: usize, active: bool) {
        let intensity_ppm = match self.run.standing().state {
            State::Injecting { intensity_ppm, .. } if active => intensity_ppm,
            _ => 0,
        };
        let Some(known) = self.plan.scenario(scenario) else { return };
        // What callers ask for, nobody has declared.
        let declared_ppm =
            if known.requested().is_some() { 0 } else { self.plan.declared_ppm(scenario, intensity_ppm) };
        stats::set_gauge("chaos_declared_rate_ppm", &[("scenario", &known.name)], declared_ppm.into());
    }

    /// Tells of a new phase, once for all workers and for all configurations that are still to come.
    fn tell(&self, state: State) {
        let event =
            events::new(Name::StageStarted).text("mission", &self.mission).text("phase", state.word());
        let event = match state {
            State::Injecting { stage, intensity_ppm } => event
                .number("stage", stage.saturating_add(1) as u64)
                .number("of", self.run.record().rules.stages.len().max(1) as u64)
                .thousandths("intensity_percent", i64::from(intensity_ppm) / 10),
            State::Baseline | State::Recovery => event,
            State::Pending | State::Over(_) => return,
        };
        let mut word = Vec::from(state.word());
        if let State::Injecting { stage, intensity_ppm } = state {
            word.extend_from_slice(&(stage as u64).to_le_bytes());
            word.extend_from_slice(&intensity_ppm.to_le_bytes());
        }
        events::emit_new(&self.mission, &word, &event);
    }

    /// The start of the mission's time, for what counts by it.
    pub fn running_ns(&self, now_ns: u64) -> u64 {
        self.run.record().running_ns(now_ns)
    }
}

/// The halts of the proxy, in the metrics.
pub fn show_halts() {
    if let Ok(halts) = mission::halts() {
        stats::set_gauge("chaos_halted", &[], u64::from(halts.blocks()));
    }
}
