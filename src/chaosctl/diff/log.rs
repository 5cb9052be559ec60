//! `diff --log`: how many requests of an access log each scenario hits before and after.

use crate::arguments::Diff;
use crate::simulate::{self, Hits};
use crate::sort::Sort;
use crate::source::Source;
use crate::table;
use crate::terminal::Paint;
use anyhow::{Context, bail};
use serde::Serialize;
use squall_policy::wire::{self, Decode};
use squall_policy::{Node, Report, check_catalog};
use std::path::Path;

/// Of a mission that says nothing else: as good as any, and the same for both.
const SEED: &str = "diff";

#[derive(Serialize)]
pub struct Counted {
    pub requests: u64,
    pub old_faulted: u64,
    pub new_faulted: u64,
    pub scenarios: Vec<Row>,
}

#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub old_matched: Option<u64>,
    pub new_matched: Option<u64>,
    pub old_faulted: Option<u64>,
    pub new_faulted: Option<u64>,
}

/// # Errors
/// When a file is missing or cannot be read.
pub fn count(arguments: &Diff, log: &Path, sort: Sort, old: &Node, new: &Node) -> anyhow::Result<Counted> {
    let other = |path: Option<&Path>| -> anyhow::Result<Option<Node>> {
        let Some(path) = path else { return Ok(None) };
        let mut source = Source::open(path)?;
        source.unseal();
        source
            .node
            .with_context(|| format!("{} cannot be read: `chaosctl validate` tells why", path.display()))
            .map(Some)
    };
    let (catalog, mission) = (other(arguments.catalog.as_deref())?, other(arguments.mission.as_deref())?);
    let run = |node: &Node| -> anyhow::Result<Hits> {
        let (catalog, mission) = match sort {
            Sort::Catalog => (Some(node.clone()), mission.clone()),
            Sort::Mission => (catalog.clone(), Some(node.clone())),
            _ => (node.get("catalog").cloned(), node.get("mission").cloned()),
        };
        let Some(catalog) = catalog else {
            bail!("two missions and a log need the catalog: add --catalog FILE")
        };
        let Some(catalog) = check_catalog(&catalog, &mut Report::default()) else {
            bail!("the catalog has mistakes: `chaosctl validate` tells them");
        };
        let mission = match mission {
            Some(mission) => wire::Mission::decode(&mission, &mut Report::default()),
            None => whole(&catalog),
        };
        let mission = mission.context("the mission has mistakes: `chaosctl validate` tells them")?;
        let seed = arguments.seed.clone().or(mission.seed.as_ref().map(|seed| seed.0.clone()));
        simulate::hits(&catalog, &mission, seed.as_deref().unwrap_or(SEED), log)
    };
    let (old, new) = (run(old)?, run(new)?);
    let mut names: Vec<&String> = old.scenarios.iter().map(|(name, ..)| name).collect();
    for (name, ..) in &new.scenarios {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |hits: &Hits, name: &str| {
        hits.scenarios
            .iter()
            .find(|(other, ..)| other == name)
            .map(|(_, matched, faulted)| (*matched, *faulted))
    };
    let scenarios = names.into_iter().map(|name| {
        let (a, b) = (of(&old, name), of(&new, name));
        Row {
            name: name.clone(),
            old_matched: a.map(|hit| hit.0),
            new_matched: b.map(|hit| hit.0),
            old_faulted: a.map(|hit| hit.1),
            new_faulted: b.map(|hit| hit.1),
        }
    });
    Ok(Counted {
        requests: old.requests.max(new.requests),
        old_faulted: old.faulted,
        new_faulted: new.faulted,
        scenarios: scenarios.collect(),
    })
}

/// A mission of all scenarios, each for itself.
fn whole(catalog: &wire::Catalog) -> Option<wire::Mission> {
    let names: Vec<&str> = catalog.scenarios.iter().map(|scenario| scenario.name.0.as_str()).collect();
    let json = serde_json::json!({
        "version": 1, "id": "diff", "namespace": "default", "duration": "7days", "composition": "independent", "scenarios": names,
    });
    let node: Node = serde_json::from_value(json).ok()?;
    wire::Mission::decode(&node, &mut Report::default())
}

impl Counted {
    pub fn text(&self, paint: Paint) -> String {
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let change = |a: Option<u64>, b: Option<u64>| format!("{} -> {}", number(a), number(b));
        let rows: Vec<[String; 3]> = self
            .scenarios
            .iter()
            .map(|row| {
                [
                    row.name.clone(),
                    change(row.old_matched, row.new_matched),
                    change(row.old_faulted, row.new_faulted),
                ]
            })
            .collect();
        let mut out = table::text(&["SCENARIO", "MATCHED", "FAULTED"], &rows, paint);
        out += &format!(
            "\nof {} requests {} -> {} are faulted\n",
            self.requests, self.old_faulted, self.new_faulted
        );
        out
    }
}
