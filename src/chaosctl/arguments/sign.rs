//! The command lines of `keygen`, `sign`, `approve` and `verify`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Keygen {
    /// Name of the operator: a DNS label
    pub name: String,
    /// File for the private key, which must not be there yet [default: NAME.key]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What the operator may do
    #[arg(long, value_delimiter = ',', default_value = "start,approve,stop,renew,release",
        value_parser = ["start", "approve", "stop", "renew", "release"])]
    pub may: Vec<String>,
    /// Highest severity of missions that the operator may start, approve, renew or release
    #[arg(long, default_value = "medium", value_parser = ["low", "medium", "high", "critical"])]
    pub up_to: String,
    /// Form of the entry
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// What is signed, and by whom.
#[derive(Args)]
pub struct SignInputs {
    /// Your private key, as `chaosctl keygen` wrote it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Name of the operator [default: as the key file says]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Catalog file: the signature is one for its scenarios as they are now
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    /// Mission file, or `-`
    #[arg(long, value_name = "FILE")]
    pub mission: PathBuf,
    /// File for the signed mission, which may be the one that was read [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Sign without asking; needed where nobody can be asked
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Args)]
pub struct Sign {
    #[command(flatten)]
    pub inputs: SignInputs,
    /// For how long from now on proxies may take the mission, at most 30days [default: 24h, or the mission's `expires`]
    #[arg(long, value_name = "DURATION")]
    pub expires: Option<humantime::Duration>,
}

#[derive(Args)]
pub struct Approve {
    #[command(flatten)]
    pub inputs: SignInputs,
}

#[derive(Args)]
pub struct Verify {
    /// Operators whose signatures count, in a file
    #[arg(long, value_name = "FILE")]
    pub operators: PathBuf,
    /// Catalog file
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    /// Mission file, or `-`
    #[arg(long, value_name = "FILE")]
    pub mission: PathBuf,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}
