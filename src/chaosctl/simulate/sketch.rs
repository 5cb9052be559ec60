//! Quantiles of many numbers in little memory: buckets whose width grows with the number, 1 % of it at most.

use std::collections::BTreeMap;

/// Buckets for each doubling: 2 to the power of this.
const BITS: u32 = 6;

#[derive(Default)]
pub struct Sketch {
    buckets: BTreeMap<u32, u64>,
    count: u64,
    least: Option<u64>,
    most: u64,
}

impl Sketch {
    pub fn add(&mut self, number: u64) {
        *self.buckets.entry(bucket(number)).or_default() += 1;
        self.count += 1;
        self.least = Some(self.least.map_or(number, |least| least.min(number)));
        self.most = self.most.max(number);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least and the greatest number, which are exact; `None` without any number.
    pub fn range(&self) -> Option<(u64, u64)> {
        self.least.map(|least| (least, self.most))
    }

    /// The number that a share (0 to 1) of the numbers does not exceed, within 1 %.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let (least, most) = self.range()?;
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count);
        let mut before = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            before += **count;
            before >= rank
        });
        found.map(|(bucket, _)| middle(*bucket).clamp(least, most))
    }
}

/// The position of the highest bit and the bits behind it; small numbers have a bucket each.
fn bucket(number: u64) -> u32 {
    let magnitude = u64::BITS - number.leading_zeros();
    let shift = magnitude.saturating_sub(BITS + 1);
    (shift << (BITS + 1)) | (number >> shift) as u32
}

fn middle(bucket: u32) -> u64 {
    let shift = bucket >> (BITS + 1);
    let from = u64::from(bucket & ((1 << (BITS + 1)) - 1)) << shift;
    from + ((1_u64 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_percent_and_the_ends_exact() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.quantile(0.5), sketch.range()), (None, None));
        for number in 0..1_000_000_u64 {
            sketch.add(number * 7);
        }
        for share in [0.001, 0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = share * 7_000_000.0;
            let off = (sketch.quantile(share).unwrap_or_default() as f64 - exact).abs();
            assert!(off <= exact * 0.01, "{share}: {off} of {exact}");
        }
        assert_eq!((sketch.range(), sketch.count()), (Some((0, 6_999_993)), 1_000_000));
        assert!(sketch.buckets.len() < 2_000, "{}", sketch.buckets.len());
    }

    #[test]
    fn one_number_is_every_quantile() {
        for number in [0, 1, 127, 128, 100_000, u64::MAX] {
            let mut sketch = Sketch::default();
            sketch.add(number);
            assert_eq!([0.0, 0.5, 1.0].map(|share| sketch.quantile(share)), [Some(number); 3]);
        }
    }
}
