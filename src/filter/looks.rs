//! When a worker looks at the health of a mission, and what it does then.

use crate::armed::Armed;
use crate::health::{Found, LOOK_NS, Moment, VERDICT_NS, phase_of, running_ms};
use crate::host;
use crate::root::{Root, Wake};
use crate::stats;
use squall_policy::mission::{Now, State};

impl Armed {
    /// Tells the others what is left to be told.
    pub fn tell_health(&mut self) {
        if self.observer.has_news() {
            self.tell_last(false);
        }
    }

    /// The same where this mission, or this configuration of it, makes way here for another one. One that is over is judged at
    /// once: nobody here looks at it again.
    pub fn leave(&mut self) {
        // What nobody else has looked at since may have ended it.
        let over = self.run.has_ended() || self.run.look(&self.mission).is_ok() && self.run.has_ended();
        if over || self.observer.has_news() {
            self.tell_last(over);
        }
    }

    fn tell_last(&mut self, judges: bool) {
        let told = host::monotonic_ns().and_then(|now_ns| self.put_together(now_ns, (false, judges)));
        stats::count_host_errors(u32::from(told.is_err()));
        if let Ok(found) = told {
            self.observer.act(&self.mission, &self.plan, &found);
        }
    }

    /// Shows in the metrics what a look has found: the rates that breakers leave, the way to the nearest guardrail.
    fn show_observed(&self, found: &Found) {
        let active = matches!(self.shown, Some(State::Injecting { .. }));
        for (scenario, percent) in &found.distances {
            self.show_declared(*scenario, active);
            let labels = [("scenario", self.observer.name(*scenario))];
            stats::set_gauge("chaos_guardrail_distance_percent", &labels, *percent);
        }
        if !found.distances.is_empty() {
            self.show_breakers(active);
        }
    }

    fn put_together(&mut self, now_ns: u64, (guards, judges): (bool, bool)) -> host::Result<Found> {
        let state = self.run.state(Now { wall_ms: host::wall_ms()?, mono_ns: now_ns });
        let running_ms = running_ms(self.run.record(), now_ns);
        let judges = judges && self.run.has_ended();
        self.observer.look(Moment { phase: phase_of(state), running_ms, guards, judges })
    }
}

impl Root {
    /// Plans a look so much later, where none is planned for before. The effective context has to be this root or one of its
    /// streams.
    pub fn plan_health(&mut self, later_ns: u64, now_ns: u64) {
        let due_ns = now_ns.saturating_add(later_ns);
        if self.armed.as_ref().is_none_or(|armed| armed.observer.planned.is_some()) {
            return;
        }
        let planned = self.wake_at(due_ns, now_ns, Wake::Health);
        if let Some(armed) = &mut self.armed {
            armed.observer.planned = planned;
        }
    }

    /// Puts together what this worker and the others have seen, and does what follows. `in_effect`: this root is the effective
    /// context, without which nobody can be let go.
    pub fn look_at_health(&mut self, now_ns: u64, in_effect: bool) {
        let guards = self.successor.is_none();
        let Some(armed) = &mut self.armed else { return };
        armed.observer.planned = None;
        let Ok(found) = armed.put_together(now_ns, (guards, true)) else {
            stats::count_host_errors(1);
            self.plan_again(LOOK_NS, now_ns);
            return;
        };
        // Nobody waits for the faults of a breaker that has opened.
        self.release |= found.ease(&mut armed.plan);
        armed.show_observed(&found);
        if armed.observer.act(&armed.mission, &armed.plan, &found) && in_effect {
            self.advance_mission(now_ns);
        }
        let Some(armed) = &self.armed else { return };
        // A breaker changes with time, and the other workers have to hear of it.
        if armed.observer.has_breakers() && armed.running {
            self.plan_again(LOOK_NS, now_ns);
        }
    }

    /// The look that was planned came early: once more, in its time.
    pub fn put_off_health(&mut self, now_ns: u64) {
        let Some(armed) = &mut self.armed else { return };
        armed.observer.planned = None;
        let later_ns = if armed.is_ended { VERDICT_NS } else { LOOK_NS };
        self.plan_again(later_ns, now_ns);
    }

    fn plan_again(&mut self, later_ns: u64, now_ns: u64) {
        let Some(armed) = &mut self.armed else { return };
        if armed.observer.planned.is_none() {
            let due_ns = now_ns.saturating_add(later_ns);
            armed.observer.planned = Some(self.queue.push(due_ns, Wake::Health));
        }
    }
}
