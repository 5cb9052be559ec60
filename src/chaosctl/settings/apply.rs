//! Settings as defaults of the options they are for: a flag counts more, and `--help` shows what counts without one.

use super::{Context, OPERATOR, PROXIES};
use crate::arguments::{Arguments, Output, Verb};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Command, ValueEnum};
use std::path::PathBuf;

/// Verbs whose catalog may also stand without `--catalog`, or is asked for in some cases alone.
const OWN_CATALOG: [&str; 3] = ["list", "show", "diff"];
/// Verbs with tables.
const TABLES: [&str; 2] = ["list", "status"];

/// The command line with the settings in it.
pub fn apply(command: Command, context: &Context) -> Command {
    let _ = PROXIES.set(context.proxies.clone());
    let _ = OPERATOR.set(context.operator.clone());
    TABLES.into_iter().fold(each(command, context), |command, name| command.mut_subcommand(name, wide))
}

fn each(command: Command, context: &Context) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |verb| of_verb(verb, context)))
}

fn of_verb(verb: Command, context: &Context) -> Command {
    if verb.has_subcommands() {
        return each(verb, context);
    }
    let name = verb.get_name().to_owned();
    let settings = [("timeout", &context.timeout), ("key", &context.key), ("catalog", &context.catalog)];
    let mut verb = verb;
    for (id, value) in settings {
        let there = verb.get_arguments().any(|argument| argument.get_id() == id);
        let own = id == "catalog" && OWN_CATALOG.contains(&name.as_str());
        if let Some(value) = value.as_ref().filter(|_| there && !own) {
            // As long as the process.
            let value: &'static str = Box::leak(value.clone().into_boxed_str());
            verb = verb.mut_arg(id, |argument| argument.required(false).default_value(value));
        }
    }
    verb
}

/// Lets a verb's table be wide.
fn wide(verb: Command) -> Command {
    let words = PossibleValuesParser::new(["text", "wide", "json", "yaml"]);
    let read = words.map(|word| match word.as_str() {
        "wide" => Output::Wide,
        word => Output::from_str(word, false).unwrap_or_default(),
    });
    verb.mut_arg("output", |argument| argument.value_parser(read))
}

/// What no option has a place for.
pub fn settle(arguments: &mut Arguments, context: &Context) {
    let catalog = || context.catalog.as_ref().map(PathBuf::from);
    match &mut arguments.verb {
        Verb::List(list) if list.files.is_empty() && list.catalog.is_empty() => {
            list.catalog.extend(catalog())
        }
        Verb::Show(show) if show.words.len() == 1 && show.catalog.is_none() => show.catalog = catalog(),
        Verb::Start(start) if start.file.is_none() => short_form(&mut start.words, context),
        Verb::Run(run) if run.file.is_none() => short_form(&mut run.words, context),
        _ => {}
    }
}

/// `namespace=` of a mission that is written on the command line.
fn short_form(words: &mut Vec<String>, context: &Context) {
    let short = words.iter().all(|word| word.contains('='));
    let open = !words.iter().any(|word| word.starts_with("namespace="));
    if let Some(namespace) = context.namespace.as_ref().filter(|_| short && open) {
        words.push(format!("namespace={namespace}"));
    }
}

/// What goes onto the command line itself, for other options ask whether it stands there.
pub fn spoken(words: &[String], context: &Context) -> Vec<String> {
    let open = super::option(words, "--prometheus").is_none() && !words.iter().any(|word| word == "--");
    let prometheus = context.prometheus.as_ref().filter(|_| open);
    prometheus.map_or_else(Vec::new, |url| vec!["--prometheus".to_owned(), url.clone()])
}
