//! `chaosctl`: checks, runs and reports chaos missions. What a verb does stands in the module of its name.

mod access_log;
mod advice;
mod arguments;
mod asked;
mod context;
mod control;
mod diff;
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
mod manners;
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
mod settings;
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
use settings::Settings;
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
    let (arguments, settings) = parse()?;
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
        Verb::Diff(diff) => diff::run(diff, out, err),
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
        Verb::Context(verb) => context::run(verb, &settings, out),
        Verb::Completions(completions) => manners::completions(completions),
        Verb::Man(man) => manners::man(man),
    }
}

/// Verbs that need no settings, and work where the configuration file is broken.
const WITHOUT_SETTINGS: [&str; 6] = ["completions", "man", "init", "import", "schema", "help"];

/// Reads the command line. Ends the process for `--help`, `--version` and mistakes (exit code 2).
fn parse() -> anyhow::Result<(Arguments, Settings)> {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let color = Color::from_command_line(words.iter().cloned());
    let settings = settings(&words, Paint::new(color, &std::io::stderr()))?;
    let context = settings.effective();
    let choice = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let verb = verb(&words);
    let line = std::env::args_os().chain(
        settings::spoken(&words, &context)
            .into_iter()
            .filter(|_| verb == Some("run"))
            .map(std::ffi::OsString::from),
    );
    let matches = settings::apply(Arguments::command(), &context).color(choice).get_matches_from(line);
    let mut arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    settings::settle(&mut arguments, &context);
    Ok((arguments, settings))
}

/// The first word that is one.
fn verb(words: &[String]) -> Option<&str> {
    let command = Arguments::command();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            // Their value is no verb, whatever it is called.
            "--color" | "--config" | "--context" => drop(words.next()),
            // clap adds this verb only when it parses.
            word if word == "help" || command.find_subcommand(word).is_some() => return Some(word),
            _ => {}
        }
    }
    None
}

fn settings(words: &[String], paint: Paint) -> anyhow::Result<Settings> {
    let verb = verb(words);
    let is = |verbs: &[&str]| verb.is_some_and(|verb| verbs.contains(&verb));
    if verb.is_none() || is(&WITHOUT_SETTINGS) {
        return Ok(Settings::default());
    }
    match Settings::load(words, paint) {
        // Whoever stops faults has no time for a configuration file.
        Err(error) if is(&["halt"]) => {
            terminal::complain(&format!(
                "chaosctl: {error:#}\nhalting without it: only --proxy, --proxies and CHAOSCTL_PROXY count\n"
            ));
            Ok(Settings::default())
        }
        settings => settings,
    }
}
