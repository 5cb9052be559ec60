//! What ends the faults of a run whose journal does not tell of its end: as far as the journal knows, and no sooner than that.

use crate::journal::{Entry, Journal, What};
use crate::observed::safe;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A sentence with a blank before it; empty where the mission has no duration that can be read.
#[must_use]
pub fn remains(journal: &Journal) -> String {
    let span = |key: &str| {
        let text = journal.started.mission.get(key).and_then(Value::as_str)?;
        humantime::parse_duration(text).ok()
    };
    let at = |moment: SystemTime| safe(&humantime::format_rfc3339_seconds(moment).to_string());
    let Some(deadline) = deadline(journal, span("duration")) else {
        return " Nobody knows from it when its faults end".to_owned();
    };
    let mut told = format!(" By the mission's deadline its faults end at {} at the latest", at(deadline));
    let renewed = last(journal, &[What::Start, What::Renew]);
    if let Some((lease, renewed)) = span("lease").zip(renewed) {
        let ends = (renewed + lease).min(deadline);
        told += &format!(", and by its lease at {} at the latest, if nobody has renewed it since", at(ends));
    } else {
        told += "; it has no lease that would end them sooner";
    }
    told
}

/// Of the proxy whose deadline is the last one: each keeps its own.
fn deadline(journal: &Journal, duration: Option<Duration>) -> Option<SystemTime> {
    let told = journal.records.iter().filter_map(|record| match &record.entry {
        Entry::Sample(sample) => moment(sample.status.pointer("/mission/deadline")?.as_str()?),
        _ => None,
    });
    let begins = journal.started.mission.get("start").and_then(Value::as_str).and_then(moment);
    let begins = begins.or_else(|| last(journal, &[What::Start]));
    told.chain(begins.zip(duration).map(|(begins, duration)| begins + duration)).max()
}

/// When one of these was last done.
fn last(journal: &Journal, what: &[What]) -> Option<SystemTime> {
    let done = journal.records.iter().filter(|record| match &record.entry {
        Entry::Action(action) => action.ok && what.contains(&action.what),
        _ => false,
    });
    done.filter_map(|record| moment(&record.at)).max()
}

fn moment(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}
