//! Mistakes in the faults of streams.

use crate::{Mistake, check, good, mistake_in};
use squall_policy::Code::{
    Conflict, ExactlyOne, MissingKey, NothingGiven, OutOfRange, UnknownKey, UnknownWord, WrongType,
};

const FAULT: &str = "/catalog/scenarios/0/faults/0";
const FAULTS: &str = "/catalog/scenarios/0/faults";
const PATH: &str = "catalog.scenarios[0].faults";

fn inside(cases: &[(&'static str, squall_policy::Code, &'static str)]) {
    let cases: Vec<Mistake> = cases
        .iter()
        .map(|(put, code, path)| mistake_in(FAULT, put, *code, String::leak(format!("{PATH}[0]{path}"))))
        .collect();
    check(&cases);
}

#[test]
fn streams() {
    inside(&[
        (r#"{"stream": "stall"}"#, WrongType, ".stream"),
        (r#"{"stream": {"after": {"messages": 1}}}"#, MissingKey, ".stream.then"),
        (r#"{"stream": {"then": "stall"}}"#, MissingKey, ".stream.after"),
        (r#"{"stream": {"after": {}, "then": "stall"}}"#, ExactlyOne, ".stream.after"),
        (
            r#"{"stream": {"after": {"messages": 1, "time": "1s"}, "then": "stall"}}"#,
            ExactlyOne,
            ".stream.after",
        ),
        (r#"{"stream": {"after": 3, "then": "stall"}}"#, WrongType, ".stream.after"),
        (r#"{"stream": {"after": {"messages": "3"}, "then": "stall"}}"#, WrongType, ".stream.after.messages"),
        (
            r#"{"stream": {"after": {"messages": 1.5}, "then": "stall"}}"#,
            OutOfRange,
            ".stream.after.messages",
        ),
        (r#"{"stream": {"after": {"messages": -1}, "then": "stall"}}"#, OutOfRange, ".stream.after.messages"),
        (r#"{"stream": {"after": {"time": 5}, "then": "stall"}}"#, WrongType, ".stream.after.time"),
        (r#"{"stream": {"after": {"time": "0s"}, "then": "stall"}}"#, OutOfRange, ".stream.after.time"),
        (r#"{"stream": {"after": {"mesages": 1}, "then": "stall"}}"#, UnknownKey, ".stream.after.mesages"),
        (r#"{"stream": {"after": {"messages": 1}, "then": "hang"}}"#, UnknownWord, ".stream.then"),
        (r#"{"stream": {"after": {"messages": 1}, "then": "end"}}"#, NothingGiven, ".stream"),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "end", "grpc_status": "OK"}}"#,
            UnknownWord,
            ".stream.grpc_status",
        ),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "end", "grpc_status": 0}}"#,
            OutOfRange,
            ".stream.grpc_status",
        ),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "end", "grpc_status": 14, "within": "2h"}}"#,
            OutOfRange,
            ".stream.within",
        ),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "stall", "grpc_status": 14}}"#,
            Conflict,
            ".stream.grpc_status",
        ),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "reset", "message": "x"}}"#,
            Conflict,
            ".stream.message",
        ),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "reset", "within": "1s"}}"#,
            Conflict,
            ".stream.within",
        ),
        (
            r#"{"stream": {"after": {"messages": 1}, "then": "stall", "percent": 101}}"#,
            OutOfRange,
            ".stream.percent",
        ),
    ]);
}

/// A stream fault has the body of the response for itself.
#[test]
fn streams_beside_other_faults_of_bodies() {
    const STREAM: &str = r#"{"stream": {"after": {"messages": 1}, "then": "stall"}}"#;
    for (other, conflicts) in [
        (r#"{"throttle": {"response": "1KiB/s"}}"#, true),
        (r#"{"throttle": {"request": "1KiB/s"}}"#, false),
        (r#"{"drop": {"mode": "truncate"}}"#, true),
        (r#"{"drop": {"mode": "hang", "percent": 5}}"#, false),
        (r#"{"mutate": {"response": {"body": {"replace": "x"}}}}"#, true),
        (r#"{"mutate": {"response": {"status": 500}}}"#, false),
        (r#"{"delay": {"fixed": "1s", "phase": "response"}}"#, false),
        (STREAM, true),
        (
            r#"{"one_of": [{"weight": 1, "abort": {"status": 503}}, {"weight": 1, "drop": {"mode": "truncate"}}]}"#,
            true,
        ),
    ] {
        // Of two alike the second is the one too many.
        for (faults, item) in [(format!("[{STREAM}, {other}]"), 1), (format!("[{other}, {STREAM}]"), 0)] {
            let item = if other == STREAM { 1 } else { item };
            let faults = String::leak(faults);
            if conflicts {
                check(&[mistake_in(FAULTS, faults, Conflict, String::leak(format!("{PATH}[{item}]")))]);
            } else {
                let mut configuration = good();
                crate::put(&mut configuration, FAULTS, faults);
                let (loaded, findings) = crate::load(configuration.to_string().as_bytes());
                assert!(loaded.is_some(), "{other}: {findings:?}");
            }
        }
    }
}
