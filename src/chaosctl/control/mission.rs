//! What `start` starts: a file, plain or signed, or the short form of the command line.

use crate::envelope::{object, text};
use crate::findings;
use crate::source::Source;
use crate::terminal::{Paint, complain, shown};
use anyhow::{Context, anyhow, bail, ensure};
use serde::de::IgnoredAny;
use squall_policy::wire::{self, Decode};
use squall_policy::{Level, Node, Report, Value, check_mission};
use std::path::Path;
use std::time::SystemTime;

/// A mission that proxies can be asked to start.
pub struct Mission {
    pub id: String,
    /// What is sent.
    pub body: Vec<u8>,
    /// Where a person wrote it; of a signed one what is in the envelope.
    pub source: Option<Source>,
    pub is_signed: bool,
}

impl Mission {
    /// Reads a file. `None` when it has mistakes, which stand on standard error then.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path, paint: Paint) -> anyhow::Result<Option<Self>> {
        let mut source = Source::open(path)?;
        let whole = source.node.clone();
        let is_signed = source.unseal().is_some();
        let mission = source.check(|node, report| check_mission(node, None, report));
        if source.count(Level::Error) > 0 {
            complain(&findings::text(&source, paint));
            let tally = findings::tally(source.count(Level::Error), source.count(Level::Warning));
            complain(&format!("{tally}, and nothing was started; docs/errors.md explains each code\n"));
            return Ok(None);
        }
        let (Some(mission), Some(whole)) = (mission, whole) else {
            bail!("there is no mission in {}", source.name)
        };
        // JSON goes as it is, so that a proxy counts the same lines.
        let is_json = serde_json::from_slice::<IgnoredAny>(&source.bytes).is_ok();
        let body = if is_json { source.bytes.clone() } else { serde_json::to_vec(&whole)? };
        Ok(Some(Self { id: mission.id.0, body, source: Some(source), is_signed }))
    }
}

/// The short form: `scenario=NAME duration=15m`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    scenarios: Vec<String>,
    duration: String,
    pub namespace: Option<String>,
    id: Option<String>,
}

impl Words {
    /// # Errors
    /// With the first word that is none of the form, or the one that is missing.
    pub fn read(words: &[String]) -> anyhow::Result<Self> {
        let mut read = Self::default();
        for word in words {
            let (key, value) =
                word.split_once('=').filter(|(_, value)| !value.is_empty()).with_context(|| {
                    format!(
                        "{:?} is not KEY=VALUE: give one file, or scenario=NAME duration=15m",
                        shown(word)
                    )
                })?;
            let once = |place: &mut Option<String>| {
                ensure!(place.is_none(), "{key}= is given twice");
                *place = Some(value.to_owned());
                Ok(())
            };
            match key {
                "scenario" | "scenarios" => read.scenarios.extend(value.split(',').map(ToOwned::to_owned)),
                "duration" => {
                    ensure!(read.duration.is_empty(), "duration= is given twice");
                    value.clone_into(&mut read.duration);
                }
                "namespace" => once(&mut read.namespace)?,
                "id" => once(&mut read.id)?,
                _ => bail!(
                    "{:?} is no key of the short form: it has scenario, duration, namespace and id; a file has the rest",
                    shown(key)
                ),
            }
        }
        ensure!(
            !read.scenarios.is_empty(),
            "which scenario? add scenario=NAME; `chaosctl list` has their names"
        );
        ensure!(!read.duration.is_empty(), "for how long? add duration=15m");
        Ok(read)
    }

    /// The mission in a namespace.
    ///
    /// # Errors
    /// With all mistakes in it.
    pub fn mission(&self, namespace: &str) -> anyhow::Result<Mission> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => fresh_id(self.scenarios.first().map_or("mission", String::as_str))?,
        };
        let scenarios = self.scenarios.iter().map(|name| text(name)).collect();
        let node: Node = object([
            ("version", Value::Number(1.0).into()),
            ("id", text(&id)),
            ("scenarios", Value::List(scenarios).into()),
            ("namespace", text(namespace)),
            ("duration", text(&self.duration)),
        ]);
        let mut report = Report::default();
        wire::Mission::decode(&node, &mut report);
        let wrong: Vec<String> = report
            .findings
            .iter()
            .filter(|found| found.code.level() == Level::Error)
            .map(|found| format!("{}: {}; {}", found.path, found.message, found.hint))
            .collect();
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(Mission { id, body: serde_json::to_vec(&node)?, source: None, is_signed: false })
    }
}

/// No id runs twice: the scenario, the moment, and chance for those who start in the same second.
fn fresh_id(scenario: &str) -> anyhow::Result<String> {
    let mut chance = [0; 2];
    getrandom::fill(&mut chance).map_err(|error| anyhow!("the system has no entropy: {error}"))?;
    let moment: String = humantime::format_rfc3339_seconds(SystemTime::now())
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let [high, low] = chance;
    Ok(format!("{scenario}-{}-{high:02x}{low:02x}", moment.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> anyhow::Result<Words> {
        Words::read(&text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_short_form_makes_a_mission_with_an_id_of_its_own() {
        let short = words("scenario=slow,cut duration=15m namespace=shop").expect("a mission");
        assert_eq!(short.namespace.as_deref(), Some("shop"));
        let [first, second] = [1, 2].map(|_| short.mission("shop").expect("a mission"));
        assert_ne!(first.id, second.id);
        assert!(first.id.starts_with("slow-2"), "{}", first.id);
        let body: serde_json::Value = serde_json::from_slice(&first.body).expect("JSON");
        assert_eq!(body["scenarios"], serde_json::json!(["slow", "cut"]));
        assert_eq!((&body["duration"], &body["namespace"]), (&"15m".into(), &"shop".into()));
        assert_eq!(
            words("scenario=a duration=1m id=run-7").expect("one").mission("b").expect("one").id,
            "run-7"
        );
    }

    #[test]
    fn mistakes_in_the_short_form_are_told() {
        for (text, told) in [
            ("duration=1m", "which scenario?"),
            ("scenario=a", "for how long?"),
            ("scenario=a duration=1m lease=3", "no key of the short form"),
            ("scenario=a duration=1m duration=2m", "twice"),
            ("scenario=a duration=1m id=b id=c", "twice"),
            ("scenario=a duration", "is not KEY=VALUE"),
            ("scenario= duration=1m", "is not KEY=VALUE"),
        ] {
            let error = words(text).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let wrong = words("scenario=A duration=soon id=..").expect("words").mission("shop");
        let wrong = wrong.map(|mission| mission.id).expect_err("mistakes").to_string();
        assert_eq!(wrong.lines().count(), 3, "{wrong}");
    }
}
