//! The index finds what asking every rule would find. A match that the index loses is a fault that silently never
//! happens, so the matcher here shares no code with the policy except the engine for regular expressions.

mod generated;
mod naive;
mod request;

use generated::{catalog, scenario};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use request::{Request, plan};
use serde_json::{Value, json};
use squall_policy::{Fact, Seed};

/// Fails unless the plan's index, its explanation and the naive matcher agree about the request.
fn compare(scenarios: &[Value], plan: &squall_policy::Plan, request: &Request) -> Result<(), String> {
    let expected: Vec<usize> =
        (0..scenarios.len()).filter(|n| naive::concerns(&scenarios[*n], request)).collect();
    let seed = Seed::from_text("index");
    let verdict = plan.decide(&seed, &mut request.clone());
    let decided: Vec<usize> = verdict.outcomes.iter().map(|o| o.scenario).collect();
    let explained: Vec<usize> = plan
        .explain(&seed, &mut request.clone())
        .iter()
        .filter(|e| e.mismatches.is_empty() && !e.wrong_direction)
        .map(|e| e.scenario)
        .collect();
    if decided == expected && explained == expected {
        return Ok(());
    }
    Err(format!(
        "expected {expected:?}, decided {decided:?}, explained {explained:?}\n{request:?}\n{}",
        Value::from(scenarios)
    ))
}

#[test]
fn the_index_agrees_with_asking_every_rule() {
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (mut asked, mut met) = (0_u32, 0_u32);
    let seen = std::cell::RefCell::new((&mut asked, &mut met));
    runner
        .run(&(catalog(), prop::collection::vec(generated::request(), 40)), |(scenarios, requests)| {
            let plan = plan("independent", &scenarios);
            for request in &requests {
                compare(&scenarios, &plan, request).map_err(TestCaseError::fail)?;
                let mut seen = seen.borrow_mut();
                *seen.0 += scenarios.len() as u32;
                *seen.1 += scenarios.iter().filter(|s| naive::concerns(s, request)).count() as u32;
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // The comparison means little when hardly anything matches, or everything does.
    assert!(met * 20 > asked && met * 4 < asked * 3, "{met} matches in {asked} questions");
}

/// Expressions of which it is easy to think wrongly that all matches begin with some text.
const TRICKY: [&str; 60] = [
    "(?i)/abc",
    "(?i)/ab",
    "(?i:/ab)",
    "/a(?i)b",
    "/(?i)ab",
    "(?-u)/ab",
    "(?s)/ab.",
    "/ab+*",
    "/ab+?",
    "/ab+{0,1}",
    "/ab{2}*",
    "/a|/b",
    "/a|b",
    "/ab|/b|",
    "(/a|/b)",
    "/(a|b)",
    "/a(|b)",
    "/ab*",
    "/ab?",
    "/ab+",
    "/ab{0}",
    "/ab{0,1}",
    "/ab{0,}",
    "/ab{1}",
    "/ab{2}",
    "/ab*?",
    "/ab??",
    "/ab+?",
    "/ab{0}?",
    "/ab{0}b",
    "/é*",
    "/aé*",
    "/aé?b",
    "/aé{0}",
    "/éa*",
    "/é+",
    "^/ab",
    "^^/ab",
    "^/ab$",
    "/ab$",
    "^*/ab",
    "^?/ab",
    "(?:^)/ab",
    "/ab^",
    "/a$b",
    "/a.",
    "/a\\.",
    "/a\\/b",
    "\\/ab",
    "\\x2fab",
    "/a[b]",
    "/a[b]*",
    "/ab()",
    "()/ab",
    "(/ab)?",
    "(/ab)*/b",
    "/?ab",
    "/*ab",
    ".*",
    "/a\\b.*",
];

/// All paths over a small alphabet, with up to `length` characters.
fn paths(length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut longest = 0;
    for _ in 0..length {
        let end = all.len();
        for n in longest..end {
            all.extend(['/', 'a', 'b', 'é', 'A', '.'].map(|c| format!("{}{c}", all[n])));
        }
        longest = end;
    }
    all
}

#[test]
fn no_expression_loses_a_match_to_its_literal_beginning() {
    let paths = paths(4);
    for source in TRICKY {
        let scenarios = [scenario(0, json!({"match": [{"path": {"regex": source}}]}))];
        let plan = plan("independent", &scenarios);
        for path in &paths {
            let request = Request::new().and(Fact::Path, path);
            compare(&scenarios, &plan, &request).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// An expression is read inside a group; one that closes the group early would escape from the whole value.
#[test]
fn an_expression_cannot_leave_its_group() {
    for source in ["/ab)?(?:/a", "/ab)*(?:", "a)(b", "/ab){0}(?:/b"] {
        let scenarios = [scenario(0, json!({"match": [{"path": {"regex": source}}]}))];
        let mut report = squall_policy::Report::default();
        let text = request::plugin("independent", &scenarios).to_string();
        assert!(
            squall_policy::load_plugin(text.as_bytes(), None, &mut report).is_none(),
            "{source} is accepted"
        );
        assert_eq!(report.findings[0].code, squall_policy::Code::BadRegex);
    }
}

/// A thousand scenarios with anchors of every kind: each is found by its own request, and by no other's.
#[test]
fn every_scenario_of_a_large_catalog_is_found() {
    let kinds = ["exact", "prefix", "regex", "template"];
    let scenarios: Vec<Value> = (0..1000)
        .map(|n| scenario(n, json!({"match": [{"path": {kinds[n % 4]: format!("/{n:04}/x")}}]})))
        .collect();
    let plan = plan("independent", &scenarios);
    for n in 0..1000 {
        let verdict = plan.decide(
            &Seed::from_text("large"),
            &mut Request::new().and(Fact::Path, format!("/{n:04}/x?page={n}")),
        );
        let found: Vec<usize> = verdict.outcomes.iter().map(|o| o.scenario).collect();
        assert_eq!(found, [n]);
    }
}
