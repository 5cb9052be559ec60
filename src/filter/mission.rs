//! The mission's record in shared data: its start and seed, agreed on by all workers of the proxy, its end
//! counted once.

use crate::host;
use squall_policy::Record;
use std::fmt;

/// Tries of a compare-and-swap before giving up: each failure means that another worker succeeded.
const TRIES: u32 = 16;

/// A version that no key ever has, so that writing with it succeeds only for a key that is not there.
const ABSENT: u32 = u32::MAX;

/// Why a mission could not be agreed on.
#[derive(Debug)]
pub enum Failure {
    Host(host::Status),
    /// The key holds something that is not a record of this version.
    Unreadable,
    /// No entropy for a seed.
    NoEntropy,
    Contended,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(status) => write!(f, "the host answered status {}", status.0),
            Self::Unreadable => f.write_str("its record in shared data cannot be read"),
            Self::NoEntropy => f.write_str("the host has no entropy for a seed"),
            Self::Contended => f.write_str("other workers keep changing its record"),
        }
    }
}

impl From<host::Status> for Failure {
    fn from(status: host::Status) -> Self {
        Self::Host(status)
    }
}

fn key(mission: &str) -> String {
    format!("squall/mission/{mission}")
}

/// Joins the mission: takes its record, or writes it as the first worker to see the mission. The flag says
/// whether this worker was the first.
pub fn join(
    mission: &str,
    start_wall_ms: Option<u64>,
    seed: Option<&str>,
) -> Result<(Record, bool), Failure> {
    let key = key(mission);
    for _ in 0..TRIES {
        let version = match host::shared_data(&key)? {
            // An emptied key counts as absent: shared data has no real removal.
            Some((bytes, version)) if !bytes.is_empty() => {
                let record = parse(&bytes)?;
                let same_start = start_wall_ms.is_none_or(|start| start == record.start_wall_ms);
                if record.ended || same_start {
                    return Ok((with_seed(record, seed), false));
                }
                version
            }
            Some((_, version)) => version,
            None => ABSENT,
        };
        let seed = match seed {
            Some(seed) => seed.to_owned(),
            None => fresh_seed()?,
        };
        let record = Record::begin(start_wall_ms, host::wall_ms()?, host::monotonic_ns()?, seed);
        if write(&key, &record, version)? {
            return Ok((record, true));
        }
    }
    Err(Failure::Contended)
}

/// Marks the mission as ended for ever. `true` for the one worker that did it.
pub fn end(mission: &str) -> Result<bool, Failure> {
    let key = key(mission);
    for _ in 0..TRIES {
        let Some((bytes, version)) = host::shared_data(&key)? else { return Ok(false) };
        let record = parse(&bytes)?;
        if record.ended {
            return Ok(false);
        }
        if write(&key, &Record { ended: true, ..record }, version)? {
            return Ok(true);
        }
    }
    Err(Failure::Contended)
}

fn parse(bytes: &[u8]) -> Result<Record, Failure> {
    Record::from_json(bytes).ok_or(Failure::Unreadable)
}

/// A seed in the configuration outranks the recorded one, so that an update may change it.
fn with_seed(record: Record, seed: Option<&str>) -> Record {
    match seed {
        Some(seed) => Record { seed: seed.to_owned(), ..record },
        None => record,
    }
}

fn write(key: &str, record: &Record, version: u32) -> Result<bool, Failure> {
    match host::set_shared_data(key, record.to_json().as_bytes(), version) {
        Ok(()) => Ok(true),
        Err(host::Status::CAS_MISMATCH) => Ok(false),
        Err(status) => Err(Failure::Host(status)),
    }
}

fn fresh_seed() -> Result<String, Failure> {
    let number = getrandom::u64().map_err(|_| Failure::NoEntropy)?;
    Ok(format!("{number:016x}"))
}
