//! Which missions that expire this proxy has taken while it could: they go on after their expiry, under a newer configuration
//! and in a new VM too. Beside the mission's record, because an id alone says nothing of what was signed under it.

use crate::{host, record};

fn key(mission: &str) -> String {
    format!("squall/accepted/{mission}")
}

/// Keeps the digest of a mission that runs.
pub fn keep(mission: &str, digest: &[u8; 32]) -> host::Result<()> {
    record::exchange(&key(mission), &mut |bytes| Ok((bytes != digest).then(|| digest.to_vec())))
}

/// Whether this very mission has been taken. What shared data does not say was not.
pub fn is_kept(mission: &str, digest: &[u8; 32]) -> bool {
    matches!(host::shared_data(&key(mission)), Ok(Some((bytes, _))) if bytes == digest)
}
