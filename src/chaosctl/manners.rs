//! `completions` and `man`: what is generated from the command line itself.

use crate::Outcome;
use crate::arguments::{Arguments, Completions, Man};
use crate::terminal::{self, shown};
use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::fs;
use std::path::Path;

const NAME: &str = "chaosctl";

/// # Errors
/// When the output cannot be written.
pub fn completions(arguments: &Completions) -> anyhow::Result<Outcome> {
    let shell = match arguments.shell.as_str() {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    terminal::print(&String::from_utf8(script)?)?;
    Ok(Outcome::Fine)
}

/// # Errors
/// When a page cannot be written.
pub fn man(arguments: &Man) -> anyhow::Result<Outcome> {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = &arguments.dir else {
        terminal::print(&page(&command, NAME)?)?;
        return Ok(Outcome::Fine);
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let pages = write(folder, &command, NAME)?;
    terminal::print(&format!(
        "wrote {pages} pages to {}; `man -l {}` shows the first\n",
        shown(&folder.display().to_string()),
        shown(&folder.join("chaosctl.1").display().to_string())
    ))?;
    Ok(Outcome::Fine)
}

fn write(folder: &Path, command: &Command, name: &str) -> anyhow::Result<usize> {
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page(command, name)?).with_context(|| format!("cannot write {}", path.display()))?;
    let mut pages = 1;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        pages += write(folder, verb, &format!("{name}-{}", verb.get_name()))?;
    }
    Ok(pages)
}

fn page(command: &Command, name: &str) -> anyhow::Result<String> {
    let mut page = Vec::new();
    // As long as the process; a page has its own name, and not that of the verb alone.
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let command = command.clone().name(name).version(env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command).date("").render(&mut page)?;
    Ok(String::from_utf8(page)?)
}
