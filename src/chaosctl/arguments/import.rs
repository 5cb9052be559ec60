//! The command line of `import`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub struct Import {
    /// Files to read, or `-` for standard input; one may hold several YAML documents
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the files are [default: told from their keys]
    #[arg(long, value_enum)]
    pub from: Option<Origin>,
    /// File for the catalog [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// File for a mission with what the files say of duration, namespace and the like
    #[arg(long, value_name = "FILE")]
    pub mission_out: Option<PathBuf>,
    /// Write over files that are there already
    #[arg(long)]
    pub force: bool,
    /// Exit code 1 when anything was lost or changed on the way
    #[arg(long)]
    pub strict: bool,
    /// Form of what is told on standard error; `json` is an array of {file, code, level, key, line, column, message, hint}
    #[arg(long, short, value_enum, default_value_t)]
    pub output: super::Output,
}

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Origin {
    /// Istio: `fault` of the HTTP routes of a VirtualService
    Istio,
    /// Envoy: HTTPFault, alone or anywhere in a configuration
    Envoy,
    /// Chaos Mesh: HTTPChaos
    ChaosMesh,
    /// Toxiproxy: its configuration file, or what its API answers
    Toxiproxy,
    /// The short form of tutorials: name, latency_ms, abort_chance, ...
    Minimal,
}
