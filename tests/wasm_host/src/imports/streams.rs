//! What a filter does to a stream: continue, answer, close. Envoy does these after the callback has
//! returned and does not ask whether they make sense; what would crash it is noted as a violation.

use crate::abi::{Side, Status, decode_pairs};
use crate::contexts::{Effect, LocalResponse, StreamId};
use crate::guest::{Arguments, Guest, Outcome};

pub(crate) fn resume(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let side = side(arguments.u32(0))?;
    let Some(id) = target(guest, "proxy_continue_stream") else { return Ok(()) };
    let state = guest.state();
    let running = side == Side::Response
        && !state
            .stream(id.0)
            .is_some_and(|stream| stream.held == Some(side) || stream.response_body.stopped);
    if running {
        let violation =
            format!("stream {}: its response is continued but not held, which crashes Envoy", id.0);
        state.violations.push(violation);
        return Ok(());
    }
    if let Some(stream) = state.stream_mut(id.0) {
        stream.request.open = false;
        if side == Side::Response {
            stream.response.open = false;
        }
        stream.held = stream.held.filter(|held| *held != side);
        stream.body_mut(side).resume();
    }
    state.effects.push(Effect::Continue { stream: id, side });
    Ok(())
}

pub(crate) fn close(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let side = side(arguments.u32(0))?;
    let Some(id) = target(guest, "proxy_close_stream") else { return Ok(()) };
    let state = guest.state();
    state.stop = true;
    state.effects.push(Effect::Close { stream: id, side });
    if let Some(stream) = state.stream_mut(id.0) {
        stream.held = None;
    }
    Ok(())
}

pub(crate) fn send_local_response(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let grpc_status = arguments.u32(7).cast_signed();
    let response = LocalResponse {
        status: arguments.u32(0),
        details: guest.bytes(arguments, 1)?,
        body: guest.bytes(arguments, 3)?,
        headers: decode_pairs(&guest.bytes(arguments, 5)?),
        grpc_status: (grpc_status != -1).then_some(grpc_status),
    };
    guest.state().stop = true;
    let Some(id) = target(guest, "proxy_send_local_response") else { return Ok(()) };
    let state = guest.state();
    let again = state.stream_mut(id.0).is_some_and(|stream| {
        stream.held = None;
        std::mem::replace(&mut stream.answered, true)
    });
    if again {
        state.violations.push(format!("stream {}: a second local response", id.0));
    }
    state.effects.push(Effect::LocalResponse { stream: id, response });
    Ok(())
}

/// The stream that is acted on. A root context is left alone, and a deleted stream must be.
fn target(guest: &mut Guest<'_>, call: &str) -> Option<StreamId> {
    let state = guest.state();
    let id = state.acting();
    let violation = match state.stream(id) {
        None => format!("{call} on context {id}, which is no stream"),
        Some(stream) if stream.deleted => {
            format!("{call} on stream {id} after proxy_on_delete, which crashes Envoy")
        }
        Some(_) => return Some(StreamId(id)),
    };
    state.violations.push(violation);
    None
}

fn side(number: u32) -> Result<Side, Status> {
    match number {
        0 => Ok(Side::Request),
        1 => Ok(Side::Response),
        _ => Err(Status::BAD_ARGUMENT),
    }
}
