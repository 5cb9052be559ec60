//! What it takes to run it again: the mission and its scenarios as YAML, and the commands.

use super::summary::Run;
use crate::arguments::Output;
use crate::emit;
use crate::observed::{harmless, safe};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
pub struct Replay {
    /// With the seed that was drawn, and the id of another run.
    pub mission: String,
    /// A catalog; absent where the journal has no scenarios.
    pub catalog: Option<String>,
    pub commands: String,
}

impl Replay {
    /// # Errors
    /// When a document has no YAML form.
    pub fn of(run: &Run) -> anyhow::Result<Self> {
        let started = &run.journal.started;
        let mut mission = started.mission.clone();
        let mut is_signed = false;
        if let Value::Object(mission) = &mut mission {
            // An id that has ended never runs again.
            mission.insert("id".to_owned(), json!(format!("{}-again", run.summary.mission.id)));
            if let Some(seed) = &run.summary.mission.seed {
                mission.insert("seed".to_owned(), json!(seed));
            }
            // It names a moment that is over.
            mission.remove("start");
            // Both are made anew: the digests by `run` and `sign`, and only what is signed expires.
            mission.remove("digests");
            is_signed = mission.remove("expires").is_some();
        }
        let has_catalog = !started.scenarios.is_empty();
        let catalog = json!({"version": 1, "scenarios": started.scenarios});
        let yaml = |value: &Value| emit::structured(value, Output::Yaml).map(|text| harmless(&text));
        Ok(Self {
            mission: yaml(&mission)?,
            catalog: if has_catalog { Some(yaml(&catalog)?) } else { None },
            commands: commands(run, has_catalog, is_signed),
        })
    }
}

/// What a signed mission needs before it runs again.
const SIGN: &str = "\
chaosctl sign --key YOUR.key --catalog catalog.yaml --mission mission.yaml --out mission.signed.json
chaosctl approve --key ANOTHER.key --catalog catalog.yaml --mission mission.signed.json --out mission.signed.json  # where two sign
";

fn commands(run: &Run, has_catalog: bool, is_signed: bool) -> String {
    let started = &run.journal.started;
    let mut lines = vec!["chaosctl run mission.yaml".to_owned()];
    if is_signed {
        lines = vec![format!("{SIGN}chaosctl run mission.signed.json"), "--key YOUR.key".to_owned()];
    }
    if has_catalog {
        lines.push("--catalog catalog.yaml".to_owned());
    }
    lines.extend(started.proxies.iter().map(|proxy| format!("--proxy {}", quoted(proxy))));
    lines.extend(started.prometheus.iter().map(|url| format!("--prometheus {}", quoted(url))));
    for (name, value) in &started.options {
        let flag = name.replace('_', "-");
        // No name of ours: it could be anything.
        if !flag.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            continue;
        }
        let mut add = |value: &str| lines.push(format!("--{flag} {}", quoted(value)));
        match value {
            Value::Bool(true) => lines.push(format!("--{flag}")),
            Value::String(text) if !text.is_empty() => add(text),
            Value::Number(number) => add(&number.to_string()),
            Value::Array(items) => items.iter().filter_map(Value::as_str).for_each(add),
            _ => {}
        }
    }
    lines.join(" \\\n  ")
}

/// A word of a POSIX shell: nothing in it means anything to the shell.
fn quoted(word: &str) -> String {
    let word = safe(word);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_mean_nothing_to_a_shell() {
        assert_eq!(quoted("http://a:1/x"), "http://a:1/x");
        assert_eq!(quoted("a: sum(x) <= 1"), "'a: sum(x) <= 1'");
        assert_eq!(quoted("$(rm -rf ~)'`x`"), "'$(rm -rf ~)'\\''`x`'");
        assert_eq!(quoted(""), "''");
    }
}
