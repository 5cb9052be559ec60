//! What has to be so before a mission is started; every check that fails is told at once, with what to do.

use super::document::Document;
use crate::control::act::running;
use crate::control::client::{Answer, Client};
use crate::control::start::Site;
use crate::journal::Preflight;
use crate::terminal::shown;
use serde_json::Value;
use squall_policy::{Node, digest_text};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far a clock may be from ours.
const SLACK_MS: i64 = 1000;

/// A proxy that has been looked at.
pub struct Looked {
    pub site: Site,
    /// When the status was asked for, and when it came.
    pub asked: (SystemTime, SystemTime),
    pub catalog: Answer,
}

pub async fn look(client: Client) -> Looked {
    let before = SystemTime::now();
    let status = client.get("/v1/status").await;
    let asked = (before, SystemTime::now());
    let catalog = match &status {
        Answer::Done(_) => client.get("/v1/catalog").await,
        answer @ (Answer::Refused(_) | Answer::Failed(_)) => answer.clone(),
    };
    Looked { site: Site { client, status }, asked, catalog }
}

impl Looked {
    pub fn name(&self) -> String {
        self.site.client.address.to_string()
    }

    pub fn status(&self) -> Option<&Value> {
        match &self.site.status {
            Answer::Done(status) => Some(status),
            Answer::Refused(_) | Answer::Failed(_) => None,
        }
    }

    /// The digest of each scenario.
    pub fn digests(&self) -> BTreeMap<String, String> {
        match &self.catalog {
            Answer::Done(catalog) => digests(catalog),
            Answer::Refused(_) | Answer::Failed(_) => BTreeMap::new(),
        }
    }

    /// By how many milliseconds its clock is ahead of ours, and by how many that may be wrong.
    fn clock(&self) -> Option<(i64, i64)> {
        let now = humantime::parse_rfc3339(self.site.text("/now")?).ok()?;
        let ms = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        };
        let (before, after) = (ms(self.asked.0), ms(self.asked.1));
        Some((ms(now) - i64::midpoint(before, after), (after - before).max(0) / 2 + 1))
    }
}

pub fn digests(catalog: &Value) -> BTreeMap<String, String> {
    let scenarios = catalog.get("scenarios").and_then(Value::as_array).into_iter().flatten();
    let pair = |scenario: &Value| {
        let text = |key: &str| scenario.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        Some((text("name")?, text("digest")?))
    };
    scenarios.filter_map(pair).collect()
}

fn check(name: &str, proxy: Option<&str>, ok: bool, detail: impl Into<String>) -> Preflight {
    Preflight {
        check: name.to_owned(),
        proxy: proxy.map(ToOwned::to_owned),
        ok: Some(ok),
        detail: detail.into(),
    }
}

/// Whether each proxy answers.
pub fn reachable(looked: &[Looked]) -> Vec<Preflight> {
    let one = |looked: &Looked| {
        let (ok, detail) = match &looked.site.status {
            Answer::Done(_) => (true, "it answers".to_owned()),
            Answer::Refused(problem) => (false, problem.line()),
            Answer::Failed(failure) => {
                (false, format!("{}; is that its control listener?", shown(&failure.why)))
            }
        };
        check("reachable", Some(&looked.name()), ok, detail)
    };
    looked.iter().map(one).collect()
}

/// All the others. `catalog`: that of the command line.
pub fn checks(
    looked: &[Looked],
    document: &Document,
    catalog: Option<&Node>,
    has_key: bool,
) -> Vec<Preflight> {
    let mut all = Vec::new();
    all.extend(versions(looked));
    all.extend(clocks(looked));
    let first =
        looked.iter().find_map(|looked| matches!(looked.catalog, Answer::Done(_)).then(|| looked.digests()));
    for looked in looked {
        let (Some(status), name) = (looked.status(), looked.name()) else { continue };
        all.push(namespace(status, &name, document));
        all.push(scenarios(looked, &name, document, catalog, first.as_ref()));
        all.push(idle(status, &name, document));
    }
    all.push(key(document, has_key));
    all.extend(observed(document));
    all
}

fn versions(looked: &[Looked]) -> Vec<Preflight> {
    let own = env!("CARGO_PKG_VERSION");
    let first = looked.iter().find_map(|looked| looked.site.text("/squall"));
    let one = |looked: &Looked| {
        let theirs = looked.site.text("/squall")?;
        let ok = Some(theirs) == first;
        let mut detail = format!("Squall {}", shown(theirs));
        if !ok {
            detail += &format!(", others have {}: give all the same", shown(first.unwrap_or_default()));
        } else if theirs != own {
            detail += &format!(", this chaosctl is {own}");
        }
        Some(check("version", Some(&looked.name()), ok, detail))
    };
    looked.iter().filter_map(one).collect()
}

fn clocks(looked: &[Looked]) -> Vec<Preflight> {
    let all: Vec<(i64, i64)> = looked.iter().filter_map(Looked::clock).collect();
    let one = |looked: &Looked| {
        let (offset, slack) = looked.clock()?;
        let apart = |other: &(i64, i64)| (offset - other.0).abs() - slack - other.1;
        let from_others = all.iter().map(apart).max().unwrap_or(0);
        let ok = offset.abs() - slack <= SLACK_MS && from_others <= SLACK_MS;
        let mut detail = format!("{offset:+} ms from ours (to within {slack} ms)");
        if !ok {
            if from_others > SLACK_MS {
                detail += &format!(", at least {from_others} ms from another proxy's");
            }
            detail += ": deadlines and leases are kept by each clock, so set them by NTP";
        }
        Some(check("clock", Some(&looked.name()), ok, detail))
    };
    looked.iter().filter_map(one).collect()
}

fn namespace(status: &Value, name: &str, document: &Document) -> Preflight {
    let (ours, theirs) =
        (&document.wire.namespace.0, status.pointer("/proxy/namespace").and_then(Value::as_str));
    match theirs {
        None => check("namespace", Some(name), true, "the proxy does not know its own"),
        Some(theirs) if theirs == ours => check("namespace", Some(name), true, ours.clone()),
        Some(theirs) => {
            let detail =
                format!("the proxy is in {}, the mission in {ours}: leave the proxy out", shown(theirs));
            check("namespace", Some(name), false, detail)
        }
    }
}

fn scenarios(
    looked: &Looked,
    name: &str,
    document: &Document,
    catalog: Option<&Node>,
    first: Option<&BTreeMap<String, String>>,
) -> Preflight {
    if let Answer::Refused(problem) = &looked.catalog {
        return check("scenario", Some(name), false, problem.line());
    }
    if let Answer::Failed(failure) = &looked.catalog {
        return check("scenario", Some(name), false, shown(&failure.why));
    }
    let theirs = looked.digests();
    let ours = catalog.map(own_digests);
    let mut wrong = Vec::new();
    for scenario in document.wire.scenarios.iter().map(|scenario| scenario.0.as_str()) {
        match (theirs.get(scenario), ours.as_ref().map(|ours| ours.get(scenario))) {
            (None, _) => wrong.push(format!("it has no scenario {scenario}")),
            (_, Some(None)) => wrong.push(format!("the catalog that was given has no scenario {scenario}")),
            (Some(theirs), Some(Some(ours))) if theirs != ours => {
                wrong.push(format!("its {scenario} is not that of the catalog that was given"));
            }
            (Some(theirs), _)
                if first.is_some_and(|first| first.get(scenario).is_some_and(|d| d != theirs)) =>
            {
                wrong.push(format!("its {scenario} is another one than that of the first proxy"));
            }
            _ => {}
        }
    }
    if wrong.is_empty() {
        let detail = if ours.is_some() { "as in the catalog" } else { "known, and the same in all proxies" };
        return check("scenario", Some(name), true, detail);
    }
    let detail = format!("{}: give all proxies the same catalog", wrong.join("; "));
    check("scenario", Some(name), false, detail)
}

pub fn own_digests(catalog: &Node) -> BTreeMap<String, String> {
    let scenarios = catalog.get("scenarios").and_then(Node::list).unwrap_or_default();
    let name = |node: &Node| node.get("name").and_then(Node::text).map(ToOwned::to_owned);
    scenarios.iter().filter_map(|node| Some((name(node)?, digest_text(node)))).collect()
}

/// Nobody else's mission, no halt, and the id is new there.
fn idle(status: &Value, name: &str, document: &Document) -> Preflight {
    let text = |pointer: &str| shown(status.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    if status.get("halt").is_some_and(|halt| !halt.is_null()) {
        let by = if text("/halt/by").is_empty() { text("/halt/reason") } else { text("/halt/by") };
        let detail = format!(
            "it was halted by {by}: {}; `chaosctl release --proxy {name}` once the reason is gone",
            text("/halt/detail")
        );
        return check("idle", Some(name), false, detail);
    }
    if let Some(id) = running(status) {
        let detail = format!(
            "mission {} runs there; wait for it, or ask whose it is: `chaosctl status --proxy {name}`",
            shown(id)
        );
        return check("idle", Some(name), false, detail);
    }
    if text("/mission/id") == document.wire.id.0 {
        let detail = "the mission has run there, and no id runs twice: give it another `id`";
        return check("idle", Some(name), false, detail);
    }
    check("idle", Some(name), true, "no mission, no halt")
}

/// Only an operator renews the lease of a mission that operators have signed.
fn key(document: &Document, has_key: bool) -> Preflight {
    match (document.mission.is_signed, document.lease_s()) {
        (true, Some(lease)) if !has_key => {
            let detail = format!(
                "the signed mission has a lease of {lease} s, which nobody could renew: give `--key`"
            );
            check("key", None, false, detail)
        }
        (true, None) => {
            check("key", None, true, "the mission has no lease: its deadline alone ends it if this is killed")
        }
        _ => check("key", None, true, "nothing is missing"),
    }
}

/// Before it runs, no filter observes.
fn observed(document: &Document) -> Vec<Preflight> {
    let detail = match document.expected().baseline_s {
        0 => "not checked, as the mission has no `baseline`".to_owned(),
        seconds => format!("told at the end of the baseline, which is {seconds} s long"),
    };
    let note = |name: &str| Preflight { ok: None, ..check(name, None, false, detail.clone()) };
    ["traffic", "steady_state"].map(note).into()
}

#[cfg(test)]
#[path = "preflight/tests.rs"]
mod tests;
