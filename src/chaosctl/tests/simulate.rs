//! `simulate` counts what the policy decides about each line, and says which lines it could not use.

mod run;

use run::{Ran, run, run_with};
use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Facts, Plan, Report, Seed, load_plugin};
use std::path::Path;
use std::time::{Duration, Instant};

struct Folder(tempfile::TempDir);

const CATALOG: &str = r#"
version: 1
scenarios:
- name: slow
  scope: {match: [{path: {prefix: /api}}], sample: {percent: 40}}
  faults: [{delay: {uniform: {min: 10ms, max: 90ms}}}]
- name: beta
  scope: {match: [{headers: [{name: x-tenant, exact: beta}]}], sample: {percent: 50, by: {header: x-user}}}
  faults: [{delay: {fixed: 1s, percent: 50}}, {abort: {status: 503, percent: 50}}]
"#;
const MISSION: &str = "version: 1\nid: m\nnamespace: n\nscenarios: [slow, beta]\nduration: 1m\nseed: s\n\
                       composition: independent\n";

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("catalog.yaml", CATALOG);
        folder.write("mission.yaml", MISSION);
        folder
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn simulate(&self, log: &[u8], more: &[&str]) -> Ran {
        let (catalog, mission) = (self.path("catalog.yaml"), self.path("mission.yaml"));
        let files = ["simulate", "--catalog", &catalog, "--mission", &mission, "--log", "-"];
        run_with(&[&files[..], more].concat(), log)
    }

    fn told(&self, log: &[u8], more: &[&str]) -> Value {
        let ran = self.simulate(log, &[more, &["--output", "json"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_str(&ran.out).expect("JSON")
    }
}

/// Line number `number` of a log, as the fields that a scenario here asks for.
fn entry(number: u64) -> Value {
    let path =
        if number.is_multiple_of(3) { "/elsewhere".to_owned() } else { format!("/api/{number}?q=\"1\"") };
    let user = (!number.is_multiple_of(5)).then(|| format!("user-{}", number % 17));
    json!({
        "time": format!("2026-01-01T00:00:{:02}.000Z", number % 60),
        "request_id": format!("id-{number}"), "method": "GET", "path": path, "authority": "shop",
        "route": null, "cluster": "c", "status": 200, "details": "via_upstream", "duration_ms": 3,
        "headers.x-tenant": if number.is_multiple_of(2) { json!("beta") } else { Value::Null },
        "headers.x-user": user, "headers.user-agent": "curl/8", "unread": {"deep": [1, {"x": null}]},
    })
}

fn log(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| format!("{}\n", entry(number))).collect()
}

struct Request(Value);

impl Facts for Request {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        let key = match fact {
            Fact::Path => "path".to_owned(),
            Fact::RequestId => "request_id".to_owned(),
            Fact::Header(name) => format!("headers.{name}"),
            _ => return None,
        };
        self.0.get(&key)?.as_str().map(str::as_bytes)
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }
}

fn plan(folder: &Folder) -> Plan {
    let (catalog, mission) = (folder.path("catalog.yaml"), folder.path("mission.yaml"));
    let plugin = run(&["render", "plugin", "--catalog", &catalog, "--mission", &mission]).out;
    let loaded = load_plugin(plugin.as_bytes(), None, &mut Report::default()).expect("a good configuration");
    loaded.plan.expect("a mission")
}

#[test]
fn every_line_counts_as_the_policy_decides_about_it() {
    let folder = Folder::new();
    let plan = plan(&folder);
    let (mut matched, mut injected, mut faulted, mut longest) = ([0, 0], [0, 0, 0], 0, 0);
    for number in 0..3_000 {
        let verdict = plan.decide(&Seed::from_text("s"), &mut Request(entry(number)));
        faulted += u64::from(verdict.injection.is_some());
        for outcome in &verdict.outcomes {
            matched[outcome.scenario] += 1_u64;
        }
        for fault in verdict.injection.iter().flat_map(|i| &i.faults) {
            injected[if fault.kind() == "abort" { 2 } else { fault.scenario() }] += 1_u64;
            if let squall_policy::Injected::Delay { scenario: 0, us, .. } = fault {
                longest = longest.max(*us);
            }
        }
    }
    let told = folder.told(log(0..3_000).as_bytes(), &[]);
    let [slow, beta] = [0, 1].map(|number| &told["scenarios"][number]);
    assert_eq!([&slow["matched"], &beta["matched"]], [&json!(matched[0]), &json!(matched[1])]);
    assert_eq!(slow["injected"], json!({"delay": injected[0]}));
    assert_eq!(beta["injected"], json!({"delay": injected[1], "abort": injected[2]}));
    assert_eq!((&told["faulted"], &told["log"]["requests"]), (&json!(faulted), &json!(3_000)));
    assert_eq!(slow["delay"]["max_us"], longest);
    let median = slow["delay"]["p50_us"].as_u64().expect("a number");
    assert!((45_000..55_000).contains(&median), "{median}");
    let sum =
        |value: &Value| value.as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum::<u64>();
    for scenario in [slow, beta] {
        assert_eq!(json!(sum(&scenario["groups"])), scenario["matched"]);
        assert_eq!(
            json!(sum(&scenario["spared"])),
            json!(sum(&scenario["groups"]) - scenario["groups"]["treatment"].as_u64().expect("a number"))
        );
    }
    assert_eq!(beta["spared"]["no_sample_header"], 300);
    assert!(beta["spared"]["no_fault_drawn"].as_u64() > Some(0), "{beta}");
}

#[test]
fn another_seed_hits_others_and_the_table_is_for_people() {
    let folder = Folder::new();
    let log = log(0..500);
    assert_ne!(
        folder.told(log.as_bytes(), &[])["scenarios"][0]["injected"],
        folder.told(log.as_bytes(), &["--seed", "other"])["scenarios"][0]["injected"]
    );
    run::assert_golden("simulate.txt", &folder.simulate(log.as_bytes(), &[]).out);
    let yaml = folder.simulate(log.as_bytes(), &["--output", "yaml"]).out;
    assert!(yaml.contains("seed: s\n") && yaml.contains("- name: slow\n"), "{yaml}");
}

#[test]
fn lines_that_are_of_no_use_are_counted_with_their_numbers_and_stop_nothing() {
    let folder = Folder::new();
    let mut lines: Vec<Vec<u8>> = (0..20).map(|number| entry(number).to_string().into_bytes()).collect();
    lines[1] = b"[2026-01-01 00:00:00.000][1][warning] a line of Envoy's own log".to_vec();
    lines[2] = b"{\"path\": \"/api\"".to_vec();
    lines[3] = b"[]".to_vec();
    lines[4] = vec![0xff, 0xfe, 0];
    lines[5] = [b"{\"path\": \"".to_vec(), vec![b'x'; 3 << 20], b"\"}".to_vec()].concat();
    lines[6] = b"17".to_vec();
    // Nobody asks about the tenant of a line that ends here: it lacks the key.
    lines[7] = br#"{"request_id": "a", "method": "GET", "path": "/api", "headers.x-user": "u", "headers.user-agent": null}"#.to_vec();
    lines[8] = br#"{"method": null, "path": null, "details": "http1.codec_error"}"#.to_vec();
    lines[9] = br#"{"method": "GET", "path": "/api", "details": "missing_host_header"}"#.to_vec();
    lines[10] =
        br#"{"request_id": null, "method": "GET", "path": "/api", "headers.x-tenant": null, "headers.user-agent": null}"#.to_vec();
    lines[11] = b"   ".to_vec();
    let told = &folder.told(&lines.join(&b'\n'), &[])["log"];
    assert_eq!((&told["lines"], &told["requests"]), (&json!(20), &json!(9)));
    assert_eq!(told["not_json"], json!({"count": 6, "lines": [2, 3, 4, 5, 6]}));
    assert_eq!(told["lacking"], json!({"headers.x-tenant": {"count": 1, "lines": [8]}}));
    assert_eq!(told["unseen"], json!({"count": 2, "lines": [9, 10]}));
    assert_eq!(told["without_id"], json!({"count": 1, "lines": [11]}));
    let text = folder.simulate(&lines.join(&b'\n'), &[]).out;
    assert!(text.contains("6 lines left out: no JSON object (lines 2, 3, 4, 5, 6, ...)"), "{text}");
}

#[test]
fn a_fact_that_no_line_has_is_an_error_that_names_the_operator_to_add() {
    let folder = Folder::new();
    let bare: String = log(0..10).replace("headers.x-tenant", "tenant");
    let ran = folder.simulate(bare.as_bytes(), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains(r#""headers.x-tenant": "%REQ(X-TENANT)%""#), "{}", ran.err);
    assert!(!ran.err.contains("x-user"), "{}", ran.err);

    folder.write(
        "catalog.yaml",
        "version: 1\nscenarios:\n\
         - {name: slow, scope: {direction: outbound}, faults: [{delay: {fixed: 1s}}]}\n\
         - {name: beta, scope: {match: [{virtual_host: v}, {cluster: c}]}, faults: [{delay: {fixed: 1s}}]}\n",
    );
    let ran = folder.simulate(br#"{"request_id": "1", "method": "GET"}"#, &[]);
    assert_eq!(ran.code, 2);
    for operator in
        ["%CEL(xds.listener_direction)%", "%CEL(xds.virtual_host_name)%", "%UPSTREAM_CLUSTER_RAW%"]
    {
        assert!(ran.err.contains(operator), "{}", ran.err);
    }
    // Both have a value in the log: Envoy's numbers for the direction, or a word.
    let line = |direction: Value| {
        json!({"method": "GET", "direction": direction, "virtual_host": "v", "cluster": null, "path": "/", "headers.user-agent": null}).to_string()
    };
    for (direction, matched) in
        [(json!(2), 1), (json!("2"), 1), (json!("OUTBOUND"), 1), (json!(1), 0), (json!(null), 0)]
    {
        let told = folder.told(line(direction.clone()).as_bytes(), &[]);
        assert_eq!(told["scenarios"][0]["matched"], matched, "{direction}");
        assert_eq!(told["scenarios"][1]["matched"], 1);
    }
}

#[test]
fn without_a_seed_draws_are_refused_and_without_a_request_nothing_is_predicted() {
    let folder = Folder::new();
    folder.write("mission.yaml", &MISSION.replace("seed: s\n", ""));
    let ran = folder.simulate(log(1..2).as_bytes(), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--seed"), "{}", ran.err);
    assert_eq!(folder.simulate(log(1..2).as_bytes(), &["--seed", "s"]).code, 0);
    let empty = folder.simulate(b"no log\n", &["--seed", "s"]);
    assert_eq!(empty.code, 1, "{}", empty.out);
    assert_eq!(folder.simulate(b"", &["--seed", "s"]).code, 1);
    let missing = run(&[
        "simulate",
        "--catalog",
        &folder.path("catalog.yaml"),
        "--mission",
        &folder.path("mission.yaml"),
        "--log",
        "nowhere.log",
    ]);
    assert_eq!((missing.code, missing.err.contains("cannot open nowhere.log")), (2, true), "{}", missing.err);
}

#[test]
fn a_header_that_the_mission_changes_itself_is_noted() {
    let folder = Folder::new();
    folder.write(
        "catalog.yaml",
        &CATALOG.replace(
            "{abort: {status: 503, percent: 50}}",
            "{mutate: {request: {headers: {x-tenant: none}}}}",
        ),
    );
    let notes = &folder.told(log(0..10).as_bytes(), &[])["notes"];
    assert!(notes[0].as_str().is_some_and(|note| note.contains("headers.x-tenant")), "{notes}");
}

/// One source for three: the format that is rendered, the keys that are read, and their table in the documentation.
#[test]
fn the_rendered_log_format_has_every_key_of_the_documentation_that_the_scenarios_ask_for() {
    let folder = Folder::new();
    folder.write(
        "catalog.yaml",
        &CATALOG.replace(
            "[{path: {prefix: /api}}]",
            "[{virtual_host: v}], direction: inbound, source: {principal: {prefix: a}}",
        ),
    );
    let rendered = |catalog: &str| -> Value {
        let ran = run(&["render", "envoy", "--catalog", catalog, "--output", "json"]);
        let bootstrap: Value = serde_json::from_str(&ran.out).expect("JSON");
        bootstrap
            .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log/0/typed_config")
            .map(|log| log["log_format"]["json_format"].clone())
            .expect("an access log")
    };
    let full = rendered(&folder.path("catalog.yaml"));
    let documentation = std::fs::read_to_string(run::root().join("docs/simulate.md")).expect("the page");
    let rows: Vec<[&str; 2]> = documentation
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | `"))
        .filter_map(|(key, rest)| Some([key, rest.split_once('`')?.0]))
        .collect();
    assert_eq!(rows.len(), 12, "{rows:?}");
    for [key, operator] in rows {
        if key == "headers.NAME" {
            assert_eq!(
                [&full["headers.x-tenant"], &full["headers.x-user"]],
                ["%REQ(X-TENANT)%", "%REQ(X-USER)%"]
            );
        } else {
            assert_eq!(full[key], operator, "{key}");
        }
    }
    let small = rendered("envoy/catalog.yaml");
    assert!(small.get("direction").is_none() && small.get("virtual_host").is_none(), "{small}");
    assert_eq!(small["headers.user-agent"], "%REQ(USER-AGENT)%");
}

/// Less memory than the log has bytes.
#[test]
fn a_long_log_is_read_as_a_stream() {
    let folder = Folder::new();
    let piece = log(0..10_000);
    let path = folder.write("access.log", "");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("open");
    for _ in 0..30 {
        std::io::Write::write_all(&mut file, piece.as_bytes()).expect("written");
    }
    let began = Instant::now();
    let (catalog, mission) = (folder.path("catalog.yaml"), folder.path("mission.yaml"));
    let files =
        ["simulate", "--catalog", &catalog, "--mission", &mission, "--log", &path, "--output", "json"];
    // The address space holds less than the log, the program itself included.
    let limited = "ulimit -v 48000; exec \"$0\" \"$@\"";
    let output = std::process::Command::new("bash")
        .args(["-c", limited, env!("CARGO_BIN_EXE_chaosctl")])
        .args(files)
        .output()
        .expect("bash starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["log"]["requests"], 300_000);
    assert!(Path::new(&path).metadata().expect("a file").len() > 60_000_000);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
