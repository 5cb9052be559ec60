//! Waiting requests in the order of their deadlines, and when the one timer has to ring next.

use std::collections::BTreeMap;

/// A timer that rings up to this much before a deadline releases it, so that a request due in half a
/// millisecond does not pay for one more round of a timer whose unit is the millisecond.
pub const SLACK_NS: u64 = 500_000;

const NS_PER_MS: u64 = 1_000_000;

/// Longest sleep of the timer. The host's period is a `u32` of milliseconds; ringing once an hour for
/// nothing is free, and an arithmetic surprise at 49 days is not.
const LONGEST_MS: u64 = 3_600_000;

/// Handle to cancel an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    due_ns: u64,
    serial: u64,
}

/// Deadline queue: push, cancel and pop in O(log n). Equal deadlines come out in the order they went in.
#[derive(Debug)]
pub struct DeadlineQueue<T> {
    entries: BTreeMap<Ticket, T>,
    serial: u64,
}

impl<T> Default for DeadlineQueue<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), serial: 0 }
    }
}

impl<T> DeadlineQueue<T> {
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry that falls due at `due_ns` (nanoseconds on the monotonic clock).
    pub fn push(&mut self, due_ns: u64, entry: T) -> Ticket {
        let ticket = Ticket { due_ns, serial: self.serial };
        self.serial = self.serial.wrapping_add(1);
        self.entries.insert(ticket, entry);
        ticket
    }

    /// Takes an entry out before it falls due; `None` when it is not waiting any more.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<T> {
        self.entries.remove(&ticket)
    }

    /// Keeps the entries that `keep` wants.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.entries.retain(|_, entry| keep(entry));
    }

    /// Takes out the first entry that is due at `now_ns`, give or take [`SLACK_NS`].
    pub fn pop_due(&mut self, now_ns: u64) -> Option<T> {
        let first = self.entries.first_entry()?;
        if first.key().due_ns > now_ns.saturating_add(SLACK_NS) {
            return None;
        }
        Some(first.remove())
    }

    /// The first deadline, in nanoseconds on the monotonic clock.
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(ticket, _)| ticket.due_ns)
    }

    /// Milliseconds until the timer has to ring, at least 1; `None` when nothing waits.
    #[must_use]
    pub fn next_ring_ms(&self, now_ns: u64) -> Option<u32> {
        let (first, _) = self.entries.first_key_value()?;
        let wait = first.due_ns.saturating_sub(now_ns);
        // Rounded to the nearest: the slack covers the half millisecond that rounding down loses.
        let ms = wait.saturating_add(NS_PER_MS / 2) / NS_PER_MS;
        u32::try_from(ms.clamp(1, LONGEST_MS)).ok()
    }
}
