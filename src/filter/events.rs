//! Tells what happens: a line of JSON in Envoy's log, and the same line in the ring that the control API shows. Whatever fails
//! here is counted, and traffic goes on.

use crate::{host, record, stats};
use log::Level;
use squall_policy::events::{Event, Name, Ring};
use squall_policy::{Fault, Scenario};

/// The ring in shared data.
pub const KEY: &str = "squall/events";

/// An event that happens now.
pub fn new(name: Name) -> Event {
    Event::new(name, host::wall_ms().unwrap_or(0))
}

/// Tells it.
pub fn emit(level: Level, event: &Event) {
    append(event);
    log::log!(level, "{}", event.line());
}

/// Tells what every VM of the proxy notices, once: not when another one has told the very same within ten seconds.
pub fn emit_once(level: Level, event: &Event) {
    let mut told = true;
    change(&mut |ring| {
        told = ring.append_once(event);
        told
    });
    if told {
        log::log!(level, "{}", event.line());
    }
}

/// The kinds of fault of these scenarios, each once.
pub fn kinds(scenarios: &[Scenario]) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    for kind in scenarios.iter().flat_map(Scenario::faults).map(Fault::kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Tells of a mission's new phase, which `word` stands for: not when the last one told of it was the same, however long ago. Every
/// configuration that comes notices it anew.
pub fn emit_new(mission: &str, word: &[u8], event: &Event) {
    let mut told = false;
    let written = record::exchange(&["squall/phase/", mission].concat(), &mut |bytes| {
        told = bytes == word;
        Ok((!told).then(|| word.to_vec()))
    });
    stats::count_host_errors(u32::from(written.is_err()));
    if !told {
        emit(Level::Info, event);
    }
}

fn append(event: &Event) {
    change(&mut |ring| {
        ring.append(event);
        true
    });
}

/// Changes the ring. What cannot be read is not ours: a new ring takes its place.
fn change(change: &mut dyn FnMut(&mut Ring) -> bool) {
    let written = record::exchange(KEY, &mut |bytes| {
        let mut ring = Ring::from_bytes(bytes).unwrap_or_default();
        Ok(change(&mut ring).then(|| ring.to_bytes()))
    });
    stats::count_host_errors(u32::from(written.is_err()));
}

/// The ring as it is now.
pub fn read() -> host::Result<Ring> {
    let bytes = host::shared_data(KEY)?.map(|(bytes, _)| bytes).unwrap_or_default();
    Ok(Ring::from_bytes(&bytes).unwrap_or_default())
}
