//! `schema`: the JSON Schemas that `make docs` writes from the types that read the files.

use crate::arguments::{Schema, SchemaFile};
use crate::{Outcome, terminal};

/// # Errors
/// When the output cannot be written.
pub fn run(arguments: &Schema) -> anyhow::Result<Outcome> {
    terminal::print(match arguments.file {
        SchemaFile::Catalog => include_str!("../../schemas/catalog.json"),
        SchemaFile::Mission => include_str!("../../schemas/mission.json"),
        SchemaFile::Operators => include_str!("../../schemas/operators.json"),
        SchemaFile::Plugin => include_str!("../../schemas/plugin.json"),
    })?;
    Ok(Outcome::Fine)
}
