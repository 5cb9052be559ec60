//! Log, clock, timer and contexts.

use crate::abi::Status;
use crate::guest::{Arguments, Guest, Outcome};
use crate::state::{Log, LogLevel};

pub(crate) fn log(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let level = LogLevel::from_abi(arguments.u32(0)).ok_or(Status::BAD_ARGUMENT)?;
    let message = String::from_utf8_lossy(&guest.bytes(arguments, 1)?).into_owned();
    write_log(guest, level, message);
    Ok(())
}

pub(crate) fn write_log(guest: &mut Guest<'_>, level: LogLevel, message: String) {
    let state = guest.state();
    if level >= state.log_level {
        let context = state.acting();
        state.logs.push(Log { level, context, message });
    }
}

pub(crate) fn get_log_level(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let level = guest.state().log_level as u32;
    guest.write(arguments.u32(0), &level.to_le_bytes())
}

pub(crate) fn get_current_time(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let wall = guest.state().shared.clock().wall;
    guest.write(arguments.u32(0), &wall.to_le_bytes())
}

/// The timer belongs to the root context, also when a stream asks.
pub(crate) fn set_tick_period(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let period = arguments.u32(0);
    let state = guest.state();
    let now = state.shared.clock().monotonic;
    let root = state.root_of(state.acting());
    let root = state.root_mut(root).ok_or(Status::BAD_ARGUMENT)?;
    root.tick_period = period;
    root.next_tick = (period > 0).then(|| now + u64::from(period) * 1_000_000);
    Ok(())
}

pub(crate) fn set_effective_context(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let id = arguments.u32(0);
    let state = guest.state();
    if !state.contexts.contains_key(&id) {
        return Err(Status::BAD_ARGUMENT.into());
    }
    // Id 0 is no context in the host either: Envoy takes it as "none set".
    state.effective = Some(id);
    Ok(())
}

/// No context here waits for its `proxy_on_done` to be taken back.
pub(crate) fn done(_: &mut Guest<'_>, _: &Arguments<'_>) -> Outcome {
    Err(Status::NOT_FOUND.into())
}

/// No foreign function is registered.
pub(crate) fn call_foreign_function(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    guest.bytes(arguments, 0)?;
    guest.bytes(arguments, 2)?;
    Err(Status::NOT_FOUND.into())
}

/// The status of the last gRPC call, of which there is none.
pub(crate) fn get_status(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    guest.write(arguments.u32(0), &0_u32.to_le_bytes())?;
    guest.give(arguments, 1, b"")
}
