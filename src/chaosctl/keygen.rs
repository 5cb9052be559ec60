//! `keygen`: a key pair for an operator.

use crate::arguments::{Keygen, Output};
use crate::key_file::{self, standard};
use crate::terminal::{self, complain, shown};
use crate::{Outcome, emit};
use serde::Serialize;
use std::path::PathBuf;

/// What proxies have to know of an operator.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    key: String,
    may: &'a [String],
    up_to: &'a str,
}

/// # Errors
/// When the file is there already or cannot be written.
pub fn run(arguments: &Keygen) -> anyhow::Result<Outcome> {
    key_file::ensure_name(&arguments.name)?;
    let pair = key_file::fresh(&arguments.name)?;
    let path = arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.key", arguments.name)));
    pair.write(&path)?;
    let key = standard(pair.key.verifying_key().as_bytes());
    let entry = Entry { name: &arguments.name, key, may: &arguments.may, up_to: &arguments.up_to };
    complain(&format!(
        "the private key is in {}: keep it to yourself; below is what proxies have to know, an item of `operators`\n",
        shown(&path.display().to_string())
    ));
    terminal::print(&match arguments.output {
        Output::Text => format!(
            "- {{name: {}, key: {:?}, may: [{}], up_to: {}}}\n",
            entry.name,
            entry.key,
            entry.may.join(", "),
            entry.up_to
        ),
        output => emit::structured(&entry, output)?,
    })?;
    Ok(Outcome::Fine)
}
