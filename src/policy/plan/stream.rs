//! The fault of streams of messages, made ready once.

use super::abort::odd_code;
use crate::wire;

/// What becomes of a stream, and when.
#[derive(Debug)]
pub struct StreamFault {
    pub after: StreamPoint,
    pub then: StreamEnd,
}

/// How much of a stream passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamPoint {
    Messages(u64),
    /// Nanoseconds from the response headers on.
    Time(u64),
}

/// What comes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnd {
    Stall,
    Reset,
    Status(StreamStatus),
}

/// How a gRPC stream ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatus {
    pub code: u32,
    pub message: String,
    /// For a code that gRPC does not know, `grpc-status` itself, as in [`super::Grpc`].
    pub headers: Vec<(String, String)>,
    /// What the access log shows as `%RESPONSE_CODE_DETAILS%` where the answer is ours.
    pub details: String,
    /// The upstream has so many nanoseconds to end; then the stream is reset.
    pub within_ns: u64,
}

impl StreamFault {
    #[must_use]
    pub fn compile(fault: &wire::StreamFault, scenario: &str) -> Self {
        let after = match (fault.after.messages, fault.after.time) {
            (_, Some(time)) => StreamPoint::Time(time.micros().saturating_mul(1000)),
            (messages, None) => StreamPoint::Messages(messages.map_or(0, |count| u64::from(count.0))),
        };
        let then = match fault.then {
            wire::StreamWord::Stall => StreamEnd::Stall,
            wire::StreamWord::Reset => StreamEnd::Reset,
            wire::StreamWord::End => StreamEnd::Status(status(fault, scenario)),
        };
        Self { after, then }
    }
}

fn status(fault: &wire::StreamFault, scenario: &str) -> StreamStatus {
    let code = fault.grpc_status.map_or(2, |code| code.0);
    StreamStatus {
        code,
        message: match &fault.message {
            Some(text) => text.0.clone(),
            None => format!("chaos: ended by scenario {scenario}"),
        },
        headers: odd_code(code).into_iter().collect(),
        details: format!("chaos_stream{{{scenario}}}"),
        within_ns: fault.within.micros().saturating_mul(1000),
    }
}

impl StreamStatus {
    /// The message as `grpc-message` carries it: everything but printable ASCII is percent-encoded (gRPC over HTTP/2,
    /// "Status-Message").
    #[must_use]
    pub fn encoded(&self) -> String {
        let mut text = String::with_capacity(self.message.len());
        for byte in self.message.bytes() {
            match byte {
                b' '..=b'~' if byte != b'%' => text.push(char::from(byte)),
                _ => {
                    text.push('%');
                    for half in [byte >> 4, byte & 0xF] {
                        text.push(char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase());
                    }
                }
            }
        }
        text
    }
}
