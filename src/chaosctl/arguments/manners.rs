//! The command lines of `context`, `completions` and `man`.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Context {
    /// The contexts of the configuration file; `*` is the current one
    #[command(after_help = "Example:\n  chaosctl context list")]
    List(ContextList),
    /// What counts where the command line says nothing, and where it comes from
    #[command(after_help = "Example:\n  chaosctl context show\n  chaosctl --context staging context show")]
    Show(ContextList),
    /// Make a context the current one
    #[command(after_help = "Example:\n  chaosctl context use staging")]
    Use(ContextUse),
}

#[derive(Args)]
pub struct ContextList {
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct ContextUse {
    /// Its name
    pub name: String,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    pub shell: String,
}

#[derive(Args)]
pub struct Man {
    /// Folder for a page of each verb [default: the page of chaosctl on standard output]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
