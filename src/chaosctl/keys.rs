//! Keys of callers on the command line: `NAME=FILE`, or `NAME=env:VARIABLE`.

use anyhow::{Context, bail, ensure};
use squall_policy::{Callers, Entry, Node, Value, wire};
use std::collections::BTreeSet;

/// A key as it was given.
pub struct Key {
    name: String,
    secret: Secret,
}

enum Secret {
    /// What the file says, in base64.
    Inline(String),
    /// The variable has it, here or in Envoy's VM.
    Variable(String),
}

/// # Errors
/// When one is not of that form, or its file has no secret.
pub fn read(given: &[String]) -> anyhow::Result<Vec<Key>> {
    given.iter().map(|key| Key::read(key)).collect()
}

impl Key {
    fn read(given: &str) -> anyhow::Result<Self> {
        let pair = given.split_once('=').filter(|(name, place)| !name.is_empty() && !place.is_empty());
        let Some((name, place)) = pair else {
            bail!("{given:?} is no key: write --caller-key NAME=FILE or NAME=env:VARIABLE");
        };
        let secret = match place.strip_prefix("env:") {
            Some(variable) => Secret::Variable(variable.to_owned()),
            None => Secret::Inline(file(place)?),
        };
        Ok(Self { name: name.to_owned(), secret })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The variable that the VM has to have.
    pub fn variable(&self) -> Option<&str> {
        match &self.secret {
            Secret::Variable(variable) => Some(variable),
            Secret::Inline(_) => None,
        }
    }
}

/// The text of a file with a secret.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn file(path: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    ensure!(
        wire::Secret::read(&text).is_some(),
        "{path} has no secret: base64 of 16 to 256 bytes, as `chaosctl token --new-key FILE` writes it"
    );
    Ok(text.trim().to_owned())
}

/// `caller_keys` of a plugin configuration; `None` without keys.
pub fn node(keys: &[Key]) -> Option<Node> {
    let text = |text: &str| Node::from(Value::Text(text.to_owned()));
    let entry = |key: &str, value| Entry { key: key.to_owned(), at: None, value };
    let items = keys.iter().map(|key| {
        let secret = match &key.secret {
            Secret::Inline(secret) => entry("secret", text(secret)),
            Secret::Variable(variable) => entry("secret_env", text(variable)),
        };
        Value::Object(vec![entry("name", text(&key.name)), secret]).into()
    });
    (!keys.is_empty()).then(|| Value::List(items.collect()).into())
}

/// Keys, of no use, for every caller that a catalog trusts: for those who ask about something else.
pub fn anybody(catalog: &wire::Catalog) -> Option<Node> {
    let faults = catalog.scenarios.iter().flat_map(|scenario| &scenario.faults);
    let trusted = faults.filter_map(|fault| fault.requested.as_ref()).flat_map(|r| r.keys.iter().flatten());
    let names: BTreeSet<&str> = trusted.map(|name| name.0.as_str()).chain(["anybody"]).collect();
    let keys =
        names.into_iter().map(|name| Key { name: name.to_owned(), secret: Secret::Inline("A".repeat(22)) });
    node(&keys.collect::<Vec<_>>())
}

/// The keys with their secrets, those of variables from this process's environment.
///
/// # Errors
/// When a variable has none.
pub fn callers(keys: &[Key]) -> anyhow::Result<Callers> {
    let mut callers = Callers::default();
    for key in keys {
        let text = match &key.secret {
            Secret::Inline(text) => text.clone(),
            Secret::Variable(variable) => std::env::var(variable).unwrap_or_default(),
        };
        let secret = wire::Secret::read(&text).with_context(|| {
            format!("the environment has no secret in {}", key.variable().unwrap_or_default())
        })?;
        callers.add(&key.name, &secret.0);
    }
    Ok(callers)
}
