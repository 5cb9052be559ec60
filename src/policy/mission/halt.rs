//! Halts: each ends every mission of the proxy and blocks new ones until a person releases it (promise P2). They live in
//! shared data under `squall/halt`.
//!
//! They are counted. A mission remembers how many there had been when it began, so that one write here ends it on all
//! workers, in whatever order they read; no clock is compared, and no release brings it back.

use super::bytes::{Reader, Writer, cut};
use super::{Now, Stamp};

/// Who halts, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halt<'h> {
    /// One word, the label of `chaos_halts_total`: `guardrail`, `person`.
    pub reason: &'h str,
    /// A sentence: which guardrail, or what the person said.
    pub detail: &'h str,
    /// Who did it.
    pub by: &'h str,
    /// The mission it is about; may be empty.
    pub mission: &'h str,
}

/// All halts of a proxy: their number, and what the last one said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HaltRecord {
    /// How many there have been.
    pub count: u64,
    /// How many of them are released.
    pub released: u64,
    /// When the last one came.
    pub at: Stamp,
    pub reason: String,
    pub detail: String,
    pub by: String,
    pub mission: String,
    /// Halts up to this moment of the wall clock a configuration releases; a later one is later than this, whatever the clock
    /// says then.
    pub released_until_ms: u64,
}

const FORM: u64 = u64::from_le_bytes(*b"halts_v1");

impl HaltRecord {
    /// Whether new missions are blocked.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.released < self.count
    }

    /// One more.
    #[must_use]
    pub fn halt(&self, halt: Halt<'_>, now: Now) -> Self {
        let mut at = Stamp::of(now);
        // The clock may have been set back since.
        at.wall_ms = at.wall_ms.max(self.released_until_ms.saturating_add(1));
        Self {
            count: self.count.saturating_add(1),
            released: self.released,
            at,
            reason: cut(halt.reason).to_owned(),
            detail: cut(halt.detail).to_owned(),
            by: cut(halt.by).to_owned(),
            mission: cut(halt.mission).to_owned(),
            released_until_ms: self.released_until_ms,
        }
    }

    /// A person releases all of them; `None` when none blocks.
    #[must_use]
    pub fn release(&self) -> Option<Self> {
        self.blocks().then(|| Self { released: self.count, ..self.clone() })
    }

    /// A configuration releases those that came up to a moment of the wall clock, which lies in the past: it stays where it
    /// is, and must not release what comes later. So that it does not, the moment is remembered also where nothing blocks: the
    /// clock may be set back before the next halt. `None` when that changes nothing.
    #[must_use]
    pub fn release_until(&self, until_ms: u64, now: Now) -> Option<Self> {
        // Up to there another configuration, or this one, has released already.
        if until_ms > now.wall_ms || until_ms <= self.released_until_ms {
            return None;
        }
        let released = if until_ms < self.at.wall_ms { self.released } else { self.count };
        Some(Self { released, released_until_ms: until_ms, ..self.clone() })
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.word(FORM).word(self.count).word(self.released).word(self.released_until_ms);
        to.word(self.at.wall_ms).signed(self.at.mono_ns);
        to.text(&self.reason).text(&self.detail).text(&self.by).text(&self.mission);
        to.done()
    }

    /// `None` for what is no record of this version; no bytes are a proxy that was never halted.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let mut from = Reader(bytes);
        from.form(FORM)?;
        let record = Self {
            count: from.word()?,
            released: from.word()?,
            released_until_ms: from.word()?,
            at: Stamp { wall_ms: from.word()?, mono_ns: from.signed()? },
            reason: from.text()?,
            detail: from.text()?,
            by: from.text()?,
            mission: from.text()?,
        };
        let sound = record.released <= record.count;
        from.end(record).filter(|_| sound)
    }
}
