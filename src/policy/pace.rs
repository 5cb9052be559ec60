//! When so many bytes are due at a bandwidth, and how much of a body still passes before it is cut.

const NS_PER_S: u128 = 1_000_000_000;

/// The bandwidth of one body: from its start on, no byte comes before the rate allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    start_ns: u64,
    bytes_per_s: u64,
    bytes: u64,
}

impl Pace {
    /// `start_ns`: the moment from which the body could flow, nanoseconds on the monotonic clock.
    #[must_use]
    pub fn new(start_ns: u64, bytes_per_s: u64) -> Self {
        Self { start_ns, bytes_per_s: bytes_per_s.max(1), bytes: 0 }
    }

    /// So many bytes more have come.
    pub fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// When all bytes that have come so far may be passed on.
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        let time = u128::from(self.bytes).saturating_mul(NS_PER_S).checked_div(u128::from(self.bytes_per_s));
        self.start_ns.saturating_add(time.and_then(|ns| u64::try_from(ns).ok()).unwrap_or(u64::MAX))
    }
}

/// How much of a body still passes before it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    after: u64,
    left: u64,
}

/// What becomes of a piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Whole,
    /// Only so many bytes of it, and nothing after them.
    Prefix(usize),
}

impl Cut {
    #[must_use]
    pub fn after(bytes: u64) -> Self {
        Self { after: bytes, left: bytes }
    }

    /// How long after the last bytes the stream is closed: they leave when the callback has returned, and those that do not
    /// fit into a client's first window (64 KiB in HTTP/2) need some of its answers, which closing would not wait for.
    #[must_use]
    pub fn grace_ns(self) -> u64 {
        match self.after {
            0..=65_535 => 1_000_000,
            after => after.saturating_mul(100).saturating_add(100_000_000).min(5_000_000_000),
        }
    }

    /// A piece of so many bytes comes. A body that is exactly as long as what may pass is cut by nothing.
    pub fn piece(&mut self, bytes: usize) -> Piece {
        let size = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                Piece::Whole
            }
            None => Piece::Prefix(usize::try_from(std::mem::take(&mut self.left)).unwrap_or(bytes)),
        }
    }
}
