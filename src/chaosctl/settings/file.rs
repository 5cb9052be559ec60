//! The configuration file: TOML, read with the place of every key, every mistake at once.

use super::Context;
use crate::control::Address;
use crate::excerpt;
use crate::source::Source;
use squall_policy::{Code, Entry, Node, Position, Report, Value};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file says.
#[derive(Default)]
pub struct File {
    pub current: Option<String>,
    pub contexts: Vec<(String, Context)>,
}

const KEYS: [&str; 7] = ["proxies", "key", "operator", "prometheus", "timeout", "namespace", "catalog"];

/// Reads a file; its mistakes are findings of the source.
///
/// # Errors
/// When the file cannot be read at all.
pub fn read(path: &Path) -> anyhow::Result<(Source, File)> {
    let mut source = Source::bare(path)?;
    let mut report = Report::default();
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let at = error.span().map(|span| place(&source.text, span.start));
        report.add(
            Code::Syntax,
            at,
            error.message(),
            "the file is TOML: `key = \"value\"`, `[contexts.NAME]`",
        );
    }
    let node = object(&source.text, table.get_ref(), Some(Position { line: 1, column: 1 }));
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let file = root(&node, &folder, &mut report);
    source.add(report);
    Ok((source, file))
}

/// The place of a byte.
fn place(text: &str, byte: usize) -> Position {
    let lines = excerpt::lines(text.get(..byte).unwrap_or(text));
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position {
        line: number(lines.len()),
        column: number(lines.last().map_or(0, |line| line.chars().count()) + 1),
    }
}

fn object(text: &str, table: &DeTable<'_>, at: Option<Position>) -> Node {
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        at: Some(place(text, key.span().start)),
        value: node(text, value),
    });
    Node { value: Value::Object(entries.collect()), at }
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
    let at = Some(place(text, value.span().start));
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(bool) => Value::Bool(*bool),
        DeValue::Integer(number) => Value::Number(number.to_string().parse().unwrap_or(f64::NAN)),
        DeValue::Float(number) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(moment) => Value::Text(moment.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::Table(table) => return object(text, table, at),
    };
    Node { value, at }
}

fn entries<'n>(node: &'n Node, report: &mut Report) -> &'n [Entry] {
    match &node.value {
        Value::Object(entries) => entries,
        _ => {
            report.add(
                Code::WrongType,
                node.at,
                format!("a table is needed, found {}", node.kind()),
                "write [contexts.NAME]",
            );
            &[]
        }
    }
}

fn root(node: &Node, folder: &Path, report: &mut Report) -> File {
    let mut file = File::default();
    let mut current = None;
    for entry in entries(node, report) {
        report.in_key(&entry.key, |report| match entry.key.as_str() {
            "current_context" => {
                current = Some(&entry.value);
                file.current = text(&entry.value, report).map(ToOwned::to_owned);
            }
            "contexts" => {
                for context in entries(&entry.value, report) {
                    let read = report.in_key(&context.key, |report| one(&context.value, folder, report));
                    file.contexts.push((context.key.clone(), read));
                }
            }
            _ => unknown(entry, "known are current_context and contexts", report),
        });
    }
    if let (Some(name), Some(node)) = (&file.current, current)
        && !file.contexts.iter().any(|(known, _)| known == name)
    {
        let names: Vec<&str> = file.contexts.iter().map(|(name, _)| name.as_str()).collect();
        let hint = format!("there are: {}; `chaosctl context use NAME` chooses one", names.join(", "));
        report.in_key("current_context", |r| {
            r.add(Code::UnknownWord, node.at, format!("there is no context {name:?}"), hint);
        });
    }
    file
}

fn unknown(entry: &Entry, hint: &str, report: &mut Report) {
    report.add(Code::UnknownKey, entry.at, format!("nothing reads `{}`", entry.key), hint);
}

fn text<'n>(node: &'n Node, report: &mut Report) -> Option<&'n str> {
    let text = node.text();
    if text.is_none() {
        report.add(
            Code::WrongType,
            node.at,
            format!("text is needed, found {}", node.kind()),
            "write it in quotes",
        );
    }
    text
}

fn one(node: &Node, folder: &Path, report: &mut Report) -> Context {
    let mut context = Context::default();
    for entry in entries(node, report) {
        report.in_key(&entry.key, |report| match entry.key.as_str() {
            "proxies" => context.proxies = proxies(&entry.value, folder, report),
            "key" => context.key = text(&entry.value, report).map(|text| path(folder, text)),
            "catalog" => context.catalog = text(&entry.value, report).map(|text| path(folder, text)),
            "operator" => context.operator = name(&entry.value, report),
            "namespace" => context.namespace = name(&entry.value, report),
            "prometheus" => context.prometheus = url(&entry.value, report),
            "timeout" => context.timeout = timeout(&entry.value, report),
            _ => unknown(entry, &format!("known are {}", KEYS.join(", ")), report),
        });
    }
    context
}

/// Relative to the file that says it; `~` is the home.
fn path(folder: &Path, text: &str) -> String {
    let path = match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => folder.join(text),
    };
    path.display().to_string()
}

fn proxies(node: &Node, folder: &Path, report: &mut Report) -> Vec<String> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut proxies = Vec::new();
    for (number, item) in items.iter().enumerate() {
        report.in_item(number, |report| {
            let Some(text) = text(item, report) else { return };
            if let Some(file) = text.strip_prefix('@') {
                proxies.push(format!("@{}", path(folder, file)));
            } else if let Err(error) = Address::read(text) {
                let told = format!("{error:#}");
                let told = told.strip_prefix("--proxy ").unwrap_or(&told).to_owned();
                report.add(
                    Code::BadFormat,
                    item.at,
                    told,
                    "write http://HOST:PORT, or @FILE for a file of them",
                );
            } else {
                proxies.push(text.to_owned());
            }
        });
    }
    proxies
}

fn name(node: &Node, report: &mut Report) -> Option<String> {
    let text = text(node, report)?;
    if crate::key_file::ensure_name(text).is_err() {
        let hint = "use lower-case letters, digits and `-`, at most 63";
        report.add(Code::BadFormat, node.at, format!("{text:?} is no DNS label"), hint);
        return None;
    }
    Some(text.to_owned())
}

fn url(node: &Node, report: &mut Report) -> Option<String> {
    let text = text(node, report)?;
    if !text.starts_with("http://") && !text.starts_with("https://") {
        report.add(Code::BadFormat, node.at, format!("{text:?} is no URL"), "write http://HOST:PORT");
        return None;
    }
    if let Err(error) = Address::of("prometheus", text) {
        let told = format!("{error:#}");
        let told = told.strip_prefix("prometheus ").unwrap_or(&told).to_owned();
        report.add(Code::BadFormat, node.at, told, "write http://HOST:PORT");
        return None;
    }
    Some(text.to_owned())
}

fn timeout(node: &Node, report: &mut Report) -> Option<String> {
    let text = text(node, report)?;
    if humantime::parse_duration(text).is_err() {
        let hint = "give a number with its unit: 5s, 500ms";
        report.add(Code::BadFormat, node.at, format!("{text:?} is not a duration"), hint);
        return None;
    }
    Some(text.to_owned())
}
