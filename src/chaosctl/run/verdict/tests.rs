//! Verdicts of runs over several proxies.

use super::*;
use crate::run::standing::Halt;

fn done() -> Standing {
    Standing::Over { how: "done".to_owned(), detail: String::new() }
}

/// A proxy's last status: requests and errors of treatment, faults, and its own verdict.
fn status(requests: u64, errors: u64, faults: u64, verdict: &str) -> Value {
    let percent = errors as f64 * 100.0 / requests.max(1) as f64;
    json!({"state": "done", "halt": null, "mission": {"id": "run-1", "seed": "s"},
        "health": {"groups": [{"group": "treatment", "requests": requests, "errors": errors, "error_percent": percent}]},
        "ledger": [{"scenario": "slow", "matched": requests, "injected": {"delay": faults}}],
        "signals": [{"scenario": "slow", "rule": "error_rate <= 0.5 %", "verdict": verdict, "value": percent,
            "low": 0, "high": 9}]})
}

fn judged(statuses: &[Value], ending: &Ending, promql: &[Tally]) -> Verdict {
    let (names, done) = (["http://a", "http://b", "http://c"], done());
    let last: Vec<Last<'_>> = statuses
        .iter()
        .zip(names)
        .map(|(status, proxy)| Last {
            proxy,
            status: Some(status),
            standing: &done,
            is_lost: false,
            injects_still: false,
        })
        .collect();
    judge(Facts {
        mission: "run-1",
        ending,
        proxies: &last,
        promql,
        inbound: Some(&[]),
        notes: vec!["a note".to_owned()],
    })
}

#[track_caller]
fn is(verdict: &Verdict, word: Word, told: &str) {
    assert_eq!(verdict.verdict, word, "{:?}", verdict.reasons);
    assert!(verdict.reasons.iter().any(|reason| reason.contains(told)), "{told}: {:?}", verdict.reasons);
}

#[test]
fn held_by_all_that_injected_is_held() {
    let all = [status(2000, 0, 9, "held"), status(2000, 0, 9, "held"), status(0, 0, 0, "inconclusive")];
    let verdict = judged(&all, &Ending::Done, &[]);
    is(&verdict, Word::Held, "a note");
    assert_eq!(verdict.signals.len(), 4);
    assert_eq!((verdict.signals[3].source.as_str(), verdict.signals[3].verdict), ("all proxies", Word::Held));
    assert_eq!(verdict.proxies[0].injected, 9);
    assert_eq!(verdict.seed.as_deref(), Some("s"));
}

#[test]
fn one_that_violates_is_violated() {
    let all = [status(2000, 0, 9, "held"), status(2000, 99, 9, "violated")];
    is(&judged(&all, &Ending::Done, &[]), Word::Violated, "slow error_rate <= 0.5 % is violated");
}

/// Promise P10.
#[test]
fn nothing_injected_is_inconclusive_whatever_held() {
    let all = [status(2000, 0, 0, "held")];
    let asked = Tally { name: "x".to_owned(), asked: 9, ..Tally::default() };
    let verdict = judged(&all, &Ending::Done, &[asked]);
    is(&verdict, Word::Inconclusive, "nothing was injected");
    assert!(
        verdict.signals.iter().filter(|s| s.source != "http://a").all(|s| s.verdict == Word::Inconclusive)
    );
}

#[test]
fn nothing_expected_is_inconclusive() {
    let mut one = status(2000, 0, 9, "held");
    one["signals"] = json!([]);
    is(&judged(&[one], &Ending::Done, &[]), Word::Inconclusive, "nothing was expected");
}

#[test]
fn errors_of_several_proxies_are_enough_together() {
    let few = || status(500, 0, 9, "inconclusive");
    is(&judged(&[few()], &Ending::Done, &[]), Word::Inconclusive, "slow error_rate");
    let verdict = judged(&[few(), few(), few()], &Ending::Done, &[]);
    assert_eq!(verdict.verdict, Word::Held, "{:?}", verdict.reasons);
    assert!(verdict.signals[3].high.expect("a bound") < 0.5);
    let bad = || status(60, 5, 9, "inconclusive");
    is(&judged(&[bad(), bad(), bad()], &Ending::Done, &[]), Word::Violated, "slow error_rate");
    // Two scenarios share the group of the mission.
    let two = || {
        let mut status = few();
        status["ledger"].as_array_mut().expect("a list").push(json!({"matched": 5, "injected": {}}));
        status
    };
    is(&judged(&[two(), two(), two()], &Ending::Done, &[]), Word::Inconclusive, "slow error_rate");
}

#[test]
fn what_ended_early_is_never_held() {
    let all = [status(2000, 0, 9, "held")];
    let halted = |by_guardrail| Ending::Halted {
        proxy: "http://a".to_owned(),
        by_guardrail,
        detail: "by dana".to_owned(),
    };
    for ending in [
        Ending::Interrupted("SIGINT".to_owned()),
        halted(false),
        Ending::NoTraffic,
        Ending::Blind("x".to_owned()),
        Ending::Lost(vec!["x".to_owned()]),
    ] {
        is(&judged(&all, &ending, &[]), Word::Inconclusive, &ending.told());
    }
    is(&judged(&all, &halted(true), &[]), Word::Violated, "was halted by dana");
    is(&judged(&all, &Ending::Guardrail("errors".to_owned()), &[]), Word::Violated, "guardrail errors");
    // It was ill before the first fault.
    is(&judged(&[status(9, 0, 0, "inconclusive")], &halted(true), &[]), Word::Inconclusive, "was halted");
    let bad = [status(2000, 99, 9, "violated")];
    is(&judged(&bad, &Ending::Interrupted("SIGINT".to_owned()), &[]), Word::Violated, "slow error_rate");
}

#[test]
fn a_promql_signal_fails_where_it_failed_once_and_says_nothing_without_data() {
    let all = [status(2000, 0, 9, "held")];
    let tally = |asked, failed| Tally {
        name: "carts".to_owned(),
        expected: ">= 5".to_owned(),
        worst: Some(3.0),
        asked,
        failed,
    };
    assert_eq!(judged(&all, &Ending::Done, &[tally(3, 0)]).verdict, Word::Held);
    is(&judged(&all, &Ending::Done, &[tally(3, 1)]), Word::Violated, "carts >= 5 is violated");
    is(&judged(&all, &Ending::Done, &[tally(0, 0)]), Word::Inconclusive, "carts >= 5 is inconclusive");
}

#[test]
fn who_has_not_recovered_violates() {
    let mut one = status(2000, 0, 9, "held");
    let recovery = json!({"group": "recovery", "requests": 50, "errors": 10, "error_percent": 20});
    one["health"]["groups"].as_array_mut().expect("a list").push(recovery);
    is(&judged(&[one], &Ending::Done, &[]), Word::Violated, "http://a has not recovered: error_rate is 20 %");
}

/// Its requests and those of the other scenario are counted together.
#[test]
fn the_recovery_of_several_scenarios_or_of_what_comes_in_is_not_judged_and_that_is_said() {
    let mut one = status(2000, 0, 9, "held");
    let recovery = json!({"group": "recovery", "requests": 50, "errors": 10, "error_percent": 20});
    one["health"]["groups"].as_array_mut().expect("a list").push(recovery);
    let done = done();
    let of = |status: &Value, inbound: &[String]| {
        let last = [Last {
            proxy: "http://a",
            status: Some(status),
            standing: &done,
            is_lost: false,
            injects_still: false,
        }];
        let notes = Vec::new();
        judge(Facts {
            mission: "run-1",
            ending: &Ending::Done,
            proxies: &last,
            promql: &[],
            inbound: Some(inbound),
            notes,
        })
    };
    is(
        &of(&one, &["slow".to_owned()]),
        Word::Held,
        "http://a is not judged: the signals of slow are about what comes in",
    );
    one["mission"]["scenarios"] = json!(["slow", "other"]);
    is(&of(&one, &[]), Word::Held, "http://a is not judged: the mission has several scenarios");
}

#[test]
fn the_fate_of_each_proxy_is_told() {
    let halted = Standing::Halted(Halt { by_guardrail: true, detail: "x".to_owned() });
    let mut one = status(5, 0, 2, "held");
    one["halt"] = json!({"reason": "guardrail", "detail": "x"});
    let last = [
        Last {
            proxy: "http://a",
            status: Some(&one),
            standing: &halted,
            is_lost: false,
            injects_still: true,
        },
        Last {
            proxy: "http://b",
            status: None,
            standing: &Standing::Absent,
            is_lost: true,
            injects_still: false,
        },
    ];
    let verdict = judge(Facts {
        mission: "run-1",
        ending: &Ending::Done,
        proxies: &last,
        promql: &[],
        inbound: None,
        notes: vec![],
    });
    assert_eq!((verdict.proxies[0].how.as_str(), verdict.proxies[1].state.as_str()), ("halted", "lost"));
    assert_eq!(verdict.halts, [json!({"reason": "guardrail", "detail": "x", "proxy": "http://a"})]);
    is(&verdict, Word::Inconclusive, "http://a injected faults after the end");
}
