//! Guardrails, signals and what follows when one trips.

use crate::{Mistake, check, errors, good, load, mistake, mistake_in, put};
use squall_policy::Code::{
    BadFormat, Conflict, ExactlyOne, MissingKey, NothingGiven, OutOfRange, UnknownKey, UnknownWord, WrongType,
};

const RULE: &str = "/catalog/scenarios/3/safety/halt_when/0";
const SIGNALS: &str = "/catalog/scenarios/3/signals";
const ROLLBACK: &str = "/catalog/scenarios/3/rollback";

#[test]
fn values_of_a_guardrail() {
    const ABOVE: &str = "/catalog/scenarios/3/safety/halt_when/0/above";
    const MISTAKES: &[Mistake] = &[
        mistake("/catalog/scenarios/3/safety/halt_when", "[]", OutOfRange),
        mistake("/catalog/scenarios/3/safety/halt_when", "{}", WrongType),
        mistake_in(
            RULE,
            "{\"above\": \"5%\"}",
            MissingKey,
            "catalog.scenarios[3].safety.halt_when[0].metric",
        ),
        mistake(ABOVE, "", MissingKey),
        mistake(ABOVE, "5", WrongType),
        mistake(ABOVE, "[]", WrongType),
        mistake(ABOVE, "\"5\"", BadFormat),
        mistake(ABOVE, "\"5.00001%\"", BadFormat),
        mistake(ABOVE, "\"-5%\"", BadFormat),
        mistake(ABOVE, "\"101%\"", BadFormat),
        mistake(ABOVE, "\"2h\"", BadFormat),
        mistake(ABOVE, "\"2 apples\"", BadFormat),
        mistake("/catalog/scenarios/3/safety/halt_when/0/metric", "\"error\"", UnknownWord),
        mistake("/catalog/scenarios/3/safety/halt_when/0/group", "\"treated\"", UnknownWord),
        mistake("/catalog/scenarios/3/safety/halt_when/1/watch", "\"outbound\"", UnknownWord),
        mistake("/catalog/scenarios/3/safety/halt_when/2/versus", "\"treatment\"", UnknownWord),
        mistake("/catalog/scenarios/3/safety/halt_when/0/for", "30", WrongType),
        mistake("/catalog/scenarios/3/safety/halt_when/0/for", "\"2h\"", OutOfRange),
        mistake("/catalog/scenarios/3/safety/halt_when/0/for", "\"1ms\"", OutOfRange),
        mistake("/catalog/scenarios/3/safety/halt_when/0/min_requests", "0", OutOfRange),
        mistake("/catalog/scenarios/3/safety/halt_when/2/confidence", "99.9", WrongType),
        mistake("/catalog/scenarios/3/safety/halt_when/2/confidence", "\"100%\"", OutOfRange),
        mistake("/catalog/scenarios/3/safety/halt_when/2/confidence", "\"79%\"", OutOfRange),
        mistake("/catalog/scenarios/3/safety/halt_when/2/confidence", "\"0.999\"", BadFormat),
        mistake("/catalog/scenarios/3/safety/halt_when/2/count_injected", "\"true\"", WrongType),
        mistake("/catalog/scenarios/3/safety/halt_when/0/abve", "\"5%\"", UnknownKey),
    ];
    check(MISTAKES);
}

#[test]
fn keys_of_a_guardrail_that_contradict_each_other() {
    const MISTAKES: &[Mistake] = &[
        mistake("/catalog/scenarios/3/safety/halt_when/0/confidence", "\"99%\"", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/2/for", "\"1m\"", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/0/above", "\"300ms\"", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/1/above", "\"5%\"", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/0/above", "\"100%\"", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/1/group", "\"all\"", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/1/count_injected", "true", Conflict),
        mistake("/catalog/scenarios/3/safety/halt_when/0/count_injected", "false", Conflict),
        mistake_in(
            "/catalog/scenarios/3/safety/halt_when/1",
            "{\"metric\": \"latency_p99\", \"above\": \"2s\", \"watch\": \"inbound\", \"versus\": \"control\"}",
            Conflict,
            "catalog.scenarios[3].safety.halt_when[1].versus",
        ),
        mistake_in(
            RULE,
            "{\"metric\": \"error_rate\", \"group\": \"control\", \"above\": \"5%\", \"versus\": \"control\"}",
            Conflict,
            "catalog.scenarios[3].safety.halt_when[0].versus",
        ),
        mistake_in(
            RULE,
            "{\"metric\": \"latency_p50\", \"above\": \"5ms\", \"count_injected\": true}",
            Conflict,
            "catalog.scenarios[3].safety.halt_when[0].count_injected",
        ),
    ];
    check(MISTAKES);
}

#[test]
fn signals() {
    const MISTAKES: &[Mistake] = &[
        mistake(SIGNALS, "{}", NothingGiven),
        mistake(SIGNALS, "{\"watch\": \"inbound\"}", NothingGiven),
        mistake_in(SIGNALS, "{\"latency\": \"<= 1s\"}", UnknownKey, "catalog.scenarios[3].signals.latency"),
        mistake("/catalog/scenarios/3/signals/error_rate", "\"< 5%\"", BadFormat),
        mistake("/catalog/scenarios/3/signals/error_rate", "\"5%\"", BadFormat),
        mistake("/catalog/scenarios/3/signals/error_rate", "5", WrongType),
        mistake("/catalog/scenarios/3/signals/error_rate", "\"<= 5ms\"", Conflict),
        mistake("/catalog/scenarios/3/signals/latency_p95", "\"<= 5%\"", Conflict),
        mistake("/catalog/scenarios/3/signals/latency_p99", "\">= 5ms\"", BadFormat),
    ];
    check(MISTAKES);
}

#[test]
fn rollbacks() {
    const MISTAKES: &[Mistake] = &[
        mistake(ROLLBACK, "{}", ExactlyOne),
        mistake(
            ROLLBACK,
            "{\"on_halt\": \"disable\", \"circuit_breaker\": {\"open_for\": \"1m\"}}",
            ExactlyOne,
        ),
        mistake_in(
            ROLLBACK,
            "{\"on_halt\": \"enable\"}",
            UnknownWord,
            "catalog.scenarios[3].rollback.on_halt",
        ),
        mistake("/catalog/scenarios/3/rollback/circuit_breaker/open_for", "", MissingKey),
        mistake("/catalog/scenarios/3/rollback/circuit_breaker/open_for", "\"1ms\"", OutOfRange),
        mistake("/catalog/scenarios/3/rollback/circuit_breaker/half_open_intensity", "10", WrongType),
        mistake("/catalog/scenarios/3/rollback/circuit_breaker/half_open_intensity", "\"0%\"", OutOfRange),
        // A breaker that nothing opens.
        mistake_in(
            "/catalog/scenarios/3/safety",
            "{\"max_total\": 5}",
            Conflict,
            "catalog.scenarios[3].rollback.circuit_breaker",
        ),
    ];
    check(MISTAKES);
}

#[test]
fn all_contradictions_of_a_guardrail_are_told_at_once() {
    let mut configuration = good();
    let rule = "{\"metric\": \"error_rate\", \"group\": \"control\", \"above\": \"5s\", \"for\": \"1m\",
        \"versus\": \"control\", \"count_injected\": true}";
    put(&mut configuration, RULE, rule);
    let (_, findings) = load(configuration.to_string().as_bytes());
    let mut found: Vec<&str> = errors(&findings).iter().filter_map(|f| f.path.rsplit('.').next()).collect();
    found.sort_unstable();
    // `above` against `metric` is compared once the rest is right.
    assert_eq!(found, ["count_injected", "for", "versus"]);
}

#[test]
fn a_mission_observes_no_more_than_it_can_keep() {
    let mut configuration = good();
    let observed = |count: usize| {
        let scenario = |number: usize| {
            format!(
                "{{\"name\": \"s{number}\", \"faults\": [{{\"abort\": {{\"status\": 503}}}}], \"signals\": {{\"error_rate\": \"<= 1%\"}}}}"
            )
        };
        (0..count).map(scenario).collect::<Vec<_>>().join(",")
    };
    for (count, fine) in [(8, true), (9, false)] {
        put(&mut configuration, "/catalog/scenarios", &format!("[{}]", observed(count)));
        let names: Vec<String> = (0..count).map(|number| format!("\"s{number}\"")).collect();
        put(&mut configuration, "/mission/scenarios", &format!("[{}]", names.join(",")));
        let (loaded, findings) = load(configuration.to_string().as_bytes());
        assert_eq!(loaded.is_some(), fine, "{findings:?}");
        let found: Vec<_> = errors(&findings).iter().map(|f| (f.code, f.path.as_str())).collect();
        assert_eq!(found, if fine { vec![] } else { vec![(OutOfRange, "mission.scenarios")] });
    }
}

#[test]
fn a_scenario_has_no_more_guardrails_than_it_can_keep() {
    let mut configuration = good();
    let rules = ["{\"metric\": \"error_rate\", \"above\": \"5%\"}"; 9].join(",");
    put(&mut configuration, "/catalog/scenarios/3/safety/halt_when", &format!("[{rules}]"));
    let (_, findings) = load(configuration.to_string().as_bytes());
    let found: Vec<_> = errors(&findings).iter().map(|f| (f.code, f.path.as_str())).collect();
    assert_eq!(found, [(OutOfRange, "catalog.scenarios[3].safety.halt_when")]);
}
