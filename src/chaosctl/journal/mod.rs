//! The journal of a run: JSON lines, one per thing that happened, written as it happens. `run` writes it, `report` reads it;
//! docs/run.md has the table of its lines.

#[allow(dead_code, reason = "`report` reads what `run` writes")]
mod reader;
mod record;
mod writer;

#[allow(unused_imports, reason = "`report` reads what `run` writes")]
pub use reader::{Journal, parse, read};
#[allow(unused_imports, reason = "`report` reads what `run` writes")]
pub use record::{
    Action, Entry, Event, Expected, Fate, Interrupted, Judged, Phase, PhaseName, Preflight, Promql, Proxy,
    ProxyState, Record, Role, Sample, Stage, Started, Verdict, What, Word,
};
pub use writer::Writer;

/// Of the lines; another one is refused by the reader.
pub const VERSION: u32 = 1;
