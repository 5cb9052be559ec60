//! The first requests of each key: a piece of the table in shared data.

use crate::{host, record};
use squall_policy::{Turn, Turns};

/// Counts a request as one more of its key, over all workers of the proxy.
pub fn count(turns: &Turns) -> host::Result<Turn> {
    let mut turn = Turn::Unknown;
    record::exchange(&format!("squall/first/{}", turns.piece), &mut |bytes| {
        // Not the mission's running time: the table outlives missions.
        let (found, piece) = turns.count(bytes, host::monotonic_ns()? / 1_000_000);
        turn = found;
        match found {
            Turn::First => Ok(Some(piece)),
            Turn::Unknown => Err(host::Status::UNREADABLE),
            Turn::Done | Turn::Full => Ok(None),
        }
    })?;
    Ok(turn)
}
