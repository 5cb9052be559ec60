//! Only the first requests of each key.

use super::declare::object;
use super::decode::no_check;
use super::form::RequestField;
use super::scalar::Span;
use super::whole::Whole;
use std::time::Duration;

/// Longest time that a key is remembered, in milliseconds: one day.
const LONGEST_MEMORY_MS: u64 = 24 * 3_600_000;

object! {
    /// Only the first requests of each key get the faults, and later ones pass: what a retry with the same key meets. Counted
    /// exactly over all workers of a proxy, in a table of some 30,000 keys for all missions; a new key that finds no room
    /// passes (cause `first_full`).
    pub struct First check no_check {
        /// How many requests of a key get the faults.
        "requests" => requests: Whole<1, 100> [required],
        /// What tells the keys apart.
        "per" => per: FirstPer [required],
        /// A key starts anew so long after the last request of it that was counted.
        "forget_after" => forget_after: Span<1000, LONGEST_MEMORY_MS> [default "10m" = Span(Duration::from_secs(600))],
    }
}

object! {
    /// What tells keys apart.
    pub struct FirstPer check no_check {
        /// Header whose value is the key, such as `x-request-id`, where a retry repeats it; requests without it get no faults.
        "header" => header: RequestField [required],
    }
}
