//! What was seen of one group of requests: status classes and latency.

use super::codec::{Reader, Writer};
use super::sketch::Sketch;

/// No response, 1xx to 5xx.
pub const CLASSES: usize = 6;

/// A group of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Requests by status class, those apart that Squall ended itself.
    pub classes: [u64; CLASSES],
    /// Those.
    pub injected: [u64; CLASSES],
    /// Latencies of the first ones; of a client that left, how long it had waited, which the answer would have taken at least.
    pub latency: Sketch,
}

/// Place of a status in [`Cell::classes`]; 0 when there was no response.
#[must_use]
pub fn class(status: u64) -> usize {
    usize::try_from(status / 100).ok().filter(|class| *class < CLASSES).unwrap_or(0)
}

fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |sum, number| sum.saturating_add(*number))
}

/// 500 to 599. Without a response it is the client that left: Envoy answers whatever goes wrong behind it.
fn errors(classes: &[u64; CLASSES]) -> u64 {
    let [.., server] = classes;
    *server
}

impl Cell {
    /// `injected`: Squall answered or cut it, so that it says nothing about anybody else.
    pub fn add(&mut self, status: u64, latency_us: u64, injected: bool) {
        let classes = if injected { &mut self.injected } else { &mut self.classes };
        if let Some(count) = classes.get_mut(class(status)) {
            *count = count.saturating_add(1);
        }
        if !injected {
            self.latency.add(latency_us);
        }
    }

    /// Requests without those that Squall ended itself, and without those whose clients left before an answer.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let [_, answered @ ..] = &self.classes;
        sum(answered)
    }

    /// Requests whose clients left before there was an answer: nobody knows whether it would have been an error.
    #[must_use]
    pub fn left(&self) -> u64 {
        let [none, ..] = self.classes;
        none
    }

    /// Requests and errors, with or without those that Squall made.
    #[must_use]
    pub fn trials(&self, count_injected: bool) -> Trials {
        let own = if count_injected { self.injected } else { [0; CLASSES] };
        // What Squall cut has no response, and is what was asked for.
        let [cut, ..] = own;
        Trials {
            requests: self.requests().saturating_add(sum(&own)),
            hits: errors(&self.classes).saturating_add(errors(&own)).saturating_add(cut),
        }
    }

    /// Adds another cell; its latencies only where they are needed.
    pub fn merge(&mut self, other: &Self, with_latency: bool) {
        for (mine, more) in self.classes.iter_mut().zip(other.classes) {
            *mine = mine.saturating_add(more);
        }
        for (mine, more) in self.injected.iter_mut().zip(other.injected) {
            *mine = mine.saturating_add(more);
        }
        if with_latency {
            self.latency.merge(&other.latency);
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.sparse(&self.classes);
        out.sparse(&self.injected);
        self.latency.write(out);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut cell = Self::default();
        bytes.sparse(&mut cell.classes)?;
        bytes.sparse(&mut cell.injected)?;
        cell.latency = Sketch::read(bytes)?;
        Some(cell)
    }
}

/// Requests, and how many of them had what is asked about: an error, a latency above a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trials {
    pub requests: u64,
    pub hits: u64,
}

impl Trials {
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            hits: self.hits.saturating_add(other.hits),
        }
    }

    /// The share of hits, 0 to 1; `None` without requests.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.hits as f64 / self.requests as f64)
    }

    /// Whether the share of hits is above a share in parts per million, exactly.
    #[must_use]
    pub fn exceed(self, ppm: u32) -> bool {
        u128::from(self.hits).saturating_mul(1_000_000)
            > u128::from(self.requests).saturating_mul(u128::from(ppm))
    }
}
