//! The command line of `init`.

use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Init {
    /// Folder for both files; it is made where it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Write over files that are there already
    #[arg(long)]
    pub force: bool,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: super::Output,
}
