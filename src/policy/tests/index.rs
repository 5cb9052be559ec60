//! The index finds what asking every rule would find. A match that the index loses is a fault that silently never
//! happens, so the matcher here shares no code with the policy except the engine for regular expressions.

mod naive;
mod request;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use request::{Request, plan};
use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Seed};

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

fn scenario(number: usize, scope: Value) -> Value {
    json!({"name": format!("s{number}"), "scope": scope, "faults": [{"abort": {"status": 503}}]})
}

/// Regular expressions put together from pieces, most of them beginning like a path.
fn expression() -> impl Strategy<Value = String> {
    let atoms = vec!["a", "b", "/", "é", "A", "\\.", "\\d", "[ab]", "[^/]", "(?:ab)", "(a|b)", ".", "\\x61"];
    let times =
        vec!["", "", "", "", "*", "?", "+", "{0}", "{0,1}", "{2}", "*?", "??", "{1,}", "+*", "+{0,1}"];
    let piece = (select(atoms), select(times)).prop_map(|(atom, times)| format!("{atom}{times}"));
    let start = select(vec!["/", "/", "/", "/a", "^/", "^", "(?i)/", "(?i:/A)", "", "^*/a", "/?", "/ab"]);
    let end = select(vec!["", "", "", "$", "|/b", "|/a.*", ".*", "(?i)b", "(|b)"]);
    (start, prop::collection::vec(piece, 0..4), end)
        .prop_map(|(start, pieces, end)| format!("{start}{}{end}", pieces.concat()))
        .prop_filter("has to compile", |source| !source.is_empty() && regex_lite::Regex::new(source).is_ok())
}

const TEXTS: [&str; 7] = ["a", "b", "ab", "A", "aB", "é", "a,b"];

fn path_condition() -> impl Strategy<Value = Value> {
    let paths = vec!["/", "/a", "/ab", "/a/b", "/é", "/a/", "/A", "//", "/abc"];
    let templates =
        vec!["/", "/{x}", "/a/{x}", "/{x}/b", "/{x}/{y}", "/a/{x}/b", "/ab", "/{x}/", "/é/{x}", "//{x}"];
    prop_oneof![
        select(paths.clone()).prop_map(|p| json!({ "exact": p })),
        select(paths).prop_map(|p| json!({ "prefix": p })),
        expression().prop_map(|p| json!({ "regex": p })),
        select(templates).prop_map(|p| json!({ "template": p })),
    ]
}

fn text_condition() -> impl Strategy<Value = Value> {
    let kind = select(vec!["exact", "prefix", "suffix", "contains"]);
    prop_oneof![
        4 => (kind, select(TEXTS.to_vec())).prop_map(|(kind, text)| json!({ kind: text })),
        1 => select(vec!["a.*", "(?i)a", "[ab]+", "a|b", "é?", "a{0}b"]).prop_map(|r| json!({ "regex": r })),
    ]
}

fn header_condition() -> impl Strategy<Value = Value> {
    let test = prop_oneof![4 => text_condition(), 1 => any::<bool>().prop_map(|p| json!({ "present": p }))];
    (select(vec!["x-a", "x-b"]), test, prop::bool::weighted(0.3)).prop_map(|(name, mut test, invert)| {
        test["name"] = name.into();
        test["invert"] = invert.into();
        test
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let name = || select(vec!["r1", "r2"]);
    (
        prop::option::weighted(0.7, path_condition()),
        prop::option::weighted(0.2, prop::collection::vec(select(vec!["GET", "POST", "PUT"]), 1..3)),
        prop::option::weighted(0.3, prop::collection::vec(header_condition(), 1..3)),
        prop::option::weighted(0.2, text_condition()),
        [
            prop::option::weighted(0.1, name()),
            prop::option::weighted(0.1, name()),
            prop::option::weighted(0.1, name()),
        ],
    )
        .prop_map(|(path, methods, headers, authority, [route, cluster, host])| {
            let all = json!({"path": path, "methods": methods, "headers": headers, "authority": authority,
                "route": route, "cluster": cluster, "virtual_host": host});
            let given = all.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
            Value::Object(given.map(|(k, v)| (k.clone(), v.clone())).collect())
        })
        .prop_filter("has a condition", |rule| rule.as_object().is_some_and(|r| !r.is_empty()))
}

fn catalog() -> impl Strategy<Value = Vec<Value>> {
    let direction = select(vec!["any", "any", "any", "inbound", "outbound"]);
    let rules = prop::option::weighted(0.9, prop::collection::vec(rule(), 1..4));
    let scope = (direction, rules).prop_map(|(direction, rules)| match rules {
        Some(rules) => json!({"direction": direction, "match": rules}),
        None => json!({ "direction": direction }),
    });
    prop::collection::vec(scope, 1..8)
        .prop_map(|scopes| scopes.into_iter().enumerate().map(|(n, scope)| scenario(n, scope)).collect())
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec!["a", "b", "/", "é", "A", ".", "1", "ab"]);
    let query = select(vec!["", "", "", "?", "?a=/b", "#a", "?x#/a"]);
    prop_oneof![
        20 => (prop::collection::vec(piece, 0..5), query)
            .prop_map(|(pieces, query)| format!("/{}{query}", pieces.concat()).into_bytes()),
        1 => Just(b"*".to_vec()),
        1 => Just(Vec::new()),
        1 => Just(b"/a\xff".to_vec()),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let value = || {
        let texts = TEXTS.iter().map(|t| t.as_bytes().to_vec());
        prop::option::weighted(0.7, select(texts.chain([b"a\xff".to_vec(), Vec::new()]).collect::<Vec<_>>()))
    };
    let word = |words: Vec<&'static str>| {
        prop::option::weighted(0.8, select(words).prop_map(|w| w.as_bytes().to_vec()))
    };
    let names = || word(vec!["r1", "r2", "R1"]);
    let direction = select(vec![Direction::Inbound, Direction::Outbound, Direction::Unspecified]);
    let texts =
        (prop::option::weighted(0.97, path()), word(vec!["GET", "POST", "get"]), value(), value(), value());
    (texts, names(), names(), names(), direction).prop_map(
        |((path, method, authority, a, b), route, cluster, host, direction)| {
            let facts = [
                (Fact::Path, path),
                (Fact::Method, method),
                (Fact::Authority, authority),
                (Fact::Header("x-a".to_owned()), a),
                (Fact::Header("x-b".to_owned()), b),
                (Fact::Route, route),
                (Fact::Cluster, cluster),
                (Fact::VirtualHost, host),
            ];
            let facts = facts.into_iter().filter_map(|(fact, value)| Some((fact, value?))).collect();
            Request { facts, direction }
        },
    )
}

#[test]
fn the_index_agrees_with_asking_every_rule() {
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (mut asked, mut met) = (0_u32, 0_u32);
    let seen = std::cell::RefCell::new((&mut asked, &mut met));
    runner
        .run(&(catalog(), prop::collection::vec(request(), 40)), |(scenarios, requests)| {
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
