//! The command line of `token`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Token {
    /// Make a new secret in this file, which must not be there yet and only you can read
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_file", "name", "fault", "expires", "authority", "path", "baggage"])]
    pub new_key: Option<PathBuf>,
    /// File with the secret, in base64
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub key_file: Option<String>,
    /// Name of the key, as the plugin configuration's `caller_keys` has it
    #[arg(long, required_unless_present = "new_key")]
    pub name: Option<String>,
    /// What to ask for: delay=, abort=, abort-grpc=, throttle=, each but abort-grpc with a -percent=, joined by `;`
    #[arg(long, required_unless_present = "new_key")]
    pub fault: Option<String>,
    /// How long it is good from now on; a scenario's `max_age` is 1h unless it says otherwise
    #[arg(long, default_value = "10m", value_name = "DURATION")]
    pub expires: humantime::Duration,
    /// Good for requests with this authority (host) alone
    #[arg(long)]
    pub authority: Option<String>,
    /// Good for requests whose path begins so alone
    #[arg(long)]
    pub path: Option<String>,
    /// As members of `baggage`, which services pass on
    #[arg(long)]
    pub baggage: bool,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}
