//! Mistakes in the faults of connections and bodies.

use crate::{Mistake, check, mistake, mistake_in};
use squall_policy::Code::{
    BadFormat, Conflict, ExactlyOne, MissingKey, NothingGiven, OutOfRange, UnknownKey, UnknownWord, WrongType,
};

const FAULT: &str = "/catalog/scenarios/0/faults/0";
const PATH: &str = "catalog.scenarios[0].faults[0]";

/// A mistake inside a fault that stands in place of the good one: the key path begins at the fault.
fn inside(cases: &[(&'static str, squall_policy::Code, &'static str)]) {
    let cases: Vec<Mistake> = cases
        .iter()
        .map(|(put, code, path)| mistake_in(FAULT, put, *code, String::leak(format!("{PATH}{path}"))))
        .collect();
    check(&cases);
}

#[test]
fn drops() {
    inside(&[
        (r#"{"drop": {}}"#, MissingKey, ".drop.mode"),
        (r#"{"drop": "reset"}"#, WrongType, ".drop"),
        (r#"{"drop": {"mode": "RESET"}}"#, UnknownWord, ".drop.mode"),
        (r#"{"drop": {"mode": "rest"}}"#, UnknownWord, ".drop.mode"),
        (r#"{"drop": {"mode": 1}}"#, WrongType, ".drop.mode"),
        (r#"{"drop": {"mode": "reset", "after": "1kB"}}"#, Conflict, ".drop.after"),
        (r#"{"drop": {"mode": "hang", "after": "1kB"}}"#, Conflict, ".drop.after"),
        (r#"{"drop": {"mode": "truncate", "after": 1000}}"#, WrongType, ".drop.after"),
        (r#"{"drop": {"mode": "truncate", "after": "1000"}}"#, BadFormat, ".drop.after"),
        (r#"{"drop": {"mode": "truncate", "after": "-1B"}}"#, BadFormat, ".drop.after"),
        (r#"{"drop": {"mode": "truncate", "after": "1.5B"}}"#, BadFormat, ".drop.after"),
        (r#"{"drop": {"mode": "truncate", "after": "2GiB"}}"#, OutOfRange, ".drop.after"),
        (r#"{"drop": {"mode": "truncate", "after": "1kb"}}"#, BadFormat, ".drop.after"),
        (r#"{"drop": {"mode": "reset", "percent": 101}}"#, OutOfRange, ".drop.percent"),
        (r#"{"drop": {"mode": "reset"}, "abort": {"status": 503}}"#, ExactlyOne, ""),
        (r#"{"dropp": {"mode": "reset"}}"#, UnknownKey, ".dropp"),
    ]);
}

#[test]
fn throttles() {
    inside(&[
        (r#"{"throttle": {}}"#, NothingGiven, ".throttle"),
        (r#"{"throttle": {"percent": 50}}"#, NothingGiven, ".throttle"),
        (r#"{"throttle": {"response": 65536}}"#, WrongType, ".throttle.response"),
        (r#"{"throttle": {"response": null}}"#, WrongType, ".throttle.response"),
        (r#"{"throttle": {"response": "64KiB"}}"#, BadFormat, ".throttle.response"),
        (r#"{"throttle": {"response": "64 KiB per second"}}"#, BadFormat, ".throttle.response"),
        (r#"{"throttle": {"response": "KiB/s"}}"#, BadFormat, ".throttle.response"),
        (r#"{"throttle": {"response": "1e3B/s"}}"#, BadFormat, ".throttle.response"),
        (r#"{"throttle": {"response": "0B/s"}}"#, OutOfRange, ".throttle.response"),
        (r#"{"throttle": {"response": "99B/s"}}"#, OutOfRange, ".throttle.response"),
        (r#"{"throttle": {"request": "11GiB/s"}}"#, OutOfRange, ".throttle.request"),
        (r#"{"throttle": {"request": "99999999999999999999GiB/s"}}"#, BadFormat, ".throttle.request"),
        (r#"{"throttle": {"reponse": "64KiB/s"}}"#, UnknownKey, ".throttle.reponse"),
    ]);
}

#[test]
fn mutations() {
    inside(&[
        (r#"{"mutate": {}}"#, NothingGiven, ".mutate"),
        (r#"{"mutate": {"request": {}}}"#, NothingGiven, ".mutate.request"),
        (r#"{"mutate": {"response": {}}}"#, NothingGiven, ".mutate.response"),
        (r#"{"mutate": {"response": {"status": 199}}}"#, OutOfRange, ".mutate.response.status"),
        (r#"{"mutate": {"response": {"status": 600}}}"#, OutOfRange, ".mutate.response.status"),
        (r#"{"mutate": {"response": {"status": 204}}}"#, Conflict, ".mutate.response.status"),
        (
            r#"{"mutate": {"response": {"status": 304, "headers": {"a": "b"}}}}"#,
            Conflict,
            ".mutate.response.status",
        ),
        (
            r#"{"mutate": {"request": {"remove_headers": ["host"]}}}"#,
            BadFormat,
            ".mutate.request.remove_headers[0]",
        ),
        (
            r#"{"mutate": {"response": {"headers": {"content-length": "3"}}}}"#,
            Conflict,
            ".mutate.response.headers.content-length",
        ),
        (
            r#"{"mutate": {"response": {"headers": {"X-Up": "3"}}}}"#,
            BadFormat,
            ".mutate.response.headers.X-Up",
        ),
        (
            r#"{"mutate": {"response": {"headers": {"x-a": "a\nb: c"}}}}"#,
            BadFormat,
            ".mutate.response.headers.x-a",
        ),
        (
            r#"{"mutate": {"response": {"remove_headers": []}}}"#,
            OutOfRange,
            ".mutate.response.remove_headers",
        ),
        (
            r#"{"mutate": {"response": {"remove_headers": [":status"]}}}"#,
            BadFormat,
            ".mutate.response.remove_headers[0]",
        ),
        (r#"{"mutate": {"response": {"body": {}}}}"#, ExactlyOne, ".mutate.response.body"),
        (
            r#"{"mutate": {"response": {"body": {"replace": "a", "corrupt": 1}}}}"#,
            ExactlyOne,
            ".mutate.response.body",
        ),
        (
            r#"{"mutate": {"response": {"body": {"replace": ""}}}}"#,
            OutOfRange,
            ".mutate.response.body.replace",
        ),
        (r#"{"mutate": {"response": {"body": {"merge": [1]}}}}"#, WrongType, ".mutate.response.body.merge"),
        (
            r#"{"mutate": {"response": {"body": {"corrupt": 101}}}}"#,
            OutOfRange,
            ".mutate.response.body.corrupt",
        ),
        (
            r#"{"mutate": {"response": {"body": {"corrupt": 1, "max_size": "1kB"}}}}"#,
            Conflict,
            ".mutate.response.body.max_size",
        ),
        (
            r#"{"mutate": {"response": {"body": {"merge": {"a": 1}, "max_size": "2MiB"}}}}"#,
            OutOfRange,
            ".mutate.response.body.max_size",
        ),
        (
            r#"{"mutate": {"request": {"headers": {"x-chaos-fault": "none"}}}}"#,
            Conflict,
            ".mutate.request.headers.x-chaos-fault",
        ),
        (r#"{"mutate": {"request": {"path": "users"}}}"#, BadFormat, ".mutate.request.path"),
        (r#"{"mutate": {"request": {"path": "/a b"}}}"#, BadFormat, ".mutate.request.path"),
        (r#"{"mutate": {"request": {"path": "/a#b"}}}"#, BadFormat, ".mutate.request.path"),
        (r#"{"mutate": {"request": {"status": 500}}}"#, UnknownKey, ".mutate.request.status"),
    ]);
    // Nothing of the good configuration is complained of.
    check(&[mistake("/catalog/scenarios/0/faults", "[]", OutOfRange)]);
}
