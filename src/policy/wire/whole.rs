//! Whole numbers between two bounds.

use super::decode::{Decode, Kind, number};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Decode for Whole<MIN, MAX> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        between(node, MIN, MAX, report).map(Self)
    }

    fn kind() -> Kind {
        Kind::plain(format!("whole number, {MIN} to {MAX}"))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::number::<Self>("integer", f64::from(MIN), f64::from(MAX))
    }
}

/// Out of line, for all ranges.
#[inline(never)]
fn between(node: &Node, min: u32, max: u32, report: &mut Report) -> Option<u32> {
    let value = number(node, report)?;
    if !(f64::from(min)..=f64::from(max)).contains(&value) || libm::floor(value) != value {
        let hint = format!("give a whole number, {min} to {max}");
        report.add(Code::OutOfRange, node.at, format!("{} is out of range", Plain(value)), hint);
        return None;
    }
    Some(value as u32)
}
