//! Help, listings, colours, and a reader that goes away.

mod run;

use run::{assert_golden, command, run};
use std::io::Read;
use std::process::Stdio;

#[test]
fn help_teaches_every_verb_with_an_example() {
    assert_golden("help.txt", &run(&["--help"]).out);
    for verb in [
        &["init"][..],
        &["import"],
        &["diff"],
        &["context", "list"],
        &["context", "show"],
        &["context", "use"],
        &["completions"],
        &["man"],
        &["validate"],
        &["list"],
        &["show"],
        &["explain"],
        &["simulate"],
        &["token"],
        &["keygen"],
        &["sign"],
        &["approve"],
        &["verify"],
        &["start"],
        &["status"],
        &["watch"],
        &["report"],
        &["renew"],
        &["stop"],
        &["halt"],
        &["release"],
        &["schema"],
        &["render", "plugin"],
        &["render", "envoy"],
        &["render", "istio"],
        &["render", "stat-tags"],
    ] {
        let ran = run(&[verb, &["--help"]].concat());
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains(&format!("Example:\n  chaosctl {}", verb.join(" "))), "{}", ran.out);
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
