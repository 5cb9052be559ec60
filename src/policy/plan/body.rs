//! Faults of connections and bodies, made ready once.

use crate::wire;

/// How a request is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    Reset,
    Hang,
    /// After so many bytes of the response body.
    Truncate(u64),
}

impl Drop {
    #[must_use]
    pub fn compile(fault: &wire::DropFault) -> Self {
        match fault.mode {
            wire::DropMode::Reset => Self::Reset,
            wire::DropMode::Hang => Self::Hang,
            wire::DropMode::Truncate => Self::Truncate(fault.after.0),
        }
    }
}

/// Bandwidths in bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttle {
    pub request: Option<u64>,
    pub response: Option<u64>,
}

impl Throttle {
    #[must_use]
    pub fn compile(fault: &wire::ThrottleFault) -> Self {
        Self { request: fault.request.map(|rate| rate.0), response: fault.response.map(|rate| rate.0) }
    }

    /// Both at once: the narrower of each side.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let narrower = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self {
            request: narrower(self.request, other.request),
            response: narrower(self.response, other.response),
        }
    }
}
