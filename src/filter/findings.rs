//! What is wrong with a configuration, told in Envoy's log and as an event.

use crate::events;
use squall_policy::events::Name;
use squall_policy::{Level, Report};

/// Most findings that go into the log: every worker logs them, and a hostile file can have 100,000.
const MOST: usize = 200;

/// FNV-1a: the same for the same bytes in every VM, which the hash of a table is not.
#[must_use]
pub fn identity(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Logs the findings of a configuration, and tells of it once per proxy where it is rejected. Says whether nothing is wrong with it
/// but that its mission is for another namespace: a plugin of the whole mesh comes to all of them.
pub fn tell(report: &Report, rejected: bool, identity: u64) -> bool {
    let elsewhere = rejected && report.is_for_elsewhere();
    for finding in report.findings.iter().take(MOST) {
        match finding.code.level() {
            Level::Error if !elsewhere => log::error!("{finding}"),
            _ => log::warn!("{finding}"),
        }
    }
    if !rejected {
        return false;
    }
    let errors = report.count(Level::Error);
    let all = errors.saturating_add(report.count(Level::Warning));
    if let Some(more) = all.checked_sub(MOST).filter(|more| *more > 0) {
        log::error!("and {more} more findings; `chaosctl validate` shows them with their places");
    }
    let first = report.findings.iter().find(|finding| finding.code.level() == Level::Error);
    let (name, level) = match elsewhere {
        true => (Name::MissionRefused, log::Level::Warn),
        false => (Name::ConfigRejected, log::Level::Error),
    };
    let event = events::new(name).text("configuration", &format!("{identity:016x}"));
    let event = if elsewhere { event } else { event.number("errors", errors as u64) };
    let event = event
        .text_if("code", first.map(|finding| finding.code.slug()))
        .text_if("key", first.map(|finding| finding.path.as_str()))
        .text_if("reason", first.map(|finding| finding.message.as_str()));
    events::emit_once(level, &event);
    elsewhere
}
