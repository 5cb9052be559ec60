//! Properties: what the test has set for the stream, else for the node, else what the filter has set.

use crate::abi::Status;
use crate::guest::{Arguments, Guest, Outcome};

pub(crate) fn get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let path = guest.bytes(arguments, 0)?;
    let state = guest.state();
    let acting = state.acting();
    let stream = state.stream(acting);
    let plugin_name = || {
        let root = state.root(state.root_of(acting))?;
        (path == b"plugin_name").then(|| root.plugin_name.clone().into_bytes())
    };
    let value = stream
        .and_then(|stream| stream.properties.get(&path))
        .or_else(|| state.node.get(&path))
        .or_else(|| stream.and_then(|stream| stream.filter_state.get(&path)))
        .cloned()
        .or_else(plugin_name)
        .ok_or(Status::NOT_FOUND)?;
    guest.give(arguments, 2, &value)
}

/// Needs a stream: a root context has no filter state.
pub(crate) fn set(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let path = guest.bytes(arguments, 0)?;
    let value = guest.bytes(arguments, 2)?;
    let state = guest.state();
    let acting = state.acting();
    let stream = state.stream_mut(acting).ok_or(Status::NOT_FOUND)?;
    stream.filter_state.insert(path, value);
    Ok(())
}
