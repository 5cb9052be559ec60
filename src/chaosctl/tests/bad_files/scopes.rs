//! Scopes: paths, expressions, headers, samples, names.

use crate::{Case, case, rule, scope};
use squall_policy::Code::{BadFormat, BadRegex, OutOfRange, UnknownWord, WrongType};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        scope(WrongType, "«all"),
        scope(WrongType, "«true"),
        scope(UnknownWord, "{direction: «out}"),
        scope(UnknownWord, "{direction: «OUTBOUND}"),
        scope(WrongType, "{match: «{path: {exact: /a}}}"),
        scope(WrongType, "{match: [«/a]}"),
        scope(OutOfRange, "{match: «[]}"),
        scope(WrongType, "{sample: «20}"),
        scope(UnknownWord, "{sample: {by: «user}}"),
        scope(WrongType, "{sample: {by: «1}}"),
        scope(BadFormat, "{sample: {by: {header: «X-User}}}"),
        rule(WrongType, "{path: «/users}"),
        rule(BadFormat, "{path: {exact: «users}}"),
        rule(BadFormat, "{path: {exact: «/users?id=1}}"),
        rule(BadFormat, "{path: {prefix: «\"/a#b\"}}"),
        rule(OutOfRange, "{path: {prefix: «\"\"}}"),
        rule(BadFormat, "{path: {template: «\"/users/{id\"}}"),
        rule(BadFormat, "{path: {template: «\"/users/a{id}\"}}"),
        rule(BadFormat, "{path: {template: «users}}"),
        rule(WrongType, "{methods: «GET}"),
        rule(BadFormat, "{methods: [«get]}"),
        rule(WrongType, "{methods: [«1]}"),
        rule(BadFormat, "{headers: [{name: «\":path\", present: true}]}"),
        rule(BadFormat, "{headers: [{name: «X-Tenant, present: true}]}"),
        rule(WrongType, "{headers: [{name: a, present: «yes}]}"),
        rule(WrongType, "{headers: [{name: a, exact: «1}]}"),
        rule(WrongType, "{headers: «{a: b}}"),
        rule(WrongType, "{route: «1}"),
        rule(OutOfRange, "{cluster: «\"\"}"),
        rule(OutOfRange, &format!("{{virtual_host: «{}}}", "v".repeat(1_025))),
    ];
    // The last ones would be bombs: programs of gigabytes, or exponential time where an engine backtracks.
    for expression in [
        "",
        "(",
        "/a)|(?:/b",
        "[z-a]",
        "*",
        "(?=a)",
        "(?<!a)b",
        "(a)\\\\1",
        "\\\\Q/a\\\\E",
        "a{2,1}",
        "a{4294967296}",
        "(a{1000}){1000}",
        "((((a{99}){99}){99}){99}){99}",
        "((a{0,500}){0,500}){0,500}",
    ] {
        cases.push(rule(BadRegex, &format!("{{path: {{regex: «\"{expression}\"}}}}")));
    }
    cases.push(rule(BadRegex, &format!("{{authority: {{regex: «\"{}\"}}}}", "a".repeat(1_025))));
    let long = "a".repeat(64);
    for (code, name) in [
        (BadFormat, "A_b"),
        (BadFormat, "-a"),
        (BadFormat, "a-"),
        (BadFormat, "a.b"),
        (BadFormat, "\u{e9}"),
        (BadFormat, "\"\""),
        (BadFormat, long.as_str()),
        (WrongType, "1"),
        (WrongType, "[a]"),
    ] {
        cases.push(case(
            code,
            format!("version: 1\nscenarios: [{{name: «{name}, faults: [{{delay: {{fixed: 1s}}}}]}}]\n"),
        ));
    }
    for (code, severity) in [(UnknownWord, "hihg"), (UnknownWord, "HIGH"), (WrongType, "3")] {
        cases.push(case(
            code,
            format!("version: 1\nscenarios: [{{name: a, severity: «{severity}, faults: [{{delay: {{fixed: 1s}}}}]}}]\n"),
        ));
    }
    cases
}
