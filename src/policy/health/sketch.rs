//! Latencies in buckets whose borders grow by a constant factor: a percentile is at most 2 % off, sketches of workers add up,
//! and the size has a bound whatever comes (the idea of DDSketch, Masson et al., VLDB 2019).

use super::codec::{Reader, Writer};

/// Largest relative error of a percentile.
pub const ERROR: f64 = 0.02;
/// Logarithm of the ratio of two borders, `ln((1 + ERROR) / (1 - ERROR))`.
const LN_RATIO: f64 = 0.040_005_334_613_699_2;
/// One hour, in microseconds, is in the last bucket, and so is what takes longer.
const LAST: usize = 551;

/// How often which latency was seen. Bucket `i` holds what is above border `i - 1` and at most border `i`, which is the
/// ratio to the power of `i` in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Up to the largest bucket in use.
    counts: Vec<u64>,
    total: u64,
}

fn bucket(us: u64) -> usize {
    if us <= 1 {
        return 0;
    }
    let place = libm::ceil(libm::log(us as f64) / LN_RATIO);
    // Saturating: far beyond the last bucket is the last bucket.
    (place as usize).min(LAST)
}

/// Upper border of a bucket in microseconds.
fn border(bucket: usize) -> f64 {
    libm::exp(bucket as f64 * LN_RATIO)
}

impl Sketch {
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn add(&mut self, us: u64) {
        self.add_to(bucket(us), 1);
    }

    fn add_to(&mut self, bucket: usize, count: u64) {
        if self.counts.len() <= bucket {
            self.counts.resize(bucket.saturating_add(1), 0);
        }
        if let Some(slot) = self.counts.get_mut(bucket) {
            *slot = slot.saturating_add(count);
            self.total = self.total.saturating_add(count);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.in_use() {
            self.add_to(bucket, count);
        }
    }

    fn in_use(&self) -> impl Iterator<Item = (usize, u64)> {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// The latency with this rank, the first being the shortest; microseconds.
    #[must_use]
    pub fn ranked(&self, rank: u64) -> Option<f64> {
        let mut seen = 0_u64;
        let found = self.in_use().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank.max(1)
        });
        found.map(|(bucket, _)| border(bucket) * (1.0 - ERROR))
    }

    /// A quantile (nearest rank) in microseconds; `None` when nothing was seen.
    #[must_use]
    pub fn quantile(&self, ppm: u32) -> Option<f64> {
        self.ranked(libm::ceil(self.total as f64 * f64::from(ppm) / 1e6) as u64)
    }

    /// How many are above a latency; those within its bucket are not.
    #[must_use]
    pub fn above(&self, us: u64) -> u64 {
        let limit = bucket(us);
        self.in_use()
            .filter(|(bucket, _)| *bucket > limit)
            .fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// The borders of all buckets in use, in microseconds, with the number of latencies above each, from the shortest.
    pub fn borders(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut above = self.total;
        self.in_use().flat_map(move |(bucket, count)| {
            let lower = (bucket.checked_sub(1).map_or(0.0, border), above);
            above = above.saturating_sub(count);
            [lower, (border(bucket), above)]
        })
    }

    /// Joins so many neighbouring buckets: that much smaller, and percentiles up to 4 % times as many too long.
    pub fn coarsen(&mut self, neighbours: usize) {
        let fine = std::mem::take(self);
        for (bucket, count) in fine.in_use() {
            self.add_to(bucket.checked_next_multiple_of(neighbours).unwrap_or(bucket).min(LAST), count);
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.length(self.in_use().count());
        let mut next = 0;
        for (bucket, count) in self.in_use() {
            out.number(u64::try_from(bucket.saturating_sub(next)).unwrap_or(u64::MAX));
            out.number(count);
            next = bucket.saturating_add(1);
        }
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let mut sketch = Self::default();
        let mut next = 0_usize;
        for _ in 0..bytes.length(LAST.saturating_add(1))? {
            let bucket = next.checked_add(usize::try_from(bytes.number()?).ok()?)?;
            let count = bytes.number()?;
            if bucket > LAST || count == 0 {
                return None;
            }
            sketch.add_to(bucket, count);
            next = bucket.saturating_add(1);
        }
        Some(sketch)
    }
}
