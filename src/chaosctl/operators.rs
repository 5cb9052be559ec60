//! The file with operators (`--operators`).

use crate::findings;
use crate::source::Source;
use crate::terminal::{Paint, complain};
use squall_policy::wire::{Decode, OperatorsFile};
use squall_policy::{Entry, Level, Node, Value};
use std::path::Path;

/// The keys that a plugin configuration gets of it. `None` when it has mistakes, which stand on standard error then.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path, paint: Paint) -> anyhow::Result<Option<Vec<Entry>>> {
    let mut source = Source::open(path)?;
    source.check(OperatorsFile::decode);
    complain(&findings::text(&source, paint));
    let (errors, warnings) = (source.count(Level::Error), source.count(Level::Warning));
    if errors > 0 {
        complain(&format!("{}; docs/errors.md explains each code\n", findings::tally(errors, warnings)));
        return Ok(None);
    }
    Ok(source.node.map(keys))
}

fn keys(file: Node) -> Vec<Entry> {
    match file.value {
        Value::Object(entries) => entries.into_iter().filter(|entry| entry.key != "version").collect(),
        _ => Vec::new(),
    }
}
