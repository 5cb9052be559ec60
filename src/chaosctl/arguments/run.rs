//! The command line of `run`.

use super::{Proxies, Signer};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Run {
    /// Mission file, plain or signed, or `-`; or the short form: scenario=NAME[,NAME] duration=DURATION [namespace=NS] [id=ID]
    #[arg(value_name = "FILE | KEY=VALUE", required_unless_present = "file")]
    pub words: Vec<String>,
    /// Mission file, plain or signed, or `-` for standard input
    #[arg(long, short, value_name = "FILE", conflicts_with = "words")]
    pub file: Option<PathBuf>,
    /// Catalog file: the proxies have to have the same scenarios, and the journal keeps them
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// Prometheus, `http://HOST:PORT`, for `--guardrail` and `--signal`
    #[arg(long, value_name = "URL", env = "CHAOSCTL_PROMETHEUS", hide_env_values = true)]
    pub prometheus: Option<String>,
    /// What has to hold or the mission is stopped, asked every 5 s: 'errors: sum(rate(failed[1m])) <= 5'; may be repeated
    #[arg(long, value_name = "NAME: PROMQL <= NUMBER", requires = "prometheus")]
    pub guardrail: Vec<String>,
    /// What is expected to hold while faults are injected, a part of the verdict; written as a guardrail; may be repeated
    #[arg(long, value_name = "NAME: PROMQL <= NUMBER", requires = "prometheus")]
    pub signal: Vec<String>,
    /// How many times in a row a `--guardrail` has to fail
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub guardrail_for: u32,
    /// Where the journal is written; never over another one [default: chaos-ID-TIME.jsonl]
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// How often the numbers of each proxy go into the journal
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub sample: humantime::Duration,
    /// How many proxies may be lost before the mission is stopped on the others
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_lost: usize,
    /// Inject also where the baseline saw no request
    #[arg(long)]
    pub allow_no_traffic: bool,
    /// Inject also where a signal does not hold in the baseline
    #[arg(long)]
    pub allow_unsteady: bool,
    /// Give a plain mission no lease: its faults then outlive this chaosctl, up to the mission's deadline
    #[arg(long)]
    pub no_lease: bool,
    /// Only check; start nothing
    #[arg(long)]
    pub preflight_only: bool,
    /// Start without asking
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub signer: Signer,
    #[command(flatten)]
    pub proxies: Proxies,
}
