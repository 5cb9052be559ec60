//! What happened, in order: what of the journal a person wants to read.

use super::course::word;
use crate::journal::{Entry, Journal, ProxyState, Record, What};
use crate::observed::{Event, safe};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    pub t_ms: u64,
    pub at: String,
    /// `phase`, `action`, `event`, ...
    pub kind: &'static str,
    pub proxy: Option<String>,
    pub text: String,
    /// Something went wrong.
    pub is_bad: bool,
}

#[must_use]
pub fn timeline(journal: &Journal) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut passed = 0;
    let mut known = BTreeMap::new();
    for record in &journal.records {
        match &record.entry {
            Entry::Preflight(check) if check.ok == Some(true) => passed += 1,
            Entry::Preflight(check) if check.ok.is_none() => {}
            Entry::Promql(found) => {
                // Asked every few seconds: only a change is news.
                let key = safe(&found.name);
                if known.insert(key, found.ok).unwrap_or(Some(true)) != found.ok {
                    moments.push(promql(record, found));
                }
            }
            _ => moments.extend(moment(record)),
        }
        // After the last check that passed, those are told in one.
        let is_check = matches!(record.entry, Entry::Preflight(_));
        if passed > 0 && !is_check {
            let many = if passed == 1 { "1 check".to_owned() } else { format!("{passed} checks") };
            let place = moments
                .len()
                .saturating_sub(usize::from(moments.last().is_some_and(|m| m.t_ms == record.t_ms)));
            moments.insert(place, told(record, "preflight", None, format!("{many} passed"), false));
            passed = 0;
        }
    }
    moments
}

fn told(record: &Record, kind: &'static str, proxy: Option<&str>, text: String, is_bad: bool) -> Moment {
    Moment { t_ms: record.t_ms, at: safe(&record.at), kind, proxy: proxy.map(safe), text, is_bad }
}

fn promql(record: &Record, found: &crate::journal::Promql) -> Moment {
    let holds = match found.ok {
        Some(true) => "holds again",
        Some(false) => "does not hold",
        None => "is not known",
    };
    let text = format!("{} {holds}: {}", safe(&found.name), safe(&found.detail));
    told(record, "promql", None, text, found.ok != Some(true))
}

fn moment(record: &Record) -> Option<Moment> {
    Some(match &record.entry {
        Entry::Started(started) => {
            let many = started.proxies.len();
            let proxies = if many == 1 { "1 proxy".to_owned() } else { format!("{many} proxies") };
            told(record, "run", None, format!("run {} over {proxies} begins", safe(&started.run)), false)
        }
        Entry::Preflight(check) => {
            let text = format!("check {} failed: {}", safe(&check.check), safe(&check.detail));
            told(record, "preflight", check.proxy.as_deref(), text, true)
        }
        Entry::Action(action) => {
            let what = match action.what {
                What::Renew if action.ok => return None,
                What::Start => "start",
                What::Renew => "renew",
                What::Stop => "stop",
                What::Halt => "halt",
            };
            let failed = if action.ok { "" } else { " failed" };
            let detail =
                if action.detail.is_empty() { String::new() } else { format!(": {}", safe(&action.detail)) };
            told(record, "action", Some(&action.proxy), format!("{what}{failed}{detail}"), !action.ok)
        }
        Entry::Phase(phase) => {
            let stage = phase.stage.as_ref().map_or_else(String::new, |stage| {
                let intensity = crate::observed::number(stage.intensity_percent);
                format!(", stage {} of {} at {intensity} %", stage.number, stage.of)
            });
            let word = word(phase.phase);
            let is_bad = word == "halted";
            told(record, "phase", None, format!("{word}{stage}"), is_bad)
        }
        Entry::Event(event) => {
            let found = Event::read(&event.event)?;
            // What the run does itself, and its phases, stand there already.
            if matches!(found.name.as_str(), "mission.renewed" | "stage.started" | "mission.accepted") {
                return None;
            }
            let about = if found.about.is_empty() { String::new() } else { format!(": {}", found.about) };
            let bad = [
                "guardrail.tripped",
                "mission.halted",
                "mission.refused",
                "config.rejected",
                "request.refused",
            ];
            let is_bad = bad.contains(&found.name.as_str());
            told(record, "event", Some(&event.proxy), format!("{}{about}", found.name), is_bad)
        }
        Entry::Proxy(proxy) => {
            let (text, is_bad) = match proxy.state {
                ProxyState::Lost => ("does not answer", true),
                ProxyState::Back => ("answers again", false),
                ProxyState::Halted => ("is halted", true),
                ProxyState::Skewed => ("has another configuration", true),
            };
            let detail =
                if proxy.detail.is_empty() { String::new() } else { format!(": {}", safe(&proxy.detail)) };
            told(record, "proxy", Some(&proxy.proxy), format!("{text}{detail}"), is_bad)
        }
        Entry::Interrupted(found) => {
            let text = format!("{} came, for the {}. time", safe(&found.by), found.count);
            told(record, "interrupted", None, text, true)
        }
        Entry::Verdict(verdict) => {
            let is_bad = verdict.verdict.text() != "held";
            told(record, "verdict", None, verdict.verdict.text().to_owned(), is_bad)
        }
        Entry::Sample(_) | Entry::Promql(_) => return None,
    })
}
