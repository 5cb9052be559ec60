//! `chaosctl`: checks, explains and renders chaos missions. What a verb does stands in the module of its name.

mod access_log;
mod advice;
mod arguments;
mod asked;
mod control;
mod emit;
mod envelope;
mod excerpt;
mod explain;
mod explanation;
mod findings;
mod import;
mod init;
mod inputs;
mod journal;
mod key_file;
mod keygen;
mod keys;
mod list;
mod observed;
mod operators;
mod overlap;
mod reader;
mod render;
mod report;
mod request;
mod run;
mod scalar;
mod schema;
mod show;
mod sign;
mod simulate;
mod sort;
mod source;
mod suspicion;
mod table;
mod terminal;
mod token;
mod validate;
mod verify;
mod watch;
mod when;
mod whose;
mod words;

use arguments::{Arguments, Render, Verb};
use clap::{ColorChoice, CommandFactory, FromArgMatches};
use std::process::ExitCode;
use terminal::{Color, Paint};

/// How a verb ended that could run.
pub enum Outcome {
    Fine,
    Finding,
    /// It ran, and had to leave undone what was asked for: a proxy that does not answer.
    Unable,
}

fn main() -> ExitCode {
    match run() {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Finding) => ExitCode::from(1),
        Ok(Outcome::Unable) => ExitCode::from(2),
        Err(error) => {
            // It may quote a file's name, and its own lines stay lines.
            let lines: Vec<String> = format!("{error:#}").lines().map(terminal::shown).collect();
            terminal::complain(&format!("chaosctl: {}\n", lines.join("\n")));
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<Outcome> {
    let arguments = parse();
    let out = Paint::new(arguments.color, &std::io::stdout());
    let err = Paint::new(arguments.color, &std::io::stderr());
    match &arguments.verb {
        Verb::Init(init) => init::run(init),
        Verb::Import(import) => import::run(import, err),
        Verb::Validate(validate) => validate::run(validate, out),
        Verb::Render(render) => match render.as_ref() {
            Render::Plugin(plugin) => render::plugin::run(plugin, err),
            Render::Envoy(envoy) => render::envoy::run(envoy, err),
            Render::Istio(istio) => render::istio::run(istio, err),
            Render::StatTags(tags) => render::stat_tags::run(tags),
        },
        Verb::List(list) => list::run(list, out, err),
        Verb::Show(show) => show::run(show, out, err),
        Verb::Explain(explain) => explain::run(explain, out, err),
        Verb::Simulate(simulate) => simulate::run(simulate, out, err),
        Verb::Token(token) => token::run(token),
        Verb::Keygen(keygen) => keygen::run(keygen),
        Verb::Sign(sign) => sign::run(sign, err),
        Verb::Approve(approve) => sign::approve(approve, err),
        Verb::Verify(verify) => verify::run(verify, out, err),
        Verb::Start(start) => control::start(start, (out, err)),
        Verb::Run(run) => run::run(run, (out, err)),
        Verb::Status(status) => control::status(status, (out, err)),
        Verb::Watch(watch) => watch::run(watch, (out, err)),
        Verb::Report(report) => report::run(report, out),
        Verb::Renew(renew) => control::renew(renew, (out, err)),
        Verb::Stop(stop) => control::stop(stop, (out, err)),
        Verb::Halt(halt) => control::halt(halt, (out, err)),
        Verb::Release(release) => control::release(release, (out, err)),
        Verb::Schema(schema) => schema::run(schema),
    }
}

/// Reads the command line. Ends the process for `--help`, `--version` and mistakes (exit code 2).
fn parse() -> Arguments {
    let color =
        match Color::from_command_line(std::env::args_os().map(|word| word.to_string_lossy().into_owned())) {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
    let matches = Arguments::command().color(color).get_matches();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
