//! The bound on time series: how many a scenario can make, and what is refused.

use serde_json::{Value, json};
use squall_policy::health::{CAUSES, FAULTS};
use squall_policy::{
    Code, DEFAULT_SERIES, Diagnostic, Report, SERIES_OF_A_SCENARIO, check_mission, load_json, load_plugin,
};

/// A plugin configuration with so many scenarios in its mission.
fn plugin(scenarios: usize) -> Value {
    let names: Vec<String> = (0..scenarios).map(|number| format!("s{number}")).collect();
    let catalog: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "faults": [{"delay": {"fixed": "1ms"}}]})).collect();
    json!({
        "version": 1,
        "catalog": {"version": 1, "scenarios": catalog},
        "mission": {"version": 1, "id": "m", "namespace": "shop", "duration": "1m", "scenarios": names},
    })
}

fn findings(plugin: &Value) -> Vec<Diagnostic> {
    let mut report = Report::default();
    let loaded = load_plugin(plugin.to_string().as_bytes(), None, &mut report);
    assert_eq!(loaded.is_none(), !report.findings.is_empty(), "{:?}", report.findings);
    report.findings
}

fn most() -> usize {
    DEFAULT_SERIES as usize / SERIES_OF_A_SCENARIO
}

#[test]
fn the_bound_counts_every_series_that_the_metrics_of_a_scenario_have() {
    let counters = 5 * 6 + FAULTS.len() + CAUSES.len() + 2 + 2;
    let histograms = (5 + 1 + 1) * (19 + 1 + 2);
    assert_eq!(SERIES_OF_A_SCENARIO, counters + histograms + 4);
    assert_eq!((SERIES_OF_A_SCENARIO, DEFAULT_SERIES), (229, 250_000), "docs/metrics.md has these numbers");
}

#[test]
fn a_mission_with_more_series_than_are_allowed_is_refused_with_both_numbers_and_a_way_out() {
    assert_eq!(findings(&plugin(most())), []);
    let refused = findings(&plugin(most() + 1));
    let [only] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!((only.code, only.path.as_str()), (Code::TooManySeries, "mission.scenarios"));
    assert!(only.message.contains("250068") && only.message.contains("250000"), "{}", only.message);
    assert!(only.hint.contains("several missions"), "{}", only.hint);
    assert!(only.message.contains("max_series"), "{}", only.message);
}

#[test]
fn the_configuration_may_allow_more_or_less() {
    let mut more = plugin(most() + 1);
    more["max_series"] = json!(1_000_000);
    assert_eq!(findings(&more), []);
    let mut less = plugin(5);
    less["max_series"] = json!(1_000);
    let codes: Vec<Code> = findings(&less).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::TooManySeries]);
    less["max_series"] = json!(5 * SERIES_OF_A_SCENARIO);
    assert_eq!(findings(&less), []);
}

#[test]
fn a_mission_file_is_refused_by_itself_too() {
    let check = |scenarios: usize| {
        let mission = plugin(scenarios)["mission"].to_string();
        let mut report = Report::default();
        let node = load_json(mission.as_bytes(), &mut report).expect("JSON");
        let read = check_mission(&node, None, &mut report);
        (read.is_some(), report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>())
    };
    assert_eq!(check(most()), (true, vec![]));
    assert_eq!(check(most() + 1), (false, vec![Code::TooManySeries]));
}
