//! Judging measured numbers: percentiles, exact intervals for shares, and waiting for something to become true.

use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How often a correct system may fail a statistical test: once in a million runs.
pub const FALSE_ALARM: f64 = 1e-6;

/// A range of shares, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end, 0 to 1.
    pub low: f64,
    /// Upper end, 0 to 1.
    pub high: f64,
}

impl Interval {
    /// Whether `share` lies inside.
    pub fn contains(&self, share: f64) -> bool {
        (self.low..=self.high).contains(&share)
    }
}

/// The exact (Clopper-Pearson) interval of the true share after `hits` of `trials`.
///
/// The true share lies outside in at most `false_alarm` of all runs (0 to 1; see [`FALSE_ALARM`]).
pub fn binomial_interval(hits: u64, trials: u64, false_alarm: f64) -> Interval {
    assert!(hits <= trials && trials > 0, "{hits} hits of {trials} trials");
    let tail = false_alarm / 2.0;
    let (k, n) = (hits as f64, trials as f64);
    // The lower end is the share at which `hits` or more have the chance `tail`; the upper end mirrors it.
    let low = if hits == 0 { 0.0 } else { bisect(|share| beta(share, k, n - k + 1.0) < tail) };
    let high = if hits == trials { 1.0 } else { bisect(|share| beta(share, k + 1.0, n - k) < 1.0 - tail) };
    Interval { low, high }
}

/// Fails unless `hits` of `trials` is what a true share of `expected` gives, at [`FALSE_ALARM`].
///
/// # Panics
/// When `expected` lies outside the interval; the text has all the numbers.
pub fn assert_share(what: &str, hits: u64, trials: u64, expected: f64) {
    let interval = binomial_interval(hits, trials, FALSE_ALARM);
    assert!(
        interval.contains(expected),
        "{what}: {hits} of {trials} puts the share between {:.5} and {:.5}, which excludes {expected}",
        interval.low,
        interval.high
    );
}

/// The `share` percentile (0 to 1, nearest rank) of values in ascending order; the default value when there is none.
pub fn percentile<T: Copy + Default>(ascending: &[T], share: f64) -> T {
    let rank = (share * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.clamp(1, ascending.len().max(1)) - 1).copied().unwrap_or_default()
}

/// Polls `probe` every 5 ms until it gives a value, for at most `limit`.
///
/// # Errors
/// [`Error::Deadline`], which names `what`.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            return Err(Error::Deadline { what: what.to_owned(), limit });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The point in 0..1 where `below` turns from true to false.
fn bisect(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if below(middle) { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The regularised incomplete beta function, by its continued fraction (Numerical Recipes, section 6.4).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of [`beta`], by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        result *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function for positive `x`, by Stirling's series.
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 10.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values from the closed forms: no hits gives 1 - (tail)^(1/n), and 5 of 10 from published tables.
    #[test]
    fn the_interval_agrees_with_published_values() {
        let none = binomial_interval(0, 100, 0.05);
        assert_eq!(none.low, 0.0);
        assert!((none.high - (1.0 - 0.025_f64.powf(0.01))).abs() < 1e-9, "{none:?}");
        let half = binomial_interval(5, 10, 0.05);
        assert!((half.low - 0.187_086).abs() < 1e-6 && (half.high - 0.812_914).abs() < 1e-6, "{half:?}");
        let all = binomial_interval(100, 100, 0.05);
        assert!((all.low - 0.025_f64.powf(0.01)).abs() < 1e-9 && all.high == 1.0, "{all:?}");
    }

    #[test]
    fn a_wrong_share_is_noticed() {
        assert!(binomial_interval(10_000, 20_000, FALSE_ALARM).contains(0.5));
        assert!(!binomial_interval(10_500, 20_000, FALSE_ALARM).contains(0.5));
    }

    #[test]
    fn percentiles_take_the_nearest_rank() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!(
            (percentile(&values, 0.5), percentile(&values, 0.99), percentile(&values, 1.0)),
            (50, 99, 100)
        );
        assert_eq!((percentile(&values, 0.0), percentile::<u32>(&[], 0.5)), (1, 0));
    }
}
