//! `simulate` beside a scenario whose faults callers ask for: no log tells those headers.

mod run;

use serde_json::{Value, json};

const CATALOG: &str = "version: 1
scenarios:
- {name: asked, scope: {match: [{path: {prefix: /api}}]}, faults: [{requested: {allow: [abort]}}]}
- {name: slow, scope: {match: [{path: {prefix: /}}]}, faults: [{delay: {fixed: 10ms}}]}
";

fn simulated(scenarios: &str, log: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let catalog = write("catalog.yaml", CATALOG);
    let mission = format!(
        "version: 1\nid: m\nnamespace: n\nscenarios: {scenarios}\nduration: 1m\nseed: s\n\
         composition: independent\n"
    );
    let (mission, log) = (write("mission.yaml", &mission), write("access.log", log));
    let files = ["--catalog", &catalog, "--mission", &mission, "--log", &log, "--output", "json"];
    let ran = run::run(&[&["simulate"], &files[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

#[test]
fn requests_count_as_asking_for_nothing_and_leave_the_other_scenarios_alone() {
    let line = |number: u64| {
        let path = if number.is_multiple_of(3) { "/elsewhere" } else { "/api" };
        let line = json!({
            "time": "2026-01-01T00:00:00.000Z", "request_id": format!("id-{number}"), "method": "GET",
            "path": path, "headers.user-agent": "curl/8",
        });
        format!("{line}\n")
    };
    let log: String = (0..30).map(line).collect();
    let told = simulated("[asked, slow]", &log);
    assert_eq!((&told["log"]["requests"], &told["log"]["lacking"]), (&json!(30), &json!({})), "{told}");
    let [asked, slow] = [0, 1].map(|number| &told["scenarios"][number]);
    assert_eq!((&asked["matched"], &asked["injected"]), (&json!(20), &json!({"abort": 0})), "{asked}");
    assert_eq!(asked["spared"], json!({"not_requested": 20}));
    assert_eq!((&slow["matched"], &slow["injected"]), (&json!(30), &json!({"delay": 30})), "{slow}");
    assert!(told["notes"][0].as_str().is_some_and(|note| note.contains("asking for nothing")), "{told}");
    let alone = simulated("[slow]", &log);
    assert_eq!(*slow, alone["scenarios"][0]);
}
