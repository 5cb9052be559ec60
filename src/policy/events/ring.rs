//! The last lines, numbered, as all workers of a proxy share them: what a worker makes of the bytes it read. The
//! compare-and-swap around it is the adapter's.

use super::event::{Event, LONGEST_LINE};
use std::collections::VecDeque;

/// Most lines that are kept.
pub const MOST_LINES: usize = 200;
/// Most bytes that its lines have together: a record that every event rewrites.
pub const MOST_BYTES: usize = 128 * 1024;

/// The same is not told again within so many milliseconds, where it may be told once only.
const ONCE_MS: u64 = 10_000;

/// First byte of a record: the version of its form.
const FORM: u8 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// One JSON object.
    pub line: String,
}

/// The last lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// The number of the last line; the first has 1.
    last: u64,
    entries: VecDeque<Entry>,
    /// Bytes of all lines.
    size: usize,
}

impl Ring {
    /// `None` for bytes that are no ring of this version. No bytes are an empty one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Some((form, rest)) = bytes.split_first() else { return Some(Self::default()) };
        let (last, mut rest) = rest.split_first_chunk::<8>()?;
        let mut ring = Self { last: u64::from_le_bytes(*last), ..Self::default() };
        while !rest.is_empty() {
            let (at, after) = rest.split_first_chunk::<8>()?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let (line, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            let line = std::str::from_utf8(line).ok().filter(|line| is_line(line))?.to_owned();
            ring.size = ring.size.saturating_add(line.len());
            ring.entries.push_back(Entry { at_ms: u64::from_le_bytes(*at), line });
            if ring.is_overfull() {
                return None;
            }
            rest = after;
        }
        let count = u64::try_from(ring.entries.len()).ok()?;
        (*form == FORM && count <= ring.last && (count > 0) == (ring.last > 0)).then_some(ring)
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let heads = self.entries.len().saturating_mul(10);
        let mut bytes = Vec::with_capacity(self.size.saturating_add(heads).saturating_add(9));
        bytes.push(FORM);
        bytes.extend_from_slice(&self.last.to_le_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.at_ms.to_le_bytes());
            // No line is longer than `LONGEST_LINE`.
            let length = u16::try_from(entry.line.len()).unwrap_or(0);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(entry.line.as_bytes());
        }
        bytes
    }

    /// Adds an event, and drops the oldest lines that do not fit beside it.
    pub fn append(&mut self, event: &Event) {
        self.push(event.at_ms(), event.line());
    }

    /// Adds an event that all workers tell, once. `false`: another one has told it a moment ago.
    pub fn append_once(&mut self, event: &Event) -> bool {
        let is_new = !self
            .entries
            .iter()
            .rev()
            .any(|entry| entry.at_ms.abs_diff(event.at_ms()) < ONCE_MS && event.is_said_by(&entry.line));
        if is_new {
            self.append(event);
        }
        is_new
    }

    /// The number of the last line; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The lines after this number, as far as they are kept, with their own numbers. A number that is still to come is of an
    /// earlier ring: after a restart all lines are new.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let after = if number > self.last { 0 } else { number };
        let dropped = self.last.saturating_sub(u64::try_from(self.entries.len()).unwrap_or(u64::MAX));
        let numbers = dropped.saturating_add(1)..;
        numbers.zip(&self.entries).filter(move |(number, _)| *number > after)
    }

    fn push(&mut self, at_ms: u64, line: String) {
        if !is_line(&line) {
            return;
        }
        self.last = self.last.saturating_add(1);
        self.size = self.size.saturating_add(line.len());
        self.entries.push_back(Entry { at_ms, line });
        while self.is_overfull() {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.size = self.size.saturating_sub(oldest.line.len());
        }
    }

    fn is_overfull(&self) -> bool {
        self.entries.len() > MOST_LINES || self.size > MOST_BYTES
    }
}

/// Whether a line may stand in a list of JSON objects as far as can be told without reading it.
fn is_line(line: &str) -> bool {
    let edges = line.starts_with('{') && line.ends_with('}');
    edges && line.len() <= LONGEST_LINE && !line.contains(char::is_control)
}
