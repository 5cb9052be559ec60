//! The command line: every verb, its options, and an example of each in `--help`.

use crate::terminal::Color;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  a finding: a file has a mistake, or a scenario does not exist
  2  could not run: bad arguments, a file that cannot be read

A first tour:
  chaosctl validate catalog.yaml mission.yaml
  chaosctl list --catalog catalog.yaml
  chaosctl explain --catalog catalog.yaml --mission mission.yaml --path /profiles/7 --request-id 42
  chaosctl render plugin --catalog catalog.yaml --mission mission.yaml > plugin.json";

/// Checks, explains and renders chaos missions for Squall, the fault injection filter for Envoy
#[derive(Parser)]
#[command(name = "chaosctl", version, after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub color: Color,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Check catalogs, missions and plugin configurations; every mistake at once
    #[command(after_help = "Example:\n  chaosctl validate catalog.yaml mission.yaml\n  \
        chaosctl validate --output json chaos/ | jq '.[].code'")]
    Validate(Validate),
    /// List the scenarios of a catalog
    #[command(after_help = "Example:\n  chaosctl list --catalog catalog.yaml --severity low --fault delay")]
    List(List),
    /// Tell one scenario in words: who, what, how often
    #[command(after_help = "Example:\n  chaosctl show auth-latency-spike --catalog catalog.yaml")]
    Show(Show),
    /// Tell what a mission does to one request, and why: the same decision as the filter's
    #[command(
        after_help = "Example:\n  chaosctl explain --catalog catalog.yaml --mission mission.yaml \\\n    \
        --method GET --path /profiles/7 --header 'x-tenant: beta' --cluster profile-db \\\n    \
        --direction outbound --request-id 6f1c --seed demo"
    )]
    Explain(Box<Explain>),
    /// Write what Envoy or Istio reads
    #[command(subcommand)]
    Render(Render),
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    #[value(alias = "table")]
    Text,
    Json,
    Yaml,
}

/// The form of a rendered file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Yaml,
    Json,
}

#[derive(Args)]
pub struct Validate {
    /// Files, folders (their *.yaml, *.yml and *.json), or `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Treat warnings as mistakes
    #[arg(long)]
    pub deny_warnings: bool,
    /// Form of the output; `json` is an array of {file, code, level, key, line, column, message, hint}
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct List {
    /// Catalog files, folders, or `-`
    #[arg(value_name = "FILE", required_unless_present = "catalog")]
    pub files: Vec<PathBuf>,
    /// Catalog file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub catalog: Vec<PathBuf>,
    /// Only scenarios of this severity
    #[arg(long, value_parser = ["low", "medium", "high", "critical"])]
    pub severity: Option<String>,
    /// Only scenarios with this fault
    #[arg(long, value_parser = ["delay", "abort"])]
    pub fault: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct Show {
    /// Name of the scenario
    pub name: String,
    /// Catalog file, or `-`
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

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
    /// Side of the proxy that the request is on; absent: a listener without `traffic_direction`
    #[arg(long, value_enum)]
    pub direction: Option<Side>,
    /// `x-request-id` of the request; draws depend on it
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Seed in place of the mission's
    #[arg(long)]
    pub seed: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    Inbound,
    Outbound,
}

#[derive(Subcommand)]
pub enum Render {
    /// The plugin configuration: one JSON object
    #[command(after_help = "Example:\n  \
        chaosctl render plugin --catalog catalog.yaml --mission mission.yaml > plugin.json")]
    Plugin(RenderPlugin),
    /// A complete configuration of a standalone Envoy
    #[command(
        after_help = "Example:\n  chaosctl render envoy --catalog catalog.yaml --mission mission.yaml \\\n    \
        --upstream 127.0.0.1:8080 --upstream profile-db=127.0.0.1:5433 > envoy.yaml\n  envoy -c envoy.yaml"
    )]
    Envoy(RenderEnvoy),
    /// The Istio resource for a workload, a namespace or the mesh
    #[command(
        after_help = "Example:\n  chaosctl render istio --catalog catalog.yaml --mission mission.yaml \\\n    \
        --scope workload --selector app=user-service | kubectl apply -f -"
    )]
    Istio(RenderIstio),
    /// What makes Istio's proxies show the labels of Squall's metrics
    #[command(after_help = "Example:\n  chaosctl render stat-tags > patch.yaml\n  \
        kubectl patch deployment user-service --patch-file patch.yaml")]
    StatTags(RenderStatTags),
}

/// What goes into the plugin configuration.
#[derive(Args)]
pub struct PluginInputs {
    /// Catalog file, or `-`
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    /// Mission file, or `-`; without one the filter is idle
    #[arg(long, value_name = "FILE")]
    pub mission: Option<PathBuf>,
    /// Carry only the scenarios that the mission names, instead of the whole catalog
    #[arg(long, requires = "mission")]
    pub only_used: bool,
}

/// Who the proxy is, where its node metadata does not say so.
#[derive(Args)]
pub struct IdentityInputs {
    /// Namespace of the proxy [default: from Envoy's node metadata]
    #[arg(long, value_name = "NS")]
    pub namespace: Option<String>,
    /// Name of the workload, for the log [default: from Envoy's node metadata]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

#[derive(Args)]
pub struct RenderPlugin {
    #[command(flatten)]
    pub inputs: PluginInputs,
    #[command(flatten)]
    pub identity: IdentityInputs,
    /// On one line
    #[arg(long)]
    pub compact: bool,
    #[arg(long, short, value_enum, default_value = "json")]
    pub output: Format,
}

#[derive(Args)]
pub struct RenderEnvoy {
    #[command(flatten)]
    pub inputs: PluginInputs,
    #[command(flatten)]
    pub identity: IdentityInputs,
    /// Where Envoy listens
    #[arg(long, default_value = "127.0.0.1:10000", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Upstream: HOST:PORT for everything else, NAME=HOST:PORT for requests with this authority; may be repeated
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "[NAME=]HOST:PORT")]
    pub upstream: Vec<String>,
    /// Where the admin interface listens
    #[arg(long, default_value = "127.0.0.1:9901", value_name = "IP:PORT")]
    pub admin: SocketAddr,
    /// The filter, as Envoy will find it
    #[arg(long, default_value = "target/squall.wasm", value_name = "PATH")]
    pub module: String,
    /// Side of the proxy (`traffic_direction`) [default: none, which only `direction: any` matches]
    #[arg(long, value_enum)]
    pub direction: Option<Side>,
    #[arg(long, short, value_enum, default_value = "yaml")]
    pub output: Format,
}

#[derive(Args)]
pub struct RenderIstio {
    #[command(flatten)]
    pub inputs: PluginInputs,
    /// Which proxies
    #[arg(long, value_enum, default_value = "workload")]
    pub scope: Scope,
    /// Labels of the pods, `key=value`; may be repeated; for `--scope workload`
    #[arg(long, value_name = "KEY=VALUE")]
    pub selector: Vec<String>,
    /// Namespace of the resource [default: the mission's; for `--scope mesh`: istio-system]
    #[arg(long, value_name = "NS")]
    pub namespace: Option<String>,
    /// Name of the resource
    #[arg(long, default_value = "squall")]
    pub name: String,
    /// Kind of the resource
    #[arg(long, value_enum, default_value = "wasm-plugin")]
    pub kind: Kind,
    /// Where the proxies fetch the filter
    #[arg(long, default_value = "oci://registry.example.com/squall:0.1.0", value_name = "URL")]
    pub url: String,
    /// Checksum: of the manifest for oci://, of the module for http(s)://; 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Place in the filter chain; docs/istio.md tells what each one means for the faults
    #[arg(long, value_enum, default_value = "stats")]
    pub phase: IstioPhase,
    /// Order among the plugins of one phase, higher first
    #[arg(long, default_value_t = 10, allow_negative_numbers = true)]
    pub priority: i32,
    #[arg(long, short, value_enum, default_value = "yaml")]
    pub output: Format,
}

#[derive(Args)]
pub struct RenderStatTags {
    /// For every proxy, as values for istiod, instead of a patch for the pods of one workload
    #[arg(long)]
    pub mesh: bool,
    #[arg(long, short, value_enum, default_value = "yaml")]
    pub output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// The pods with the labels of `--selector`
    Workload,
    /// All pods of the namespace
    Namespace,
    /// All pods of the mesh
    Mesh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Read by every Istio
    WasmPlugin,
    /// Istio 1.30 and later
    TrafficExtension,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IstioPhase {
    Authn,
    Authz,
    Stats,
}
