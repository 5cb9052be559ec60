//! What all workers of a proxy agree on about one mission; it lives in shared data (`squall/mission/ID`).

use super::bytes::{Reader, Writer};
use super::{NS_PER_MS, Now, Rules, Stamp, signed};

/// Who started a mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The plugin configuration.
    Configuration,
    /// The control API.
    Order,
}

impl Source {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Order => "order",
        }
    }

    pub(super) fn to_word(self) -> u64 {
        match self {
            Self::Configuration => 0,
            Self::Order => 1,
        }
    }

    pub(super) fn of_word(word: u64) -> Option<Self> {
        match word {
            0 => Some(Self::Configuration),
            1 => Some(Self::Order),
            _ => None,
        }
    }
}

/// How a mission ended; in all four ways for ever (promise P6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Its time is over.
    Done,
    /// A guardrail or a person halted it, and every other mission of the proxy.
    Halted,
    /// An operator or the configuration stopped it.
    Stopped,
    /// Nobody renewed its lease.
    Lease,
}

impl End {
    /// The label of `chaos_missions_total`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Halted => "halted",
            Self::Stopped => "stopped",
            Self::Lease => "lease",
        }
    }

    fn of_word(word: u64) -> Option<Self> {
        Some(match word {
            1 => Self::Done,
            2 => Self::Halted,
            3 => Self::Stopped,
            4 => Self::Lease,
            _ => return None,
        })
    }

    fn to_word(self) -> u64 {
        match self {
            Self::Done => 1,
            Self::Halted => 2,
            Self::Stopped => 3,
            Self::Lease => 4,
        }
    }
}

/// The end of a mission, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    pub end: End,
    /// When somebody noticed.
    pub at: Stamp,
    /// Who did it; empty for the clock.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
}

/// The truth about one mission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MissionRecord {
    /// From here on its time counts, on both clocks.
    pub start: Stamp,
    /// An update has put a running mission off until then; its deadline stays. Else not after `start`.
    pub not_before: Stamp,
    /// Its last renewal.
    pub renewed: Stamp,
    /// Somebody noticed the deadline then, on the monotonic clock: from now on it only recovers.
    pub recovers_from_ns: Option<i64>,
    /// How many halts there had been when it began: one more, and it is halted for ever, released or not.
    pub halts: u64,
    pub source: Source,
    /// The seed of all draws, drawn by the first worker when the mission names none.
    pub seed: String,
    pub rules: Rules,
    pub ended: Option<Ended>,
}

/// First word of a record: the version of its form.
const FORM: u64 = u64::from_le_bytes(*b"mission1");

impl MissionRecord {
    /// The deadline: from then on nothing is injected.
    #[must_use]
    pub fn deadline(&self) -> Stamp {
        self.start.after(self.rules.duration_ms)
    }

    /// When its lease runs out, unless it is renewed before; `None` without a lease.
    #[must_use]
    pub fn lease_ends(&self) -> Option<Stamp> {
        let begins = self.renewed.max(self.start);
        (self.rules.lease_ms > 0).then(|| begins.after(self.rules.lease_ms))
    }

    /// For how long it has run on the monotonic clock, nanoseconds.
    #[must_use]
    pub fn running_ns(&self, mono_ns: u64) -> u64 {
        signed(mono_ns).saturating_sub(self.start.mono_ns).max(0).unsigned_abs()
    }

    /// From its start to its end, milliseconds on the monotonic clock; 0 when it has not begun, or not ended.
    #[must_use]
    pub fn ran_ms(&self) -> i64 {
        let ran = self.ended.as_ref().map_or(0, |ended| ended.at.mono_ns.saturating_sub(self.start.mono_ns));
        ran.max(0).checked_div(signed(NS_PER_MS)).unwrap_or_default()
    }

    /// Whether its injecting time has begun to count.
    pub(super) fn has_begun(&self, now: Now) -> bool {
        self.start.is_reached(now)
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.word(FORM);
        for stamp in [self.start, self.not_before, self.renewed] {
            to.word(stamp.wall_ms).signed(stamp.mono_ns);
        }
        to.word(u64::from(self.recovers_from_ns.is_some()));
        to.signed(self.recovers_from_ns.unwrap_or_default());
        to.word(self.halts).word(self.source.to_word()).text(&self.seed);
        self.rules.write(&mut to);
        to.word(self.ended.as_ref().map_or(0, |ended| ended.end.to_word()));
        if let Some(ended) = &self.ended {
            to.word(ended.at.wall_ms).signed(ended.at.mono_ns).text(&ended.by).text(&ended.reason);
        }
        to.done()
    }

    /// `None` for what is no record of this version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        from.form(FORM)?;
        let (start, not_before) = (stamp(&mut from)?, stamp(&mut from)?);
        let renewed = stamp(&mut from)?;
        let recovers = match (from.word()?, from.signed()?) {
            (0, 0) => None,
            (1, ns) => Some(ns),
            _ => return None,
        };
        let (halts, source) = (from.word()?, Source::of_word(from.word()?)?);
        let (seed, rules) = (from.text()?, Rules::read(&mut from)?);
        let ended = match from.word()? {
            0 => None,
            word => {
                let (end, at) = (End::of_word(word)?, stamp(&mut from)?);
                Some(Ended { end, at, by: from.text()?, reason: from.text()? })
            }
        };
        let recovers_from_ns = recovers;
        from.end(Self { start, not_before, renewed, recovers_from_ns, halts, source, seed, rules, ended })
    }
}

fn stamp(from: &mut Reader<'_>) -> Option<Stamp> {
    Some(Stamp { wall_ms: from.word()?, mono_ns: from.signed()? })
}
