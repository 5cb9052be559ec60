//! Several mistakes are listed at once; warnings refuse nothing; and numbers may come as a protobuf `Struct` has them.

use crate::{errors, good, load, put};
use squall_policy::Code::{
    self, BadFormat, BadRegex, Conflict, CutByIdleTimeout, DuplicateName, ExactlyOne, MissingKey, NeverFires,
    NothingGiven, OutOfRange, SignatureNeeded, UnknownKey, UnknownScenario, UnknownWord, UnusualStatus,
    WrongNamespace, WrongType,
};

/// Makes all of the changes, and compares all findings, errors and warnings, in any order.
fn finds(changes: &[(&str, &str)], expected: &[(Code, &str)]) {
    let mut configuration = good();
    for (at, value) in changes {
        put(&mut configuration, at, value);
    }
    let (loaded, findings) = load(configuration.to_string().as_bytes());
    assert_eq!(loaded.is_none(), !errors(&findings).is_empty(), "{findings:?}");
    let mut found: Vec<(Code, &str)> = findings.iter().map(|d| (d.code, d.path.as_str())).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{changes:?}");
}

#[test]
fn all_over_the_configuration() {
    finds(
        &[
            ("/version", "2"),
            ("/identity/nmae", "\"a\""),
            ("/catalog/scenarios/0/scope/direction", "\"out\""),
            ("/catalog/scenarios/0/scope/match/0/path", "{\"regex\": \"(\"}"),
            ("/catalog/scenarios/0/scope/match/0/headers/0/name", "\"X\""),
            ("/catalog/scenarios/0/faults/0/delay/fixed", "100"),
            ("/catalog/scenarios/1/faults/0/abort/status", "700"),
            ("/catalog/scenarios/2/name", "\"slow-db\""),
            ("/mission/duration", ""),
            ("/mission/scenarios/0", "\"fast-db\""),
        ],
        &[
            (Code::UnsupportedVersion, "version"),
            (UnknownKey, "identity.nmae"),
            (UnknownWord, "catalog.scenarios[0].scope.direction"),
            (BadRegex, "catalog.scenarios[0].scope.match[0].path.regex"),
            (BadFormat, "catalog.scenarios[0].scope.match[0].headers[0].name"),
            (WrongType, "catalog.scenarios[0].faults[0].delay.fixed"),
            (OutOfRange, "catalog.scenarios[1].faults[0].abort.status"),
            (DuplicateName, "catalog.scenarios[2].name"),
            (MissingKey, "mission.duration"),
            (UnknownScenario, "mission.scenarios[0]"),
        ],
    );
}

#[test]
fn in_one_object() {
    let rule = "catalog.scenarios[0].scope.match[0]";
    finds(
        &[
            ("/catalog/scenarios/0/scope/match/0/path", "{\"exact\": \"/a\", \"regex\": \"(\"}"),
            ("/catalog/scenarios/0/scope/match/0/methods", "[\"get\", \"POST\", \"put\"]"),
            ("/catalog/scenarios/0/scope/match/0/route", "\"\""),
            ("/catalog/scenarios/0/scope/match/0/hosts", "[]"),
        ],
        &[
            (ExactlyOne, &format!("{rule}.path")),
            (BadRegex, &format!("{rule}.path.regex")),
            (BadFormat, &format!("{rule}.methods[0]")),
            (BadFormat, &format!("{rule}.methods[2]")),
            (OutOfRange, &format!("{rule}.route")),
            (UnknownKey, &format!("{rule}.hosts")),
        ],
    );
}

/// A mistake in one key does not hide what the others mean together.
#[test]
fn keys_that_do_not_fit_are_found_beside_other_mistakes() {
    let abort = "catalog.scenarios[1].faults[0].abort";
    finds(
        &[
            ("/catalog/scenarios/1/faults/0/abort/status", "204"),
            ("/catalog/scenarios/1/faults/0/abort/percent", "101"),
            ("/catalog/scenarios/1/faults/0/abort/grpc_status", ""),
        ],
        &[
            (Conflict, &format!("{abort}.body")),
            (Conflict, &format!("{abort}.message")),
            (OutOfRange, &format!("{abort}.percent")),
        ],
    );
    let delay = "catalog.scenarios[0].faults[0].delay";
    finds(
        &[
            ("/catalog/scenarios/0/faults/0/delay/fixed", "100"),
            ("/catalog/scenarios/0/faults/0/delay/uniform", "{\"min\": \"2ms\", \"max\": \"1ms\"}"),
        ],
        &[
            (WrongType, &format!("{delay}.fixed")),
            (Conflict, &format!("{delay}.uniform")),
            (ExactlyOne, delay),
        ],
    );
}

/// What follows from a mistake is not a second mistake.
#[test]
fn nothing_is_missed_that_is_there_and_wrong() {
    let fault = "catalog.scenarios[0].faults[0]";
    finds(
        &[("/catalog/scenarios/0/faults/0", "{\"dealy\": {}}")],
        &[(UnknownKey, &format!("{fault}.dealy"))],
    );
    finds(
        &[("/catalog/scenarios/0/faults/0/delay", "{\"fixd\": \"1ms\"}")],
        &[(UnknownKey, &format!("{fault}.delay.fixd"))],
    );
    finds(
        &[("/catalog/scenarios/0/faults/0", "{\"abort\": {\"status\": 700}}")],
        &[(OutOfRange, &format!("{fault}.abort.status"))],
    );
    finds(
        &[("/catalog/scenarios/0/faults/0", "{\"abort\": {\"grpc_status\": 0, \"message\": \"m\"}}")],
        &[(OutOfRange, &format!("{fault}.abort.grpc_status"))],
    );
    finds(
        &[("/catalog/scenarios/0/faults/0/delay", "{\"percentiles\": {\"p50\": 1}}")],
        &[(WrongType, &format!("{fault}.delay.percentiles.p50"))],
    );
    let rule = "catalog.scenarios[0].scope.match[0]";
    finds(
        &[("/catalog/scenarios/0/scope/match/0", "{\"path\": {\"prefx\": \"/a\"}}")],
        &[(UnknownKey, &format!("{rule}.path.prefx"))],
    );
    finds(
        &[("/catalog/scenarios/0/scope/match/0", "{\"pth\": {}}")],
        &[(UnknownKey, &format!("{rule}.pth"))],
    );
}

/// What the mission asks of this proxy is told together with what is wrong elsewhere.
#[test]
fn whose_mission_it_is_and_how_severe_beside_other_mistakes() {
    finds(
        &[
            ("/catalog/scenarios/1/faults/0/abort/status", "700"),
            ("/catalog/scenarios/0/severity", "\"critical\""),
            ("/mission/namespace", "\"billing\""),
            ("/mission/duration", "\"8d\""),
        ],
        &[
            (OutOfRange, "catalog.scenarios[1].faults[0].abort.status"),
            (SignatureNeeded, "mission.scenarios[0]"),
            (WrongNamespace, "mission.namespace"),
            (OutOfRange, "mission.duration"),
        ],
    );
}

#[test]
fn warnings_refuse_nothing() {
    let abort = "catalog.scenarios[1].faults[0].abort";
    finds(
        &[
            ("/catalog/scenarios/0/scope/sample/percent", "0"),
            ("/catalog/scenarios/0/faults/0/delay/fixed", "\"5m\""),
            ("/catalog/scenarios/1/faults/0/abort/grpc_status", "17"),
        ],
        &[
            (NeverFires, "catalog.scenarios[0].scope.sample.percent"),
            (CutByIdleTimeout, "catalog.scenarios[0].faults[0].delay"),
            (UnusualStatus, &format!("{abort}.grpc_status")),
        ],
    );
    // Beside an error they are told all the same.
    finds(
        &[("/catalog/scenarios/0/scope/sample/percent", "0"), ("/catalog/scenarios/1/faults/0/abort", "{}")],
        &[(NeverFires, "catalog.scenarios[0].scope.sample.percent"), (NothingGiven, abort)],
    );
}

/// Istio carries the configuration as a protobuf `Struct`, whose numbers are all `double`.
#[test]
fn whole_numbers_may_be_written_as_floating_point() {
    finds(
        &[
            ("/version", "1.0"),
            ("/catalog/version", "1e0"),
            ("/catalog/scenarios/0/scope/sample/percent", "20.0"),
            ("/catalog/scenarios/1/faults/0/abort/status", "503.0"),
            ("/catalog/scenarios/1/faults/0/abort/grpc_status", "1.4e1"),
        ],
        &[],
    );
}
