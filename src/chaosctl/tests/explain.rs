//! `explain` tells what the policy decides, and nothing that it does not know.

mod run;

use run::run;
use squall_policy::{Direction, Fact, Facts, Plan, Report, Seed, Verdict, load_plugin};

const FILES: [&str; 4] = ["--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"];

fn explain(more: &[&str]) -> run::Ran {
    run(&[&["explain"], &FILES[..], more].concat())
}

struct Checkout(String);

impl Facts for Checkout {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        match fact {
            Fact::Path => Some(b"/checkout?x=1"),
            Fact::Method => Some(b"POST"),
            Fact::RequestId => Some(self.0.as_bytes()),
            _ => None,
        }
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }
}

fn plan() -> Plan {
    let plugin = run(&[&["render", "plugin"], &FILES[..]].concat()).out;
    let loaded = load_plugin(plugin.as_bytes(), None, &mut Report::default()).expect("a good configuration");
    loaded.plan.expect("a mission")
}

/// The delay and the abort of `explain --output json`.
fn told(id: &str) -> (u64, Option<u64>) {
    let ran =
        explain(&["--path", "/checkout?x=1", "--method", "POST", "--request-id", id, "--output", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let inject = &told["verdict"]["inject"];
    (inject["request_delay_us"].as_u64().unwrap_or(0), inject["abort"]["abort"]["status"].as_u64())
}

fn decided(verdict: &Verdict) -> (u64, Option<u64>) {
    verdict.injection.as_ref().map_or((0, None), |i| (i.request_delay_us, i.ending.map(|_| 503)))
}

#[test]
fn every_draw_is_the_one_of_the_policy() {
    let plan = plan();
    let mut faulted = 0;
    for number in 0..60 {
        let id = format!("request-{number}");
        let wanted = decided(&plan.decide(&Seed::from_text("8842"), &mut Checkout(id.clone())));
        assert_eq!(told(&id), wanted, "{id}");
        faulted += usize::from(wanted.1.is_some());
    }
    assert!((1..20).contains(&faulted), "{faulted} of 60 at 10 %");
}

#[test]
fn the_reasons_of_each_scenario() {
    run::assert_golden("explain-fault.txt", &explain(&["--path", "/profiles/1", "--request-id", "4"]).out);
    run::assert_golden("explain-spared.txt", &explain(&["--path", "/profiles/1", "--request-id", "1"]).out);
    let elsewhere = explain(&["--path", "/", "--method", "PUT"]);
    assert_eq!(elsewhere.code, 0);
    run::assert_golden("explain-not-matched.txt", &elsewhere.out);
}

#[test]
fn without_a_request_id_the_rate_is_told_and_no_draw() {
    let ran = explain(&["--path", "/checkout", "--method", "POST", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(told["verdict"]["by_chance"]["rate_ppm"], 100_000);
    assert_eq!(told["scenarios"][1]["outcome"], "by_chance");
    assert!(told["scenarios"][1]["draw_ppm"].is_null());
    let text = explain(&["--path", "/checkout", "--method", "POST"]).out;
    assert!(text.contains("left to chance: 10 %") && text.contains("give --request-id"), "{text}");
}

#[test]
fn another_seed_gives_other_draws_and_a_header_may_carry_the_id() {
    let draws =
        |seed: &str, id: &[&str]| explain(&[&["--path", "/profiles/1", "--seed", seed], id].concat()).out;
    let by_option = draws("8842", &["--request-id", "4"]);
    assert_eq!(by_option, draws("8842", &["--header", "X-Request-Id: 4"]));
    assert_ne!(by_option, draws("1", &["--request-id", "4"]));
}

#[test]
fn a_draw_without_a_seed_is_refused_and_no_draw_needs_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mission = folder.path().join("mission.yaml");
    std::fs::write(&mission, "version: 1\nid: m\nnamespace: n\nscenarios: [slow-profiles]\nduration: 1m\n")
        .expect("written");
    let mission = mission.display().to_string();
    let explain = |path: &str| {
        run(&[
            "explain",
            "--catalog",
            "envoy/catalog.yaml",
            "--mission",
            &mission,
            "--path",
            path,
            "--request-id",
            "1",
        ])
    };
    let refused = explain("/profiles");
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("--seed"), "{}", refused.err);
    assert_eq!(explain("/elsewhere").code, 0);
}

#[test]
fn sticky_sampling_needs_no_request_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let catalog = write(
        "c.yaml",
        "version: 1\nscenarios: [{name: a, scope: {direction: inbound, sample: {percent: 50, by: {header: x-user}}}, faults: [{abort: {status: 500}}]}]\n",
    );
    let mission = write("m.yaml", "version: 1\nid: m\nnamespace: n\nscenarios: [a]\nduration: 1m\nseed: s\n");
    let outcome = |more: &[&str]| {
        let base =
            ["explain", "--catalog", &catalog, "--mission", &mission, "--path", "/", "--output", "json"];
        let ran = run(&[&base, more].concat());
        let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        told["scenarios"][0]["outcome"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(outcome(&[]), "not_matched");
    assert_eq!(outcome(&["--direction", "inbound"]), "no_sample_header");
    let told = run(&[
        "explain",
        "--catalog",
        &catalog,
        "--mission",
        &mission,
        "--path",
        "/",
        "--direction",
        "inbound",
    ])
    .out;
    assert!(told.contains("it has no `x-user` header, which is sampled by"), "{told}");
    let users = (0..40).map(|n| outcome(&["--direction", "inbound", "--header", &format!("x-user: {n}")]));
    let faulted = users.filter(|o| o == "faulted").count();
    assert!((8..32).contains(&faulted), "{faulted} of 40 at 50 %");
}

#[test]
fn a_request_after_the_mission_is_told_to_be_so() {
    let ended = |running: &str| {
        let told = explain(&["--path", "/profiles/1", "--request-id", "4", "--running", running]).out;
        told.contains("note: the mission has ended by then; the filter injects nothing")
    };
    assert_eq!([ended("14m 59s"), ended("15m"), ended("2h")], [false, true, true]);
}

#[test]
fn a_header_without_a_colon_is_refused() {
    let ran = explain(&["--path", "/", "--header", "x-tenant"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("'name: value'"), "{}", ran.err);
}
