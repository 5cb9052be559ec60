//! The rules and alerts in dashboards/prometheus/, and the same as a PrometheusRule: valid, equal, and tested one by one.

use super::{promtool, promtool_agrees, rule_files};
use squall_envoy_tests::repo_root;

const CASES: &str = "dashboards/prometheus/tests";

fn case_files() -> Vec<String> {
    let folder = std::fs::read_dir(repo_root().join(CASES)).unwrap();
    let mut files: Vec<String> = folder
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|p| p.ends_with(".yaml"))
        .collect();
    files.sort();
    files
}

fn read(path: impl AsRef<std::path::Path>) -> String {
    let path = repo_root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The groups of a file, without comments.
fn groups(text: &str, after: &str, indent: &str) -> String {
    let (_, groups) = text.split_once(after).expect("a list of groups");
    let kept = groups.lines().filter(|line| !line.trim_start().starts_with('#'));
    kept.map(|line| format!("{}\n", line.strip_prefix(indent).unwrap_or(line))).collect()
}

#[test]
fn the_rules_are_valid_and_every_case_of_them_holds() {
    let [rules, alerts] = rule_files().map(|path| path.display().to_string());
    promtool_agrees(&["check", "rules", "--lint=all", "--lint-fatal", &rules, &alerts]);
    let cases = case_files();
    assert!(cases.len() >= 4, "{cases:?}");
    promtool_agrees(
        &["test", "rules"].into_iter().chain(cases.iter().map(String::as_str)).collect::<Vec<_>>(),
    );
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
fn rates_of_a_minute_do_not_depend_on_how_often_prometheus_evaluates_other_rules() {
    for file in rule_files() {
        let text = read(file);
        let (groups, intervals) =
            (text.matches("  - name: ").count(), text.matches("    interval: 15s\n").count());
        assert!(groups == 1 && intervals == 1, "{groups} groups, {intervals} intervals");
    }
}

/// Name, and the labels that tell the variants of an alert apart: a variant is an alert with a rule of its own.
fn variants(alerts: &str) -> Vec<(&str, String)> {
    let rules = alerts.split("- alert: ").skip(1);
    let variants = rules.map(|rule| {
        let name = rule.lines().next().unwrap();
        let labels = rule.lines().find_map(|line| line.trim().strip_prefix("labels: {")).unwrap();
        (name, labels.trim_end_matches('}').to_owned())
    });
    variants.collect()
}

#[test]
fn every_variant_of_an_alert_has_a_case_that_fires_and_every_alert_one_that_does_not() {
    let alerts = read("dashboards/prometheus/alerts.yaml");
    let cases: String = case_files().into_iter().map(read).collect();
    let variants = variants(&alerts);
    assert!(variants.len() >= 11, "{variants:?}");
    for (name, labels) in variants {
        let quiet = cases.lines().filter(|l| l.contains(&format!("alertname: {name}}}"))).count();
        let one = format!("        alertname: {name}\n");
        // What is expected of this alert: up to the next case.
        let expected =
            cases.split(one.as_str()).skip(1).map(|rest| rest.split("- eval_time").next().unwrap());
        let fires = expected.filter(|rest| rest.contains(&format!("{labels}}}"))).count();
        assert!(quiet > 0 && fires > 0, "{name} {labels}: {quiet} quiet, {fires} firing");
    }
}

#[test]
fn a_wrong_case_is_noticed() {
    let cases = read(format!("{CASES}/rules.yaml")).replace("value: 140}", "value: 141}");
    let rules = repo_root().join("dashboards/prometheus").display().to_string();
    let cases = cases.replace("../", &format!("{rules}/"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cases).unwrap();
    assert!(!promtool(&["test", "rules", &file.path().display().to_string()]).status.success());
}
