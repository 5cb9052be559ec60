//! Shared data with compare-and-swap.

use crate::guest::{Arguments, Guest, Outcome};

pub(crate) fn get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let key = guest.bytes(arguments, 0)?;
    let (value, cas) = guest.state().shared.lock().get(&key)?;
    guest.give(arguments, 2, &value)?;
    guest.write(arguments.u32(4), &cas.to_le_bytes())
}

pub(crate) fn set(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let key = guest.bytes(arguments, 0)?;
    let value = guest.bytes(arguments, 2)?;
    Ok(guest.state().shared.lock().set(&key, &value, arguments.u32(4))?)
}
