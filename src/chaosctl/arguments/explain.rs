//! The command lines of `explain` and `simulate`.

use super::Output;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub struct Explain {
    /// Catalog file
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    /// Mission file
    #[arg(long, value_name = "FILE")]
    pub mission: PathBuf,
    /// HTTP method
    #[arg(long, default_value = "GET")]
    pub method: String,
    /// Path with its query
    #[arg(long)]
    pub path: String,
    /// A header, `name: value`; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// `:authority` or `Host`
    #[arg(long)]
    pub authority: Option<String>,
    /// Name of the Envoy route
    #[arg(long)]
    pub route: Option<String>,
    /// Name of the Envoy cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Name of the Envoy virtual host
    #[arg(long)]
    pub virtual_host: Option<String>,
    /// Service whose proxy it is; absent: the one that each scenario is for
    #[arg(long)]
    pub service: Option<String>,
    /// A label of the proxy's workload, `name=value`; may be repeated. Absent: those that each scenario is for
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// URI in the caller's certificate, `spiffe://...`
    #[arg(long, value_name = "URI")]
    pub principal: Option<String>,
    /// Side of the proxy that the request is on; absent: a listener without `traffic_direction`
    #[arg(long, value_enum)]
    pub direction: Option<Side>,
    /// `x-request-id` of the request; draws depend on it
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// When the request comes (UTC), `2026-12-01T09:00:00Z`, for scenarios with a `trigger`; absent: now
    #[arg(long, value_name = "TIMESTAMP")]
    pub at: Option<humantime::Timestamp>,
    /// How long the mission has run by then, `90s`: needed for `randomize` and `burst` when the mission has no `start`;
    /// absent: since its `start`
    #[arg(long, value_name = "DURATION")]
    pub running: Option<humantime::Duration>,
    /// Key of a caller who may ask for faults: its secret in a file, or in an environment variable; may be repeated
    #[arg(long, value_name = "NAME=FILE|NAME=env:VARIABLE")]
    pub caller_key: Vec<String>,
    /// Seed in place of the mission's
    #[arg(long)]
    pub seed: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct Simulate {
    /// Catalog file
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    /// Mission file
    #[arg(long, value_name = "FILE")]
    pub mission: PathBuf,
    /// Access log, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub log: PathBuf,
    /// Seed in place of the mission's
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    Inbound,
    Outbound,
}
