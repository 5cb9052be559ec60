//! What is told of a mission, one JSON line each, and the ring of the last lines that all workers of a proxy share. What they
//! are written to is the adapter's.

mod event;
mod ring;

pub use event::{Event, LONGEST_LINE, Name, rfc3339};
pub use ring::{Entry, MOST_BYTES, MOST_LINES, Ring};
