//! The first requests of each key: the compare-and-swap around a piece of the table in shared data.

use crate::host;
use squall_policy::{Turn, Turns};

/// Tries of a compare-and-swap before giving up: each failure means that another worker succeeded.
const TRIES: u32 = 64;

/// A version that no key ever has, so that writing with it succeeds only for a key that is not there.
const ABSENT: u32 = u32::MAX;

/// Counts a request as one more of its key, over all workers of the proxy.
pub fn count(turns: &Turns) -> host::Result<Turn> {
    let key = format!("squall/first/{}", turns.piece);
    for _ in 0..TRIES {
        let (piece, version) = host::shared_data(&key)?.unwrap_or((Vec::new(), ABSENT));
        // Not the mission's running time: the table outlives missions.
        let (turn, piece) = turns.count(&piece, host::monotonic_ns()? / 1_000_000);
        match turn {
            Turn::First => {}
            Turn::Unknown => return Err(host::Status::UNREADABLE),
            Turn::Done | Turn::Full => return Ok(turn),
        }
        match host::set_shared_data(&key, &piece, version) {
            Ok(()) => return Ok(turn),
            Err(host::Status::CAS_MISMATCH) => {}
            Err(status) => return Err(status),
        }
    }
    Err(host::Status::CAS_MISMATCH)
}
