//! How far a count may stray by chance alone: exact tails of the binomial distribution.

/// Probability that a right implementation fails one of these comparisons, both sides together. The draws are keyed
/// by fixed seeds, so that a test that passes once passes always; the bound says how far off a count may be.
pub const ALPHA: f64 = 1e-6;

/// The counts out of `n` that a share of `p` gives, except with probability [`ALPHA`].
pub fn binomial_range(n: u64, p: f64) -> std::ops::RangeInclusive<u64> {
    if p <= 0.0 {
        return 0..=0;
    }
    if p >= 1.0 {
        return n..=n;
    }
    let (size, log_n) = (n as f64, libm::lgamma(n as f64 + 1.0));
    let pmf = |k: u64| {
        let k = k as f64;
        let ways = log_n - libm::lgamma(k + 1.0) - libm::lgamma(size - k + 1.0);
        libm::exp(ways + k * libm::log(p) + (size - k) * libm::log1p(-p))
    };
    let low = cut(0..=n, pmf).unwrap_or(0);
    let high = cut((0..=n).rev(), pmf).unwrap_or(n);
    low..=high
}

/// The first count that does not belong to the tail any more.
fn cut(mut counts: impl Iterator<Item = u64>, pmf: impl Fn(u64) -> f64) -> Option<u64> {
    let mut tail = 0.0;
    counts.find(|k| {
        tail += pmf(*k);
        tail > ALPHA / 2.0
    })
}
