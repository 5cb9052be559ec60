//! `diff`: which way a change moves the blast radius.

mod run;

use run::{assert_golden, run, run_with};
use std::fs;

const CATALOG: &str = "version: 1
scenarios:
- name: slow
  severity: medium
  trigger: {window: {days: [mon], between: 09:00-17:00}}
  scope:
    dependency: profile-db
    direction: outbound
    match:
    - {path: {prefix: /profiles}, methods: [GET], headers: [{name: x-tenant, exact: beta}]}
    protect: [{path: {prefix: /pay}}]
    attempts: [1]
    sample: {percent: 20}
  faults:
  - delay: {fixed: 200ms, percent: 50}
  - abort: {status: 503, percent: 5}
  - throttle: {response: 64KiB/s}
  signals: {latency_p95: \"<= 350ms\"}
  safety:
    max_duration: 30m
    max_total: 500
    halt_when:
    - {metric: error_rate, above: 5%, for: 30s}
- name: other
  burst: {good: 10s, bad: 2s}
  scope: {direction: inbound}
  faults: [{delay: {uniform: {min: 10ms, max: 50ms}}}]
";

const MISSION: &str = "version: 1
id: a
scenarios: [slow]
namespace: shop
start: 2030-01-01T09:00:00Z
duration: 10m
baseline: 1m
stages: [{for: 3m, intensity: 10%}, {intensity: 50%}]
lease: 30s
seed: a
safety: {max_concurrent: 10}
";

/// The verdict, the exit code and the text of one change.
fn changed(old: &str, from: &str, to: &str) -> (String, i32, String) {
    assert!(old.contains(from), "{from}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.yaml");
    fs::write(&path, old).expect("written");
    let new = old.replacen(from, to, 1);
    let ran = run_with(&["diff", &path.display().to_string(), "-", "--output", "json"], new.as_bytes());
    let json: serde_json::Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {from} -> {to}: {}", ran.err));
    (json["verdict"].as_str().unwrap_or_default().to_owned(), ran.code, ran.out)
}

#[test]
fn changes_of_a_catalog_are_wider_narrower_the_same_or_unclear() {
    for (from, to, wanted) in [
        ("percent: 20", "percent: 20.0", "same"),
        ("percent: 20", "percent: 30", "wider"),
        ("percent: 20", "percent: 10", "narrower"),
        ("    sample: {percent: 20}\n", "", "wider"),
        ("severity: medium", "severity: low", "wider"),
        ("severity: medium", "severity: high", "narrower"),
        ("  trigger: {window: {days: [mon], between: 09:00-17:00}}\n", "", "wider"),
        ("days: [mon]", "days: [tue]", "unclear"),
        ("    dependency: profile-db\n", "", "wider"),
        ("dependency: profile-db", "dependency: auth", "unclear"),
        ("    dependency: profile-db\n", "    dependency: profile-db\n    service: web\n", "narrower"),
        ("direction: outbound", "direction: any", "wider"),
        ("direction: outbound", "direction: inbound", "unclear"),
        ("{prefix: /profiles}", "{prefix: /pro}", "wider"),
        ("{prefix: /profiles}", "{exact: /profiles/7}", "narrower"),
        ("{prefix: /profiles}", "{template: \"/profiles/{id}\"}", "narrower"),
        ("{prefix: /profiles}", "{prefix: /orders}", "unclear"),
        ("methods: [GET]", "methods: [GET, POST]", "wider"),
        (", methods: [GET]", "", "wider"),
        (
            "headers: [{name: x-tenant, exact: beta}]",
            "headers: [{name: x-tenant, exact: beta}, {name: a, present: true}]",
            "narrower",
        ),
        ("exact: beta", "exact: alpha", "unclear"),
        ("    match:\n", "    match:\n    - {cluster: auth}\n", "wider"),
        ("    protect: [{path: {prefix: /pay}}]\n", "", "wider"),
        ("{prefix: /pay}", "{prefix: /p}", "narrower"),
        ("attempts: [1]", "attempts: [1, 2]", "wider"),
        ("    attempts: [1]\n", "", "wider"),
        ("    attempts: [1]\n", "    attempts: [1]\n    allow_protected: true\n", "wider"),
        ("fixed: 200ms", "fixed: 0.2s", "same"),
        ("fixed: 200ms", "fixed: 1s", "wider"),
        ("fixed: 200ms", "fixed: 100ms", "narrower"),
        ("fixed: 200ms", "lognormal: {median: 200ms, sigma: 1}", "unclear"),
        ("fixed: 200ms, percent: 50", "fixed: 200ms", "wider"),
        ("status: 503, percent: 5", "status: 500, percent: 5", "unclear"),
        ("status: 503, percent: 5", "status: 503, body: no, percent: 5", "unclear"),
        ("status: 503, percent: 5", "status: 503, headers: {a: b}, percent: 5", "unclear"),
        ("  - abort: {status: 503, percent: 5}\n", "", "narrower"),
        ("  - abort:", "  - drop: {mode: reset}\n  - abort:", "wider"),
        ("64KiB/s", "128KiB/s", "narrower"),
        ("64KiB/s", "1KiB/s", "wider"),
        ("response: 64KiB/s", "response: 64KiB/s, request: 1MiB/s", "wider"),
        ("<= 350ms", "<= 950ms", "same"),
        ("max_duration: 30m", "max_duration: 1h", "wider"),
        ("    max_total: 500\n", "", "wider"),
        ("    max_total: 500\n", "    max_total: 500\n    max_concurrent: 3\n", "narrower"),
        ("    halt_when:\n    - {metric: error_rate, above: 5%, for: 30s}\n", "", "wider"),
        ("above: 5%", "above: 10%", "wider"),
        ("for: 30s", "for: 10s", "unclear"),
        ("for: 30s", "for: 60s", "wider"),
        ("    halt_when:\n", "    halt_when:\n    - {metric: latency_p99, above: 1s}\n", "narrower"),
        ("- name: other", "  rollback: {circuit_breaker: {open_for: 1m}}\n- name: other", "wider"),
        ("- name: other", "  rollback: {on_halt: disable}\n- name: other", "same"),
        ("bad: 2s", "bad: 4s", "wider"),
        ("good: 10s", "good: 20s", "narrower"),
        ("{min: 10ms, max: 50ms}", "{min: 20ms, max: 40ms}", "wider"),
        ("- name: other", "- name: another", "wider"),
    ] {
        let (verdict, code, out) = changed(CATALOG, from, to);
        assert_eq!(verdict, wanted, "{from} -> {to}: {out}");
        assert_eq!(code, i32::from(matches!(wanted, "wider" | "unclear")), "{from} -> {to}");
    }
}

/// Both ways round.
fn of_a_fault(old: &str, new: &str) -> [String; 2] {
    let catalog = |fault: &str| format!("version: 1\nscenarios:\n- {{name: a, faults: [{fault}]}}\n");
    [(old, new), (new, old)].map(|(old, new)| changed(&catalog(old), old, new).0)
}

#[test]
fn a_key_that_is_not_there_means_what_a_proxy_takes_it_for() {
    for (old, new, wanted) in [
        ("requested: {}", "requested: {allow: [delay, abort]}", ["same", "same"]),
        ("requested: {}", "requested: {allow: [delay, abort, throttle]}", ["wider", "narrower"]),
        ("requested: {}", "requested: {allow: [delay]}", ["narrower", "wider"]),
        ("requested: {}", "requested: {statuses: [503]}", ["narrower", "wider"]),
        (
            "requested: {statuses: [503]}",
            "requested: {statuses: [503], grpc_statuses: [14]}",
            ["wider", "narrower"],
        ),
        ("requested: {statuses: [503]}", "requested: {grpc_statuses: [14]}", ["wider", "wider"]),
        ("requested: {statuses: [503]}", "requested: {statuses: [500, 503]}", ["wider", "narrower"]),
        ("requested: {}", "requested: {keys: [a]}", ["narrower", "wider"]),
        ("requested: {}", "requested: {max_delay: 1s, max_age: 1h}", ["same", "same"]),
        ("abort: {status: 503}", "abort: {status: 503, percent: 100}", ["same", "same"]),
        (
            "pressure: {cpu: {burn: 1ms}}",
            "pressure: {cpu: {burn: 1ms, max_share: 30%}}",
            ["wider", "narrower"],
        ),
        (
            "stream: {after: {messages: 0}, then: reset}",
            "stream: {after: {time: 10s}, then: reset}",
            ["unclear", "unclear"],
        ),
        (
            "pressure: {concurrency: {limit: 5, queue: 9}}",
            "pressure: {concurrency: {limit: 5, queue: 1}}",
            ["unclear", "unclear"],
        ),
    ] {
        assert_eq!(of_a_fault(old, new), wanted, "{old} <-> {new}");
    }
}

#[test]
fn delays_are_longer_where_no_part_of_them_is_shorter() {
    let table = |points: &str| format!("delay: {{percentiles: {{{points}}}}}");
    for (old, new, wanted) in [
        // Without p95 the line goes straight from 10ms to 1s: about 0.9s there.
        ("p50: 10ms, p95: 20ms, p99: 1s", "p50: 10ms, p99: 1s", ["wider", "narrower"]),
        ("p50: 10ms, p95: 990ms, p99: 1s", "p50: 10ms, p99: 1s", ["narrower", "wider"]),
        ("p50: 10ms, p99: 1s", "p50: 20ms, p99: 900ms", ["unclear", "unclear"]),
        ("p50: 10ms, p99: 1s", "p50: 10ms, p99: 1s, p999: 2s", ["wider", "narrower"]),
        ("p50: 10ms, p99: 1s", "p0: 0s, p50: 0.01s, p99: 1s", ["same", "same"]),
    ] {
        assert_eq!(of_a_fault(&table(old), &table(new)), wanted, "{old} <-> {new}");
    }
    let (narrow, wide) =
        ("delay: {lognormal: {median: 1s, sigma: 1}}", "delay: {lognormal: {median: 1s, sigma: 2}}");
    assert_eq!(of_a_fault(narrow, wide), ["unclear", "unclear"], "half of them get shorter");
}

#[test]
fn what_a_scenario_takes_no_longer_may_come_to_a_harsher_one() {
    let mild = "- {name: mild, scope: {match: [{path: {prefix: /api}}], sample: {percent: 50}}, faults: [{delay: {fixed: 2ms}}]}\n";
    let all = "- {name: harsh, faults: [{abort: {status: 503}}]}\n";
    let apart =
        "- {name: harsh, scope: {match: [{path: {prefix: /pay}}]}, faults: [{abort: {status: 503}}]}\n";
    let catalog = |harsh: &str| format!("version: 1\nscenarios:\n{mild}{harsh}");
    for (harsh, from, to, wanted) in [
        (all, mild, "", "unclear"),
        (all, "percent: 50", "percent: 40", "unclear"),
        (all, "/api", "/api/v2", "unclear"),
        (all, "fixed: 2ms", "fixed: 1ms", "narrower"),
        (apart, mild, "", "narrower"),
        (apart, "percent: 50", "percent: 40", "narrower"),
        (apart, "/api", "/api/v2", "narrower"),
    ] {
        let (verdict, code, out) = changed(&catalog(harsh), from, to);
        assert_eq!(
            (verdict.as_str(), code),
            (wanted, i32::from(wanted == "unclear")),
            "{from} -> {to}: {out}"
        );
    }
    let mission = |scenarios: &str, more: &str| {
        format!("version: 1\nid: a\nscenarios: {scenarios}\nnamespace: shop\nduration: 10m\n{more}")
    };
    for (from, to, more, wanted) in [
        ("[mild, harsh]", "[harsh]", "", "unclear"),
        ("[mild, harsh]", "[harsh, mild]", "", "unclear"),
        ("[mild, harsh]", "[mild]", "", "narrower"),
        ("[mild, harsh]", "[harsh]", "composition: independent\n", "narrower"),
        ("[mild, harsh]", "[harsh, mild]", "composition: independent\n", "same"),
    ] {
        let (verdict, _, out) = changed(&mission(from, more), from, to);
        assert_eq!(verdict, wanted, "{from} -> {to} {more}: {out}");
    }
    // A plugin configuration says the order.
    let plugin = |order: [&str; 2]| {
        let scenario = |name: &str, percent: u32| serde_json::json!({"name": name, "scope": {"sample": {"percent": percent}}, "faults": [{"abort": {"status": 503}}]});
        let mission = serde_json::json!({"version": 1, "id": "a", "scenarios": order, "namespace": "shop", "duration": "10m"});
        serde_json::json!({"version": 1, "catalog": {"version": 1, "scenarios": [scenario("a", 50), scenario("b", 51)]},
            "mission": mission})
        .to_string()
    };
    assert_eq!(changed(&plugin(["a", "b"]), "\"percent\":50", "\"percent\":40").0, "unclear");
    assert_eq!(changed(&plugin(["b", "a"]), "\"percent\":50", "\"percent\":40").0, "narrower");
}

#[test]
fn changes_of_a_mission_are_told_apart_too() {
    for (from, to, wanted) in [
        ("id: a", "id: b", "same"),
        ("seed: a", "seed: b", "same"),
        ("[slow]", "[slow, other]", "wider"),
        ("[slow]", "[other]", "unclear"),
        ("namespace: shop", "namespace: prod", "unclear"),
        ("duration: 10m", "duration: 20m", "wider"),
        ("duration: 10m", "duration: 5m", "narrower"),
        ("baseline: 1m", "baseline: 2m", "narrower"),
        ("T09:00:00Z", "T09:01:00Z", "wider"),
        ("T09:00:00Z", "T08:00:00Z", "narrower"),
        ("start: 2030-01-01T09:00:00Z\n", "", "wider"),
        ("intensity: 50%", "intensity: 60%", "wider"),
        ("{for: 3m, intensity: 10%}", "{for: 4m, intensity: 10%}", "narrower"),
        ("stages: [{for: 3m, intensity: 10%}, {intensity: 50%}]\n", "", "wider"),
        ("intensity: 10%}, {intensity: 50%", "intensity: 80%}, {intensity: 10%", "unclear"),
        (
            "{for: 3m, intensity: 10%}, {intensity: 50%}",
            "{for: 6m, intensity: 50%}, {intensity: 10%}",
            "unclear",
        ),
        ("{for: 3m, intensity: 10%}", "{for: 1m, intensity: 10%}, {for: 2m, intensity: 10%}", "same"),
        ("lease: 30s", "lease: 1m", "wider"),
        ("lease: 30s\n", "", "wider"),
        ("seed: a\n", "seed: a\ncomposition: independent\n", "wider"),
        ("seed: a\n", "seed: a\nenable: false\n", "narrower"),
        ("seed: a\n", "seed: a\nmark: headers\n", "same"),
        ("safety: {max_concurrent: 10}\n", "", "wider"),
    ] {
        let (verdict, _, out) = changed(MISSION, from, to);
        assert_eq!(verdict, wanted, "{from} -> {to}: {out}");
    }
}

#[test]
fn plugin_configurations_are_compared_with_all_that_is_in_them() {
    let plain =
        run(&["render", "plugin", "--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"]).out;
    let key = "AAAAAAAAAAAAAAAAAAAAAAAA";
    let operators = format!(
        "\"version\": 1,\n  \"operators\": [{{\"name\": \"a\", \"key\": \"{}\", \"may\": [\"start\"], \"up_to\": \"critical\"}}],",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
    let keys = |secret: &str| {
        format!("\"version\": 1,\n  \"caller_keys\": [{{\"name\": \"a\", \"secret\": \"{secret}\"}}],")
    };
    for (from, to, wanted) in [
        ("\"version\": 1,", "\"version\": 1,\n  \"revision\": \"x\",", "same"),
        ("\"version\": 1,", "\"version\": 1,\n  \"stat_labels\": \"built_in\",", "same"),
        ("\"version\": 1,", "\"version\": 1,\n  \"max_series\": 5000,", "same"),
        ("\"version\": 1,", &keys(key), "wider"),
        ("\"version\": 1,", "\"version\": 1,\n  \"deny_namespaces\": [\"prod\"],", "narrower"),
        // Without operators nothing of high severity runs at all.
        ("\"version\": 1,", &operators, "wider"),
    ] {
        let (verdict, _, out) = changed(&plain, from, to);
        assert_eq!(verdict, wanted, "{to}: {out}");
        assert!(!out.contains(key), "a secret is not shown: {out}");
    }
    let idle = run(&["render", "plugin", "--catalog", "envoy/catalog.yaml"]).out;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("idle.json");
    fs::write(&path, idle).expect("written");
    let ran = run_with(&["diff", &path.display().to_string(), "-"], plain.as_bytes());
    assert!(ran.code == 1 && ran.out.contains("a mission runs"), "{}", ran.out);
}

#[test]
fn a_person_reads_a_table_with_the_reasons_and_the_verdict_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.yaml");
    fs::write(&path, CATALOG).expect("written");
    let new = CATALOG
        .replace("percent: 20", "percent: 35")
        .replace("    - {metric: error_rate, above: 5%, for: 30s}", "    - {metric: latency_p95, above: 1s}")
        .replace("/profiles", "/profiles/v2")
        .replace("- name: other", "- name: late");
    let ran = run_with(&["diff", &path.display().to_string(), "-"], new.as_bytes());
    assert_eq!(ran.code, 1);
    assert_golden("diff.txt", &ran.out);
    let same = run(&["diff", "envoy/catalog.yaml", "envoy/catalog.yaml"]);
    assert_eq!((same.code, same.out.as_str()), (0, "same: what is hit stays as it is\n"));
}

#[test]
fn a_log_counts_what_both_would_have_hit() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let catalog = |prefix: &str| {
        format!(
            "version: 1\nscenarios:\n- {{name: a, scope: {{match: [{{path: {{prefix: {prefix}}}}}]}}, faults: [{{delay: {{fixed: 1s}}}}]}}\n"
        )
    };
    let log: String = (0..10)
        .map(|n| {
            let path = if n < 4 { "/api/x" } else { "/other" };
            format!("{{\"time\": \"2026-12-01T09:00:0{n}Z\", \"method\": \"GET\", \"path\": \"{path}\", \"request_id\": \"{n}\", \"headers.user-agent\": null}}\n")
        })
        .collect();
    let (old, new, log) =
        (write("old.yaml", &catalog("/api")), write("new.yaml", &catalog("/")), write("log", &log));
    let ran = run(&["diff", &old, &new, "--log", &log, "--output", "json"]);
    let json: serde_json::Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
    assert_eq!(json["log"]["requests"], 10);
    assert_eq!((&json["log"]["old_faulted"], &json["log"]["new_faulted"]), (&4.into(), &10.into()));
    let text = run(&["diff", &old, &new, "--log", &log]).out;
    assert!(
        text.contains("a         4 -> 10  4 -> 10") && text.contains("of 10 requests 4 -> 10 are faulted"),
        "{text}"
    );
    let mission = write("mission.yaml", "version: 1\nid: m\nnamespace: n\nscenarios: [a]\nduration: 1m\n");
    let with = run(&["diff", &old, &new, "--log", &log, "--mission", &mission]);
    assert!(with.out.contains("4 -> 10 are faulted"), "{}{}", with.out, with.err);
    let missions = run(&["diff", &mission, &mission, "--log", &log]);
    assert_eq!(missions.code, 2);
    assert!(missions.err.contains("add --catalog FILE"), "{}", missions.err);
    let fine = run(&["diff", &mission, &mission, "--log", &log, "--catalog", &old]);
    assert!(fine.code == 0 && fine.out.contains("4 -> 4 are faulted"), "{}{}", fine.out, fine.err);
}

#[test]
fn files_with_mistakes_and_of_two_kinds_are_refused() {
    let bad = run(&["diff", "envoy/catalog.yaml", "src/chaosctl/tests/bad/catalog.yaml"]);
    assert_eq!((bad.code, bad.out.as_str()), (1, ""));
    assert!(
        bad.err.contains("error[") && bad.err.contains("both have to be without mistakes"),
        "{}",
        bad.err
    );
    let mixed = run(&["diff", "envoy/catalog.yaml", "envoy/mission.yaml"]);
    assert_eq!(mixed.code, 2);
    assert!(mixed.err.contains("two catalogs, two missions or two plugin"), "{}", mixed.err);
    assert_eq!(run(&["diff", "-", "-"]).code, 2);
    assert_eq!(
        run(&["diff", "envoy/catalog.yaml", "envoy/catalog.yaml", "--seed", "a"]).code,
        2,
        "--seed needs --log"
    );
}
