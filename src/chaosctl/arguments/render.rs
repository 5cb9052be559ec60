//! The command line of `render`.

use super::Side;
use clap::{Args, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The form of a rendered file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Yaml,
    Json,
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
        kubectl patch deployment -n shop user-service --patch-file patch.yaml")]
    StatTags(RenderStatTags),
}

/// What goes into the plugin configuration.
#[derive(Args)]
pub struct PluginInputs {
    /// Catalog file, or `-`
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
    /// Mission file, plain or signed, or `-`; without one the filter is idle
    #[arg(long, value_name = "FILE")]
    pub mission: Option<PathBuf>,
    /// Carry only the scenarios that the mission names, instead of the whole catalog
    #[arg(long, requires = "mission")]
    pub only_used: bool,
    /// Key of a caller who may ask for faults: its secret in a file, which then stands in the output, or in an environment
    /// variable of Envoy, which stays there; may be repeated
    #[arg(long, value_name = "NAME=FILE|NAME=env:VARIABLE")]
    pub caller_key: Vec<String>,
    /// Operators whose signatures count, in a file; missions of severity high and critical need them
    #[arg(long, value_name = "FILE")]
    pub operators: Option<PathBuf>,
    /// Makes this configuration differ from every other, so that Envoy takes it as new; the commit id, for example
    #[arg(long, value_name = "TEXT")]
    pub revision: Option<String>,
}

/// Who the proxy is, where its node metadata does not say so.
#[derive(Args)]
pub struct IdentityInputs {
    /// Namespace of the proxy [default: from Envoy's node metadata]
    #[arg(long, value_name = "NS")]
    pub namespace: Option<String>,
    /// Name of the workload, which `scope.service` is compared with [default: from Envoy's node metadata]
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
    #[arg(long, default_value = "127.0.0.1:10000", value_name = "IP:PORT", value_parser = address)]
    pub listen: SocketAddr,
    /// Upstream: HOST:PORT for everything else, NAME=HOST:PORT for requests with this authority; may be repeated
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "[NAME=]HOST:PORT")]
    pub upstream: Vec<String>,
    /// Where the admin interface listens
    #[arg(long, default_value = "127.0.0.1:9901", value_name = "IP:PORT", value_parser = address)]
    pub admin: SocketAddr,
    /// The filter, as Envoy will find it
    #[arg(long, default_value = "target/squall.wasm", value_name = "PATH")]
    pub module: String,
    /// Where the control listener listens [default: there is none]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    pub control: Option<SocketAddr>,
    /// A name under which the control listener is asked, beside `localhost` and addresses; may be repeated
    #[arg(long, value_name = "NAME", requires = "control")]
    pub control_host: Vec<String>,
    /// Collector of spans (OTLP over gRPC, usually port 4317), which get what Squall does to a request [default: no tracing]
    #[arg(long, value_name = "HOST:PORT")]
    pub otlp: Option<String>,
    /// The module of the control listener, as Envoy will find it
    #[arg(long, default_value = "target/squall-control.wasm", value_name = "PATH")]
    pub control_module: String,
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
    /// How labels stand in the names of stats
    #[arg(long, value_enum, default_value = "own")]
    pub stat_labels: StatLabels,
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
pub enum StatLabels {
    /// For pods with the annotation of `render stat-tags`
    Own,
    /// For every istio-proxy: the labels are called `tag`, `component` and `wasm_filter`
    BuiltIn,
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

/// An address to listen on. Envoy's configuration has no place for the zone of a link-local one.
fn address(text: &str) -> Result<SocketAddr, String> {
    match text.parse() {
        Ok(SocketAddr::V6(address)) if address.scope_id() != 0 => {
            Err("an address with a zone (`%2`) cannot be given to Envoy".to_owned())
        }
        parsed => parsed.map_err(|error| error.to_string()),
    }
}
