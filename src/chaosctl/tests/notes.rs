//! What `render` says on standard error beside its output, and the key by which two outputs differ.

mod run;

use run::{root, run};
use serde_json::Value;
use squall_policy::{Report, load_plugin};

const ENVOY: [&str; 4] = ["--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"];
const ISTIO: [&str; 4] = ["--catalog", "istio/catalog.yaml", "--mission", "istio/mission.yaml"];

fn render_json(what: &str, arguments: &[&str]) -> Value {
    let ran = run(&[&["render", what, "--output", "json"], arguments].concat());
    serde_json::from_str(&ran.out).expect("JSON")
}

#[test]
fn what_would_apply_cleanly_and_do_nothing_is_told() {
    let notes = |files: &[&str]| {
        let ran = run(&[&["render", "istio", "--selector", "app=a"], files].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.err
    };
    let example = ["examples/01_user_service/catalog.yaml", "examples/01_user_service/mission.yaml"];
    let told = notes(&["--catalog", example[0], "--mission", example[1]]);
    assert_eq!(told.matches("Istio has no cluster `profile-db`").count(), 1, "{told}");
    assert_eq!(told.matches("Istio has no cluster `auth-service`").count(), 2, "{told}");
    let told = notes(&ISTIO);
    assert!(!told.contains("Istio has no cluster") && told.contains("no `start`"), "{told}");
    let folder = tempfile::tempdir().expect("a folder");
    let mission = folder.path().join("m.yaml");
    for more in ["start: 9999-01-01T00:00:00Z", "enable: false"] {
        let text = std::fs::read_to_string(root().join("istio/mission.yaml")).expect("the mission");
        std::fs::write(&mission, format!("{text}{more}\n")).expect("written");
        assert_eq!(notes(&[ISTIO[0], ISTIO[1], "--mission", &mission.display().to_string()]), "", "{more}");
    }
}

#[test]
fn a_module_that_is_not_there_is_told() {
    let notes = |module: &str| run(&[&["render", "envoy", "--module", module], &ENVOY[..]].concat()).err;
    assert!(notes("nowhere/squall.wasm").contains("no nowhere/squall.wasm here"));
    // An absolute path may be one of the machine that Envoy will run on.
    assert_eq!(notes("/nowhere/squall.wasm"), "");
}

#[test]
fn a_revision_changes_the_bytes_and_nothing_else() {
    let workload = [&ISTIO[..], &["--selector", "app=a"]].concat();
    let with = |what, files: &[&str]| render_json(what, &[files, &["--revision", "4e88be1"]].concat());
    let plugin = with("plugin", &ENVOY);
    assert_eq!(plugin["revision"], "4e88be1");
    let istio = with("istio", &workload)["spec"]["pluginConfig"].clone();
    assert_eq!(istio["revision"], "4e88be1");
    let envoy = with("envoy", &ENVOY).to_string();
    assert!(envoy.contains("4e88be1"), "{envoy}");
    for (mut with, without) in [
        (plugin, render_json("plugin", &ENVOY)),
        (istio, render_json("istio", &workload)["spec"]["pluginConfig"].clone()),
    ] {
        let mut report = Report::default();
        assert!(load_plugin(with.to_string().as_bytes(), None, &mut report).is_some(), "{report:?}");
        with.as_object_mut().expect("an object").remove("revision");
        assert_eq!(with, without);
    }
    let long = run(&[&["render", "plugin", "--revision", &"x".repeat(129)], &ENVOY[..]].concat());
    assert_eq!((long.code, long.out.as_str()), (2, ""));
    assert!(long.err.contains("revision"), "{}", long.err);
}
