//! Buffers: the configurations, and the bodies while a body callback runs.

use crate::abi::Status;
use crate::guest::{Arguments, Guest, Outcome};

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const LAST: u32 = 8;

pub(crate) fn get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let buffer = buffer(guest, arguments.u32(0))?;
    let (start, length) = (arguments.u32(1) as usize, arguments.u32(2) as usize);
    let end = start.saturating_add(length).min(buffer.len());
    let part = buffer.get(start..end).ok_or(Status::BAD_ARGUMENT)?;
    // Envoy leaves pointer and size alone when there is nothing to give.
    if part.is_empty() { Ok(()) } else { guest.give(arguments, 3, part) }
}

pub(crate) fn status(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let length = buffer(guest, arguments.u32(0))?.len() as u32;
    guest.write(arguments.u32(1), &length.to_le_bytes())?;
    guest.write(arguments.u32(2), &0_u32.to_le_bytes())
}

pub(crate) fn set(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = arguments.u32(0);
    let (start, length) = (arguments.u32(1) as usize, arguments.u32(2) as usize);
    let data = guest.bytes(arguments, 3)?;
    let state = guest.state();
    let acting = state.acting();
    let body = state.stream_mut(acting).and_then(|stream| match kind {
        REQUEST_BODY => stream.request_body.open.as_mut(),
        RESPONSE_BODY => stream.response_body.open.as_mut(),
        _ => None,
    });
    let body = body.ok_or(Status::NOT_FOUND)?;
    let start = start.min(body.len());
    let end = start.saturating_add(length).min(body.len());
    body.splice(start..end, data);
    Ok(())
}

fn buffer(guest: &mut Guest<'_>, kind: u32) -> Result<Vec<u8>, Status> {
    let state = guest.state();
    let acting = state.acting();
    let found = match kind {
        REQUEST_BODY => state.stream(acting).and_then(|stream| stream.request_body.open.clone()),
        RESPONSE_BODY => state.stream(acting).and_then(|stream| stream.response_body.open.clone()),
        VM_CONFIGURATION => Some(Vec::new()),
        PLUGIN_CONFIGURATION => state.root(acting).and_then(|root| root.configuration.clone()),
        kind if kind > LAST => return Err(Status::BAD_ARGUMENT),
        _ => None,
    };
    found.ok_or(Status::NOT_FOUND)
}
