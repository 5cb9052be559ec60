//! Triggers and bursts: windows, random spans, lengths of states.

use crate::{Mistake, check, mistake, mistake_in};
use squall_policy::Code::{
    BadFormat, Conflict, MissingKey, NothingGiven, OutOfRange, UnknownKey, UnknownWord, WrongType,
};

#[test]
fn triggers() {
    const TRIGGERS: &[Mistake] = &[
        mistake("/catalog/scenarios/0/trigger", "{}", NothingGiven),
        mistake("/catalog/scenarios/0/trigger", "\"always\"", WrongType),
        mistake("/catalog/scenarios/0/trigger/load", "{}", UnknownKey),
        mistake("/catalog/scenarios/0/trigger/window", "{}", NothingGiven),
        mistake("/catalog/scenarios/0/trigger/window", "{\"timezone\": \"+01:00\"}", NothingGiven),
        mistake_in(
            "/catalog/scenarios/0/trigger/window",
            "{\"end\": \"2030-01-01T00:00:00Z\", \"timezone\": \"+01:00\"}",
            Conflict,
            "catalog.scenarios[0].trigger.window.timezone",
        ),
        mistake("/catalog/scenarios/0/trigger/window/start", "\"tomorrow\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/start", "\"2026-12-01T09:00:00+01:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/end", "\"2026-12-01T09:00:00Z\"", Conflict),
        mistake("/catalog/scenarios/0/trigger/window/end", "1", WrongType),
        mistake("/catalog/scenarios/0/trigger/window/days", "\"mon\"", WrongType),
        mistake("/catalog/scenarios/0/trigger/window/days", "[]", OutOfRange),
        mistake("/catalog/scenarios/0/trigger/window/days/0", "\"monday\"", UnknownWord),
        mistake("/catalog/scenarios/0/trigger/window/days/0", "\"Mon\"", UnknownWord),
        mistake("/catalog/scenarios/0/trigger/window/days/0", "1", WrongType),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"9-17\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"09:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"9:00-17:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"09:00-24:01\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"24:00-09:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"09:60-17:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"09:00-09:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "\"+9:00-17:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/between", "[\"09:00\", \"17:00\"]", WrongType),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "\"Europe/Berlin\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "\"+1:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "\"+14:01\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "\"01:00\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "\"\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "\"é\"", BadFormat),
        mistake("/catalog/scenarios/0/trigger/window/timezone", "1", WrongType),
        mistake("/catalog/scenarios/0/trigger/window/hours", "\"a\"", UnknownKey),
        mistake_in(
            "/catalog/scenarios/0/trigger/randomize",
            "{\"active\": \"1s\"}",
            MissingKey,
            "catalog.scenarios[0].trigger.randomize.period",
        ),
        mistake("/catalog/scenarios/0/trigger/randomize/active", "\"2m\"", Conflict),
        mistake("/catalog/scenarios/0/trigger/randomize/active", "\"3m\"", Conflict),
        mistake("/catalog/scenarios/0/trigger/randomize/active", "\"99ms\"", OutOfRange),
        mistake("/catalog/scenarios/0/trigger/randomize/period", "\"25h\"", OutOfRange),
        mistake("/catalog/scenarios/0/trigger/randomize/period", "\"999ms\"", OutOfRange),
        mistake("/catalog/scenarios/0/trigger/randomize/period", "120", WrongType),
        mistake("/catalog/scenarios/0/trigger/randomize/seed", "\"s\"", UnknownKey),
        mistake("/catalog/scenarios/0/burst", "\"5s\"", WrongType),
        mistake("/catalog/scenarios/0/burst/good", "", MissingKey),
        mistake("/catalog/scenarios/0/burst/bad", "", MissingKey),
        mistake("/catalog/scenarios/0/burst/bad", "\"99ms\"", OutOfRange),
        mistake("/catalog/scenarios/0/burst/good", "\"25h\"", OutOfRange),
        mistake("/catalog/scenarios/0/burst/good", "20", WrongType),
        mistake("/catalog/scenarios/0/burst/good", "\"soon\"", BadFormat),
        mistake("/catalog/scenarios/0/burst/worse", "\"5s\"", UnknownKey),
    ];
    check(TRIGGERS);
}
