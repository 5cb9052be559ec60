//! Comparing a group with another time, and percentiles, as often as one likes: any-time-valid sequential tests. Error rates at
//! the same time have a better one (`race`).
//!
//! The method is Robbins' mixture (Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe and Sekhon, Annals of
//! Statistics 49, 2021). For requests that hit with probability p, the likelihood of what was seen, averaged over all
//! probabilities with weights Beta(1/2, 1/2), divided by its likelihood under p, is a martingale that begins at 1; by Ville's
//! inequality it ever reaches 1/alpha with probability alpha at most, however often somebody looks. It depends on counts alone,
//! so workers may merge in any order. Two groups are independent, and the product of their martingales is one as well.

use super::cell::Trials;
use super::sketch::Sketch;

/// ln Gamma for arguments of 1/2 and more: Stirling's series above 8, the recurrence below.
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 8.0 {
        shift += libm::log(x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / x;
    (x - 0.5) * libm::log(x) - x + 0.918_938_533_204_672_8 + series - shift
}

/// Logarithm of the averaged likelihood.
fn mixture(trials: Trials) -> f64 {
    let (hits, misses) = counts(trials);
    // Beta(1/2, 1/2) is pi.
    ln_gamma(hits + 0.5) + ln_gamma(misses + 0.5) - ln_gamma(hits + misses + 1.0) - 1.144_729_885_849_400_2
}

fn counts(trials: Trials) -> (f64, f64) {
    let hits = trials.hits.min(trials.requests);
    (hits as f64, trials.requests.saturating_sub(hits) as f64)
}

/// Logarithm of the likelihood under a probability.
fn likelihood(trials: Trials, p: f64) -> f64 {
    let (hits, misses) = counts(trials);
    let term = |count: f64, p: f64| if count > 0.0 { count * libm::log(p) } else { 0.0 };
    term(hits, p) + term(misses, 1.0 - p)
}

/// Evidence against "the rate of the one is at most so much above the rate of the other": the logarithm of the smallest value
/// that the martingale has under any such pair of rates. 0 without any.
#[must_use]
pub fn difference(one: Trials, other: Trials, at_most: f64) -> f64 {
    let (Some(p), Some(q)) = (one.rate(), other.rate()) else { return 0.0 };
    if p - q <= at_most {
        return 0.0;
    }
    let border = likeliest(counts(one), counts(other), at_most);
    let null = likelihood(one, (border + at_most).min(1.0)) + likelihood(other, border);
    (mixture(one) + mixture(other) - null).max(0.0)
}

/// The likeliest rate of the other group, when that of the first is so much above it: given hits and misses of both. The
/// likelihood is concave along that border.
pub(super) fn likeliest(one: (f64, f64), other: (f64, f64), at_most: f64) -> f64 {
    let term = |count: f64, by: f64| if count > 0.0 { count / by } else { 0.0 };
    let slope = |p: f64| {
        term(one.0, p + at_most) - term(one.1, 1.0 - p - at_most) + term(other.0, p) - term(other.1, 1.0 - p)
    };
    let (mut low, mut high) = (0.0, 1.0 - at_most);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if slope(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Evidence against a rate.
fn against(trials: Trials, rate: f64) -> f64 {
    mixture(trials) - likelihood(trials, rate)
}

/// The shortest that the quantile can be, microseconds: below this border too many are above. `needed`: the evidence that it takes.
#[must_use]
pub fn shortest(sketch: &Sketch, ppm: u32, needed: f64) -> Option<f64> {
    let rate = 1.0 - f64::from(ppm) / 1e6;
    let requests = sketch.total();
    let beyond = |(border, hits): (f64, u64)| {
        let trials = Trials { requests, hits };
        (trials.rate()? > rate && against(trials, rate) >= needed).then_some(border)
    };
    sketch.borders().map_while(beyond).last()
}

/// The longest that the quantile can be: above this border there are too few.
#[must_use]
pub fn longest(sketch: &Sketch, ppm: u32, needed: f64) -> Option<f64> {
    let rate = 1.0 - f64::from(ppm) / 1e6;
    let requests = sketch.total();
    let mut borders = sketch.borders();
    borders
        .find(|(_, hits)| {
            let trials = Trials { requests, hits: *hits };
            trials.rate().is_some_and(|seen| seen < rate) && against(trials, rate) >= needed
        })
        .map(|(border, _)| border)
}

/// The evidence that a rule needs: its own share of mistakes, spread over every fresh beginning (a stage, a breaker that
/// closes), the k-th of which gets 1/(k(k+1)) of it; those add up to 1.
#[must_use]
pub fn needed(mistakes_ppm: u32, beginning: u32) -> f64 {
    let k = f64::from(beginning) + 1.0;
    libm::log(1e6 / f64::from(mistakes_ppm.max(1))) + libm::log(k * (k + 1.0))
}
