//! Where a mission is at some moment, and until when that holds.

use super::{End, MissionRecord, NS_PER_MS, Now, Stamp, signed};

/// Where a mission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It has not begun.
    Pending,
    /// Observed, nothing injected yet.
    Baseline,
    Injecting {
        /// From 0.
        stage: usize,
        /// What the sampling rates are multiplied with, parts per million.
        intensity_ppm: u32,
    },
    /// Its deadline is past: observed, nothing injected any more.
    Recovery,
    Over(End),
}

impl State {
    /// What the sampling rates are multiplied with, parts per million; 0 while nothing is injected.
    #[must_use]
    pub fn intensity_ppm(self) -> u32 {
        match self {
            Self::Injecting { intensity_ppm, .. } => intensity_ppm,
            _ => 0,
        }
    }

    /// Whether requests are observed.
    #[must_use]
    pub fn observes(self) -> bool {
        matches!(self, Self::Baseline | Self::Injecting { .. } | Self::Recovery)
    }

    /// The word of events and of the status.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Baseline => "baseline",
            Self::Injecting { .. } => "injecting",
            Self::Recovery => "recovery",
            Self::Over(End::Done) => "done",
            Self::Over(End::Halted) => "halted",
            Self::Over(End::Stopped | End::Lease) => "stopped",
        }
    }
}

/// A state and its end: while the record and the number of halts are the same and neither clock has come to `until`,
/// nobody has to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    /// On the monotonic clock the moment of the next change, on the wall clock that of the earliest end; the largest
    /// numbers where there is none.
    pub until: Now,
}

impl Standing {
    /// Whether it is still true.
    #[must_use]
    pub fn holds(&self, now: Now) -> bool {
        now.mono_ns < self.until.mono_ns && now.wall_ms < self.until.wall_ms
    }

    fn for_ever(state: State) -> Self {
        Self { state, until: Now { wall_ms: u64::MAX, mono_ns: u64::MAX } }
    }
}

impl MissionRecord {
    /// Where the mission is. `halts`: how many there have been in this proxy ([`super::HaltRecord::count`]).
    ///
    /// Promise P1: whichever clock reaches an end first ends it, so a step of the wall clock can shorten a mission
    /// and never lengthen it; all else follows the monotonic clock.
    #[must_use]
    pub fn state(&self, halts: u64, now: Now) -> State {
        self.standing(halts, now).state
    }

    /// The same with its next change.
    #[must_use]
    pub fn standing(&self, halts: u64, now: Now) -> Standing {
        if let Some(ended) = &self.ended {
            return Standing::for_ever(State::Over(ended.end));
        }
        if halts > self.halts {
            return Standing::for_ever(State::Over(End::Halted));
        }
        let deadline = self.deadline();
        if let Some(since) = self.recovers_from_ns {
            return self.recovering(Stamp { wall_ms: 0, mono_ns: since }, now);
        }
        // A lease that ends after the deadline says nothing.
        let lease = self.lease_ends().filter(|lease| lease.mono_ns < deadline.mono_ns);
        if lease.is_some_and(|lease| lease.is_past(now)) {
            return Standing::for_ever(State::Over(End::Lease));
        }
        if deadline.is_past(now) {
            // What nobody noticed in time recovers from now on, unless it never began.
            let never_began = !self.has_begun(now);
            if never_began || deadline.after(self.rules.recovery_ms).is_reached(now) {
                return Standing::for_ever(State::Over(End::Done));
            }
            return self.recovering(Stamp::of(now), now);
        }
        let ends = lease.map_or(deadline, |lease| Stamp {
            wall_ms: deadline.wall_ms.min(lease.wall_ms),
            mono_ns: deadline.mono_ns.min(lease.mono_ns),
        });
        let (state, change) = self.before_deadline(now);
        let until = Now { wall_ms: ends.wall_ms, mono_ns: ends.mono().min(change) };
        Standing { state, until }
    }

    /// The state and its end on the monotonic clock, where no end has come yet.
    fn before_deadline(&self, now: Now) -> (State, u64) {
        let begins = self.start.max(self.not_before);
        if !begins.is_reached(now) {
            return (State::Pending, begins.mono());
        }
        let at = |ms: u64| self.start.after(ms).mono();
        let elapsed_ms = self.running_ns(now.mono_ns) / NS_PER_MS;
        if elapsed_ms < self.rules.baseline_ms {
            return (State::Baseline, at(self.rules.baseline_ms));
        }
        let (number, stage) = self.rules.stage(elapsed_ms);
        let state = State::Injecting { stage: number, intensity_ppm: stage.intensity_ppm };
        (state, at(stage.until_ms))
    }

    fn recovering(&self, since: Stamp, now: Now) -> Standing {
        let ends = since.after(self.rules.recovery_ms);
        if signed(now.mono_ns) >= ends.mono_ns {
            return Standing::for_ever(State::Over(End::Done));
        }
        Standing { state: State::Recovery, until: Now { wall_ms: u64::MAX, mono_ns: ends.mono() } }
    }
}
