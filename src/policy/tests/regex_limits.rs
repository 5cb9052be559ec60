//! A regular expression must neither fill a worker's memory nor hold a worker up, whatever path a client sends.

mod request;

use request::{Request, plan};
use serde_json::{Value, json};
use squall_policy::{Code, Fact, Report, Seed, load_plugin};
use std::time::{Duration, Instant};

fn by_path(name: &str, regex: &str) -> Value {
    json!({"name": name, "scope": {"match": [{"path": {"regex": regex}}]}, "faults": [{"abort": {"status": 503}}]})
}

fn findings(scenarios: &[Value]) -> Vec<(Code, String)> {
    let configuration = request::plugin("independent", scenarios).to_string();
    let mut report = Report::default();
    let loaded = load_plugin(configuration.as_bytes(), None, &mut report);
    assert_eq!(loaded.is_none(), report.has_errors());
    report.findings.into_iter().map(|f| (f.code, f.path)).collect()
}

fn matches(plan: &squall_policy::Plan, path: &[u8]) -> bool {
    let mut request = Request::new().and(Fact::Path, path);
    !plan.decide(&Seed::from_text("s"), &mut request).outcomes.is_empty()
}

#[test]
fn one_expression_has_at_most_512_steps_and_8_groups() {
    assert_eq!(findings(&[by_path("a", "/.*[a-z]{100}z")]), []);
    for regex in ["/.*[a-z/]{4000}z", "/[a-z0-9_-]{4092}", "(((((((((a)))))))))", "(?x)/a"] {
        let found = findings(&[by_path("a", regex)]);
        assert_eq!(found.len(), 1, "{regex}: {found:?}");
        assert_eq!(found[0].0, Code::BadRegex, "{regex}");
    }
}

#[test]
fn all_expressions_together_have_a_budget_and_the_first_beyond_it_is_named() {
    // 204 steps each, of 65,536.
    let scenarios = |n: usize| (0..n).map(|i| by_path(&format!("s{i}"), "/.*[a-z]{48}z")).collect::<Vec<_>>();
    assert_eq!(findings(&scenarios(321)), []);
    let over = findings(&scenarios(330));
    let wanted = "catalog.scenarios[321].scope.match[0].path.regex".to_owned();
    assert_eq!(over, [(Code::RegexBudget, wanted)]);
    // A mistake beyond the budget is still one.
    let mut scenarios = scenarios(330);
    scenarios.push(by_path("last", "("));
    let found: Vec<Code> = findings(&scenarios).into_iter().map(|(code, _)| code).collect();
    assert_eq!(found, [Code::RegexBudget, Code::BadRegex]);
}

#[test]
fn the_longest_path_is_matched_in_no_time() {
    // Every character of the path keeps every step alive: the worst there is within the limits.
    let plan = plan("independent", &[by_path("a", "/.*[a-z]{48}z")]);
    let path = |length: usize| format!("/{}z", "a".repeat(length - 2)).into_bytes();
    assert!(matches(&plan, &path(1000)));
    let begun = Instant::now();
    for length in [1000, 1052, 4000, 8192, 50_000] {
        matches(&plan, &path(length));
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[test]
fn a_value_that_is_too_long_matches_no_expression_and_the_explanation_says_so() {
    let plan = plan("independent", &[by_path("a", "/a.*")]);
    let path = |length: usize| format!("/{}", "a".repeat(length - 1)).into_bytes();
    assert!(matches(&plan, &path(8192)));
    assert!(!matches(&plan, &path(8193)));
    // The query does not count.
    assert!(matches(&plan, &[path(8192), b"?".to_vec(), path(9000)].concat()));
    let mut request = Request::new().and(Fact::Path, path(8193));
    let explained = plan.explain(&Seed::from_text("s"), &mut request);
    let told = explained[0].mismatches[0].to_string();
    assert!(told.starts_with("path (longer than its expression is run on) does not match"), "{told}");
}
