//! `init`: a commented catalog and mission to start from, and what to do with them.

use crate::arguments::{Init, Output};
use crate::terminal::{self, complain};
use crate::{Outcome, emit};
use anyhow::Context;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const CATALOG: &str = include_str!("init/catalog.yaml");
const MISSION: &str = include_str!("init/mission.yaml");

/// # Errors
/// When the folder or a file cannot be written.
pub fn run(arguments: &Init) -> anyhow::Result<Outcome> {
    let files: [(PathBuf, &str); 2] = [("catalog.yaml", CATALOG), ("mission.yaml", MISSION)]
        .map(|(name, text)| (place(&arguments.folder, name), text));
    let there: Vec<String> = files
        .iter()
        .filter(|(path, _)| !arguments.force && path.symlink_metadata().is_ok())
        .map(|(path, _)| word(path))
        .collect();
    if !there.is_empty() {
        complain(&format!(
            "chaosctl: {} there already, and nothing was written\n  = help: `chaosctl init DIR` writes into another folder, \
             `chaosctl init --force` over these files\n",
            match there.as_slice() {
                [one] => format!("{one} is"),
                all => format!("{} are", all.join(" and ")),
            }
        ));
        return Ok(Outcome::Finding);
    }
    fs::create_dir_all(&arguments.folder)
        .with_context(|| format!("cannot make the folder {}", arguments.folder.display()))?;
    for (path, text) in &files {
        write(path, text, arguments.force)?;
    }
    if arguments.output != Output::Text {
        let files = files.map(|(path, _)| path.display().to_string());
        terminal::print(&emit::structured(&json!({"written": files}), arguments.output)?)?;
        return Ok(Outcome::Fine);
    }
    let [catalog, mission] = files.map(|(path, _)| word(&path));
    terminal::print(&next(&catalog, &mission))?;
    Ok(Outcome::Fine)
}

/// `./` would only make the commands longer.
fn place(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

/// Nothing is written over, even where a file comes up between the look and the writing.
fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).create_new(!force).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            anyhow::bail!("{} came up meanwhile; `--force` writes over it", path.display())
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// A path as a shell reads it.
pub fn word(path: &Path) -> String {
    let text = terminal::shown(&path.display().to_string());
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+@%,:=".contains(c));
    if plain && !text.is_empty() { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn next(catalog: &str, mission: &str) -> String {
    format!(
        "wrote {catalog} and {mission}\n\n\
         Next:\n  \
         chaosctl validate {catalog} {mission}\n  \
         chaosctl show slow-requests --catalog {catalog}\n  \
         chaosctl explain --catalog {catalog} --mission {mission} --path / --request-id 1\n\n\
         On an Envoy of your own, with a service at 127.0.0.1:8080:\n  \
         chaosctl render envoy --catalog {catalog} --upstream 127.0.0.1:8080 \\\n    \
         --control 127.0.0.1:9902 > envoy.yaml\n  \
         envoy -c envoy.yaml &\n  \
         chaosctl start {mission}\n  \
         chaosctl status\n  \
         chaosctl halt\n"
    )
}
