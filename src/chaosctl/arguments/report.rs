//! The command line of `report`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Report {
    /// Journal of `chaosctl run`
    #[arg(value_name = "JOURNAL")]
    pub journal: PathBuf,
    /// Where the HTML page goes [default: JOURNAL with .html for its ending]
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Where the Markdown goes [default: JOURNAL with .md for its ending]
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Journal of an earlier run: the report sets both side by side
    #[arg(long, value_name = "JOURNAL")]
    pub compare: Option<PathBuf>,
    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,
    /// `json` prints what has been computed, and writes only the files that are named
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}
