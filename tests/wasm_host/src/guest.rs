//! The guest's memory as a host function sees it, and how a host function ends.

use wasmtime::{Caller, Val};

use crate::abi::Status;
use crate::state::State;

/// Why a host function ends early.
pub(crate) enum Stop {
    /// The guest sees this status.
    Status(Status),
    /// The guest traps.
    Trap(wasmtime::Error),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Stop::Status(status)
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Stop>;

/// The arguments of a host function.
pub(crate) struct Arguments<'a>(pub(crate) &'a [Val]);

impl Arguments<'_> {
    /// The argument at `place`; the signature in the table of imports says that it is there and an i32.
    pub(crate) fn u32(&self, place: usize) -> u32 {
        self.0.get(place).and_then(Val::i32).unwrap_or_default().cast_unsigned()
    }

    /// The argument at `place`, an i64.
    pub(crate) fn i64(&self, place: usize) -> i64 {
        self.0.get(place).and_then(Val::i64).unwrap_or_default()
    }
}

pub(crate) struct Guest<'a> {
    pub(crate) caller: Caller<'a, State>,
}

impl Guest<'_> {
    pub(crate) fn state(&mut self) -> &mut State {
        self.caller.data_mut()
    }

    pub(crate) fn read(&self, pointer: u32, length: u32) -> Outcome<Vec<u8>> {
        let memory = self.caller.data().memory.ok_or(Status::INVALID_MEMORY_ACCESS)?;
        let start = pointer as usize;
        let end = start.checked_add(length as usize).ok_or(Status::INVALID_MEMORY_ACCESS)?;
        let bytes = memory.data(&self.caller).get(start..end).ok_or(Status::INVALID_MEMORY_ACCESS)?;
        Ok(bytes.to_vec())
    }

    pub(crate) fn read_u32(&self, pointer: u32) -> Outcome<u32> {
        let mut word = [0; 4];
        word.copy_from_slice(&self.read(pointer, 4)?);
        Ok(u32::from_le_bytes(word))
    }

    /// The bytes that two neighbouring arguments describe.
    pub(crate) fn bytes(&self, arguments: &Arguments<'_>, place: usize) -> Outcome<Vec<u8>> {
        self.read(arguments.u32(place), arguments.u32(place + 1))
    }

    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Outcome {
        let memory = self.caller.data().memory.ok_or(Status::INVALID_MEMORY_ACCESS)?;
        memory
            .write(&mut self.caller, pointer as usize, bytes)
            .map_err(|_| Status::INVALID_MEMORY_ACCESS.into())
    }

    /// Puts `bytes` into memory that the guest allocates, and pointer and size where the two arguments at
    /// `place` say. Empty bytes are a null pointer, without an allocation.
    pub(crate) fn give(&mut self, arguments: &Arguments<'_>, place: usize, bytes: &[u8]) -> Outcome {
        let pointer = if bytes.is_empty() { 0 } else { self.allocate(bytes.len())? };
        self.write(pointer, bytes)?;
        self.write(arguments.u32(place), &pointer.to_le_bytes())?;
        self.write(arguments.u32(place + 1), &(bytes.len() as u32).to_le_bytes())
    }

    fn allocate(&mut self, length: usize) -> Outcome<u32> {
        let state = self.caller.data_mut();
        let allocate = state.allocate.ok_or(Status::INTERNAL_FAILURE)?;
        *state.counts.callbacks.entry("malloc".into()).or_default() += 1;
        let mut result = [Val::I32(0)];
        let length = i32::try_from(length).map_err(|_| Status::INTERNAL_FAILURE)?;
        allocate.call(&mut self.caller, &[Val::I32(length)], &mut result).map_err(Stop::Trap)?;
        match result[0].i32().unwrap_or_default().cast_unsigned() {
            0 => Err(Status::INTERNAL_FAILURE.into()),
            pointer => Ok(pointer),
        }
    }
}
