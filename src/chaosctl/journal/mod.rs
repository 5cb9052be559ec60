//! The journal of a run: JSON lines, one per thing that happened, written as it happens. `run` writes it, `report` reads it;
//! docs/run.md has the table of its lines.

mod reader;
mod record;
mod writer;

#[cfg(test)]
pub use reader::parse;
pub use reader::{Journal, read};
pub use record::{
    Action, Entry, Event, Expected, Fate, Interrupted, Judged, Phase, PhaseName, Preflight, Promql, Proxy,
    ProxyState, Record, Role, Sample, Stage, Started, Verdict, What, Word,
};
pub use writer::Writer;

/// Of the lines; another one is refused by the reader.
pub const VERSION: u32 = 1;
