//! Status codes of HTTP and gRPC.

use super::decode::{Decode, Kind, number, text};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain};

/// Final HTTP status: 200 to 599 (RFC 9110 section 15; Envoy's host checks none of this).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpStatus(pub u16);

impl Decode for HttpStatus {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let status = number(node, report)?;
        if (200.0..=599.0).contains(&status) && status.trunc() == status {
            return Some(Self(status as u16));
        }
        let message = format!("{} is not a final HTTP status", Plain(status));
        report.add(Code::OutOfRange, node.at, message, "give a whole number from 200 to 599");
        None
    }

    fn kind() -> Kind {
        Kind::plain("HTTP status, 200 to 599")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::number::<Self>("integer", 200.0, 599.0)
    }
}

/// gRPC status code that is not OK, by name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcCode(pub u32);

impl GrpcCode {
    /// The names of the codes 1 to 16 (gRPC status codes document).
    pub const NAMES: [&'static str; 16] = [
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
}

impl Decode for GrpcCode {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        if let crate::node::Value::Number(code) = node.value {
            if !(1.0..=99.0).contains(&code) || code.trunc() != code {
                let message = format!("{} is not a gRPC error status", Plain(code));
                report.add(
                    Code::OutOfRange,
                    node.at,
                    message,
                    "give a name such as UNAVAILABLE, or 1 to 99 (0 is OK, no error)",
                );
                return None;
            }
            if code > 16.0 {
                let message = format!("gRPC has no status {}", Plain(code));
                report.add(
                    Code::UnusualStatus,
                    node.at,
                    message,
                    "use 1 to 16 unless the odd status is the point",
                );
            }
            return Some(Self(code as u32));
        }
        let name = text(node, report)?;
        match (1u32..).zip(Self::NAMES).find(|(_, known)| *known == name) {
            Some((code, _)) => Some(Self(code)),
            None => {
                super::decode::unknown_word(name, &Self::NAMES, node, report);
                None
            }
        }
    }

    fn kind() -> Kind {
        Kind::plain("gRPC status: a name such as `UNAVAILABLE`, or 1 to 99")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({
            "description": super::schema::label::<Self>(),
            "anyOf": [{"enum": Self::NAMES}, {"type": "integer", "minimum": 1, "maximum": 99}],
        })
    }
}
