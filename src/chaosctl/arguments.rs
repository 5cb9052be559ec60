//! The command line: every verb, its options, and an example of each in `--help`.

mod control;
mod diff;
mod explain;
mod import;
mod init;
mod manners;
mod render;
mod report;
mod run;
mod sign;
mod token;
mod watch;

pub use control::{Halt, Proxies, Release, Renew, Signer, Start, Status, Stop};
pub use diff::Diff;
pub use explain::{Explain, Side, Simulate};
pub use import::{Import, Origin};
pub use init::Init;
pub use manners::{Completions, Context, ContextUse, Man};
pub use render::{
    Format, IdentityInputs, IstioPhase, Kind, PluginInputs, Render, RenderEnvoy, RenderIstio, RenderPlugin,
    RenderStatTags, Scope, StatLabels,
};
pub use report::Report;
pub use run::Run;
pub use sign::{Approve, Keygen, Sign, SignInputs, Verify};
pub use token::Token;
pub use watch::Watch;

use crate::terminal::Color;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  a finding: a file has a mistake, a scenario does not exist, signatures are missing, a proxy refuses, a run did not hold
  2  could not run: bad arguments, a file that cannot be read, a proxy that cannot be reached

A first tour (`chaosctl init` writes both files):
  chaosctl validate catalog.yaml mission.yaml
  chaosctl list --catalog catalog.yaml
  chaosctl explain --catalog catalog.yaml --mission mission.yaml --path /profiles/7 \\
    --cluster profile-db --request-id 3
  chaosctl render plugin --catalog catalog.yaml --mission mission.yaml > plugin.json
  chaosctl run mission.yaml --catalog catalog.yaml --proxy http://127.0.0.1:9902
  chaosctl watch
  chaosctl halt --reason 'checkout is slow'";

/// Checks, runs and reports chaos missions for Squall, the fault injection filter for Envoy
#[derive(Parser)]
#[command(name = "chaosctl", version, after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub color: Color,
    /// Configuration file [default: ~/.config/chaosctl/config.toml, where it is there]
    #[arg(long, global = true, value_name = "FILE", env = "CHAOSCTL_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Context of the configuration file [default: its current one]
    #[arg(long, global = true, value_name = "NAME", env = "CHAOSCTL_CONTEXT", hide_env_values = true)]
    pub context: Option<String>,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Write a commented catalog and mission to start from
    #[command(after_help = "Example:\n  chaosctl init chaos/")]
    Init(Init),
    /// Make a catalog of faults of Istio, Envoy, Chaos Mesh or Toxiproxy, and tell what could not be carried over
    #[command(after_help = "Example:\n  chaosctl import virtual-service.yaml --out catalog.yaml\n  \
        kubectl get httpchaos -A -o yaml | chaosctl import --from chaos-mesh - --strict > catalog.yaml\n\n\
        docs/import.md tells what comes over and what not.")]
    Import(Import),
    /// Check catalogs, missions and plugin configurations; every mistake at once
    #[command(after_help = "Example:\n  chaosctl validate catalog.yaml mission.yaml\n  \
        chaosctl validate --output json chaos/ | jq '.[].code'")]
    Validate(Validate),
    /// List the scenarios of a catalog
    #[command(after_help = "Example:\n  chaosctl list --catalog catalog.yaml --severity low --fault delay")]
    List(List),
    /// Tell one scenario in words: who, what, how often
    #[command(after_help = "Example:\n  chaosctl show auth-latency-spike --catalog catalog.yaml\n  \
        chaosctl show catalog.yaml auth-latency-spike")]
    Show(Show),
    /// Tell what a mission does to one request, and why: the same decision as the filter's
    #[command(
        after_help = "Example:\n  chaosctl explain --catalog catalog.yaml --mission mission.yaml \\\n    \
        --method GET --path /profiles/7 --header 'x-tenant: beta' --cluster profile-db \\\n    \
        --direction outbound --request-id 6f1c --seed demo"
    )]
    Explain(Box<Explain>),
    /// Predict from an access log of Envoy how many requests each scenario would have hit, and how
    #[command(
        after_help = "Example:\n  chaosctl simulate --catalog catalog.yaml --mission mission.yaml --log access.log\n\n\
        The log is JSON lines as the configuration of `chaosctl render envoy` writes them; docs/simulate.md names the keys."
    )]
    Simulate(Simulate),
    /// Tell what a change does to the blast radius: wider, narrower, the same, or unclear
    #[command(after_help = "Example:\n  chaosctl diff catalog.old.yaml catalog.yaml --log access.log\n  \
        git show HEAD:catalog.yaml | chaosctl diff - catalog.yaml\n\n\
        Exit code 0 for the same and narrower, 1 for wider and unclear; docs/chaosctl.md tells what counts as which.")]
    Diff(Diff),
    /// Sign a request for a fault, which a scenario with `requested` grants; or make a key for that
    #[command(
        override_usage = "chaosctl token --new-key FILE\n       \
        chaosctl token --key-file FILE --name NAME --fault FAULT [OPTIONS]",
        after_help = "Example:\n  chaosctl token --new-key team-a.key\n  chaosctl token --key-file team-a.key --name team-a \\\n    \
        --fault 'delay=100ms;abort=503' --expires 10m\n\ndocs/faults/requested.md tells what goes into it."
    )]
    Token(Token),
    /// Make a key pair for an operator, and print what proxies have to know of it
    #[command(after_help = "Example:\n  chaosctl keygen alice --up-to high\n\n\
        The private key stays in its file, which only you can read; docs/sign-off.md tells where the printed entry goes.")]
    Keygen(Keygen),
    /// Sign a mission for the scenarios of a catalog; shows first what is signed
    #[command(
        after_help = "Example:\n  chaosctl sign --key alice.key --catalog catalog.yaml --mission mission.yaml \\\n    \
        --out mission.signed.json\n\ndocs/sign-off.md tells what a signature binds."
    )]
    Sign(Sign),
    /// Add your signature to a mission that somebody else has signed; shows first what is signed
    #[command(
        after_help = "Example:\n  chaosctl approve --key bob.key --catalog catalog.yaml --mission mission.signed.json \\\n    \
        --out mission.signed.json"
    )]
    Approve(Approve),
    /// Tell who has signed a mission, and whether that is enough
    #[command(
        after_help = "Example:\n  chaosctl verify --operators operators.yaml --catalog catalog.yaml --mission mission.signed.json"
    )]
    Verify(Verify),
    /// Start a mission through the control listeners of proxies: on all of them, or on none
    #[command(
        after_help = "Example:\n  chaosctl start mission.signed.json --proxy http://10.0.0.7:9902 --proxy http://10.0.0.8:9902 \\\n    \
        --key alice.key\n  chaosctl start scenario=slow-profiles duration=15m\n\n\
        When a proxy refuses it or cannot be reached, it is stopped where it was started already, which needs `--key` where proxies\n\
        have operators; `--allow-partial` leaves it running there. docs/control.md tells more."
    )]
    Start(Start),
    /// Run a mission from its checks to its verdict, and stop it when something is not as it should be
    #[command(
        after_help = "Example:\n  chaosctl run mission.yaml --catalog catalog.yaml --proxy http://10.0.0.7:9902 --proxy http://10.0.0.8:9902\n  \
        chaosctl run mission.signed.json --key alice.key --prometheus http://prometheus:9090 \\\n    \
        --guardrail 'checkout errors: sum(rate(failed_total[1m])) <= 5'\n\n\
        Ctrl-C stops the mission on all proxies and judges it; a second one leaves at once. docs/run.md tells more.\n\
        Exit codes: 0 held; 1 violated, inconclusive, or a check failed; 2 it could not run, or was left at once."
    )]
    Run(Box<Run>),
    /// Tell where the missions of proxies are, and how their requests fare
    #[command(
        after_help = "Example:\n  chaosctl status --proxy http://10.0.0.7:9902 --proxy http://10.0.0.8:9902\n  \
        chaosctl status --output json | jq '.[].answer.state'\n\n\
        T/C is treatment, the requests with faults, beside control, those without."
    )]
    Status(Status),
    /// Watch missions in a terminal as they run, over one or many proxies; `h` halts
    #[command(
        after_help = "Example:\n  chaosctl watch --proxy http://10.0.0.7:9902 --proxy http://10.0.0.8:9902\n  \
        chaosctl watch --output json | jq -r '[.at, .proxy, .status.state] | @tsv'\n\n\
        Keys: h halts (asks once), Tab and arrows select a proxy, ? helps, q leaves; the mission goes on without you.\n\
        Where standard output is no terminal, a line tells of each change. docs/watch.md tells more."
    )]
    Watch(Watch),
    /// Make a page and a Markdown file from the journal of a run, or set two runs side by side
    #[command(after_help = "Example:\n  chaosctl report chaos-run-1.jsonl\n  \
        chaosctl report chaos-run-2.jsonl --compare chaos-run-1.jsonl --html compared.html\n\n\
        Exit code 1: the run did not hold, or did not come to its end. docs/report.md tells more.")]
    Report(Report),
    /// Renew the lease of a mission, which ends without that
    #[command(
        after_help = "Example:\n  chaosctl renew --key alice.key\n  chaosctl renew run-1 --key alice.key"
    )]
    Renew(Renew),
    /// Stop a mission for ever; its id does not run again
    #[command(
        after_help = "Example:\n  chaosctl stop --reason 'seen enough' --key alice.key\n  chaosctl stop run-1 --key alice.key\n  \
        chaosctl stop --force    # halts a proxy that refuses the stop: no key is needed"
    )]
    Stop(Stop),
    /// Emergency stop: end every mission of the proxies and block new ones; needs no key
    #[command(
        after_help = "Example:\n  chaosctl halt --proxy http://10.0.0.7:9902 --reason 'checkout is slow'\n\n\
        All proxies are asked at the same time, and one that cannot be reached holds up none of the others.\n\
        Nothing starts there again before `chaosctl release`."
    )]
    Halt(Halt),
    /// Let missions start again after a halt
    #[command(after_help = "Example:\n  chaosctl release --reason 'it was the database' --key alice.key")]
    Release(Release),
    /// Write what Envoy or Istio reads
    #[command(subcommand)]
    Render(Box<Render>),
    /// Print the JSON Schema (draft 2020-12) of a file, for editors and other tools
    #[command(after_help = "Example:\n  chaosctl schema catalog > catalog.schema.json\n\n\
        An editor reads it where the first line of catalog.yaml is:\n  \
        # yaml-language-server: $schema=catalog.schema.json")]
    Schema(Schema),
    /// Contexts of the configuration file: proxies, key, namespace and the like by one name
    #[command(subcommand)]
    Context(Context),
    /// Print a script that completes command lines
    #[command(
        after_help = "Example:\n  chaosctl completions bash > ~/.local/share/bash-completion/completions/chaosctl\n  \
        chaosctl completions zsh > \"${fpath[1]}/_chaosctl\"\n  \
        chaosctl completions fish > ~/.config/fish/completions/chaosctl.fish"
    )]
    Completions(Completions),
    /// Print the manual page, or write a page of each verb
    #[command(after_help = "Example:\n  chaosctl man --dir ~/.local/share/man/man1")]
    Man(Man),
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
    /// For people with wide screens, where there is a table
    #[value(skip)]
    Wide,
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
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Catalog file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub catalog: Vec<PathBuf>,
    /// Only scenarios of this severity
    #[arg(long, value_parser = ["low", "medium", "high", "critical"])]
    pub severity: Option<String>,
    /// Only scenarios with this fault, also as one of several
    #[arg(long, value_parser = ["delay", "abort", "drop", "throttle", "mutate", "stream", "pressure", "requested"])]
    pub fault: Option<String>,
    /// Only scenarios that proxies of this service inject: those that name it in `scope.service`, and those that name none
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct Show {
    /// Name of the scenario; before it the catalog file, where `--catalog` does not say it
    #[arg(value_name = "[FILE] NAME", required = true, num_args = 1..=2)]
    pub words: Vec<String>,
    /// Catalog file, or `-`
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct Schema {
    /// Which file
    #[arg(value_enum)]
    pub file: SchemaFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaFile {
    Catalog,
    Mission,
    /// The operators whose signatures count
    Operators,
    /// The plugin configuration
    Plugin,
}
