//! A pool of slots with a queue in front of it, as a thread pool has: the record that all workers of a proxy share,
//! and what a worker makes of the bytes it read. The compare-and-swap around it is the adapter's.
//!
//! A free slot is not handed to anybody: the first waiters, as many as there are free slots, are **called**, and each of
//! them takes a slot when its worker looks. So a worker that never looks again loses no slot, only the time until
//! its waiters expire.

/// The longest queue: a record stays below 21 KiB.
pub const LONGEST_QUEUE: u32 = 1024;

/// A waiter that is so many milliseconds past its time is taken off by others: its own worker is gone.
const GRACE_MS: u64 = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiter {
    ticket: u64,
    /// What wakes its worker.
    bell: u32,
    /// On the monotonic clock, which all workers share.
    expires_ms: u64,
}

/// The slots and the queue of one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    limit: u32,
    queue: u32,
    inside: u32,
    /// The ticket of the next who waits; tickets only grow.
    next: u64,
    /// In the order in which they came.
    waiting: Vec<Waiter>,
}

/// What became of a request that came to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It has a slot.
    Inside,
    /// It waits, under this ticket.
    Waits(u64),
    /// So does the whole queue.
    Full,
}

/// What a waiter finds when it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has a slot now.
    Inside,
    Waits,
    /// The pool does not know it any more.
    Gone,
}

/// First byte of a record: the version of its form.
const FORM: u8 = 1;
/// Form, limit, queue, inside, next ticket.
const HEAD: usize = 21;
const WAITER: usize = 20;

impl Pool {
    /// `None` for bytes that are no record of this version. No bytes are a pool that nobody has opened.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let (form, head) = head.split_first()?;
        let (numbers, next) = head.split_at_checked(12)?;
        let ([limit, queue, inside], []) = numbers.as_chunks::<4>() else { return None };
        let (waiters, []) = rest.as_chunks::<WAITER>() else { return None };
        let pool = Self {
            limit: u32::from_le_bytes(*limit),
            queue: u32::from_le_bytes(*queue),
            inside: u32::from_le_bytes(*inside),
            next: u64::from_le_bytes(next.try_into().ok()?),
            waiting: waiters.iter().map(waiter).collect::<Option<_>>()?,
        };
        // Who reads a record has to be able to trust the order of its tickets.
        let ordered = pool.waiting.is_sorted_by(|a, b| a.ticket < b.ticket);
        let known = pool.waiting.last().is_none_or(|last| last.ticket < pool.next);
        (*form == FORM && ordered && known).then_some(pool)
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let waiters = self.waiting.len().saturating_mul(WAITER);
        let mut bytes = Vec::with_capacity(waiters.saturating_add(HEAD));
        bytes.push(FORM);
        for number in [self.limit, self.queue, self.inside] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.next.to_le_bytes());
        for waiter in &self.waiting {
            bytes.extend_from_slice(&waiter.ticket.to_le_bytes());
            bytes.extend_from_slice(&waiter.bell.to_le_bytes());
            bytes.extend_from_slice(&waiter.expires_ms.to_le_bytes());
        }
        bytes
    }

    /// Whether some request has opened it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.limit > 0
    }

    /// A new size. Who is inside or waits stays, also when that is more than there is room for now.
    pub fn resize(&mut self, limit: u32, queue: u32) {
        (self.limit, self.queue) = (limit, queue);
    }

    /// A request comes: it gets a slot when one is free beside those that waiters have been called for.
    pub fn join(&mut self, bell: u32, now_ms: u64, expires_ms: u64) -> Joined {
        self.expel(now_ms);
        if self.waiting.len() < self.free() {
            self.inside = self.inside.saturating_add(1);
            return Joined::Inside;
        }
        if self.waiting.len() >= self.queue as usize {
            return Joined::Full;
        }
        let ticket = self.next;
        self.next = self.next.saturating_add(1);
        self.waiting.push(Waiter { ticket, bell, expires_ms });
        Joined::Waits(ticket)
    }

    /// A waiter looks whether it is called, and takes its slot then.
    pub fn turn(&mut self, ticket: u64, now_ms: u64) -> Standing {
        self.expel(now_ms);
        let Some(place) = self.place(ticket) else { return Standing::Gone };
        if place >= self.free() {
            return Standing::Waits;
        }
        self.waiting.remove(place);
        self.inside = self.inside.saturating_add(1);
        Standing::Inside
    }

    /// A waiter goes away.
    pub fn withdraw(&mut self, ticket: u64) {
        if let Some(place) = self.place(ticket) {
            self.waiting.remove(place);
        }
    }

    /// A slot is free again.
    pub fn release(&mut self) {
        self.inside = self.inside.saturating_sub(1);
    }

    /// The last of those that are called.
    #[must_use]
    pub fn last_called(&self) -> Option<u64> {
        self.called().last().map(|waiter| waiter.ticket)
    }

    /// The bells of those that are called and came after this one: after a change they have to be rung, each once.
    #[must_use]
    pub fn called_after(&self, last: Option<u64>) -> Vec<u32> {
        let mut bells = Vec::new();
        for waiter in self.called().iter().filter(|waiter| last.is_none_or(|last| waiter.ticket > last)) {
            if !bells.contains(&waiter.bell) {
                bells.push(waiter.bell);
            }
        }
        bells
    }

    /// Requests that have a slot.
    #[must_use]
    pub fn inside(&self) -> u32 {
        self.inside
    }

    /// Requests that wait for one.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn free(&self) -> usize {
        self.limit.saturating_sub(self.inside) as usize
    }

    fn called(&self) -> &[Waiter] {
        self.waiting.get(..self.free()).unwrap_or(&self.waiting)
    }

    fn place(&self, ticket: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }

    fn expel(&mut self, now_ms: u64) {
        self.waiting.retain(|waiter| waiter.expires_ms.saturating_add(GRACE_MS) >= now_ms);
    }
}

fn waiter(bytes: &[u8; WAITER]) -> Option<Waiter> {
    let (ticket, rest) = bytes.split_first_chunk::<8>()?;
    let (bell, expires) = rest.split_first_chunk::<4>()?;
    Some(Waiter {
        ticket: u64::from_le_bytes(*ticket),
        bell: u32::from_le_bytes(*bell),
        expires_ms: u64::from_le_bytes(expires.try_into().ok()?),
    })
}
