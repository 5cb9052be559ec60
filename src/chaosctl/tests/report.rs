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

#[test]
fn a_journal_is_never_overwritten_by_its_own_report() {
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (path, old) =
        (journal(folder.path(), "z.md", &fixture()), journal(folder.path(), "old.jsonl", &fixture()));
    std::os::unix::fs::symlink(&path, at("soft")).expect("a link");
    fs::hard_link(&path, at("hard")).expect("a link");
    let around = folder.path().join("../").join(folder.path().file_name().expect("a name")).join("z.md");
    for words in [
        &["report", &path, "--force"][..],
        &["report", &path, "--html", &path, "--force"],
        &["report", &path, "--html", &at("soft"), "--force"],
        &["report", &path, "--markdown", &at("hard"), "--force"],
        &["report", &path, "--markdown", around.to_str().expect("text"), "--force"],
        &["report", &path, "--compare", &old, "--html", &old, "--force"],
    ] {
        let ran = run(words);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words:?}");
        assert!(ran.err.contains("never overwritten"), "{words:?}: {}", ran.err);
    }
    for path in [&path, &old] {
        assert_eq!(&fs::read_to_string(path).expect("text"), &fixture());
    }
    let ran = run(&["report", &path, "--html", &at("one"), "--markdown", &at("one")]);
    assert!(ran.code == 2 && ran.err.contains("one page, not two"), "{ran:?}");
    assert_eq!(names(folder.path()), ["hard", "old.jsonl", "soft", "z.md"]);
}

#[test]
fn a_run_that_started_nothing_is_told_as_one() {
    let folder = TempDir::new().expect("a folder");
    let text = fixture();
    let until = |words: &str| -> String {
        text.lines().take_while(|line| !line.contains(words)).map(|line| format!("{line}\n")).collect()
    };
    let of = |name: &str, text: &str| run(&["report", &journal(folder.path(), name, text)]).out;
    let checked = until("\"what\":\"start\"");
    let clock = "\"proxy\":\"http://10.0.0.6:9902\",\"ok\":true,\"detail\":\"3 ms apart\"";
    assert!(checked.contains(clock));
    let failed = of(
        "failed.jsonl",
        &checked.replace(clock, &clock.replace("true", "false").replace("3 ms", "5000 ms")),
    );
    assert!(
        failed.contains(
            "nothing was started: 1 of 15 checks failed: clock http://10.0.0.6:9902: 5000 ms apart"
        ),
        "{failed}"
    );
    assert!(!failed.contains("the run was killed"), "{failed}");
    let before = of("before.jsonl", &checked);
    assert!(
        before.contains("ends in phase preflight, and as far as it tells nothing was started"),
        "{before}"
    );
    let started = until("\"phase\":\"baseline\"");
    let refused = of(
        "refused.jsonl",
        &started.replace("\"ok\":true,\"detail\":\"order 1\"", "\"ok\":false,\"detail\":\"no\""),
    );
    assert!(refused.contains("no proxy took the mission: http://10.0.0.5:9902: no"), "{refused}");
    let killed = of("killed.jsonl", &started);
    assert!(killed.contains("the run was killed"), "{killed}");
}
