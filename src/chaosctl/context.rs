//! `context`: the contexts of the configuration file.

use crate::arguments::{Context as Verb, ContextUse, Output};
use crate::settings::{Context, Settings};
use crate::terminal::{self, Paint, complain, shown};
use crate::{Outcome, emit, table};
use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::json;
use std::fs;
use std::path::Path;

const NOTHING: &str = "-";

/// # Errors
/// When the file cannot be written, or has no such context.
pub fn run(verb: &Verb, settings: &Settings, paint: Paint) -> anyhow::Result<Outcome> {
    match verb {
        Verb::List(list) => all(settings, list.output, paint),
        Verb::Show(show) => effective(settings, show.output, paint),
        Verb::Use(wanted) => choose(settings, wanted),
    }
}

fn file(settings: &Settings) -> String {
    settings
        .path
        .as_ref()
        .map_or_else(|| "the configuration file".to_owned(), |path| shown(&path.display().to_string()))
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    current: bool,
    proxies: &'a [String],
    key: Option<&'a str>,
    operator: Option<&'a str>,
    prometheus: Option<&'a str>,
    timeout: Option<&'a str>,
    namespace: Option<&'a str>,
    catalog: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(name: &'a str, current: bool, context: &'a Context) -> Self {
        Self {
            name,
            current,
            proxies: &context.proxies,
            key: context.key.as_deref(),
            operator: context.operator.as_deref(),
            prometheus: context.prometheus.as_deref(),
            timeout: context.timeout.as_deref(),
            namespace: context.namespace.as_deref(),
            catalog: context.catalog.as_deref(),
        }
    }
}

fn all(settings: &Settings, output: Output, paint: Paint) -> anyhow::Result<Outcome> {
    let rows: Vec<Row<'_>> = settings
        .contexts
        .iter()
        .map(|(name, context)| Row::new(name, settings.current.as_ref() == Some(name), context))
        .collect();
    if output != Output::Text {
        terminal::print(&emit::structured(&rows, output)?)?;
    } else if rows.is_empty() {
        complain(&format!(
            "there are no contexts: write [contexts.NAME] into {}; docs/chaosctl.md has its keys\n",
            file(settings)
        ));
    } else {
        let cells: Vec<[String; 5]> = rows
            .iter()
            .map(|row| {
                let text = |text: Option<&str>| text.map_or_else(|| NOTHING.to_owned(), shown);
                let proxies = row.proxies.iter().map(|proxy| shown(proxy)).collect::<Vec<_>>().join(", ");
                [
                    if row.current { "*" } else { "" }.to_owned(),
                    shown(row.name),
                    if proxies.is_empty() { NOTHING.to_owned() } else { proxies },
                    text(row.namespace),
                    text(row.operator),
                ]
            })
            .collect();
        terminal::print(&table::text(&["", "NAME", "PROXIES", "NAMESPACE", "OPERATOR"], &cells, paint))?;
    }
    Ok(Outcome::Fine)
}

fn effective(settings: &Settings, output: Output, paint: Paint) -> anyhow::Result<Outcome> {
    let context = settings.effective();
    let name = settings.current.as_deref().unwrap_or_default();
    if output != Output::Text {
        terminal::print(&emit::structured(&Row::new(name, true, &context), output)?)?;
        return Ok(Outcome::Fine);
    }
    let proxies = context.proxies.join(", ");
    let pairs = [
        ("proxies", "CHAOSCTL_PROXY", (!proxies.is_empty()).then_some(proxies)),
        ("key", "CHAOSCTL_KEY", context.key),
        ("operator", "CHAOSCTL_OPERATOR", context.operator),
        ("prometheus", "CHAOSCTL_PROMETHEUS", context.prometheus),
        ("timeout", "CHAOSCTL_TIMEOUT", context.timeout),
        ("namespace", "CHAOSCTL_NAMESPACE", context.namespace),
        ("catalog", "CHAOSCTL_CATALOG", context.catalog),
    ];
    let rows = pairs.map(|(key, variable, value)| {
        let from = match &value {
            None => "default".to_owned(),
            Some(_) if std::env::var_os(variable).is_some_and(|value| !value.is_empty()) => {
                variable.to_owned()
            }
            Some(_) => format!("context {name}"),
        };
        [key.to_owned(), value.map_or_else(|| NOTHING.to_owned(), |value| shown(&value)), shown(&from)]
    });
    terminal::print(&table::text(&["KEY", "VALUE", "FROM"], &rows, paint))?;
    let state = if settings.exists { "" } else { ", which is not there" };
    complain(&format!("configuration file: {}{state}\n", file(settings)));
    Ok(Outcome::Fine)
}

fn choose(settings: &Settings, wanted: &ContextUse) -> anyhow::Result<Outcome> {
    let names: Vec<&str> = settings.contexts.iter().map(|(name, _)| name.as_str()).collect();
    let (true, Some(path)) = (settings.exists, &settings.path) else {
        bail!(
            "{} is not there: write [contexts.{}] into it; docs/chaosctl.md has its keys",
            file(settings),
            shown(&wanted.name)
        );
    };
    if !names.contains(&wanted.name.as_str()) {
        bail!("{} has no context {:?}; it has: {}", file(settings), wanted.name, names.join(", "));
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", file(settings)))?;
    replace(path, &edited(&text, &wanted.name))
        .with_context(|| format!("cannot write {}", file(settings)))?;
    if wanted.output != Output::Text {
        let record = json!({"current": wanted.name, "file": path.display().to_string()});
        terminal::print(&emit::structured(&record, wanted.output)?)?;
        return Ok(Outcome::Fine);
    }
    terminal::print(&format!(
        "context {} from now on; `chaosctl context show` tells what counts\n",
        shown(&wanted.name)
    ))?;
    Ok(Outcome::Fine)
}

/// The same text with another `current_context`, comments and all.
fn edited(text: &str, name: &str) -> String {
    let line = format!("current_context = {name:?}");
    let is_it = |line: &str| {
        line.trim_start()
            .strip_prefix("current_context")
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let head = text.lines().take_while(|line| !line.trim_start().starts_with('[')).count();
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter().take(head).position(|line| is_it(line)) {
        Some(index) => {
            if let Some(old) = lines.get_mut(index) {
                *old = &line;
            }
        }
        None => lines.insert(0, &line),
    }
    lines.join("\n") + "\n"
}

/// All of it or nothing: a reader in between sees the old file. What a link leads to is written, not the link.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let path = path.canonicalize()?;
    let beside = path.with_extension(format!("toml.{}", std::process::id()));
    fs::write(&beside, text)?;
    let written = fs::set_permissions(&beside, fs::metadata(&path)?.permissions())
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    Ok(written?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_context_is_changed_and_all_else_stays() {
        let text = "# mine\ncurrent_context = \"a\" # old\n[contexts.a]\n# current_context = x\n";
        assert_eq!(
            edited(text, "b"),
            "# mine\ncurrent_context = \"b\"\n[contexts.a]\n# current_context = x\n"
        );
        assert_eq!(edited("[contexts.a]\n", "a"), "current_context = \"a\"\n[contexts.a]\n");
    }
}
