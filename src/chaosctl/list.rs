//! `list`: the scenarios of catalogs, one line each.

use crate::arguments::{List, Output};
use crate::sort::Sort;
use crate::source::{self, Source};
use crate::terminal::{self, Paint, complain};
use crate::{Outcome, emit, findings, table, words};
use serde::Serialize;
use squall_policy::{check_catalog, wire};

#[derive(Serialize)]
struct Row {
    name: String,
    severity: &'static str,
    faults: Vec<String>,
    /// Their keys, those inside `one_of` too.
    #[serde(skip)]
    kinds: Vec<&'static str>,
    /// Whose proxies inject it; null is any.
    service: Option<String>,
    scope: Vec<String>,
    sample: String,
    description: Option<String>,
    file: String,
    #[serde(skip)]
    caps: String,
}

/// # Errors
/// When a file cannot be read.
pub fn run(arguments: &List, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    let given: Vec<_> = arguments.files.iter().chain(&arguments.catalog).cloned().collect();
    if given.is_empty() {
        anyhow::bail!("give a catalog: `chaosctl list catalog.yaml`, or name one in a context");
    }
    let mut rows = Vec::new();
    let mut bad = false;
    for given in &given {
        for file in source::expand(std::slice::from_ref(given))? {
            let mut source = Source::open(&file)?;
            // A folder may hold other files too, such as the missions; a file that was named is a catalog.
            if given.is_dir() && source.node.as_ref().is_some_and(|n| Sort::of(n) != Sort::Catalog) {
                continue;
            }
            match source.check(check_catalog) {
                Some(catalog) => rows.extend(catalog.scenarios.iter().map(|s| row(s, &source.name))),
                None => bad = true,
            }
            complain(&findings::text(&source, err));
        }
    }
    if bad {
        return Ok(Outcome::Finding);
    }
    rows.retain(|row| {
        arguments.severity.as_ref().is_none_or(|s| row.severity == s)
            && arguments.fault.as_ref().is_none_or(|f| row.kinds.contains(&f.as_str()))
            && arguments.service.as_ref().is_none_or(|s| row.service.as_ref().is_none_or(|own| own == s))
    });
    terminal::print(&match arguments.output {
        Output::Text | Output::Wide if rows.is_empty() => "no scenario fits\n".to_owned(),
        Output::Text => listing(&rows, out),
        Output::Wide => wide(&rows, out),
        output => emit::structured(&rows, output)?,
    })?;
    Ok(Outcome::Fine)
}

fn row(scenario: &wire::Scenario, file: &str) -> Row {
    Row {
        name: scenario.name.0.clone(),
        severity: scenario.severity.word(),
        faults: words::faults(scenario),
        kinds: scenario.faults.iter().flat_map(wire::Fault::alternatives).map(|(_, f)| f.key()).collect(),
        service: scenario.scope.as_ref().and_then(|scope| Some(scope.service.as_ref()?.0.clone())),
        scope: words::scope(scenario),
        sample: words::sample(scenario),
        description: scenario.description.as_ref().map(|d| d.0.clone()),
        file: file.to_owned(),
        caps: words::caps(scenario),
    }
}

/// Widest cell before it is cut, in characters.
const WIDEST: usize = 60;

/// Nothing is cut, and with caps, file and description.
fn wide(rows: &[Row], paint: Paint) -> String {
    let cells: Vec<[String; 8]> = rows
        .iter()
        .map(|row| {
            let description =
                row.description.as_deref().unwrap_or("-").split_whitespace().collect::<Vec<_>>().join(" ");
            let texts = [
                row.name.clone(),
                row.severity.into(),
                row.faults.join(" + "),
                row.scope.join(" or "),
                row.sample.clone(),
                row.caps.clone(),
                row.file.clone(),
                description,
            ];
            texts.map(|text| terminal::shown(&text))
        })
        .collect();
    let head = ["NAME", "SEVERITY", "FAULTS", "SCOPE", "SAMPLE", "LIMITS", "FILE", "DESCRIPTION"];
    table::text(&head, &cells, paint)
}

fn listing(rows: &[Row], paint: Paint) -> String {
    let cell = |text: String| {
        let text = terminal::shown(&text);
        if text.chars().count() <= WIDEST {
            text
        } else {
            text.chars().take(WIDEST - 3).collect::<String>() + "..."
        }
    };
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            let texts = [
                row.name.clone(),
                row.severity.into(),
                row.faults.join(" + "),
                row.scope.join(" or "),
                row.sample.clone(),
            ];
            texts.map(cell)
        })
        .collect();
    table::text(&["NAME", "SEVERITY", "FAULTS", "SCOPE", "SAMPLE"], &cells, paint)
}
