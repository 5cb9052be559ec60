//! Writes docs/catalog.md, docs/errors.md and schemas/ from the types that read the files and the codes they report.
//! What the reader accepts and what the page says therefore cannot drift apart.

use squall_policy::wire::{
    Catalog, Decode, Envelope, Kind, Mission, OperatorsFile, Plugin, Regex, Request, Section, schema,
};
use squall_policy::{Code, Level, Report, load_plugin};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// A complete plugin configuration in JSON, the form that needs no YAML reader here.
const EXAMPLE: &str = include_str!("example.json");

const INTRODUCTION: &str = "\
# Catalog, mission and plugin configuration

<!-- Generated from src/policy by `make docs`; do not edit. -->

A **catalog** is a file of scenarios, a **mission** names some of them and runs them once, and the **plugin
configuration** is what Envoy hands to the filter: both files in one JSON object. Catalog and mission may be YAML or JSON,
with the same keys; the plugin configuration is JSON (`chaosctl render plugin` writes it).

- A key that is not listed here is an error: a misspelt key that is accepted is an experiment that does not happen.
- A key that carries its unit in its name (`percent`) takes a number; durations are text with a unit.
- All mistakes are reported at once; [errors.md](errors.md) lists the codes.
- Editors and other tools read the same from a JSON Schema: `chaosctl schema catalog` (or `mission`, `plugin`; also in `schemas/`). It knows
  keys, types, forms and ranges; what belongs together only `chaosctl validate` knows.
- Sizes: a plugin configuration has at most 4 MiB, a list at most 10,000 items.
";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = catalog_page().map(|catalog| {
        [
            ("docs/catalog.md", catalog),
            ("docs/errors.md", errors_page()),
            ("schemas/catalog.json", schema_page::<Catalog>("Squall catalog")),
            ("schemas/mission.json", schema_page::<Mission>("Squall mission")),
            ("schemas/operators.json", schema_page::<OperatorsFile>("Squall operators")),
            ("schemas/plugin.json", schema_page::<Plugin>("Squall plugin configuration")),
        ]
    });
    let written = files.and_then(|files| {
        files.iter().try_for_each(|(name, text)| {
            std::fs::write(root.join(name), text).map_err(|error| format!("{name}: {error}"))
        })
    });
    match written {
        Ok(()) => {
            println!("wrote docs/catalog.md, docs/errors.md and schemas/");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("generate-docs: {message}");
            ExitCode::from(2)
        }
    }
}

fn catalog_page() -> Result<String, String> {
    let mut report = Report::default();
    if load_plugin(EXAMPLE.as_bytes(), None, &mut report).is_none() || !report.findings.is_empty() {
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        return Err(format!("the example of the page has mistakes:\n{}", findings.join("\n")));
    }
    let limits = Regex::limits();
    let mut page = format!(
        "{INTRODUCTION}- Expressions: {limits}\n\n## Example\n\n```json\n{}\n```\n",
        EXAMPLE.trim_end()
    );
    let mut done = BTreeSet::new();
    describe(&Plugin::kind(), "##", &mut done, &mut page);
    describe(&OperatorsFile::kind(), "##", &mut done, &mut page);
    describe(&Envelope::kind(), "##", &mut done, &mut page);
    describe(&Request::kind(), "##", &mut done, &mut page);
    Ok(page)
}

/// Writes the section of an object and, behind it, those of the objects in it, each once.
fn describe(kind: &Kind, level: &str, done: &mut BTreeSet<&'static str>, page: &mut String) {
    let Some(section) = kind.section.map(|make| make()) else { return };
    if !done.insert(section.name) {
        return;
    }
    write_section(&section, level, page);
    for key in &section.keys {
        describe(&key.kind, level, done, page);
    }
}

fn write_section(section: &Section, level: &str, page: &mut String) {
    let rows: String = section
        .keys
        .iter()
        .map(|key| {
            let kind = match key.kind.section.map(|make| make().name) {
                Some(name) => key.kind.label.replace(name, &format!("[{name}](#{})", name.to_lowercase())),
                None => key.kind.label.clone(),
            };
            format!("| `{}` | {kind} | {} | {} |\n", key.key, key.presence, sentence(key.doc))
        })
        .collect();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "\n{level} {}\n\n{}\n\n| key | type and range | presence | meaning |\n|---|---|---|---|\n{rows}",
        section.name,
        sentence(section.doc)
    );
}

fn schema_page<T: Decode>(title: &str) -> String {
    format!("{:#}\n", schema::of_file::<T>(title))
}

fn errors_page() -> String {
    let mut page = String::from(
        "# Diagnostic codes\n\n<!-- Generated from src/policy by `make docs`; do not edit. -->\n\n\
         Errors refuse a configuration: `chaosctl validate` exits with 1, the filter disarms itself and lets traffic\n\
         pass. Warnings are shown and refuse nothing. Codes are stable.\n\n| code | level | meaning |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let level = match code.level() {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let _ = writeln!(page, "| `{}` | {level} | {} |", code.slug(), sentence(code.explanation()));
    }
    page
}

/// Doc comments come line by line, each with a leading blank; a bar would end the table's cell.
fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
