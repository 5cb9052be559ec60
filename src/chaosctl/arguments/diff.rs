//! The command line of `diff`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Diff {
    /// Catalog, mission or plugin configuration as it was, or `-`
    pub old: PathBuf,
    /// The same as it is to be, or `-`
    pub new: PathBuf,
    /// Access log of Envoy: simulates both, and counts the requests that each scenario hits
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// For two catalogs with `--log`: the mission that runs [default: all scenarios, each for itself]
    #[arg(long, value_name = "FILE", requires = "log")]
    pub mission: Option<PathBuf>,
    /// For two missions with `--log`: the catalog that they draw from
    #[arg(long, value_name = "FILE", requires = "log")]
    pub catalog: Option<PathBuf>,
    /// Seed in place of the missions'
    #[arg(long, value_name = "TEXT", requires = "log")]
    pub seed: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}
