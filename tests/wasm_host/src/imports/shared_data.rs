//! Shared data with compare-and-swap, and shared queues.

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

/// The callbacks go to the root of the context that acts.
pub(crate) fn register_queue(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let name = guest.bytes(arguments, 0)?;
    let state = guest.state();
    let (worker, root) = (state.worker, state.root_of(state.acting()));
    let token = state.shared.lock().queues.register(&name, worker, root);
    guest.write(arguments.u32(2), &token.to_le_bytes())
}

pub(crate) fn enqueue(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let value = guest.bytes(arguments, 1)?;
    Ok(guest.state().shared.lock().queues.enqueue(arguments.u32(0), value)?)
}

pub(crate) fn dequeue(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let value = guest.state().shared.lock().queues.dequeue(arguments.u32(0))?;
    guest.give(arguments, 1, &value)
}
