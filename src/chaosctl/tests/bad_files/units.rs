//! Durations, sizes, rates, percentages, times: without a unit, with another, out of range.

use crate::{Case, fault, mission, scope};
use squall_policy::Code::{BadFormat, OutOfRange, WrongType};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (code, text) in [
        (WrongType, "100"),
        (WrongType, "0"),
        (WrongType, "1e3"),
        (WrongType, "true"),
        (WrongType, "{ms: 100}"),
        (WrongType, "null"),
        (BadFormat, "\"100\""),
        (BadFormat, "\"\""),
        (BadFormat, "-5ms"),
        (BadFormat, "10 lightyears"),
        (BadFormat, "ms"),
        (BadFormat, "1_000 ms?"),
        (BadFormat, "99999999999999999999s"),
        (BadFormat, "1:30"),
        (BadFormat, "PT1S"),
        (OutOfRange, "0ms"),
        (OutOfRange, "999us"),
        (OutOfRange, "1ns"),
        (OutOfRange, "2h"),
        (OutOfRange, "1h 1us"),
    ] {
        cases.push(fault(code, &format!("delay: {{fixed: «{text}}}")));
    }
    for (code, text) in [
        (WrongType, "64"),
        (BadFormat, "64KiB"),
        (BadFormat, "64 kbit/s"),
        (BadFormat, "64KB/s"),
        (BadFormat, "64kib/s"),
        (BadFormat, "1.0000001MiB/s"),
        (BadFormat, "-1KiB/s"),
        (OutOfRange, "1B/s"),
        (OutOfRange, "1000GiB/s"),
    ] {
        cases.push(fault(code, &format!("throttle: {{response: «{text}}}")));
    }
    for (code, text) in
        [(WrongType, "1024"), (BadFormat, "1KiB/s"), (BadFormat, "one KiB"), (OutOfRange, "2GiB")]
    {
        cases.push(fault(code, &format!("drop: {{mode: truncate, after: «{text}}}")));
    }
    for (code, text) in [
        (WrongType, "20%"),
        (WrongType, "\"20\""),
        (WrongType, "all"),
        (OutOfRange, "101"),
        (OutOfRange, "-1"),
        (OutOfRange, "0.00001"),
        (OutOfRange, "33.333333"),
        (OutOfRange, ".inf"),
        (OutOfRange, ".nan"),
    ] {
        cases.push(scope(code, &format!("{{sample: {{percent: «{text}}}}}")));
    }
    for (code, text) in
        [(WrongType, "60"), (BadFormat, "forever"), (OutOfRange, "999ms"), (OutOfRange, "8 days")]
    {
        cases.push(mission(code, &format!("id: m\nduration: «{text}")));
    }
    for (code, text) in [
        (WrongType, "1780000000"),
        (BadFormat, "tomorrow"),
        (BadFormat, "2026-12-01"),
        (BadFormat, "2026-13-01T09:00:00Z"),
        (BadFormat, "\"2026-12-01T09:00:00+01:00\""),
        (BadFormat, "\"1969-12-31T23:59:59Z\""),
    ] {
        cases.push(mission(code, &format!("id: m\nduration: 1m\nstart: «{text}")));
    }
    cases
}
