//! One VM's copy of a mission's record: what every request is checked against, without a look at shared data.

use crate::{host, mission};
use squall_policy::mission::{Effect, End, Event, HaltRecord, MissionRecord, Now, Standing, State};

/// A copy is renewed at least this often while the mission is under way: a halt, a stop or a lease that ran out acts within a
/// second also where no bell is heard (promise P1).
pub const LOOK_NS: u64 = 450_000_000;

pub struct Run {
    record: MissionRecord,
    halts: u64,
    standing: Standing,
}

impl Run {
    pub fn new(record: MissionRecord, halts: &HaltRecord, now: Now) -> Self {
        let standing = record.standing(halts.count, now);
        Self { record, halts: halts.count, standing }
    }

    /// Takes over what has happened to the mission elsewhere, and writes down what the clocks have ended.
    pub fn look(&mut self, id: &str) -> host::Result<Effect> {
        let (record, halts, effect) = mission::step(id, Event::Look)?;
        let now = mission::now()?;
        // Nobody takes a record away; without one there is nothing to run by.
        let Some(record) = record else { return Err(host::Status::UNREADABLE) };
        *self = Self::new(record, &halts, now);
        Ok(effect)
    }

    /// Where the mission is, as far as this VM knows.
    #[inline]
    pub fn state(&self, now: Now) -> State {
        if self.standing.holds(now) { self.standing.state } else { self.record.state(self.halts, now) }
    }

    /// Where it was when this VM looked.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The mission is over for this VM, although its record could not be brought up to date.
    pub fn end(&mut self) {
        if !self.has_ended() {
            let until = Now { wall_ms: u64::MAX, mono_ns: u64::MAX };
            self.standing = Standing { state: State::Over(End::Done), until };
        }
    }

    #[inline]
    pub fn has_ended(&self) -> bool {
        matches!(self.standing.state, State::Over(_))
    }

    pub fn record(&self) -> &MissionRecord {
        &self.record
    }

    /// The deadline on the monotonic clock.
    #[inline]
    pub fn ends_ns(&self) -> u64 {
        self.record.deadline().mono()
    }

    /// The start on the monotonic clock; negative when the machine has booted since.
    #[inline]
    pub fn started_ns(&self) -> i64 {
        self.record.start.mono_ns
    }
}
