//! Missions and halts in shared data: the machine of the policy, with the host's compare-and-swap around it. Whatever happens
//! to a mission is counted and told by the one VM whose write brought it about.

use crate::{bells, events, host, record, stats};
use log::Level;
use squall_policy::events::Name;
use squall_policy::mission::{
    Asked, Changed, Effect, End, Event, Halt, HaltRecord, Joined, MissionRecord, Now,
};

/// The halts of this proxy.
const HALT: &str = "squall/halt";

/// So many halts there have never been: what takes the place of a record that cannot be read ends every mission.
const UNREADABLE_HALTS: u64 = 1 << 40;

fn key(mission: &str) -> String {
    ["squall/mission/", mission].concat()
}

/// The present on both clocks.
pub fn now() -> host::Result<Now> {
    Ok(Now { wall_ms: host::wall_ms()?, mono_ns: host::monotonic_ns()? })
}

/// The halts of this proxy. A record that cannot be read is an error, and without halts nobody injects.
pub fn halts() -> host::Result<HaltRecord> {
    let bytes = host::shared_data(HALT)?.map(|(bytes, _)| bytes).unwrap_or_default();
    HaltRecord::from_bytes(&bytes).ok_or(host::Status::UNREADABLE)
}

/// What shared data says about a mission, where it says something.
pub fn read(mission: &str) -> host::Result<Option<MissionRecord>> {
    match host::shared_data(&key(mission))? {
        // An emptied key counts as absent: shared data has no real removal.
        Some((bytes, _)) if !bytes.is_empty() => {
            MissionRecord::from_bytes(&bytes).map(Some).ok_or(host::Status::UNREADABLE)
        }
        _ => Ok(None),
    }
}

/// Joins a mission, or begins it; gives the halts that were known then.
pub fn join(mission: &str, asked: Asked<'_>) -> host::Result<(Joined, HaltRecord)> {
    // Before the record: see `MissionRecord::join`.
    let halts = halts()?;
    let mut joined = Joined::Blocked;
    record::exchange(&key(mission), &mut |bytes| {
        let recorded = parse(bytes)?;
        joined = MissionRecord::join(recorded, asked, &halts, now()?);
        Ok(match &joined {
            Joined::Begins(record) | Joined::Changes(record) => Some(record.to_bytes()),
            Joined::Over { write, .. } => write.as_ref().map(MissionRecord::to_bytes),
            Joined::Takes(_) | Joined::Blocked => None,
        })
    })?;
    if let Joined::Over { end, write: Some(record) } = &joined {
        tell_end(mission, *end, record);
    }
    Ok((joined, halts))
}

/// Something happens to a mission. Gives its record as it is then, `None` where there is none; the effect is nobody else's.
pub fn step(mission: &str, event: Event<'_>) -> host::Result<(Option<MissionRecord>, HaltRecord, Effect)> {
    let halts = halts()?;
    let mut after = (None, Effect::Nothing);
    record::exchange(&key(mission), &mut |bytes| {
        let Some(record) = parse(bytes)? else {
            after = (None, Effect::Nothing);
            return Ok(None);
        };
        let Changed { record: changed, effect } = record.step(event, &halts, now()?);
        let bytes = changed.as_ref().map(MissionRecord::to_bytes);
        after = (Some(changed.unwrap_or(record)), effect);
        Ok(bytes)
    })?;
    let (record, effect) = after;
    if let (Effect::Ended(end), Some(record)) = (effect, &record) {
        tell_end(mission, end, record);
    }
    Ok((record, halts, effect))
}

/// Stops a mission for ever, on all workers.
pub fn stop(mission: &str, by: &str, reason: &str) -> host::Result<Effect> {
    let (_, _, effect) = step(mission, Event::Stop { by, reason })?;
    if matches!(effect, Effect::Ended(_)) {
        bells::ring_all();
    }
    Ok(effect)
}

/// Ends every mission of this proxy, on all workers, and blocks new ones until somebody releases it.
pub fn halt(halt: Halt<'_>) -> host::Result<()> {
    record::exchange(HALT, &mut |bytes| {
        let record = HaltRecord::from_bytes(bytes)
            .unwrap_or(HaltRecord { count: UNREADABLE_HALTS, ..HaltRecord::default() });
        Ok(Some(record.halt(halt, now()?).to_bytes()))
    })?;
    bells::ring_all();
    stats::count("chaos_halts_total", &[("reason", halt.reason)], 1);
    stats::set_gauge("chaos_halted", &[], 1);
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let event = events::new(Name::MissionHalted)
        .text_if("mission", some(halt.mission))
        .text("reason", halt.reason)
        .text_if("detail", some(halt.detail))
        .text_if("by", some(halt.by));
    events::emit(Level::Warn, &event);
    Ok(())
}

/// A person releases all halts. `false`: there was none.
pub fn release(by: &str) -> host::Result<bool> {
    release_if(by, &mut |record, _| record.release())
}

/// A configuration releases the halts up to a moment.
pub fn release_until(wall_ms: u64) -> host::Result<bool> {
    release_if("configuration", &mut |record, now| record.release_until(wall_ms, now))
}

fn release_if(
    by: &str,
    release: &mut dyn FnMut(&HaltRecord, Now) -> Option<HaltRecord>,
) -> host::Result<bool> {
    let mut released = false;
    record::exchange(HALT, &mut |bytes| {
        let record = HaltRecord::from_bytes(bytes).ok_or(host::Status::UNREADABLE)?;
        let after = release(&record, now()?);
        released = record.blocks() && after.as_ref().is_some_and(|after| !after.blocks());
        Ok(after.map(|record| record.to_bytes()))
    })?;
    if released {
        stats::set_gauge("chaos_halted", &[], 0);
        events::emit(Level::Warn, &events::new(Name::HaltReleased).text("by", by));
        bells::ring_all();
    }
    Ok(released)
}

fn parse(bytes: &[u8]) -> host::Result<Option<MissionRecord>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    MissionRecord::from_bytes(bytes).map(Some).ok_or(host::Status::UNREADABLE)
}

fn tell_end(mission: &str, end: End, record: &MissionRecord) {
    stats::count("chaos_missions_total", &[("result", end.word())], 1);
    let name = match end {
        End::Done => Name::MissionDone,
        // That it was halted has been told by whoever did it.
        End::Halted => Name::RollbackDone,
        End::Stopped | End::Lease => Name::MissionStopped,
    };
    let ended = record.ended.as_ref();
    let text = |of: fn(&squall_policy::mission::Ended) -> &str| ended.map(of).filter(|text| !text.is_empty());
    let reason = if end == End::Lease { Some("lease") } else { text(|ended| &ended.reason) };
    let event = events::new(name)
        .text("mission", mission)
        .text_if("by", text(|ended| &ended.by))
        .text_if("reason", reason)
        .thousandths("ran_s", record.ran_ms());
    events::emit(Level::Info, &event);
}
