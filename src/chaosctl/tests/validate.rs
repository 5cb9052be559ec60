//! `validate`: which file is what, warnings, folders, standard input and exit codes.

mod run;

use run::{run, run_with};
use std::fs;

const CATALOG: &str = "version: 1\nscenarios:\n- {name: all, faults: [{delay: {fixed: 1s}}]}\n\
    - {name: some, scope: {match: [{path: {prefix: /a}}]}, faults: [{delay: {fixed: 1s}}]}\n\
    - {name: grave, severity: high, faults: [{abort: {status: 503}}]}\n";

fn mission(scenarios: &str, more: &str) -> String {
    format!("version: 1\nid: m\nnamespace: n\nscenarios: {scenarios}\nduration: 1m\n{more}")
}

/// Writes both files into a folder; gives the folder and the paths.
fn files(mission: &str) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("catalog.yaml"), folder.path().join("mission.yaml"));
    fs::write(&a, CATALOG).expect("written");
    fs::write(&b, mission).expect("written");
    (folder, a.display().to_string(), b.display().to_string())
}

#[test]
fn good_files_pass() {
    for folder in
        ["examples/01_user_service", "examples/02_every_fault", "examples/03_observability", "envoy", "istio"]
    {
        let files = [format!("{folder}/catalog.yaml"), format!("{folder}/mission.yaml")];
        let ran = run(&["validate", "--deny-warnings", &files[0], &files[1]]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert_eq!(ran.out, "2 files checked (1 catalog, 1 mission): no mistakes\n");
    }
}

#[test]
fn a_mission_alone_says_that_its_names_were_not_checked() {
    let ran = run(&["validate", "envoy/mission.yaml"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("scenario names were not checked"), "{}", ran.out);
}

#[test]
fn a_mission_that_is_over_is_a_warning_and_an_error_when_warnings_are_denied() {
    let (_folder, catalog, mission) = files(&mission("[all]", "start: 2020-01-01T00:00:00Z\n"));
    let ran = run(&["validate", &catalog, &mission]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("warning[already-over]") && ran.out.contains("mission.yaml:6:8"), "{}", ran.out);
    assert!(ran.out.contains("at 2020-01-01T00:01:00Z"), "{}", ran.out);
    assert_eq!(run(&["validate", "--deny-warnings", &catalog, &mission]).code, 1);
}

#[test]
fn a_mission_that_begins_later_is_no_warning() {
    let (_folder, catalog, mission) = files(&mission("[all]", "start: 9999-01-01T00:00:00Z\n"));
    assert_eq!(run(&["validate", "--deny-warnings", &catalog, &mission]).code, 0);
}

#[test]
fn a_scenario_behind_one_that_takes_everything_is_unreachable() {
    for (scenarios, more, wanted) in [
        ("[all, some]", "", true),
        ("[some, all]", "", false),
        ("[all, some]", "composition: independent\n", false),
    ] {
        let (_folder, catalog, mission) = files(&mission(scenarios, more));
        let ran = run(&["validate", &catalog, &mission]);
        assert_eq!(ran.out.contains("warning[unreachable]"), wanted, "{scenarios} {more}: {}", ran.out);
        assert_eq!(ran.out.contains("mission.yaml:4:18"), wanted, "{}", ran.out);
        assert_eq!(ran.code, 0);
    }
}

#[test]
fn a_scenario_that_aborts_every_request_is_no_low_one() {
    for (scenario, wanted) in [
        ("faults: [{abort: {status: 503}}]", true),
        (
            "severity: medium, scope: {direction: inbound}, faults: [{delay: {fixed: 1s}}, {abort: {status: 503}}]",
            true,
        ),
        ("severity: high, faults: [{abort: {status: 503}}]", false),
        ("faults: [{abort: {status: 503, percent: 50}}]", false),
        ("faults: [{delay: {fixed: 1s}}]", false),
        ("scope: {sample: {percent: 99}}, faults: [{abort: {status: 503}}]", false),
        ("scope: {match: [{methods: [GET]}]}, faults: [{abort: {status: 503}}]", false),
    ] {
        let catalog = format!("version: 1\nscenarios:\n- {{name: a, {scenario}}}\n");
        let ran = run_with(&["validate", "-"], catalog.as_bytes());
        assert_eq!(ran.code, 0);
        let found = ran.out.contains("warning[takes-everything]") && ran.out.contains("<stdin>:3:3");
        assert_eq!(found, wanted, "{scenario}: {}", ran.out);
    }
}

#[test]
fn a_severity_that_needs_signatures_is_refused_with_its_place() {
    let (_folder, catalog, mission) = files(&mission("[all, grave]", "composition: independent\n"));
    let ran = run(&["validate", &catalog, &mission]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("error[signature-needed]") && ran.out.contains("mission.yaml:4:18"),
        "{}",
        ran.out
    );
}

#[test]
fn folders_are_walked_and_files_of_others_skipped() {
    let (folder, _, _) = files(&mission("[some]", ""));
    fs::create_dir(folder.path().join("deeper")).expect("made");
    fs::write(folder.path().join("deeper/more.json"), "{\"version\": 1, \"scenarios\": []}")
        .expect("written");
    fs::write(folder.path().join("envoy.yml"), "node: {id: a}\n").expect("written");
    fs::write(folder.path().join("README.md"), "scenarios: [").expect("written");
    let ran = run(&["validate", &folder.path().display().to_string()]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("more.json:1:29"), "{}", ran.out);
    assert!(ran.out.contains("envoy.yml is neither"), "{}", ran.out);
    assert!(ran.out.contains("3 files checked (2 catalogs, 1 mission): 1 error"), "{}", ran.out);
}

#[test]
fn a_plugin_configuration_is_checked_as_the_filter_checks_it() {
    let good =
        run(&["render", "plugin", "--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"]);
    assert_eq!(run_with(&["validate", "-"], good.out.as_bytes()).code, 0);
    let bad = good.out.replace("\"first-squall\"", "\"-first\"").replace("\"fixed\"", "\"fixt\"");
    let ran = run_with(&["validate", "-"], bad.as_bytes());
    assert_eq!(ran.code, 1);
    for wanted in ["<stdin>:29:15", "= key: catalog.scenarios[0].faults[0].delay.fixt", "= key: mission.id"] {
        assert!(ran.out.contains(wanted), "{wanted}: {}", ran.out);
    }
}

#[test]
fn what_cannot_be_read_is_exit_code_2() {
    for arguments in
        [&["validate", "/nonexistent.yaml"][..], &["validate"], &["validate", "-", "-"], &["valdate"]]
    {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn what_a_file_says_cannot_steer_the_terminal() {
    let ran =
        run_with(&["validate", "--color", "never", "-"], b"version: 1\nscenarios: []\n\"a\\e[31mb\": 1\n");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("unknown-key") && !ran.out.contains('\u{1b}'), "{:?}", ran.out);
}

#[test]
fn a_mission_longer_than_its_scenario_allows_is_told_at_its_duration() {
    let (_folder, catalog, mission) = files(&mission("[some]", ""));
    let text = CATALOG.replace(
        "faults: [{delay: {fixed: 1s}}]",
        "faults: [{delay: {fixed: 1s}}], safety: {max_duration: 59s}",
    );
    fs::write(&catalog, text).expect("written");
    let ran = run(&["validate", &catalog, &mission]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("error[too-long]") && ran.out.contains("mission.yaml:5:11"), "{}", ran.out);
    assert!(ran.out.contains("scenario `some` runs for at most 59s, not for 1m"), "{}", ran.out);
}

#[test]
fn scenarios_that_together_fault_many_more_than_they_say_are_suspicious() {
    let some = |name: &str, percent: u32, scope: &str| {
        format!(
            "- {{name: {name}, scope: {{sample: {{percent: {percent}}}{scope}}}, faults: [{{delay: {{fixed: 1s}}}}]}}\n"
        )
    };
    let exact = |path: &str| format!(", match: [{{path: {{exact: {path}}}}}]");
    let warning = |a: String, b: String, more: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let catalog = write("catalog.yaml", &format!("version: 1\nscenarios:\n{a}{b}"));
        let mission = write("mission.yaml", &mission("[a, b]", more));
        let ran = run(&["validate", &catalog, &mission]);
        assert_eq!(ran.code, 0, "{}", ran.out);
        ran.out.contains("warning[union-rate]").then_some(ran.out)
    };
    let found =
        warning(some("a", 70, ""), some("b", 50, ""), "composition: independent\n").expect("a warning");
    assert!(
        found.contains("`a` (70 %), `b` (50 %) may meet the same requests: together they fault 85 % of them"),
        "{found}"
    );
    assert!(found.contains("mission.yaml:4:16") && found.contains("key: scenarios[1]"), "{found}");
    let first = warning(some("a", 70, ""), some("b", 50, ""), "").expect("a warning");
    assert!(first.contains("the later ones get only what the earlier ones leave"), "{first}");
    for (a, b, scopes, wanted) in [
        (30, 30, ["", ""], true),
        (30, 28, ["", ""], false),
        (95, 50, ["", ""], false),
        (70, 50, [", direction: inbound", ", direction: outbound"], false),
        (70, 50, [", direction: inbound", ""], true),
        (70, 50, [", service: x", ", service: z"], false),
        (70, 50, [", dependency: db", ", dependency: db.shop"], true),
        (70, 50, [", dependency: db", ", dependency: auth"], false),
        (70, 50, [", attempts: [1]", ", attempts: [2, 3]"], false),
        (70, 50, [&exact("/a"), &exact("/b")], false),
        (70, 50, [&exact("/a"), &exact("/a")], true),
        (70, 50, [&exact("/a/x"), ", match: [{path: {prefix: /a}}]"], true),
        (70, 50, [&exact("/b/x"), ", match: [{path: {prefix: /a}}]"], false),
        (70, 50, [&exact("/s.S/M"), ", match: [{grpc: {service: s.S}}]"], true),
        (70, 50, [&exact("/a"), ", match: [{path: {regex: \"/b.*\"}}]"], true),
        (70, 50, [", match: [{methods: [GET]}]", ", match: [{methods: [POST, PUT]}]"], false),
        (70, 50, [", match: [{route: r}]", ", match: [{route: s}, {cluster: c}]"], true),
    ] {
        let found = warning(some("a", a, scopes[0]), some("b", b, scopes[1]), "").is_some();
        assert_eq!(found, wanted, "{a} % {b} % {scopes:?}");
    }
}
