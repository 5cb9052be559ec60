//! A worker sees a mission: it begins it, or takes part in it as it is, or must not.

use super::bytes::cut;
use super::{End, HaltRecord, MissionRecord, Now, Rules, Source, Stamp, State};

/// A mission that is to run, as its file says.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub rules: &'a Rules,
    /// `None`: at once.
    pub start_wall_ms: Option<u64>,
    pub seed: &'a str,
    /// The file names the seed, and it was not drawn just now: then it outranks the recorded one.
    pub seed_given: bool,
    pub source: Source,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// This worker is the first: its record is to be written.
    Begins(MissionRecord),
    /// The mission is there; the record is to be written because an update changes it.
    Changes(MissionRecord),
    /// The mission is there as it is asked for; nothing to write.
    Takes(MissionRecord),
    /// It has ended and never runs again (promise P6). The record is to be written when nobody has noticed yet.
    Over { end: End, write: Option<MissionRecord> },
    /// A halt that nobody has released blocks it (promise P2). Nothing to write.
    Blocked,
}

impl MissionRecord {
    /// `recorded`: what is in shared data about this id. `halt` has to be read before it: a halt that comes in between is
    /// then one that the mission has not seen.
    #[must_use]
    pub fn join(recorded: Option<Self>, asked: Asked<'_>, halt: &HaltRecord, now: Now) -> Joined {
        let Some(record) = recorded else {
            return if halt.blocks() {
                Joined::Blocked
            } else {
                Joined::Begins(Self::begin(asked, halt.count, now))
            };
        };
        let noticed = record.notice(halt, now);
        let current = noticed.as_ref().unwrap_or(&record);
        // By the rules that it had so far: a longer duration comes too late.
        if let State::Over(end) = current.state(halt.count, now) {
            return Joined::Over { end, write: noticed };
        }
        let updated = current.updated(asked, now);
        // An update may have cut it short.
        let noticed = updated.notice(halt, now);
        if let (State::Over(end), write) = (updated.state(halt.count, now), noticed.clone()) {
            return Joined::Over { end, write };
        }
        let updated = noticed.unwrap_or(updated);
        if updated == record { Joined::Takes(record) } else { Joined::Changes(updated) }
    }

    fn begin(asked: Asked<'_>, halts: u64, now: Now) -> Self {
        let start = asked.start_wall_ms.map_or(Stamp::of(now), |start| Stamp::at(start, now));
        Self {
            start,
            not_before: start,
            renewed: Stamp::of(now),
            recovers_from_ns: None,
            halts,
            source: asked.source,
            seed: cut(asked.seed).to_owned(),
            rules: asked.rules.clone(),
            ended: None,
        }
    }

    fn updated(&self, asked: Asked<'_>, now: Now) -> Self {
        let mut record = self.clone();
        record.rules = asked.rules.clone();
        if asked.seed_given {
            record.seed = cut(asked.seed).to_owned();
        }
        if let Some(wall_ms) = asked.start_wall_ms {
            record.move_start(wall_ms, now);
        }
        record
    }

    /// Another `start`. One that has not begun moves with it. One that has keeps its deadline, or gets an earlier one: no
    /// start brings a mission back to its beginning.
    fn move_start(&mut self, wall_ms: u64, now: Now) {
        if !self.has_begun(now) {
            if wall_ms != self.start.wall_ms {
                self.start = Stamp::at(wall_ms, now);
            }
            self.not_before = self.start;
        } else if wall_ms < self.start.wall_ms {
            let earlier = self.start.wall_ms.saturating_sub(wall_ms);
            let mono_ns = self.start.mono_ns.saturating_sub(super::ns(earlier));
            self.start = Stamp { wall_ms, mono_ns };
            self.not_before = self.start;
        } else if wall_ms != self.not_before.wall_ms {
            self.not_before =
                if wall_ms == self.start.wall_ms { self.start } else { Stamp::at(wall_ms, now) };
        }
    }
}
