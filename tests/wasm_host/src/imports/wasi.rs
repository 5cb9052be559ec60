//! The part of WASI that Envoy gives a filter. Results are errno values.

use crate::abi::Status;
use crate::guest::{Arguments, Guest, Outcome, Stop};
use crate::imports::general::write_log;
use crate::state::LogLevel;

const EBADF: Status = Status(8);
const EFAULT: Status = Status(21);
const ENOTSUP: Status = Status(58);

pub(crate) fn clock_time_get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let clock = guest.state().shared.clock();
    let now = match arguments.u32(0) {
        0 => clock.wall,
        1 => {
            let mut inside = guest.state().shared.lock();
            let per_look = inside.per_look;
            inside.clock.advance(per_look);
            clock.monotonic
        }
        _ => return Err(ENOTSUP.into()),
    };
    write(guest, arguments.u32(2), &now.to_le_bytes())
}

pub(crate) fn random_get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let mut bytes = vec![0; arguments.u32(1) as usize];
    guest.state().random.fill(&mut bytes);
    write(guest, arguments.u32(0), &bytes)
}

/// Standard output is the log at level info, standard error at level error, one entry per call.
pub(crate) fn fd_write(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let level = match arguments.u32(0) {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Err(EBADF.into()),
    };
    let mut text = Vec::new();
    for part in 0..arguments.u32(2) {
        text.extend(vector(guest, arguments.u32(1), part).map_err(fault)?);
    }
    let written = text.len() as u32;
    let message = String::from_utf8_lossy(&text);
    write_log(guest, level, message.strip_suffix('\n').unwrap_or(&message).to_owned());
    write(guest, arguments.u32(3), &written.to_le_bytes())
}

fn vector(guest: &Guest<'_>, vectors: u32, part: u32) -> Outcome<Vec<u8>> {
    let at = part.checked_mul(8).and_then(|offset| vectors.checked_add(offset)).ok_or(EFAULT)?;
    guest.read(guest.read_u32(at)?, guest.read_u32(at.checked_add(4).ok_or(EFAULT)?)?)
}

/// Each variable with a NUL behind it.
fn environment(guest: &mut Guest<'_>) -> Vec<String> {
    let variables = guest.state().shared.lock().environment.clone();
    variables.into_iter().map(|variable| variable + "\0").collect()
}

pub(crate) fn environ_get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let (mut place, mut at) = (arguments.u32(0), arguments.u32(1));
    for variable in environment(guest) {
        write(guest, place, &at.to_le_bytes())?;
        write(guest, at, variable.as_bytes())?;
        place = place.checked_add(4).ok_or(EFAULT)?;
        at = at.checked_add(variable.len() as u32).ok_or(EFAULT)?;
    }
    Ok(())
}

pub(crate) fn environ_sizes_get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let variables = environment(guest);
    let size: usize = variables.iter().map(String::len).sum();
    write(guest, arguments.u32(0), &(variables.len() as u32).to_le_bytes())?;
    write(guest, arguments.u32(1), &(size as u32).to_le_bytes())
}

/// No arguments.
pub(crate) fn nothing(_: &mut Guest<'_>, _: &Arguments<'_>) -> Outcome {
    Ok(())
}

pub(crate) fn no_sizes(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    write(guest, arguments.u32(0), &0_u32.to_le_bytes())?;
    write(guest, arguments.u32(1), &0_u32.to_le_bytes())
}

pub(crate) fn proc_exit(_: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    Err(Stop::Trap(wasmtime::Error::msg(format!("proc_exit({})", arguments.u32(0)))))
}

fn write(guest: &mut Guest<'_>, pointer: u32, bytes: &[u8]) -> Outcome {
    guest.write(pointer, bytes).map_err(fault)
}

fn fault(stop: Stop) -> Stop {
    match stop {
        Stop::Status(_) => EFAULT.into(),
        trap => trap,
    }
}
