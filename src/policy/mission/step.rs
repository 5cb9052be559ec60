//! Something happens to a mission.

use super::bytes::cut;
use super::{End, Ended, HaltRecord, MissionRecord, Now, Stamp, State, signed};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// Somebody looks at the clocks and at the halts, and writes down what they have ended.
    Look,
    /// Who has authority over it keeps it alive.
    Renew,
    /// An operator, or the configuration, ends it.
    Stop { by: &'e str, reason: &'e str },
}

/// What this event brought about. Each of these comes once per mission or renewal, to the one worker whose write succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// The lease counts from now.
    Renewed,
    /// The deadline is past.
    Recovers,
    Ended(End),
    /// The event came too late.
    Over(End),
}

/// What becomes of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// `None`: it stays as it is.
    pub record: Option<MissionRecord>,
    pub effect: Effect,
}

impl MissionRecord {
    /// The whole machine. Pure: the caller writes the record with compare-and-swap, and starts again with what is there when
    /// somebody else was faster.
    #[must_use]
    pub fn step(&self, event: Event<'_>, halt: &HaltRecord, now: Now) -> Changed {
        if let Some(record) = self.notice(halt, now) {
            let ended = record.ended.as_ref().map(|ended| ended.end);
            let effect = ended.map_or(Effect::Recovers, Effect::Ended);
            // What the clocks ended, nobody renews or stops any more; a stop in the recovery comes next.
            if ended.is_some() || event == Event::Look {
                return Changed { record: Some(record), effect };
            }
            let next = record.step(event, halt, now);
            return Changed { record: next.record.or(Some(record)), effect: next.effect };
        }
        let state = self.state(halt.count, now);
        if let State::Over(end) = state {
            return Changed { record: None, effect: Effect::Over(end) };
        }
        match event {
            Event::Look => Changed { record: None, effect: Effect::Nothing },
            // The deadline stays where it is, and so a recovery has nothing to renew.
            Event::Renew if state == State::Recovery || self.rules.lease_ms == 0 => {
                Changed { record: None, effect: Effect::Nothing }
            }
            Event::Renew => {
                let record = Self { renewed: self.renewed.max(Stamp::of(now)), ..self.clone() };
                Changed { record: Some(record), effect: Effect::Renewed }
            }
            Event::Stop { by, reason } => Changed {
                record: Some(self.ended(End::Stopped, by, reason, now)),
                effect: Effect::Ended(End::Stopped),
            },
        }
    }

    /// What the clocks and the halts have done to it, where nobody has written that down yet.
    pub(super) fn notice(&self, halt: &HaltRecord, now: Now) -> Option<Self> {
        if self.ended.is_some() {
            return None;
        }
        match self.state(halt.count, now) {
            State::Over(End::Halted) => Some(self.ended(End::Halted, &halt.by, &halt.reason, now)),
            State::Over(end) => Some(self.ended(end, "", "", now)),
            State::Recovery if self.recovers_from_ns.is_none() => {
                Some(Self { recovers_from_ns: Some(signed(now.mono_ns)), ..self.clone() })
            }
            _ => None,
        }
    }

    fn ended(&self, end: End, by: &str, reason: &str, now: Now) -> Self {
        let (by, reason) = (cut(by).to_owned(), cut(reason).to_owned());
        Self { ended: Some(Ended { end, at: Stamp::of(now), by, reason }), ..self.clone() }
    }
}
