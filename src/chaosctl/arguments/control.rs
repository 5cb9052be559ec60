//! The command lines of `start`, `status`, `renew`, `stop`, `halt` and `release`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

/// Which control listeners are asked, and how long they may take.
#[derive(Args)]
pub struct Proxies {
    /// Control listener of a proxy, `http://HOST:PORT`, or `@FILE` with one a line; may be repeated
    /// [default: CHAOSCTL_PROXY, else those of the context, else http://127.0.0.1:9902]
    // The variable is no `env` of clap: it would be added to `--proxies` then, and no flag could do without it.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub proxy: Vec<String>,
    /// File of control listeners, one a line, with `#` for comments, or `-`; may be repeated
    #[arg(long, value_name = "FILE")]
    pub proxies: Vec<PathBuf>,
    /// How long one answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub timeout: humantime::Duration,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// Who asks, where proxies have operators.
#[derive(Args)]
pub struct Signer {
    /// Your private key, as `chaosctl keygen` wrote it: needed where proxies have operators
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Name of the operator [default: as the key file says, else CHAOSCTL_OPERATOR or the context]
    #[arg(long, visible_alias = "as", value_name = "NAME")]
    pub operator: Option<String>,
}

#[derive(Args)]
pub struct Start {
    /// Mission file, plain or signed, or `-`; or the short form: scenario=NAME[,NAME] duration=DURATION [namespace=NS] [id=ID]
    #[arg(value_name = "FILE | KEY=VALUE", required_unless_present = "file")]
    pub words: Vec<String>,
    /// Mission file, plain or signed, or `-` for standard input
    #[arg(long, short, value_name = "FILE", conflicts_with = "words")]
    pub file: Option<PathBuf>,
    /// Leave the mission running on the others when a proxy refuses it or cannot be reached
    #[arg(long)]
    pub allow_partial: bool,
    #[command(flatten)]
    pub signer: Signer,
    #[command(flatten)]
    pub proxies: Proxies,
}

#[derive(Args)]
pub struct Stop {
    /// Id of the mission [default: the one that runs]
    pub id: Option<String>,
    /// Why, for those who read the events
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where a proxy refuses the stop, halt it, which needs no key; nothing starts there before a release
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub signer: Signer,
    #[command(flatten)]
    pub proxies: Proxies,
}

#[derive(Args)]
pub struct Renew {
    /// Id of the mission [default: the one that runs]
    pub id: Option<String>,
    #[command(flatten)]
    pub signer: Signer,
    #[command(flatten)]
    pub proxies: Proxies,
}

#[derive(Args)]
pub struct Release {
    /// Why, kept with the signed request
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub signer: Signer,
    #[command(flatten)]
    pub proxies: Proxies,
}

#[derive(Args)]
pub struct Halt {
    /// Why, for those who find it halted
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who halts [default: $USER]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    #[command(flatten)]
    pub proxies: Proxies,
}

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    pub proxies: Proxies,
}
