//! Keys that are unknown or missing, that exclude or need each other, and names that mean nothing.

use crate::{Mistake, check, errors, good, load, mistake, mistake_in, put};
use squall_policy::Code::{
    Conflict, DuplicateName, ExactlyOne, MissingKey, NothingGiven, OutOfRange, SignatureNeeded, UnknownKey,
    UnknownScenario, WrongNamespace,
};

#[test]
fn missing() {
    const MISSING: &[Mistake] = &[
        mistake("/version", "", MissingKey),
        mistake("/catalog", "", MissingKey),
        mistake("/catalog/version", "", MissingKey),
        mistake("/catalog/scenarios/2/name", "", MissingKey),
        mistake("/catalog/scenarios/2/faults", "", MissingKey),
        mistake("/catalog/scenarios/2/faults/0/delay/uniform/max", "", MissingKey),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/name", "", MissingKey),
        mistake("/catalog/scenarios/0/scope/sample/by/header", "", MissingKey),
        mistake("/mission/version", "", MissingKey),
        mistake("/mission/id", "", MissingKey),
        mistake("/mission/scenarios", "", MissingKey),
        mistake("/mission/namespace", "", MissingKey),
        mistake("/mission/duration", "", MissingKey),
    ];
    check(MISSING);
}

#[test]
fn unknown() {
    const UNKNOWN: &[Mistake] = &[
        mistake("/missoin", "{}", UnknownKey),
        mistake("/catalog/scenario", "[]", UnknownKey),
        mistake("/catalog/scenarios/0/guardrails", "[]", UnknownKey),
        mistake("/catalog/scenarios/0/scope/matches", "[]", UnknownKey),
        mistake("/catalog/scenarios/0/scope/protected", "[]", UnknownKey),
        mistake("/catalog/scenarios/0/scope/protect/0/agent", "\"a\"", UnknownKey),
        mistake("/catalog/scenarios/0/scope/match/0/method", "\"GET\"", UnknownKey),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/inverted", "true", UnknownKey),
        mistake("/catalog/scenarios/0/scope/sample/percentage", "20", UnknownKey),
        mistake("/catalog/scenarios/0/faults/0/delay/jitter", "\"5ms\"", UnknownKey),
        mistake("/catalog/scenarios/1/faults/0/abort/code", "503", UnknownKey),
        mistake("/mission/composition ", "\"independent\"", UnknownKey),
        mistake("/mission/halt", "true", UnknownKey),
        mistake("/identity/name", "\"a\"", UnknownKey),
    ];
    check(UNKNOWN);
}

#[test]
fn a_near_miss_is_recognised() {
    for (at, value, near) in [
        ("/missoin", "{}", "mission"),
        ("/catalog/scenarios/0/scope/match/0/header", "[]", "headers"),
        ("/catalog/scenarios/0/faults/0/delay/fixd", "\"5ms\"", "fixed"),
        ("/catalog/scenarios/0/faults/0/dealy", "{\"fixed\": \"5ms\"}", "delay"),
        ("/catalog/scenarios/1/faults/0/abort/grpc-status", "14", "grpc_status"),
        ("/mission/composition", "\"first-match\"", "first_match"),
        ("/catalog/scenarios/0/severity", "\"hihg\"", "high"),
        ("/catalog/scenarios/1/faults/0/abort/grpc_status", "\"UNAVAILIBLE\"", "UNAVAILABLE"),
    ] {
        let mut configuration = good();
        put(&mut configuration, at, value);
        let (loaded, findings) = load(configuration.to_string().as_bytes());
        let wanted = format!("did you mean `{near}`?");
        assert!(loaded.is_none() && errors(&findings)[0].hint == wanted, "{at}: {findings:?}");
    }
}

#[test]
fn keys_that_exclude_or_need_each_other() {
    const ABORT: &str = "/catalog/scenarios/1/faults/0/abort";
    const KEYS: &[Mistake] = &[
        mistake("/catalog/scenarios/0/faults/0", "{}", ExactlyOne),
        mistake(
            "/catalog/scenarios/0/faults/0",
            "{\"delay\": {\"fixed\": \"1ms\"}, \"abort\": {\"status\": 503}}",
            ExactlyOne,
        ),
        mistake("/catalog/scenarios/0/faults/0/delay", "{}", ExactlyOne),
        mistake("/catalog/scenarios/0/faults/0/delay", "{\"percent\": 5}", ExactlyOne),
        mistake_in(
            "/catalog/scenarios/0/faults/0/delay/normal",
            "{\"mean\": \"1ms\", \"stddev\": \"1ms\"}",
            ExactlyOne,
            "catalog.scenarios[0].faults[0].delay",
        ),
        mistake("/catalog/scenarios/0/scope/match/0/path", "{}", ExactlyOne),
        mistake(
            "/catalog/scenarios/0/scope/match/0/path",
            "{\"exact\": \"/a\", \"prefix\": \"/a\"}",
            ExactlyOne,
        ),
        mistake("/catalog/scenarios/0/scope/match/0/authority", "{}", ExactlyOne),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0", "{\"name\": \"x-a\"}", ExactlyOne),
        mistake(
            "/catalog/scenarios/0/scope/match/0/headers/0",
            "{\"name\": \"x-a\", \"present\": true, \"exact\": \"a\"}",
            ExactlyOne,
        ),
        mistake("/catalog/scenarios/0/scope/match/0", "{}", NothingGiven),
        mistake(ABORT, "{}", NothingGiven),
        mistake(ABORT, "{\"body\": \"no\"}", NothingGiven),
        mistake(
            "/catalog/scenarios/0/faults/0/delay",
            "{\"fixed\": \"1ms\", \"uniform\": {\"min\": \"1ms\", \"max\": \"2ms\"}}",
            ExactlyOne,
        ),
        mistake_in("/catalog/scenarios/1/faults/0/abort/status", "204", Conflict, BODY),
        mistake_in("/catalog/scenarios/1/faults/0/abort/status", "304", Conflict, BODY),
        mistake_in("/catalog/scenarios/1/faults/0/abort/grpc_status", "", Conflict, MESSAGE),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/content-length", "\"5\"", Conflict),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/transfer-encoding", "\"chunked\"", Conflict),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/connection", "\"close\"", Conflict),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/grpc-status", "\"5\"", Conflict),
        mistake(
            "/catalog/scenarios/2/faults/0/delay/uniform",
            "{\"min\": \"2ms\", \"max\": \"1ms\"}",
            Conflict,
        ),
        mistake(
            "/catalog/scenarios/2/faults/0/delay/uniform",
            "{\"min\": \"2ms\", \"max\": \"2ms\"}",
            Conflict,
        ),
        mistake_in(DELAY, "{\"pareto\": {\"min\": \"2s\", \"shape\": 1, \"max\": \"1s\"}}", Conflict, PARETO),
        mistake_in(DELAY, "{\"percentiles\": {\"p50\": \"2s\", \"p90\": \"1s\"}}", Conflict, TABLE),
        mistake_in(DELAY, "{\"percentiles\": {}}", NothingGiven, TABLE),
        mistake_in(DELAY, "{\"percentiles\": {\"p50\": \"0ms\"}}", NothingGiven, TABLE),
    ];
    check(KEYS);
}

const TWICE: &str = r#"[{"name": "slow-db", "faults": [{"abort": {"status": 503}}]},
    {"name": "fail-auth", "faults": [{"abort": {"status": 503}}]},
    {"name": "slow-db", "faults": [{"abort": {"status": 500}}]}]"#;
const BODY: &str = "catalog.scenarios[1].faults[0].abort.body";
const MESSAGE: &str = "catalog.scenarios[1].faults[0].abort.message";
const DELAY: &str = "/catalog/scenarios/0/faults/0/delay";
const PARETO: &str = "catalog.scenarios[0].faults[0].delay.pareto";
const TABLE: &str = "catalog.scenarios[0].faults[0].delay.percentiles";

#[test]
fn lists_and_names() {
    const NAMES: &[Mistake] = &[
        mistake("/catalog/scenarios/0/scope/match", "[]", OutOfRange),
        mistake("/catalog/scenarios/0/scope/match/0/methods", "[]", OutOfRange),
        mistake("/catalog/scenarios/0/scope/match/0/headers", "[]", OutOfRange),
        mistake("/catalog/scenarios/0/faults", "[]", OutOfRange),
        mistake("/mission/scenarios", "[]", OutOfRange),
        mistake_in("/catalog/scenarios", TWICE, DuplicateName, "catalog.scenarios[2].name"),
        mistake_in("/mission/scenarios", "[\"slow-db\", \"slow-db\"]", DuplicateName, "mission.scenarios[1]"),
        mistake("/mission/scenarios/1", "\"fail-db\"", UnknownScenario),
        mistake("/mission/scenarios/1", "\"unused\"", SignatureNeeded),
        mistake_in("/catalog/scenarios/0/severity", "\"high\"", SignatureNeeded, "mission.scenarios[0]"),
        mistake("/mission/namespace", "\"billing\"", WrongNamespace),
        mistake_in("/identity/namespace", "\"billing\"", WrongNamespace, "mission.namespace"),
    ];
    check(NAMES);
}
