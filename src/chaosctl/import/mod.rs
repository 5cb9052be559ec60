//! `import`: a catalog from what people have already, and what of it could not be carried over.
//!
//! Two rules hold for every format: no key is passed over in silence, and no scenario hits more requests than what it
//! comes from. What narrows a fault and cannot be written here takes the fault along.

mod chaos_mesh;
mod chaos_mesh_fault;
mod detect;
mod draft;
mod envoy;
mod envoy_fault;
mod envoy_header;
mod istio;
mod istio_fault;
mod istio_match;
mod minimal;
mod minimal_signals;
mod place;
mod rule;
mod told;
mod toxiproxy;
mod tree;
mod units;

use crate::arguments::{Import, Origin, Output};
use crate::source::Source;
use crate::terminal::{self, Paint, Style, complain, shown};
use crate::{Outcome, findings, init, reader};
use anyhow::{Context, bail};
use draft::{Orders, Ready};
use place::Place;
use squall_policy::{Level as Severity, Node, Report, check_catalog, check_mission};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use told::{Code, Finding, Level, Told};

/// What all files have brought.
#[derive(Default)]
pub struct Gathered {
    scenarios: Vec<Ready>,
    orders: Orders,
    missions: usize,
    wants_mission: bool,
    shortest_ms: Option<u64>,
}

impl Gathered {
    /// A key that a mission has, and a catalog has not.
    fn belongs_to_mission(&self, place: &Place<'_>, key: &str, told: &Told) {
        if !self.wants_mission {
            let hint = format!("`--mission-out FILE` writes a mission with this `{key}`");
            told.add(Code::Elsewhere, place.key(), format!("`{key}` belongs into the mission"), hint);
        }
    }

    fn set_namespace(&mut self, place: &Place<'_>, told: &Told) {
        match &self.orders.namespace {
            Some(there) if there.value != place.node.value => {
                let hint = "make a mission for each of them";
                told.add(
                    Code::Elsewhere,
                    place.here(),
                    "a mission is for one namespace, and another one was first",
                    hint,
                );
            }
            _ => self.orders.namespace = Some(place.copy()),
        }
    }

    /// Of several durations the shortest.
    fn set_duration(&mut self, span: Node, ms: u64) {
        if self.shortest_ms.is_none_or(|shortest| ms < shortest) {
            self.shortest_ms = Some(ms);
            self.orders.duration = Some(span);
        }
    }
}

/// # Errors
/// When a file cannot be read or written, or nobody can tell what it is.
pub fn run(arguments: &Import, err: Paint) -> anyhow::Result<Outcome> {
    if arguments.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        bail!("standard input can be read once: give `-` once");
    }
    let mut gathered = Gathered { wants_mission: arguments.mission_out.is_some(), ..Gathered::default() };
    let mut files = Vec::new();
    let mut readable = true;
    for file in &arguments.files {
        let mut source = Source::bare(file)?;
        let mut report = Report::default();
        let documents = reader::read_all(&source.text, &mut report).unwrap_or_default();
        readable &= !report.has_errors() && source.findings.is_empty();
        source.add(report);
        let told = Told::default();
        if source.findings.is_empty() {
            documents
                .iter()
                .try_for_each(|node| document(node, arguments.from, &source, &told, &mut gathered))?;
        }
        let findings = told.take();
        files.push((source, findings));
    }
    draft::distinguish(&mut gathered.scenarios);
    if !readable {
        files.iter().for_each(|(source, _)| complain(&findings::text(source, err)));
        return Ok(Outcome::Finding);
    }
    // First, for what is refused or cannot be written may be so because of it.
    complain(&told::shown(&files, arguments.output, err)?);
    let written = write(arguments, &gathered, &files)?;
    let count =
        |level| files.iter().flat_map(|(_, findings)| findings).filter(|f| f.code.level() == level).count();
    let [errors, lost, changed] = [Level::Error, Level::Lost, Level::Changed].map(count);
    if arguments.output == Output::Text {
        conclude(arguments, &gathered, (errors, lost, changed), written, err);
    }
    let strictly = arguments.strict && lost + changed > 0;
    Ok(if errors > 0 || strictly || !written { Outcome::Finding } else { Outcome::Fine })
}

/// One document of a file; a `List` of Kubernetes has several.
fn document(
    node: &Node,
    from: Option<Origin>,
    source: &Source,
    told: &Told,
    gathered: &mut Gathered,
) -> anyhow::Result<()> {
    if node.value == squall_policy::Value::Null {
        return Ok(());
    }
    let Some(origin) = from.or_else(|| detect::origin(node)) else {
        let line = node.at.map_or(1, |at| at.line);
        bail!(
            "{}:{line}: what is this? say it with --from istio, envoy, chaos-mesh, toxiproxy or minimal; a catalog of Squall \
             needs no import: `chaosctl validate`",
            shown(&source.name)
        );
    };
    let root = Place::root(node);
    let items = node.get("items").filter(|_| node.get("kind").and_then(Node::text) == Some("List"));
    let places = match items {
        Some(items) => Place { node: items, path: "items".to_owned(), key_at: items.at }.items(told),
        None => vec![root],
    };
    for place in &places {
        match origin {
            Origin::Istio => istio::read(place, told, gathered),
            Origin::Envoy => envoy::read(place, told, gathered),
            Origin::ChaosMesh => chaos_mesh::read(place, told, gathered),
            Origin::Toxiproxy => toxiproxy::read(place, told, gathered),
            Origin::Minimal => minimal::read(place, told, gathered),
        }
    }
    Ok(())
}

/// Writes catalog and mission; false when there is nothing to write, which is no import.
fn write(arguments: &Import, gathered: &Gathered, files: &[(Source, Vec<Finding>)]) -> anyhow::Result<bool> {
    let names: Vec<String> = files.iter().map(|(source, _)| shown(&source.name)).collect();
    let head = format!(
        "Imported by chaosctl from {}. Read it before it runs: docs/import.md tells what came over.",
        names.join(", ")
    );
    let mut report = Report::default();
    let mut catalog_node = None;
    if !gathered.scenarios.is_empty() {
        let catalog = draft::catalog(&gathered.scenarios, &head);
        catalog_node = reader::read(&catalog, &mut report);
        // Each scenario was checked by itself; all expressions together have a bound of their own.
        catalog_node.as_ref().map(|node| check_catalog(node, &mut report));
        fits(&report)?;
        put(arguments.out.as_deref(), &catalog, arguments.force)?;
    }
    let Some(path) = &arguments.mission_out else { return Ok(catalog_node.is_some()) };
    if catalog_node.is_none() && gathered.missions == 0 {
        return Ok(false);
    }
    let mission = gathered.orders.mission(&gathered.scenarios, &head);
    if let Some(node) = reader::read(&mission, &mut report) {
        check_mission(&node, catalog_node.as_ref(), &mut report);
    }
    fits(&report).context("the catalog is written, the mission is not")?;
    put(Some(path), &mission, arguments.force)?;
    Ok(true)
}

fn fits(report: &Report) -> anyhow::Result<()> {
    let errors = report.findings.iter().filter(|finding| finding.code.level() == Severity::Error);
    let told: Vec<String> = errors.map(|f| format!("{}: {}; {}", f.path, f.message, f.hint)).collect();
    if !told.is_empty() {
        bail!("what came of it is refused: {}", told.join("\n"));
    }
    Ok(())
}

/// Standard output, or a file that is not there yet.
fn put(path: Option<&Path>, text: &str, force: bool) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(terminal::print(text)?) };
    let name = path.display();
    let opened = OpenOptions::new().write(true).create(true).truncate(true).create_new(!force).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{name} is there already; `--force` writes over it")
        }
        opened => opened.with_context(|| format!("cannot write {name}"))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {name}"))
}

fn conclude(
    arguments: &Import,
    gathered: &Gathered,
    (errors, lost, changed): (usize, usize, usize),
    written: bool,
    paint: Paint,
) {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let style = if errors + lost > 0 { Style::Warning } else { Style::Good };
    let tally = format!("{}, {lost} lost, {changed} changed", count(errors, "error"));
    complain(&format!("{}: {}\n", count(gathered.scenarios.len(), "scenario"), paint.paint(style, &tally)));
    if errors + lost + changed > 0 {
        complain("docs/import.md explains each code\n");
    }
    if !written {
        complain("nothing was written: nothing of it can be injected\n");
    } else if let Some(catalog) = &arguments.out {
        let mission = arguments.mission_out.as_deref().map(init::word);
        complain(&format!(
            "next: `chaosctl validate {}{}`\n",
            init::word(catalog),
            mission.map_or_else(String::new, |mission| format!(" {mission}"))
        ));
    }
}
