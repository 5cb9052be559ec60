//! Pages from the fixture, beside their golden files; what is hostile in a journal; a journal that breaks off.

mod hostile;
mod pages;

use super::pages::{Form, report};
use super::summary::Run;
use crate::journal;
use std::path::{Path, PathBuf};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/run.jsonl")
}

fn text() -> String {
    std::fs::read_to_string(fixture()).expect("the fixture")
}

fn run_of(journal: &str) -> Run {
    Run::of(journal::parse(journal.as_bytes()).expect("a journal"), Path::new("run.jsonl"))
}

fn page(run: &Run, form: Form) -> String {
    report(run, form, Some("run.html")).expect("a page")
}

/// Compares with `tests/golden/report/NAME`; `UPDATE_GOLDEN=1` writes the file instead.
fn assert_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        std::fs::write(&path, found).expect("the file can be written");
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = held.lines().zip(found.lines()).find(|(a, b)| a != b);
    let command = "UPDATE_GOLDEN=1 cargo test -p chaosctl report";
    assert!(held == found, "{name} is otherwise; look at it, and run `{command}`\n{differs:#?}");
}
