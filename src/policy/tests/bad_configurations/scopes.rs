//! Scopes: conditions of a rule, whose proxy, who calls, which try.

use crate::{Mistake, check, mistake, mistake_in};
use squall_policy::Code::{
    BadFormat, BadRegex, Conflict, ExactlyOne, MissingKey, NothingGiven, OutOfRange, UnknownKey, WrongType,
};

#[test]
fn queries_and_grpc() {
    const CONDITIONS: &[Mistake] = &[
        mistake("/catalog/scenarios/0/scope/match/0/query", "{}", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/query", "[]", OutOfRange),
        mistake("/catalog/scenarios/0/scope/match/0/query/0", "\"q\"", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/query/0/name", "7", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/query/0/name", "\"\"", OutOfRange),
        mistake("/catalog/scenarios/0/scope/match/0/query/0/contains", "\"\"", OutOfRange),
        mistake("/catalog/scenarios/0/scope/match/0/query/0/name", "", MissingKey),
        mistake_in(
            "/catalog/scenarios/0/scope/match/0/query/0/contains",
            "",
            ExactlyOne,
            "catalog.scenarios[0].scope.match[0].query[0]",
        ),
        mistake_in(
            "/catalog/scenarios/0/scope/match/0/query/0/exact",
            "\"a\"",
            ExactlyOne,
            "catalog.scenarios[0].scope.match[0].query[0]",
        ),
        mistake("/catalog/scenarios/0/scope/match/0/query/0/value", "\"a\"", UnknownKey),
        mistake("/catalog/scenarios/0/scope/match/0/query/0/invert", "1", WrongType),
        mistake_in(
            "/catalog/scenarios/0/scope/match/0/query/0",
            "{\"name\": \"q\", \"regex\": \"(\"}",
            BadRegex,
            "catalog.scenarios[0].scope.match[0].query[0].regex",
        ),
        mistake("/catalog/scenarios/0/scope/match/1/grpc", "\"shop.Users\"", WrongType),
        mistake_in(
            "/catalog/scenarios/0/scope/match/1/grpc",
            "{}",
            MissingKey,
            "catalog.scenarios[0].scope.match[1].grpc.service",
        ),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/service", "\"/shop.Users\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/service", "\"shop..Users\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/service", "\"\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/service", "\"7shop.Users\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/method", "\"Users/Get\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/method", "\"shop.Get\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/1/grpc/methods", "[\"Get\"]", UnknownKey),
        mistake_in(
            "/catalog/scenarios/0/scope/match/1/path",
            "{\"exact\": \"/a\"}",
            Conflict,
            "catalog.scenarios[0].scope.match[1].grpc",
        ),
    ];
    check(CONDITIONS);
}

#[test]
fn whose_proxy_and_who_calls() {
    const WHOSE: &[Mistake] = &[
        mistake("/catalog/scenarios/0/scope/service", "[\"a\"]", WrongType),
        mistake("/catalog/scenarios/0/scope/service", "\"\"", OutOfRange),
        mistake("/catalog/scenarios/0/scope/service", "7", WrongType),
        mistake("/catalog/scenarios/0/scope/labels", "[\"app=users\"]", WrongType),
        mistake("/catalog/scenarios/0/scope/labels", "\"app=users\"", WrongType),
        mistake("/catalog/scenarios/0/scope/labels", "{}", NothingGiven),
        mistake("/catalog/scenarios/0/scope/labels/app", "1", WrongType),
        mistake("/catalog/scenarios/0/scope/labels/app", "\"\"", OutOfRange),
        mistake_in(
            "/catalog/scenarios/0/scope/labels",
            "{\"\": \"a\"}",
            BadFormat,
            "catalog.scenarios[0].scope.labels.",
        ),
        mistake_in(
            "/catalog/scenarios/0/scope/labels",
            "{\"a b\": \"a\"}",
            BadFormat,
            "catalog.scenarios[0].scope.labels.a b",
        ),
        mistake_in("/identity/labels", "{\"app\": true}", WrongType, "identity.labels.app"),
        mistake("/identity/label", "{}", UnknownKey),
        mistake("/catalog/scenarios/0/scope/dependency", "[\"db\"]", WrongType),
        mistake("/catalog/scenarios/0/scope/dependency", "\"\"", OutOfRange),
        mistake("/catalog/scenarios/0/scope/source", "\"web\"", WrongType),
        mistake_in(
            "/catalog/scenarios/0/scope/source",
            "{}",
            MissingKey,
            "catalog.scenarios[0].scope.source.principal",
        ),
        mistake("/catalog/scenarios/0/scope/source/principal", "\"web\"", WrongType),
        mistake("/catalog/scenarios/0/scope/source/principal", "{}", ExactlyOne),
        mistake(
            "/catalog/scenarios/0/scope/source/principal",
            "{\"exact\": \"a\", \"prefix\": \"b\"}",
            ExactlyOne,
        ),
        mistake("/catalog/scenarios/0/scope/source/namespace", "\"shop\"", UnknownKey),
    ];
    check(WHOSE);
}

#[test]
fn attempts() {
    const ATTEMPTS: &[Mistake] = &[
        mistake("/catalog/scenarios/0/scope/attempts", "1", WrongType),
        mistake("/catalog/scenarios/0/scope/attempts", "[]", OutOfRange),
        mistake("/catalog/scenarios/0/scope/attempts/0", "0", OutOfRange),
        mistake("/catalog/scenarios/0/scope/attempts/0", "101", OutOfRange),
        mistake("/catalog/scenarios/0/scope/attempts/0", "1.5", OutOfRange),
        mistake("/catalog/scenarios/0/scope/attempts/0", "-1", OutOfRange),
        mistake("/catalog/scenarios/0/scope/attempts/1", "\"2\"", WrongType),
    ];
    check(ATTEMPTS);
}

#[test]
fn first_requests() {
    const FIRST: &[Mistake] = &[
        mistake("/catalog/scenarios/0/scope/first", "2", WrongType),
        mistake("/catalog/scenarios/0/scope/first/requests", "", MissingKey),
        mistake("/catalog/scenarios/0/scope/first/requests", "0", OutOfRange),
        mistake("/catalog/scenarios/0/scope/first/requests", "101", OutOfRange),
        mistake("/catalog/scenarios/0/scope/first/requests", "2.5", OutOfRange),
        mistake("/catalog/scenarios/0/scope/first/per", "", MissingKey),
        mistake("/catalog/scenarios/0/scope/first/per", "\"request\"", WrongType),
        mistake("/catalog/scenarios/0/scope/first/per/header", "", MissingKey),
        mistake("/catalog/scenarios/0/scope/first/per/header", "\"a b\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/first/per/cookie", "\"a\"", UnknownKey),
        mistake("/catalog/scenarios/0/scope/first/forget_after", "\"25h\"", OutOfRange),
        mistake("/catalog/scenarios/0/scope/first/forget_after", "\"999ms\"", OutOfRange),
        mistake("/catalog/scenarios/0/scope/first/forget_after", "60", WrongType),
    ];
    check(FIRST);
}
