//! Catalogs and requests by chance, of which a good part meets.

use crate::request::Request;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use squall_policy::{Direction, Fact};

pub fn scenario(number: usize, scope: Value) -> Value {
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

fn query_condition() -> impl Strategy<Value = Value> {
    let test = prop_oneof![4 => text_condition(), 1 => any::<bool>().prop_map(|p| json!({ "present": p }))];
    (select(vec!["q", "a", "a b", "é"]), test, prop::bool::weighted(0.3)).prop_map(
        |(name, mut test, invert)| {
            test["name"] = name.into();
            test["invert"] = invert.into();
            test
        },
    )
}

/// Where a path should be: a condition on the path, or a gRPC call.
fn target() -> impl Strategy<Value = (&'static str, Value)> {
    let calls = vec![
        json!({"service": "a"}),
        json!({"service": "a", "method": "b"}),
        json!({"service": "ab", "method": "a"}),
    ];
    prop_oneof![
        4 => path_condition().prop_map(|path| ("path", path)),
        1 => select(calls).prop_map(|call| ("grpc", call)),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    let name = || select(vec!["r1", "r2"]);
    (
        prop::option::weighted(0.7, target()),
        prop::option::weighted(0.2, prop::collection::vec(query_condition(), 1..3)),
        prop::option::weighted(0.2, prop::collection::vec(select(vec!["GET", "POST", "PUT"]), 1..3)),
        prop::option::weighted(0.3, prop::collection::vec(header_condition(), 1..3)),
        prop::option::weighted(0.2, text_condition()),
        [
            prop::option::weighted(0.1, name()),
            prop::option::weighted(0.1, name()),
            prop::option::weighted(0.1, name()),
        ],
    )
        .prop_map(|(target, query, methods, headers, authority, [route, cluster, host])| {
            let mut all = json!({"query": query, "methods": methods, "headers": headers, "authority": authority,
                "route": route, "cluster": cluster, "virtual_host": host});
            if let Some((key, condition)) = target {
                all[key] = condition;
            }
            let given = all.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
            Value::Object(given.map(|(k, v)| (k.clone(), v.clone())).collect())
        })
        .prop_filter("has a condition", |rule| rule.as_object().is_some_and(|r| !r.is_empty()))
}

pub fn catalog() -> impl Strategy<Value = Vec<Value>> {
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
    let parts = select(vec![
        "q=a", "q=b", "q", "a=", "a=%61", "a=%C3%A9", "a+b=a", "a%20b=ab", "%71=aB", "q=%6", "q=%zz",
        "q=a%2Cb", "q=a,b", "q=a=b", "q=%FF", "%", "=a", "", "é=A", "%c3%a9=b", "q=a+b", "q=a?a=b",
    ]);
    let parts = prop::collection::vec(parts, 1..4).prop_map(|parts| format!("?{}", parts.join("&")));
    let others = select(vec!["", "", "", "?", "?a=/b", "#a", "?x#/a", "#?q=a", "?q=a#&q=b"]);
    let query = prop_oneof![2 => others.prop_map(str::to_owned), 1 => parts];
    prop_oneof![
        20 => (prop::collection::vec(piece, 0..5), query)
            .prop_map(|(pieces, query)| format!("/{}{query}", pieces.concat()).into_bytes()),
        1 => Just(b"*".to_vec()),
        1 => Just(Vec::new()),
        1 => Just(b"/a\xff".to_vec()),
    ]
}

pub fn request() -> impl Strategy<Value = Request> {
    let value = || {
        let texts = TEXTS.iter().map(|t| t.as_bytes().to_vec());
        prop::option::weighted(0.7, select(texts.chain([b"a\xff".to_vec(), Vec::new()]).collect::<Vec<_>>()))
    };
    let word = |words: Vec<&'static str>| {
        prop::option::weighted(0.8, select(words).prop_map(|w| w.as_bytes().to_vec()))
    };
    let names = || word(vec!["r1", "r2", "R1"]);
    let direction = select(vec![Direction::Inbound, Direction::Outbound, Direction::Unspecified]);
    let kinds = word(vec![
        "application/grpc",
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "text/plain",
    ]);
    let method = word(vec!["GET", "POST", "get"]);
    let texts = (prop::option::weighted(0.97, path()), method, value(), value(), value(), kinds);
    (texts, names(), names(), names(), direction).prop_map(
        |((path, method, authority, a, b, kind), route, cluster, host, direction)| {
            let facts = [
                (Fact::Path, path),
                (Fact::Method, method),
                (Fact::Authority, authority),
                (Fact::Header("x-a".to_owned()), a),
                (Fact::Header("x-b".to_owned()), b),
                (Fact::Header("content-type".to_owned()), kind),
                (Fact::Route, route),
                (Fact::Cluster, cluster),
                (Fact::VirtualHost, host),
            ];
            let facts = facts.into_iter().filter_map(|(fact, value)| Some((fact, value?))).collect();
            Request { facts, direction }
        },
    )
}
