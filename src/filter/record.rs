//! A value of shared data that all workers of the proxy change: compare-and-swap until nobody else wrote in between.

use crate::host;

/// Tries of a compare-and-swap before giving up: each failure means that another worker succeeded.
const TRIES: u32 = 64;

/// A version that no key ever has, so that writing with it succeeds only for a key that is not there.
const ABSENT: u32 = u32::MAX;

/// What becomes of the bytes that were read; `None`: they stay.
type Change<'c> = dyn FnMut(&[u8]) -> host::Result<Option<Vec<u8>>> + 'c;

/// Reads a record, changes it and writes it.
pub fn exchange(key: &str, change: &mut Change<'_>) -> host::Result<()> {
    for _ in 0..TRIES {
        let (bytes, version) = host::shared_data(key)?.unwrap_or((Vec::new(), ABSENT));
        let Some(changed) = change(&bytes)? else { return Ok(()) };
        match host::set_shared_data(key, &changed, version) {
            Err(host::Status::CAS_MISMATCH) => {}
            written => return written,
        }
    }
    Err(host::Status::CAS_MISMATCH)
}
