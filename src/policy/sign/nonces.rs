//! The nonces of signed requests that are fresh still: each is taken once. None is forgotten before its request is stale, not
//! even when the table is full or the clock is set back.

use super::request::FRESH_MS;
use sha2::{Digest, Sha256};

/// Most nonces that are remembered: 24 KiB of shared data.
const MOST: usize = 1024;
const VERSION: u8 = 1;
/// Bytes of an entry: 16 of a digest, 8 of a time.
const ENTRY: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Of operator and nonce, so that nobody spends another one's.
    digest: [u8; 16],
    /// The request's own time, milliseconds since 1970.
    time_ms: u64,
}

/// What was spent within the freshness of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nonces {
    entries: Vec<Entry>,
    /// The latest time of a request that was forgotten. A clock that is set back makes none of those fresh again.
    forgotten_ms: u64,
}

/// Why a nonce cannot be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unspent {
    Replayed,
    /// So old that its nonce may have been forgotten.
    Stale,
    Full,
}

impl Nonces {
    /// From shared data; no bytes are no nonces. `None` for what is no such table: whoever reads it has to refuse requests then.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Some((version, rest)) = bytes.split_first() else { return Some(Self::default()) };
        let (forgotten, rest) = rest.split_first_chunk::<8>()?;
        let (entries, []) = rest.as_chunks::<ENTRY>() else { return None };
        if *version != VERSION || entries.len() > MOST {
            return None;
        }
        let entries = entries.iter().filter_map(|entry| {
            let (digest, time) = entry.split_first_chunk::<16>()?;
            Some(Entry { digest: *digest, time_ms: u64::from_be_bytes(time.try_into().ok()?) })
        });
        Some(Self { entries: entries.collect(), forgotten_ms: u64::from_be_bytes(*forgotten) })
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.forgotten_ms.to_be_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.digest);
            bytes.extend_from_slice(&entry.time_ms.to_be_bytes());
        }
        bytes
    }

    /// Spends a nonce of a request whose signature is good and whose time is fresh.
    pub(crate) fn spend(&mut self, by: &str, nonce: &str, time_ms: u64, now_ms: u64) -> Result<(), Unspent> {
        self.forget(now_ms);
        if time_ms <= self.forgotten_ms {
            return Err(Unspent::Stale);
        }
        let entry = Entry { digest: digest(by, nonce), time_ms };
        if self.entries.iter().any(|known| known.digest == entry.digest) {
            return Err(Unspent::Replayed);
        }
        if self.entries.len() >= MOST {
            return Err(Unspent::Full);
        }
        self.entries.push(entry);
        Ok(())
    }

    fn forget(&mut self, now_ms: u64) {
        let is_stale = |entry: &Entry| entry.time_ms.saturating_add(FRESH_MS) < now_ms;
        let latest = self.entries.iter().filter(|entry| is_stale(entry)).map(|entry| entry.time_ms).max();
        self.forgotten_ms = self.forgotten_ms.max(latest.unwrap_or(0));
        self.entries.retain(|entry| !is_stale(entry));
    }
}

fn digest(by: &str, nonce: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    // A name has no line feed, so no two pairs are the same text.
    for part in [by, "\n", nonce] {
        hash.update(part);
    }
    let full: [u8; 32] = hash.finalize().into();
    full.first_chunk().copied().unwrap_or_default()
}
