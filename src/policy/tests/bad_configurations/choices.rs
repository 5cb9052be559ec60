//! Choices among faults.

use crate::{Mistake, check, mistake, mistake_in};
use squall_policy::Code::{Conflict, ExactlyOne, MissingKey, OutOfRange, UnknownKey, WrongType};

#[test]
fn choices() {
    const CHOICES: &[Mistake] = &[
        mistake("/catalog/scenarios/1/faults/1/one_of", "{}", WrongType),
        mistake("/catalog/scenarios/1/faults/1/one_of", "[]", OutOfRange),
        mistake("/catalog/scenarios/1/faults/1/one_of/0", "\"delay\"", WrongType),
        mistake("/catalog/scenarios/1/faults/1/one_of/0/weight", "", MissingKey),
        mistake("/catalog/scenarios/1/faults/1/one_of/0/weight", "0", OutOfRange),
        mistake("/catalog/scenarios/1/faults/1/one_of/0/weight", "1001", OutOfRange),
        mistake("/catalog/scenarios/1/faults/1/one_of/0/weight", "0.5", OutOfRange),
        mistake("/catalog/scenarios/1/faults/1/one_of/0/weight", "\"3\"", WrongType),
        mistake("/catalog/scenarios/1/faults/1/one_of/0", "{\"weight\": 1}", ExactlyOne),
        mistake_in(
            "/catalog/scenarios/1/faults/1/one_of/0/abort",
            "{\"status\": 503}",
            ExactlyOne,
            "catalog.scenarios[1].faults[1].one_of[0]",
        ),
        mistake("/catalog/scenarios/1/faults/1/one_of/0/wieght", "3", UnknownKey),
        mistake_in(
            "/catalog/scenarios/1/faults/1/one_of/0",
            "{\"wieght\": 1, \"abort\": {\"status\": 503}}",
            UnknownKey,
            "catalog.scenarios[1].faults[1].one_of[0].wieght",
        ),
        mistake("/catalog/scenarios/1/faults/1/one_of/1/abort/status", "99", OutOfRange),
        mistake_in(
            "/catalog/scenarios/1/faults/1/one_of/0",
            "{\"weight\": 1, \"one_of\": [{\"weight\": 1, \"abort\": {\"status\": 503}}]}",
            Conflict,
            "catalog.scenarios[1].faults[1].one_of[0].one_of",
        ),
        mistake_in(
            "/catalog/scenarios/1/faults/1/delay",
            "{\"fixed\": \"1s\"}",
            ExactlyOne,
            "catalog.scenarios[1].faults[1]",
        ),
    ];
    check(CHOICES);
}
