//! How far a rate or a percentile may be from what was seen by chance, looked at once, with 95 % confidence.

use super::cell::Trials;
use super::sketch::{ERROR, Sketch};

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_985;

/// The share of hits: Wilson's score interval with continuity correction (Newcombe, Statistics in Medicine 17, 1998,
/// method 4), which covers at least as often as it says. 0 to 1 without requests.
#[must_use]
pub fn of_rate(trials: Trials) -> (f64, f64) {
    if trials.requests == 0 {
        return (0.0, 1.0);
    }
    let (n, hits) = (trials.requests as f64, trials.hits as f64);
    let (p, q, z2) = (hits / n, 1.0 - hits / n, Z * Z);
    let spread = |sign: f64| {
        let inside = z2 + sign * 2.0 - 1.0 / n + 4.0 * p * (n * q - sign);
        Z * libm::sqrt(inside.max(0.0))
    };
    let around = 2.0 * n * p + z2;
    let low = (around - 1.0 - spread(-1.0)) / (2.0 * (n + z2));
    let high = (around + 1.0 + spread(1.0)) / (2.0 * (n + z2));
    let low = if trials.hits == 0 { 0.0 } else { low.max(0.0) };
    let high = if trials.hits >= trials.requests { 1.0 } else { high.min(1.0) };
    (low, high)
}

/// A quantile by order statistics, widened by the error of the sketch; microseconds. There may be too few latencies for an upper
/// bound.
#[must_use]
pub fn of_quantile(sketch: &Sketch, ppm: u32) -> (f64, Option<f64>) {
    let n = sketch.total();
    // The number of latencies at or below the true quantile is binomial with this share.
    let hits = libm::round(n as f64 * f64::from(ppm) / 1e6) as u64;
    let (low, high) = of_rate(Trials { requests: n, hits });
    let low_rank = libm::floor(low * n as f64) as u64;
    let high_rank = (libm::ceil(high * n as f64) as u64).saturating_add(1);
    let low = if low_rank == 0 { 0.0 } else { sketch.ranked(low_rank).unwrap_or(0.0) };
    let high = sketch.ranked(high_rank).map(|us| us * (1.0 + ERROR));
    (low * (1.0 - ERROR), high)
}
