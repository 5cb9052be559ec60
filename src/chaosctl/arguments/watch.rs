//! The command line of `watch`.

use super::Proxies;
use clap::Args;

#[derive(Args)]
pub struct Watch {
    /// Look once, print a line for each proxy, and leave
    #[arg(long)]
    pub once: bool,
    /// Time between two looks
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub every: humantime::Duration,
    /// Why, should you halt with `h`: for those who find it halted
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who halts with `h` [default: $USER]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    #[command(flatten)]
    pub proxies: Proxies,
}
