//! The rules and alerts in dashboards/prometheus/, and the same as a PrometheusRule: valid, equal, and tested one by one.

use super::{promtool, promtool_agrees, rule_files};
use squall_envoy_tests::repo_root;

const CASES: &str = "dashboards/prometheus/tests/rules.yaml";

fn read(path: impl AsRef<std::path::Path>) -> String {
    let path = repo_root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The groups of a file, without comments.
fn groups(text: &str, after: &str, indent: &str) -> String {
    let (_, groups) = text.split_once(after).expect("a list of groups");
    let lines = groups.lines().filter(|line| !line.trim_start().starts_with('#') || line.starts_with("   "));
    let kept = lines.filter(|line| !line.trim_start().starts_with("# ") && !line.is_empty());
    kept.map(|line| format!("{}\n", line.strip_prefix(indent).unwrap_or(line))).collect()
}

#[test]
fn the_rules_are_valid_and_every_case_of_them_holds() {
    let [rules, alerts] = rule_files().map(|path| path.display().to_string());
    promtool_agrees(&["check", "rules", "--lint=all", "--lint-fatal", &rules, &alerts]);
    promtool_agrees(&["test", "rules", CASES]);
}

#[test]
fn the_prometheus_rule_has_the_same_groups() {
    let [rules, alerts] = rule_files().map(|path| groups(&read(path), "groups:\n", ""));
    let resource = groups(&read("istio/prometheusrule.yaml"), "spec:\n", "  ");
    assert_eq!(resource, format!("groups:\n{rules}{alerts}"));
    // And those are what they were, not what the comparison made of them.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &resource).unwrap();
    let said = promtool_agrees(&["check", "rules", &file.path().display().to_string()]);
    let count =
        |text: &str, what: &str| text.lines().filter(|line| line.trim_start().starts_with(what)).count();
    let all = count(&resource, "- record: ") + count(&resource, "- alert: ");
    assert!(all > 40 && said.contains(&format!("{all} rules found")), "{all}: {said}");
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    let (alerts, cases) = (read("dashboards/prometheus/alerts.yaml"), read(CASES));
    let names: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let quiet = cases.lines().filter(|l| l.contains(&format!("alertname: {name}}}"))).count();
        let one = format!("        alertname: {name}\n");
        let fires = cases.split(one.as_str()).skip(1);
        let fires = fires.filter(|rest| rest.trim_start().starts_with("exp_alerts")).count();
        assert!(quiet > 0 && fires > 0, "{name}: {quiet} quiet, {fires} firing");
    }
}

#[test]
fn a_wrong_case_is_noticed() {
    let cases = read(CASES).replace("value: 140}", "value: 141}");
    let rules = repo_root().join("dashboards/prometheus").display().to_string();
    let cases = cases.replace("../", &format!("{rules}/"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cases).unwrap();
    assert!(!promtool(&["test", "rules", &file.path().display().to_string()]).status.success());
}
