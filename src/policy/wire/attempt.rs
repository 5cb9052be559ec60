//! Which try of a request.

use super::decode::{Decode, Kind, number};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain};

/// The number of a try; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt(pub u32);

const LAST: u32 = 100;

impl Decode for Attempt {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let value = number(node, report)?;
        if value < 1.0 || value > f64::from(LAST) || libm::floor(value) != value {
            let message = format!("{} is not the number of a try", Plain(value));
            report.add(Code::OutOfRange, node.at, message, format!("give whole numbers, 1 to {LAST}"));
            return None;
        }
        Some(Self(value as u32))
    }

    fn kind() -> Kind {
        Kind::plain(format!("whole number, 1 to {LAST}"))
    }
}
