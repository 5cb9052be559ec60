//! How busy the scope of a scenario is, over all workers together: a small record in shared data. This is what a worker
//! makes of the bytes it read and what it writes back; the compare-and-swap around it is the adapter's.
//!
//! Arrivals are counted in tenths of a second. Requests under way are counted by worker, each of which writes its own
//! number: a write that failed is made good by the next, and a worker that died is forgotten after its lease.

const SLOT_MS: u64 = 100;
/// The last second, and the tenth that has not ended yet.
const SLOTS: usize = 11;
/// A worker whose number has not been written for so long is not counted: a minute.
const LEASE_MS: u64 = 60_000;
/// Most workers, so that a record stays below a kibibyte; requests under way at others are not counted.
const MOST: usize = 38;

/// First byte of a record: the version of its form. Numbers of eight bytes follow, little-endian: the newest slot's
/// number, the slots, and three for each worker.
const FORM: u8 = 1;

/// A load that was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Requests in the ten whole tenths of a second before this one.
    pub rps: u64,
    /// Requests under way, the present one included.
    pub in_flight: u64,
}

/// What is known of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    Busy(Busy),
    /// Nobody measures here.
    Nobody,
    /// It could not be measured.
    Unknown,
}

/// The record of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Number of the newest slot.
    newest: u64,
    /// The newest first.
    slots: [u64; SLOTS],
    /// Its id, requests under way, when they were written.
    workers: Vec<[u64; 3]>,
}

impl Traffic {
    /// `None` for bytes that are no record of this version. No bytes are a scope without traffic.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut traffic = Self::default();
        let Some((form, words)) = bytes.split_first() else { return Some(traffic) };
        let (words, rest) = words.as_chunks::<8>();
        let (newest, words) = words.split_first()?;
        let (slots, words) = words.split_at_checked(SLOTS)?;
        let (workers, odd) = words.as_chunks::<3>();
        if *form != FORM || !rest.is_empty() || !odd.is_empty() {
            return None;
        }
        traffic.newest = u64::from_le_bytes(*newest);
        for (slot, word) in traffic.slots.iter_mut().zip(slots) {
            *slot = u64::from_le_bytes(*word);
        }
        for worker in workers {
            traffic.workers.push(worker.map(u64::from_le_bytes));
        }
        Some(traffic)
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        let mut put = |words: &[u64]| {
            for word in words {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
        };
        put(&[self.newest]);
        put(&self.slots);
        put(self.workers.as_flattened());
        bytes
    }

    /// A request has come to a worker, which has so many under way now. The clock has to be read **after** the record.
    pub fn arrive(&mut self, worker: u64, in_flight: u64, now_ms: u64) -> Busy {
        let now = (now_ms / SLOT_MS).max(self.newest);
        for _ in 0..now.saturating_sub(self.newest).min(SLOTS as u64) {
            let mut newer = 0;
            for slot in &mut self.slots {
                std::mem::swap(slot, &mut newer);
            }
        }
        self.newest = now;
        let [present, past @ ..] = &mut self.slots;
        *present = present.saturating_add(1);
        let rps = past.iter().fold(0, |sum, slot| u64::saturating_add(sum, *slot));
        self.write(worker, in_flight, now_ms);
        let in_flight = self.workers.iter().fold(0, |sum, [_, count, _]| u64::saturating_add(sum, *count));
        Busy { rps, in_flight }
    }

    /// A worker has so many requests under way.
    pub fn write(&mut self, worker: u64, in_flight: u64, now_ms: u64) {
        self.workers.retain(|[id, _, written]| *id != worker && written.saturating_add(LEASE_MS) > now_ms);
        if in_flight > 0 && self.workers.len() < MOST {
            self.workers.push([worker, in_flight, now_ms]);
        }
    }
}
