//! `init`: what it writes is good, and nothing of anybody's is written over.

mod run;

use run::{assert_golden, command, run};
use std::fs;
use std::process::Output;

fn inside(folder: &std::path::Path, arguments: &[&str]) -> Output {
    command(arguments).current_dir(folder).output().expect("chaosctl runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn the_starter_files_are_valid_and_the_next_commands_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = inside(folder.path(), &["init", "chaos"]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert_golden("init.txt", &text(&ran.stdout));
    let [catalog, mission] = ["catalog.yaml", "mission.yaml"]
        .map(|name| folder.path().join("chaos").join(name).display().to_string());
    let valid = run(&["validate", "--deny-warnings", &catalog, &mission]);
    assert_eq!((valid.code, valid.err.as_str()), (0, ""), "{}", valid.out);
    // Both are there to be read: most of their lines are comments or have one above them.
    for file in [&catalog, &mission] {
        let text = fs::read_to_string(file).expect("a file");
        assert!(text.lines().filter(|line| line.trim_start().starts_with('#')).count() > 6, "{text}");
    }
    // Every command that is told can be run.
    for line in text(&ran.stdout).lines().filter(|l| l.starts_with("  chaosctl ") && !l.ends_with('\\')) {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        if ["validate", "show", "explain"].contains(&words[0]) {
            assert_eq!(inside(folder.path(), &words).status.code(), Some(0), "{line}");
        }
    }
    let rendered =
        run(&["render", "envoy", "--catalog", &catalog, "--mission", &mission, "--module", "Cargo.toml"]);
    assert_eq!(rendered.code, 0, "{}", rendered.err);
}

#[test]
fn every_scenario_of_the_starter_catalog_can_run_in_a_mission() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(inside(folder.path(), &["init"]).status.code(), Some(0));
    let mission = folder.path().join("mission.yaml");
    let one = fs::read_to_string(&mission).expect("a mission");
    let all = one.replace("[slow-requests]", "[slow-requests, failing-requests]");
    assert_ne!(one, all);
    fs::write(&mission, all.replace("seed: first", "composition: independent\nseed: first"))
        .expect("written");
    let ran = inside(folder.path(), &["validate", "--deny-warnings", "catalog.yaml", "mission.yaml"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stdout));
}

#[test]
fn files_that_are_there_stay_unless_force_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let mission = folder.path().join("mission.yaml");
    fs::write(&mission, "mine").expect("written");
    let ran = inside(folder.path(), &["init"]);
    assert_eq!(ran.status.code(), Some(1));
    let told = text(&ran.stderr);
    assert!(
        told.contains("mission.yaml is there already") && told.contains("chaosctl init --force"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(&mission).expect("a file"), "mine");
    assert!(!folder.path().join("catalog.yaml").exists(), "all or nothing");
    assert_eq!(inside(folder.path(), &["init", "--force"]).status.code(), Some(0));
    assert!(fs::read_to_string(&mission).expect("a file").starts_with("# A first mission"));
    assert!(text(&inside(folder.path(), &["init"]).stderr).contains("catalog.yaml and mission.yaml are"));
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_a_strange_name_is_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("written");
    let ran = inside(folder.path(), &["init", "file/below"]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stderr).contains("cannot make the folder file/below"), "{ran:?}");
    let ran = inside(folder.path(), &["init", "it's new"]);
    assert!(text(&ran.stdout).contains("chaosctl validate 'it'\\''s new/catalog.yaml'"), "{ran:?}");
}
