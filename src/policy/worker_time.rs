//! How much of its time a worker may burn: a token bucket per share, all drained by every burn.

/// Parts per million of a nanosecond are too fine to count; a second holds this many nanoseconds per part.
const NS_PER_PPM: u64 = 1_000;

/// After so long every debt is paid.
const LONG_AGO_NS: u64 = 1_000_000_000_000;

/// The burnt time of one worker. In any span of time T, burns that were afforded at a share sum up to at most that
/// share of T plus one second.
#[derive(Debug, Default)]
pub struct WorkerTime {
    buckets: Vec<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    share_ppm: u32,
    /// Nanoseconds that may be burnt; negative when a burn took longer than it should have.
    tokens_ns: i64,
    at_ns: u64,
}

impl Bucket {
    /// One second's worth.
    fn full(share_ppm: u32) -> i64 {
        i64::try_from(u64::from(share_ppm).saturating_mul(NS_PER_PPM)).unwrap_or(i64::MAX)
    }

    fn refill(&mut self, now_ns: u64) {
        let elapsed = now_ns.saturating_sub(self.at_ns).min(LONG_AGO_NS);
        let earned = elapsed.saturating_mul(u64::from(self.share_ppm)) / 1_000_000;
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        self.tokens_ns = self.tokens_ns.saturating_add(earned).min(Self::full(self.share_ppm));
        self.at_ns = self.at_ns.max(now_ns);
    }
}

impl WorkerTime {
    /// Whether so many nanoseconds may be burnt now, at most this share of the time being burnt.
    pub fn affords(&mut self, share_ppm: u32, ns: u64, now_ns: u64) -> bool {
        if !self.buckets.iter().any(|bucket| bucket.share_ppm == share_ppm) {
            let tokens_ns = Bucket::full(share_ppm);
            self.buckets.push(Bucket { share_ppm, tokens_ns, at_ns: now_ns });
        }
        let own = self.buckets.iter_mut().find(|bucket| bucket.share_ppm == share_ppm);
        own.is_some_and(|bucket| {
            bucket.refill(now_ns);
            i64::try_from(ns).is_ok_and(|ns| ns <= bucket.tokens_ns)
        })
    }

    /// So many nanoseconds were burnt, up to now.
    pub fn spend(&mut self, ns: u64, now_ns: u64) {
        for bucket in &mut self.buckets {
            bucket.refill(now_ns);
            bucket.tokens_ns = bucket.tokens_ns.saturating_sub(i64::try_from(ns).unwrap_or(i64::MAX));
        }
    }
}
