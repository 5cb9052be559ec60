//! Help, listings, colours, and a reader that goes away.

mod run;

use run::{all_verbs, assert_golden, command, run};
use std::io::Read;
use std::process::Stdio;

#[test]
fn help_teaches_every_verb_with_an_example() {
    assert_golden("help.txt", &run(&["--help"]).out);
    for verb in all_verbs() {
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let ran = run(&[&words[..], &["--help"]].concat());
        assert_eq!(ran.code, 0);
        assert_golden(&format!("help/{}.txt", verb.join("-")), &ran.out);
        assert!(
            ran.out.contains("Example:\n  chaosctl ") && ran.out.contains(&verb.join(" ")),
            "{}",
            ran.out
        );
    }
}

/// What these print is itself a file for another program, whatever is asked.
const FILES: [&str; 9] = [
    "render plugin",
    "render envoy",
    "render istio",
    "render stat-tags",
    "schema",
    "sign",
    "approve",
    "completions",
    "man",
];

#[test]
fn every_verb_with_a_result_has_a_form_for_programs() {
    let docs = std::fs::read_to_string(run::root().join("docs/chaosctl.md")).expect("the docs");
    for verb in all_verbs() {
        let name = verb.join(" ");
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let help = run(&[&words[..], &["--help"]].concat()).out;
        if FILES.contains(&name.as_str()) {
            let first = words.first().expect("a verb");
            assert!(
                docs.contains(&format!("`{first}`")),
                "{name} is no exception that docs/chaosctl.md names"
            );
        } else {
            assert!(help.contains("-o, --output <OUTPUT>") && help.contains("json"), "{name}: {help}");
        }
    }
}

#[test]
fn scenarios_are_listed_and_filtered() {
    assert_golden("list.txt", &run(&["list", "envoy", "examples/01_user_service", "istio/catalog.yaml"]).out);
    let names = |more: &[&str]| -> Vec<String> {
        let ran =
            run(&[&["list", "--catalog", "examples/01_user_service/catalog.yaml", "--output", "json"], more]
                .concat());
        let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.out).expect("JSON");
        rows.iter().map(|r| r["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&["--severity", "low"]), ["auth-latency-spike"]);
    assert_eq!(names(&["--fault", "abort"]), ["auth-random-aborts"]);
    assert_eq!(run(&["list", "src/chaosctl/tests/bad/catalog.yaml"]).code, 1);
}

#[test]
fn scenarios_are_filtered_by_the_service_whose_proxies_inject_them() {
    let scenario =
        |name: &str, scope: &str| format!("- {{name: {name}, faults: [{{delay: {{fixed: 1s}}}}]{scope}}}\n");
    let catalog = format!(
        "version: 1\nscenarios:\n{}{}{}",
        scenario("any", ""),
        scenario("cart", ", scope: {service: cart}"),
        scenario("auth", ", scope: {service: auth}")
    );
    let listed = |service: &str| {
        let ran = run::run_with(&["list", "-", "--service", service, "--output", "json"], catalog.as_bytes());
        let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.out).unwrap_or_default();
        rows.iter().map(|r| r["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([listed("cart"), listed("auth"), listed("none")], ["any cart", "any auth", "any"]);
}

#[test]
fn a_scenario_is_shown_in_words() {
    assert_golden("show.txt", &run(&["show", "failing-checkout", "--catalog", "envoy/catalog.yaml"]).out);
    assert_golden("show.txt", &run(&["show", "envoy/catalog.yaml", "failing-checkout"]).out);
    for bad in [&["failing-checkout"][..], &["a", "b", "c"], &["a", "b", "--catalog", "envoy/catalog.yaml"]] {
        assert_eq!(run(&[&["show"], bad].concat()).code, 2, "{bad:?}");
    }
    let unknown = run(&["show", "nothing", "--catalog", "envoy/catalog.yaml"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("it has: slow-profiles, failing-checkout"), "{}", unknown.err);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let file = "src/chaosctl/tests/bad/catalog.yaml";
    let coloured = |arguments: &[&str]| run(arguments).out.contains('\u{1b}');
    assert!(!coloured(&["validate", file]), "a pipe is no terminal");
    assert!(coloured(&["validate", "--color", "always", file]));
    assert!(!coloured(&["validate", "--color=never", file]));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child =
        command(&["render", "envoy", "--catalog", "envoy/catalog.yaml", "--module", "Cargo.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chaosctl starts");
    drop(child.stdout.take());
    let mut complaints = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut complaints).expect("text");
    assert!(child.wait().expect("it ends").success(), "{complaints}");
    assert_eq!(complaints, "");
}

#[test]
fn scenarios_are_filtered_by_every_kind_of_fault_and_their_caps_are_shown() {
    let catalog = "examples/02_every_fault/catalog.yaml";
    let listed = |fault: &str| run(&["list", catalog, "--fault", fault]).out;
    for (fault, scenario, other) in [
        ("drop", "drop-reset", "abort-http"),
        ("throttle", "throttle-response", "drop-reset"),
        ("mutate", "mutate-merge", "drop-reset"),
        ("stream", "stream-stall", "drop-reset"),
        ("pressure", "pressure-cpu", "drop-reset"),
    ] {
        let listed = listed(fault);
        assert!(listed.contains(scenario) && !listed.contains(other), "{fault}: {listed}");
    }
    let shown = run(&["show", catalog, "caps-total"]).out;
    assert!(
        shown.contains("limits     the mission's duration; requests: at most 3 in all; needs a"),
        "{shown}"
    );
}
