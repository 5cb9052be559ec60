//! What a command line of `run` names: mission, catalog, key, queries; all of it is read before anybody is asked.

use super::condition::Condition;
use super::prometheus::Prometheus;
use crate::arguments::Run;
use crate::control::client::Client;
use crate::control::mission::{Mission, Words};
use crate::control::request::Signer;
use crate::control::{clients, start};
use crate::findings;
use crate::journal::{Expected, Role};
use crate::source::Source;
use crate::terminal::{Paint, complain};
use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};
use squall_policy::{Level, Node, check_catalog};
use std::collections::BTreeSet;
use std::path::Path;

pub struct Inputs {
    pub clients: Vec<Client>,
    pub signer: Signer,
    pub given: Result<Mission, Words>,
    pub catalog: Option<Node>,
    pub prometheus: Option<Prometheus>,
    pub conditions: Vec<Condition>,
}

impl Inputs {
    /// `None` when a file has mistakes, which stand on standard error then.
    ///
    /// # Errors
    /// When something cannot be read at all.
    pub fn read(arguments: &Run, paint: Paint) -> anyhow::Result<Option<Self>> {
        let clients = clients(&arguments.proxies)?;
        let signer = Signer::read(&arguments.signer)?;
        let prometheus = arguments.prometheus.as_deref().map(Prometheus::read).transpose()?;
        let conditions = conditions(arguments)?;
        let file = start::file(&arguments.words, arguments.file.as_ref());
        let stdin = |path: &Path| path.as_os_str() == "-";
        ensure!(
            !(file.as_deref().is_some_and(stdin) && arguments.catalog.as_deref().is_some_and(stdin)),
            "standard input can be the catalog or the mission, not both"
        );
        let given = match file {
            Some(path) => Mission::read(&path, paint)?.map(Ok),
            None => Some(Err(Words::read(&arguments.words)?)),
        };
        let catalog = match &arguments.catalog {
            Some(path) => catalog(path, paint)?.map(Some),
            None => Some(None),
        };
        let (Some(given), Some(catalog)) = (given, catalog) else { return Ok(None) };
        Ok(Some(Self { clients, signer, given, catalog, prometheus, conditions }))
    }
}

fn conditions(arguments: &Run) -> anyhow::Result<Vec<Condition>> {
    let guardrails = arguments.guardrail.iter().map(|text| (Role::Guardrail, text));
    let signals = arguments.signal.iter().map(|text| (Role::Signal, text));
    let all: Vec<Condition> = guardrails
        .chain(signals)
        .map(|(role, text)| Condition::read(role, text))
        .collect::<Result<_, _>>()?;
    let names: BTreeSet<&str> = all.iter().map(|condition| condition.name.as_str()).collect();
    ensure!(names.len() == all.len(), "two of --guardrail and --signal have the same name");
    Ok(all)
}

fn catalog(path: &Path, paint: Paint) -> anyhow::Result<Option<Node>> {
    let mut source = Source::open(path)?;
    source.check(check_catalog);
    if source.count(Level::Error) > 0 {
        complain(&findings::text(&source, paint));
        let tally = findings::tally(source.count(Level::Error), source.count(Level::Warning));
        complain(&format!("{tally}, and nothing was started; docs/errors.md explains each code\n"));
        return Ok(None);
    }
    source.node.context("there is no catalog in it").map(Some)
}

/// The scenarios of a mission, as the catalog has them.
pub fn scenarios<'n>(catalog: Option<&'n Node>, names: &[String]) -> Vec<&'n Node> {
    let all = catalog.and_then(|catalog| catalog.get("scenarios")?.list()).unwrap_or_default();
    let named = |node: &&Node| {
        node.get("name").and_then(Node::text).is_some_and(|name| names.iter().any(|known| known == name))
    };
    all.iter().filter(named).collect()
}

/// What is expected of them, and by `--signal`.
pub fn hypothesis(scenarios: &[&Node], conditions: &[Condition]) -> anyhow::Result<Vec<Expected>> {
    let mut all = Vec::new();
    for scenario in scenarios {
        let name = scenario.get("name").and_then(Node::text).unwrap_or_default();
        let signals = scenario.get("signals").map(serde_json::to_value).transpose()?;
        for (signal, expected) in signals.as_ref().and_then(Value::as_object).into_iter().flatten() {
            if let Some(expected) = expected.as_str().filter(|_| signal != "watch") {
                let (scenario, signal, expected) = (name.to_owned(), signal.clone(), expected.to_owned());
                all.push(Expected { scenario, signal, expected });
            }
        }
    }
    let signals = conditions.iter().filter(|condition| condition.role == Role::Signal);
    all.extend(signals.map(|condition| Expected {
        scenario: String::new(),
        signal: condition.name.clone(),
        expected: condition.expected(),
    }));
    Ok(all)
}

/// Scenarios whose signals are about what comes in.
pub fn inbound(scenarios: &[&Node]) -> Vec<String> {
    let watches = |node: &&&Node| node.get("signals").is_some_and(|signals| signals.get("watch").is_some());
    let name = |node: &&Node| node.get("name").and_then(Node::text).map(ToOwned::to_owned);
    scenarios.iter().filter(watches).filter_map(name).collect()
}

/// The options of the command line, for the journal.
pub fn options(arguments: &Run) -> Map<String, Value> {
    let Run { guardrail, signal, guardrail_for, sample, max_lost, .. } = arguments;
    let options = json!({
        "guardrail": guardrail,
        "signal": signal,
        "guardrail_for": guardrail_for,
        "sample": sample.to_string(),
        "max_lost": max_lost,
        "allow_no_traffic": arguments.allow_no_traffic,
        "allow_unsteady": arguments.allow_unsteady,
        "no_lease": arguments.no_lease,
        "timeout": arguments.proxies.timeout.to_string(),
    });
    options.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hypothesis_is_that_of_the_mission_s_scenarios_and_of_the_command_line() {
        let catalog: Node = serde_json::from_value(json!({"scenarios": [
            {"name": "slow", "signals": {"latency_p95": "<= 350ms", "watch": "inbound"}},
            {"name": "other", "signals": {"error_rate": "<= 1%"}},
        ]}))
        .expect("a tree");
        let found = scenarios(Some(&catalog), &["slow".to_owned()]);
        let conditions =
            [Role::Signal, Role::Guardrail].map(|role| Condition::read(role, "carts: x >= 2").expect("one"));
        let all = hypothesis(&found, &conditions).expect("a hypothesis");
        let told: Vec<String> =
            all.iter().map(|one| format!("{}/{} {}", one.scenario, one.signal, one.expected)).collect();
        assert_eq!(told, ["slow/latency_p95 <= 350ms", "/carts >= 2"]);
        assert_eq!(inbound(&found), ["slow"]);
        assert!(scenarios(None, &["slow".to_owned()]).is_empty());
    }
}
