//! Values of a wrong type, out of range or of a wrong form.

use crate::{Mistake, check, mistake, mistake_in};
use squall_policy::Code::{BadFormat, BadRegex, OutOfRange, UnknownWord, UnsupportedVersion, WrongType};

#[test]
fn types() {
    const TYPES: &[Mistake] = &[
        mistake("/version", "\"1\"", WrongType),
        mistake("/catalog", "[]", WrongType),
        mistake("/catalog", "null", WrongType),
        mistake("/mission", "null", WrongType),
        mistake("/mission", "\"run-1\"", WrongType),
        mistake("/identity", "\"shop\"", WrongType),
        mistake("/catalog/scenarios/2", "\"unused\"", WrongType),
        mistake("/catalog/scenarios/1/description", "7", WrongType),
        mistake("/catalog/scenarios/0/scope", "true", WrongType),
        mistake("/catalog/scenarios/0/scope/match", "{\"path\": {\"exact\": \"/a\"}}", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/path", "\"/users\"", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/methods", "\"GET\"", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/invert", "\"yes\"", WrongType),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/exact", "1", WrongType),
        mistake("/catalog/scenarios/0/scope/allow_protected", "\"yes\"", WrongType),
        mistake("/catalog/scenarios/0/scope/protect", "{\"path\": {\"exact\": \"/a\"}}", WrongType),
        mistake("/catalog/scenarios/0/scope/sample/percent", "\"20%\"", WrongType),
        mistake("/catalog/scenarios/0/scope/sample/by", "1", WrongType),
        mistake("/catalog/scenarios/0/faults", "{}", WrongType),
        mistake("/catalog/scenarios/0/faults/0/delay", "\"100ms\"", WrongType),
        mistake("/catalog/scenarios/1/faults/0/abort", "503", WrongType),
        mistake("/catalog/scenarios/1/faults/0/abort/status", "\"503\"", WrongType),
        mistake("/catalog/scenarios/1/faults/0/abort/body", "{}", WrongType),
        mistake("/catalog/scenarios/1/faults/0/abort/headers", "[\"x-why: chaos\"]", WrongType),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/x-why", "1", WrongType),
        mistake("/mission/id", "17", WrongType),
        mistake("/mission/seed", "17", WrongType),
        mistake("/mission/enable", "\"true\"", WrongType),
        mistake("/mission/scenarios", "\"slow-db\"", WrongType),
        mistake("/mission/start", "1780000000", WrongType),
    ];
    check(TYPES);
}

#[test]
fn units_and_times() {
    const FIXED: &str = "/catalog/scenarios/0/faults/0/delay/fixed";
    const TIMES: &[Mistake] = &[
        mistake(FIXED, "100", WrongType),
        mistake(FIXED, "\"100\"", BadFormat),
        mistake(FIXED, "\"\"", BadFormat),
        mistake(FIXED, "\"-5ms\"", BadFormat),
        mistake(FIXED, "\"100 parsecs\"", BadFormat),
        mistake(FIXED, "\"NaN\"", BadFormat),
        mistake(FIXED, "\"99999999999999999999s\"", BadFormat),
        mistake(FIXED, "\"0ms\"", OutOfRange),
        mistake(FIXED, "\"999us\"", OutOfRange),
        mistake(FIXED, "\"1h 1us\"", OutOfRange),
        mistake("/mission/duration", "\"999ms\"", OutOfRange),
        mistake("/mission/duration", "\"8d\"", OutOfRange),
        mistake("/mission/duration", "\"forever\"", BadFormat),
        mistake("/mission/duration", "900", WrongType),
        mistake("/mission/start", "\"2026-12-01\"", BadFormat),
        mistake("/mission/start", "\"2026-13-01T09:00:00Z\"", BadFormat),
        mistake("/mission/start", "\"2026-12-01T09:00:00+01:00\"", BadFormat),
        mistake("/mission/start", "\"1969-12-31T23:59:59Z\"", BadFormat),
    ];
    check(TIMES);
}

#[test]
fn ranges() {
    const STATUS: &str = "/catalog/scenarios/1/faults/0/abort/status";
    const GRPC: &str = "/catalog/scenarios/1/faults/0/abort/grpc_status";
    const PERCENT: &str = "/catalog/scenarios/0/scope/sample/percent";
    const DELAY: &str = "/catalog/scenarios/0/faults/0/delay";
    const SIGMA: &str = "catalog.scenarios[0].faults[0].delay.lognormal.sigma";
    const SHAPE: &str = "catalog.scenarios[0].faults[0].delay.pareto.shape";
    const RANGES: &[Mistake] = &[
        mistake("/version", "2", UnsupportedVersion),
        mistake("/version", "1.5", UnsupportedVersion),
        mistake("/catalog/version", "0", UnsupportedVersion),
        mistake("/mission/version", "-1", UnsupportedVersion),
        mistake(STATUS, "199", OutOfRange),
        mistake(STATUS, "100", OutOfRange),
        mistake(STATUS, "600", OutOfRange),
        mistake(STATUS, "200.5", OutOfRange),
        mistake(STATUS, "-503", OutOfRange),
        mistake(STATUS, "1e300", OutOfRange),
        mistake(STATUS, "0", OutOfRange),
        mistake(GRPC, "0", OutOfRange),
        mistake(GRPC, "100", OutOfRange),
        mistake(GRPC, "1.5", OutOfRange),
        mistake(GRPC, "\"OK\"", UnknownWord),
        mistake(GRPC, "\"unavailable\"", UnknownWord),
        mistake(GRPC, "\"14\"", UnknownWord),
        mistake(PERCENT, "-1", OutOfRange),
        mistake(PERCENT, "101", OutOfRange),
        mistake(PERCENT, "100.0001", OutOfRange),
        mistake(PERCENT, "0.00001", OutOfRange),
        mistake(PERCENT, "33.33333", OutOfRange),
        mistake(PERCENT, "\"NaN\"", WrongType),
        mistake("/catalog/scenarios/0/faults/0/delay/percent", "-0.5", OutOfRange),
        mistake("/catalog/scenarios/1/faults/0/abort/percent", "200", OutOfRange),
        mistake_in(DELAY, "{\"lognormal\": {\"median\": \"1ms\", \"sigma\": 0}}", OutOfRange, SIGMA),
        mistake_in(DELAY, "{\"lognormal\": {\"median\": \"1ms\", \"sigma\": 5.1}}", OutOfRange, SIGMA),
        mistake_in(DELAY, "{\"pareto\": {\"min\": \"1ms\", \"shape\": 0.05}}", OutOfRange, SHAPE),
        mistake_in(DELAY, "{\"pareto\": {\"min\": \"1ms\", \"shape\": \"2\"}}", WrongType, SHAPE),
    ];
    check(RANGES);
}

#[test]
fn words_and_forms() {
    const RULE: &str = "/catalog/scenarios/0/scope/match/0";
    const FORMS: &[Mistake] = &[
        mistake("/role", "\"service\"", UnknownWord),
        mistake("/catalog/scenarios/0/severity", "\"hihg\"", UnknownWord),
        mistake("/catalog/scenarios/0/scope/direction", "\"egress\"", UnknownWord),
        mistake("/catalog/scenarios/0/scope/sample/by", "\"user\"", UnknownWord),
        mistake("/catalog/scenarios/0/faults/0/delay/phase", "\"Request\"", UnknownWord),
        mistake("/mission/composition", "\"all\"", UnknownWord),
        mistake("/mission/mark", "\"header\"", UnknownWord),
        mistake("/catalog/scenarios/2/name", "\"Unused\"", BadFormat),
        mistake("/catalog/scenarios/2/name", "\"\"", BadFormat),
        mistake("/catalog/scenarios/2/name", "\"-a\"", BadFormat),
        mistake("/catalog/scenarios/2/name", "\"a\\u0000b\"", BadFormat),
        mistake("/catalog/scenarios/2/name", "\"é\"", BadFormat),
        mistake(
            "/catalog/scenarios/2/name",
            "\"a123456789a123456789a123456789a123456789a123456789a123456789a123\"",
            BadFormat,
        ),
        mistake("/mission/id", "\"../run\"", BadFormat),
        mistake("/mission/id", "\"\"", BadFormat),
        mistake("/mission/namespace", "\"Shop\"", BadFormat),
        mistake("/identity/namespace", "\"shop.eu\"", BadFormat),
        mistake("/identity/service", "\"\"", OutOfRange),
        mistake("/mission/seed", "\"\"", OutOfRange),
        mistake("/mission/seed", "\"a\\u0000b\"", BadFormat),
        mistake("/catalog/scenarios/1/description", "\"\\u001b[31m\"", BadFormat),
        mistake("/catalog/scenarios/1/faults/0/abort/body", "\"a\\u0000b\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/0/methods/0", "\"get\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/0/methods/0", "\"\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/name", "\"X-Tenant\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/name", "\":path\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/name", "\"\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/sample/by/header", "\"x user\"", BadFormat),
        // Envoy has it as `:authority` alone: such a rule would never match.
        mistake("/catalog/scenarios/0/scope/match/0/headers/0/name", "\"host\"", BadFormat),
        mistake("/catalog/scenarios/0/scope/sample/by/header", "\"host\"", BadFormat),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/X-Why", "\"a\"", BadFormat),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/:status", "\"200\"", BadFormat),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/x-why", "\"a\\r\\nset-cookie: b\"", BadFormat),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/x-why", "\" a\"", BadFormat),
        mistake("/catalog/scenarios/1/faults/0/abort/headers/x-why", "\"é\"", BadFormat),
        mistake_in(RULE, "{\"path\": {\"exact\": \"users\"}}", BadFormat, PATH_EXACT),
        mistake_in(RULE, "{\"path\": {\"exact\": \"/users?id=1\"}}", BadFormat, PATH_EXACT),
        mistake_in(RULE, "{\"path\": {\"prefix\": \"/a#b\"}}", BadFormat, PATH_PREFIX),
        mistake_in(RULE, "{\"path\": {\"prefix\": \"\"}}", OutOfRange, PATH_PREFIX),
        mistake_in(RULE, "{\"path\": {\"template\": \"users/{id}\"}}", BadFormat, PATH_TEMPLATE),
        mistake_in(RULE, "{\"path\": {\"template\": \"/users/{}\"}}", BadFormat, PATH_TEMPLATE),
        mistake_in(RULE, "{\"path\": {\"template\": \"/users/{id\"}}", BadFormat, PATH_TEMPLATE),
        mistake_in(RULE, "{\"path\": {\"template\": \"/users/a{id}\"}}", BadFormat, PATH_TEMPLATE),
        mistake_in(RULE, "{\"path\": {\"template\": \"/{a}{b}\"}}", BadFormat, PATH_TEMPLATE),
        mistake_in(RULE, "{\"path\": {\"template\": \"/a?b={c}\"}}", BadFormat, PATH_TEMPLATE),
    ];
    check(FORMS);
}

const PATH_EXACT: &str = "catalog.scenarios[0].scope.match[0].path.exact";
const PATH_PREFIX: &str = "catalog.scenarios[0].scope.match[0].path.prefix";
const PATH_TEMPLATE: &str = "catalog.scenarios[0].scope.match[0].path.template";

#[test]
fn expressions() {
    const REGEX: &str = "catalog.scenarios[0].scope.match[0].path.regex";
    const PATH: &str = "/catalog/scenarios/0/scope/match/0/path";
    const EXPRESSIONS: &[Mistake] = &[
        mistake_in(PATH, "{\"regex\": \"\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"/users/[\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"/users/(\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"/a)|(?:/b\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"*\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"/(?=a)\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"/(a)\\\\1\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"\\\\Q/a\\\\E\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"((((a{99}){99}){99}){99}){99}\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"(a{1000}){1000}\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"a{4294967296}\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": \"(?x)/ a\"}", BadRegex, REGEX),
        mistake_in(PATH, "{\"regex\": 1}", WrongType, REGEX),
        mistake_in(
            "/catalog/scenarios/0/scope/match/0/authority",
            "{\"regex\": \"[z-a]\"}",
            BadRegex,
            "catalog.scenarios[0].scope.match[0].authority.regex",
        ),
        mistake_in(
            "/catalog/scenarios/0/scope/match/0/headers/0",
            "{\"name\": \"x-a\", \"regex\": \"+\"}",
            BadRegex,
            "catalog.scenarios[0].scope.match[0].headers[0].regex",
        ),
    ];
    check(EXPRESSIONS);
}
