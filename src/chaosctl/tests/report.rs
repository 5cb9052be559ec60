//! `report` as a shell runs it: which files it writes, what it leaves alone, its exit codes.

mod run;

use run::{root, run};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn fixture() -> String {
    fs::read_to_string(root().join("src/chaosctl/tests/report/run.jsonl")).expect("the fixture")
}

fn journal(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("the file can be written");
    path.to_str().expect("text").to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn files_are_written_beside_the_journal_and_never_over_others() {
    let folder = TempDir::new().expect("a folder");
    let path = journal(folder.path(), "chaos.jsonl", &fixture());
    let ran = run(&["report", &path]);
    assert_eq!(ran.code, 1, "it was violated: {ran:?}");
    assert!(ran.out.starts_with("2026-12-01-db-latency  violated\n"), "{}", ran.out);
    assert_eq!(names(folder.path()), ["chaos.html", "chaos.jsonl", "chaos.md"]);
    fs::write(folder.path().join("chaos.md"), "mine").expect("written");
    fs::remove_file(folder.path().join("chaos.html")).expect("removed");
    let again = run(&["report", &path]);
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert!(
        again.err.contains("chaos.md is there already") && again.err.contains("--force"),
        "{}",
        again.err
    );
    // All or nothing, and nothing is lost.
    assert_eq!(names(folder.path()), ["chaos.jsonl", "chaos.md"]);
    assert_eq!(fs::read_to_string(folder.path().join("chaos.md")).expect("text"), "mine");
    assert_eq!(run(&["report", &path, "--force"]).code, 1);
    assert!(
        fs::read_to_string(folder.path().join("chaos.md"))
            .expect("text")
            .starts_with("# 2026-12-01-db-latency: violated\n")
    );
}

#[test]
fn only_named_files_are_written_where_some_are_named_or_a_program_reads() {
    let folder = TempDir::new().expect("a folder");
    let path = journal(folder.path(), "chaos.jsonl", &fixture());
    let page: PathBuf = folder.path().join("page.html");
    run(&["report", &path, "--html", page.to_str().expect("text")]);
    assert_eq!(names(folder.path()), ["chaos.jsonl", "page.html"]);
    let ran = run(&["report", &path, "--output", "json"]);
    let summary: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(
        (ran.code, &summary["verdict"], &summary["is_complete"]),
        (1, &"violated".into(), &true.into())
    );
    assert_eq!(names(folder.path()), ["chaos.jsonl", "page.html"]);
    let other = journal(folder.path(), "other.jsonl", &fixture());
    let ran = run(&["report", "--compare", &other, &path]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(
        names(folder.path()),
        ["chaos.compare.html", "chaos.compare.md", "chaos.jsonl", "other.jsonl", "page.html"]
    );
}

#[test]
fn the_exit_code_says_whether_it_held_and_whether_there_is_a_journal() {
    let folder = TempDir::new().expect("a folder");
    let held = fixture().replace("\"verdict\":\"violated\"", "\"verdict\":\"held\"");
    let path = journal(folder.path(), "held.jsonl", &held);
    assert_eq!(run(&["report", &path]).code, 0);
    let lines: Vec<&str> = held.lines().collect();
    let killed = journal(folder.path(), "killed.jsonl", &lines[..lines.len() - 1].join("\n"));
    let ran = run(&["report", &killed]);
    assert!(
        ran.code == 1 && ran.out.contains("no verdict") && ran.out.contains("the run was killed"),
        "{ran:?}"
    );
    let none = journal(folder.path(), "none.jsonl", "{}\n");
    let ran = run(&["report", &none]);
    assert!(ran.code == 2 && ran.err.contains("is no journal of `chaosctl run`"), "{ran:?}");
    assert_eq!(run(&["report", "no-such-file.jsonl"]).code, 2);
}
