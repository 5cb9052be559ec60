//! Metrics.

use crate::abi::Status;
use crate::guest::{Arguments, Guest, Outcome};

pub(crate) fn define(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let name = String::from_utf8(guest.bytes(arguments, 1)?).map_err(|_| Status::BAD_ARGUMENT)?;
    let state = guest.state();
    let id = state.metric_ids.define(&mut state.shared.lock().metrics, arguments.u32(0), &name)?;
    guest.write(arguments.u32(3), &id.to_le_bytes())
}

pub(crate) fn increment(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let state = guest.state();
    let mut inside = state.shared.lock();
    Ok(state.metric_ids.increment(&mut inside.metrics, arguments.u32(0), arguments.i64(1))?)
}

pub(crate) fn record(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let state = guest.state();
    let mut inside = state.shared.lock();
    let sample = arguments.i64(1).cast_unsigned();
    Ok(state.metric_ids.record(&mut inside.metrics, arguments.u32(0), sample)?)
}

pub(crate) fn get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let state = guest.state();
    let value = state.metric_ids.get(&mut state.shared.lock().metrics, arguments.u32(0))?;
    guest.write(arguments.u32(1), &value.to_le_bytes())
}
