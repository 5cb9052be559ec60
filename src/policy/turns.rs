//! How many requests of each key have had their turn: a table of fixed size that all workers share, in pieces of less
//! than a kibibyte. This is what a worker makes of a piece that it read, and what it writes back; the compare-and-swap
//! around it is the adapter's.
//!
//! One table serves all scenarios of all missions, because shared data never gives a key back: what tells them apart
//! is in the tag. A key that is forgotten makes room when a new one needs it.

/// The last piece of the table, all bits set: there are 1024.
const LAST_PIECE: u64 = 1023;

/// Most keys of one piece.
const MOST: usize = 60;

/// First byte of a piece: the version of its form.
const FORM: u8 = 1;
/// Tag and count, and when it is forgotten, little-endian.
const ENTRY: usize = 16;

/// One key of one scenario of one mission, and how often it has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turns {
    /// Which piece of the table it is in, below 1024.
    pub piece: u16,
    /// Stands for the key within the piece: 56 bits, the lowest byte being 0.
    tag: u64,
    requests: u8,
    forget_after_ms: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is one of the first of its key.
    First,
    /// The first have come before.
    Done,
    /// The key is new, and there is no room for it.
    Full,
    /// The table could not be read or written.
    Unknown,
}

#[derive(Clone, Copy)]
struct Entry {
    word: u64,
    forgotten_ms: u64,
}

impl Turns {
    /// `place` and `tag` are random, and the same for the same key.
    #[must_use]
    pub fn new(place: u64, tag: u64, requests: u32, forget_after_ms: u64) -> Self {
        Self {
            piece: (place & LAST_PIECE) as u16,
            tag: tag & !0xff,
            requests: u8::try_from(requests).unwrap_or(u8::MAX),
            forget_after_ms,
        }
    }

    /// Counts one more request of the key, at a moment of a clock that all who count share. With
    /// [`Turn::First`] comes the piece as it is to be written; else it stays as it is.
    #[must_use]
    pub fn count(&self, piece: &[u8], now_ms: u64) -> (Turn, Vec<u8>) {
        let Some(mut entries) = read(piece) else { return (Turn::Unknown, Vec::new()) };
        let own = entries.iter().position(|entry| entry.word & !0xff == self.tag);
        // Its own place first; else the end; else the place of one that is forgotten.
        let full = entries.len() >= MOST;
        let place = own.or_else(|| {
            full.then(|| entries.iter().position(|entry| entry.forgotten_ms <= now_ms)).flatten()
        });
        let before = own.and_then(|own| entries.get(own)).filter(|entry| entry.forgotten_ms > now_ms);
        let count = before.map_or(0, |entry| entry.word & 0xff);
        if count >= u64::from(self.requests) {
            return (Turn::Done, Vec::new());
        }
        let entry = Entry {
            word: self.tag | count.saturating_add(1),
            forgotten_ms: now_ms.saturating_add(self.forget_after_ms),
        };
        match place.and_then(|place| entries.get_mut(place)) {
            Some(place) => *place = entry,
            None if full => return (Turn::Full, Vec::new()),
            None => entries.push(entry),
        }
        (Turn::First, write(&entries))
    }
}

/// `None` for bytes that are no piece of this version. No bytes are an empty piece.
fn read(piece: &[u8]) -> Option<Vec<Entry>> {
    let Some((form, entries)) = piece.split_first() else { return Some(Vec::new()) };
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if *form != FORM || !rest.is_empty() {
        return None;
    }
    let entries = entries.iter().map(|bytes| {
        let both = u128::from_le_bytes(*bytes);
        Entry { word: both as u64, forgotten_ms: (both >> 64) as u64 }
    });
    Some(entries.collect())
}

fn write(entries: &[Entry]) -> Vec<u8> {
    let mut piece = Vec::with_capacity(entries.len().saturating_mul(ENTRY).saturating_add(1));
    piece.push(FORM);
    for entry in entries {
        piece.extend_from_slice(&entry.word.to_le_bytes());
        piece.extend_from_slice(&entry.forgotten_ms.to_le_bytes());
    }
    piece
}
