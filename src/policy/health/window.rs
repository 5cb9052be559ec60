//! The recent past of one threshold: whether its metric has been above the limit for as long as the rule says.
//!
//! Time is cut into slots, sixteen to the `for` of the rule, of at least 250 ms each. From the newest slot back, slots are put together to
//! pieces: each of a quarter of `for` at least, and of a quarter of `min_requests` at least. The limit is exceeded for as
//! long as every piece is above it. A pause without requests of more than a quarter of `for` is cut out: it neither counts
//! nor resets. After a pause longer than `for` everything begins anew. The first and the last slot of that time are above the
//! limit themselves, so that it is never shorter than `for`.

use super::cell::Trials;
use super::codec::{Reader, Writer};
use std::collections::VecDeque;

const SLOTS: u64 = 16;
/// Slots of a piece.
const QUARTER: usize = 4;
/// Slots that are kept beside those of the time: the two that are not complete, and as many as a pause may have that counts.
const BESIDE: usize = 6;
/// Workers merge this often.
const SHORTEST_SLOT_MS: u64 = 250;

/// The slots of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// Number of the newest slot since the start of the mission.
    newest: u64,
    /// The newest one last, which is still being filled.
    slots: VecDeque<Trials>,
}

/// What the window says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// All of the time, and of the slots at its ends.
    pub all: Trials,
    /// For how long the limit has been exceeded, milliseconds.
    pub exceeding_ms: u64,
    pub trips: bool,
}

/// What a rule asks of its window.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// The share of hits, parts per million.
    pub limit_ppm: u32,
    pub for_ms: u64,
    pub min_requests: u64,
}

impl Demand {
    fn slot_ms(&self) -> u64 {
        (self.for_ms / SLOTS).max(SHORTEST_SLOT_MS)
    }

    /// Slots that have to be complete beside the newest one, which has only begun, and the one in which it began to be bad.
    fn slots(&self) -> usize {
        let slots = self.for_ms.div_ceil(self.slot_ms());
        usize::try_from(slots).unwrap_or(usize::MAX).max(QUARTER)
    }
}

impl Window {
    /// Adds what has come since the last time. Without requests nothing moves.
    pub fn add(&mut self, trials: Trials, demand: &Demand, now_ms: u64) {
        if trials.requests == 0 {
            return;
        }
        let slot = now_ms.checked_div(demand.slot_ms()).unwrap_or(0);
        let behind = usize::try_from(slot.saturating_sub(self.newest)).unwrap_or(usize::MAX);
        if behind > demand.slots() {
            self.slots.clear();
        }
        // A short pause is part of the time that counts; after a longer one the slot that it broke off goes on.
        let empty = behind.saturating_sub(1);
        if (behind > 0 && empty <= QUARTER) || self.slots.is_empty() {
            let empty = if self.slots.is_empty() { 0 } else { empty };
            self.slots.extend(std::iter::repeat_n(Trials::default(), empty.saturating_add(1)));
        }
        self.newest = self.newest.max(slot);
        while self.slots.len() > demand.slots().saturating_add(BESIDE) {
            self.slots.pop_front();
        }
        if let Some(newest) = self.slots.back_mut() {
            *newest = newest.plus(trials);
        }
    }

    #[must_use]
    pub fn read(&self, demand: &Demand) -> Reading {
        let time = self.slots.iter().rev().take(demand.slots().saturating_add(2));
        let all = time.fold(Trials::default(), |all, slot| all.plus(*slot));
        let run = self.run(demand);
        let exceeding = self.trimmed(run, demand);
        let exceeding_ms = demand.slot_ms().saturating_mul(u64::try_from(exceeding).unwrap_or(u64::MAX));
        let trips = exceeding >= demand.slots()
            && all.requests >= demand.min_requests
            && all.exceed(demand.limit_ppm);
        Reading { all, exceeding_ms: exceeding_ms.min(demand.for_ms), trips }
    }

    /// How many of the newest slots are in pieces that are all above the limit.
    fn run(&self, demand: &Demand) -> usize {
        let enough = demand.min_requests.div_ceil(4).max(1);
        let (mut run, mut piece, mut length) = (0_usize, Trials::default(), 0_usize);
        for slot in self.slots.iter().rev() {
            (piece, length) = (piece.plus(*slot), length.saturating_add(1));
            if length < QUARTER || piece.requests < enough {
                continue;
            }
            if !piece.exceed(demand.limit_ppm) {
                return run;
            }
            run = run.saturating_add(length);
            (piece, length) = (Trials::default(), 0);
        }
        // What is left of the oldest slots is no piece of its own; it belongs to those that are.
        if run > 0 { run.saturating_add(length) } else { 0 }
    }

    /// The same without the slots at both ends that are not above the limit themselves, and without what is not complete: the
    /// newest slot, and the oldest of the rest, in which it began.
    fn trimmed(&self, run: usize, demand: &Demand) -> usize {
        let above = |slot: &&Trials| slot.exceed(demand.limit_ppm);
        let mut newest = self.slots.iter().rev().take(run);
        let Some(from) = newest.clone().position(|slot| above(&slot)) else { return 0 };
        let to = newest.rposition(|slot| above(&slot)).unwrap_or(from);
        to.saturating_sub(from.max(1))
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.number(self.newest);
        out.length(self.slots.len());
        for slot in &self.slots {
            out.numbers(&[slot.requests, slot.hits]);
        }
    }

    pub(super) fn take(bytes: &mut Reader<'_>) -> Option<Self> {
        let newest = bytes.number()?;
        let most = usize::try_from(SLOTS).ok()?.saturating_add(BESIDE).saturating_add(1);
        let mut slots = VecDeque::new();
        for _ in 0..bytes.length(most)? {
            let [mut requests, mut hits] = [0; 2];
            bytes.numbers(std::slice::from_mut(&mut requests))?;
            bytes.numbers(std::slice::from_mut(&mut hits))?;
            slots.push_back(Trials { requests, hits });
        }
        Some(Self { newest, slots })
    }
}
