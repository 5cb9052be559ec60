//! No mistake hides another: whoever fixes a configuration wants to fix it once. And no mistake is told twice, as
//! itself and as its own consequence.

mod request;

use serde_json::{Value, json};
use squall_policy::{Level, Report, load_plugin};

/// `code path` of every finding, in order of the paths.
fn findings(configuration: &Value) -> Vec<String> {
    let mut report = Report::default();
    let loaded = load_plugin(configuration.to_string().as_bytes(), Some("shop"), &mut report);
    assert_eq!(loaded.is_none(), report.has_errors());
    let mut found: Vec<String> =
        report.findings.iter().map(|d| format!("{} {}", d.code.slug(), d.path)).collect();
    found.sort();
    found
}

/// The findings in one fault of an otherwise good configuration, with paths from that fault on.
fn in_fault(fault: Value) -> Vec<String> {
    let found = findings(&request::plugin("first_match", &[json!({"name": "a", "faults": [fault]})]));
    found.iter().map(|f| f.replace("catalog.scenarios[0].faults[0].", "")).collect()
}

fn in_rule(rule: Value) -> Vec<String> {
    let scenario = json!({"name": "a", "scope": {"match": [rule]}, "faults": [{"abort": {"status": 503}}]});
    let found = findings(&request::plugin("first_match", &[scenario]));
    found.iter().map(|f| f.replace("catalog.scenarios[0].scope.match[0].", "")).collect()
}

#[test]
fn a_wrong_value_does_not_hide_a_key_too_many() {
    assert_eq!(
        in_fault(json!({"delay": {"fixed": 5}, "abort": {"status": 99}})),
        ["exactly-one catalog.scenarios[0].faults[0]", "out-of-range abort.status", "wrong-type delay.fixed"]
    );
    assert_eq!(
        in_fault(
            json!({"delay": {"fixed": "1ms", "pareto": {"min": "2 apples", "shape": 1}, "phase": "late"}})
        ),
        ["bad-format delay.pareto.min", "exactly-one delay", "unknown-word delay.phase"]
    );
    assert_eq!(
        in_rule(json!({"path": {"exact": "/", "regex": "("}, "methods": ["get", "GET", "x"]})),
        ["bad-format methods[0]", "bad-format methods[2]", "bad-regex path.regex", "exactly-one path"]
    );
    assert_eq!(
        in_rule(json!({"headers": [{"name": "X", "exact": "a", "present": true}], "authority": {}})),
        ["bad-format headers[0].name", "exactly-one authority", "exactly-one headers[0]"]
    );
}

#[test]
fn a_wrong_value_does_not_hide_a_contradiction() {
    assert_eq!(
        in_fault(
            json!({"abort": {"status": 204, "body": "x", "message": "y", "percent": 101, "headers": {"A": ""}}})
        ),
        [
            "bad-format abort.headers.A",
            "conflict abort.body",
            "conflict abort.message",
            "out-of-range abort.percent"
        ]
    );
}

#[test]
fn a_misspelt_key_is_not_missed_as_well() {
    assert_eq!(in_fault(json!({"dealy": {"fixed": "1ms"}})), ["unknown-key dealy"]);
    assert_eq!(in_fault(json!({"delay": {"fixd": "1ms"}})), ["unknown-key delay.fixd"]);
    assert_eq!(in_fault(json!({"abort": {"statsu": 503}})), ["unknown-key abort.statsu"]);
    assert_eq!(
        in_fault(json!({"abort": {"status": 503, "message": "m", "grpc-status": 14}})),
        ["unknown-key abort.grpc-status"]
    );
    assert_eq!(in_rule(json!({"pth": {"exact": "/"}})), ["unknown-key pth"]);
    assert_eq!(in_rule(json!({"path": {"exct": "/"}})), ["unknown-key path.exct"]);
}

#[test]
fn a_wrong_scenario_hides_nothing_about_the_mission() {
    let mut configuration = request::plugin(
        "first_match",
        &[json!({"name": "a", "severity": "high", "faults": [{"abort": {"status": 1}}]})],
    );
    configuration["mission"]["namespace"] = "elsewhere".into();
    configuration["mission"]["scenarios"] = json!(["a", "b", "b"]);
    configuration["mission"]["duration"] = "1x".into();
    assert_eq!(
        findings(&configuration),
        [
            "bad-format mission.duration",
            "duplicate-name mission.scenarios[2]",
            "out-of-range catalog.scenarios[0].faults[0].abort.status",
            "signature-needed mission.scenarios[0]",
            "unknown-scenario mission.scenarios[1]",
            "unknown-scenario mission.scenarios[2]",
            "wrong-namespace mission.namespace",
        ]
    );
}

#[test]
fn a_catalog_without_names_is_one_mistake() {
    let mut configuration =
        request::plugin("first_match", &[json!({"name": "a", "faults": [{"abort": {"status": 503}}]})]);
    configuration["catalog"]["scenarios"] = json!([]);
    assert_eq!(findings(&configuration), ["out-of-range catalog.scenarios"]);
    configuration["catalog"]["scenarios"] = json!([{"nam": "a", "faults": [{"abort": {"status": 503}}]}]);
    assert_eq!(
        findings(&configuration),
        ["missing-key catalog.scenarios[0].name", "unknown-key catalog.scenarios[0].nam"]
    );
    configuration["identity"] = json!({"namespace": "Bad_Name"});
    configuration["mission"]["namespace"] = "also bad".into();
    assert_eq!(
        findings(&configuration)[..2],
        ["bad-format identity.namespace", "bad-format mission.namespace"]
    );
}

/// Reading 4 MiB of one-letter keys took a square of their number, and keeping every finding most of a VM's memory.
#[test]
fn a_large_wrong_configuration_is_read_in_no_time() {
    let object = |keys: usize| (0..keys).map(|n| format!("\"{n:x}\":1")).collect::<Vec<_>>().join(",");
    let names = (0..400_000).map(|n| format!("\"{n:x}\"")).collect::<Vec<_>>().join(",");
    let texts = [
        format!("{{{}}}", object(300_000)),
        format!(
            "{{\"version\":1,\"catalog\":{{\"scenarios\":[{{\"faults\":[{{\"abort\":{{\"headers\":{{{}}}}}}}]}}]}}}}",
            object(300_000)
        ),
        format!(
            "{{\"catalog\":{{\"scenarios\":[{{\"name\":\"a\"}}]}},\"mission\":{{\"scenarios\":[{names}]}}}}"
        ),
    ];
    for text in texts {
        assert!(text.len() < squall_policy::CONFIG_LIMIT, "{}", text.len());
        let begun = std::time::Instant::now();
        let mut report = Report::default();
        assert!(load_plugin(text.as_bytes(), None, &mut report).is_none());
        assert!(report.count(Level::Error) >= 300_000);
        assert_eq!(report.findings.len(), 1000);
        assert_eq!(report.left_out(Level::Error), report.count(Level::Error) - 1000);
        // A second or so on a busy machine; a square of the number would be minutes.
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}
