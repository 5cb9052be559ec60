//! Answers of `/v1/status` and `/v1/events` for pages that are about the page alone.

use serde_json::{Value, json};

const BEGIN_S: i64 = 9 * 3600;

/// 2026-12-01 at so many seconds after 09:00:00 UTC.
pub fn at(seconds: i64) -> String {
    let of_day = BEGIN_S + seconds;
    format!("2026-12-01T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// No mission.
pub fn idle() -> Value {
    json!({
        "version": 1, "now": at(0), "squall": "0.1.0", "state": "idle", "mission": null, "halt": null,
        "proxy": {"namespace": "shop", "service": "user-service", "id": "user-service-5d9f7-x2x4q"},
        "health": {"groups": [], "deltas": {}, "series": []},
        "ledger": [], "guardrails": [], "signals": [], "remediation": null, "events": {"last": 0},
    })
}

/// Six minutes into a mission of 15, in the second of three stages; one guardrail exceeds its limit.
pub fn injecting() -> Value {
    let mut status = idle();
    status["now"] = at(372).into();
    status["state"] = "injecting".into();
    status["mission"] = json!({
        "id": "2026-12-01-db-latency", "namespace": "shop", "scenarios": ["downstream-db-latency", "profile-errors"],
        "source": "order", "start": at(0), "deadline": at(900), "remaining_s": 528, "seed": "8842190371",
        "stage": {"number": 2, "of": 3, "intensity_percent": 50, "ends_in_s": 168},
        "stages": [
            {"for_s": 180, "intensity_percent": 10}, {"for_s": 300, "intensity_percent": 50},
            {"for_s": 300, "intensity_percent": 100},
        ],
        "baseline_s": 60, "recovery_s": 60, "duration_s": 900,
        "lease": {"for_s": 30, "ends_in_s": 21}, "approved_by": ["alice", "bob"],
    });
    status["health"] = health();
    status["ledger"] = json!([
        {"scenario": "downstream-db-latency", "matched": 24_310, "treatment": 2_402, "control": 21_908,
         "injected": {"delay": 2_402}, "suppressed": {"max_concurrent": 31, "protected": 120},
         "declared_percent": 10, "observed_percent": 9.88, "low_percent": 9.51, "high_percent": 10.26},
        {"scenario": "profile-errors", "matched": 3_120, "treatment": 47, "control": 3_073,
         "injected": {"abort": 47, "delay": 12}, "suppressed": {},
         "declared_percent": 2.5, "observed_percent": 1.51, "low_percent": 1.11, "high_percent": 2},
    ]);
    status["guardrails"] = json!([
        {"scenario": "downstream-db-latency", "rule": "error_rate of control above 5 % for 2m", "value": 1.2, "limit": 5,
         "unit": "percent", "state": "watching", "for_s": 120, "exceeding_s": 0, "distance": 0.76},
        {"scenario": "downstream-db-latency", "rule": "latency_p99 of inbound above 2 s for 30s", "value": 2140, "limit": 2000,
         "unit": "ms", "state": "exceeding", "for_s": 30, "exceeding_s": 18, "distance": 0.08},
        {"scenario": "profile-errors", "rule": "error_rate of treatment versus control above 10 % at 99.9 %", "value": null,
         "limit": 10, "unit": "percent", "state": "watching", "for_s": 0, "exceeding_s": 0, "distance": 1},
    ]);
    status["signals"] = json!([
        {"scenario": "downstream-db-latency", "rule": "latency_p95 <= 350 ms", "unit": "ms", "value": 332, "low": 327, "high": 339,
         "verdict": "held", "why": ""},
        {"scenario": "downstream-db-latency", "rule": "error_rate <= 0.5 %", "unit": "percent", "value": 0.83, "low": 0.61, "high": 1.12,
         "verdict": "violated", "why": "the whole interval lies above the limit"},
        {"scenario": "profile-errors", "rule": "latency_p99 <= 900 ms", "unit": "ms", "value": null, "low": null, "high": null,
         "verdict": "inconclusive", "why": "47 requests are too few"},
    ]);
    status["health"]["groups"][2]["ended_by_squall"] = 47.into();
    status["remediation"] = Value::Null;
    status["events"] = json!({"last": 6});
    status
}

fn health() -> Value {
    let group = |name: &str, requests: u64, errors: u64, p50: f64, p95: f64, p99: f64| {
        let percent = (errors as f64 / requests as f64 * 100_000.0).round() / 1000.0;
        json!({"group": name, "requests": requests, "errors": errors, "error_percent": percent,
            "p50_ms": p50, "p95_ms": p95, "p99_ms": p99})
    };
    // A wave of its own for each group, so that the lines look like measured ones.
    let wave =
        |seconds: i64, of: f64| (seconds as f64 / of).sin() * 9.0 + (seconds as f64 / of * 3.7).cos() * 5.0;
    let window = |base: f64, errors: i64, seconds: i64, of: f64| {
        let p50 = (base + wave(seconds, of)).round();
        json!({"requests": 400, "errors": errors, "p50_ms": p50, "p95_ms": p50 * 1.6 + 40.0, "p99_ms": p50 * 2.4 + 90.0})
    };
    let series: Vec<Value> = (0..75)
        .map(|step| {
            let seconds = step * 5;
            let control = window(96.0, i64::from(step % 7 == 3), seconds, 31.0);
            let treatment = if seconds < 60 {
                json!({"requests": 0, "errors": 0, "p50_ms": null, "p95_ms": null, "p99_ms": null})
            } else {
                window(if seconds < 240 { 176.0 } else { 189.0 }, 2 + step % 4, seconds, 47.0)
            };
            json!({"at": at(seconds), "control": control, "treatment": treatment})
        })
        .collect();
    json!({
        "groups": [
            group("baseline", 4_870, 6, 94.1, 191.0, 318.0), group("control", 24_981, 36, 96.4, 196.0, 327.0),
            group("treatment", 2_449, 20, 187.2, 332.0, 541.0), group("inbound", 27_430, 61, 141.0, 402.0, 2_140.0),
        ],
        "deltas": {"latency_p95_ms": {"baseline": 141, "control": 136}, "error_points": {"baseline": 0.69, "control": 0.67}},
        "series": series,
    })
}

/// The same mission, halted by its guardrail.
pub fn halted() -> Value {
    let mut status = injecting();
    status["state"] = "halted".into();
    status["now"] = at(400).into();
    status["mission"]["stage"] = Value::Null;
    status["mission"]["remaining_s"] = 0.into();
    status["mission"]["lease"] = Value::Null;
    status["halt"] = json!({
        "reason": "guardrail", "detail": "latency_p99 of inbound above 2 s for 30s: 2140 ms", "by": "", "at": at(384),
        "mission": "2026-12-01-db-latency",
    });
    status["guardrails"][1]["state"] = "tripped".into();
    status["guardrails"][1]["distance"] = 0.into();
    status["remediation"] =
        json!({"state": "disabled", "since": at(384), "scenario": "downstream-db-latency"});
    status
}

/// The same mission while its circuit breaker lets few faults through.
pub fn half_open() -> Value {
    let mut status = injecting();
    status["mission"]["stage"]["intensity_percent"] = 5.into();
    status["remediation"] =
        json!({"state": "half_open", "since": at(360), "scenario": "downstream-db-latency"});
    status
}

/// The same mission, stopped by an operator.
pub fn stopped() -> Value {
    let mut status = halted();
    status["state"] = "stopped".into();
    status["halt"] = Value::Null;
    status["guardrails"][1]["state"] = "watching".into();
    status["remediation"] = Value::Null;
    status["mission"]["ended"] =
        json!({"how": "stopped", "at": at(384), "by": "alice", "reason": "enough seen"});
    status
}

/// The mission has come to its end.
pub fn done() -> Value {
    let mut status = injecting();
    status["state"] = "done".into();
    status["now"] = at(903).into();
    status["mission"]["stage"] = Value::Null;
    status["mission"]["remaining_s"] = 0.into();
    status["mission"]["lease"] = Value::Null;
    status
}

/// What a hostile client or catalog could bring into the answers.
pub fn hostile() -> (Value, Vec<Value>) {
    let script = "<img src=x onerror=\"window.executed=1\"><script>window.executed=2</script>";
    let breakout = "\"'></code></script><svg onload=window.executed=3>";
    let mut status = halted();
    for at in [
        "/mission/id",
        "/mission/namespace",
        "/mission/source",
        "/proxy/id",
        "/halt/by",
        "/halt/detail",
        "/squall",
        "/guardrails/0/rule",
        "/guardrails/0/state",
        "/signals/0/rule",
        "/signals/0/verdict",
        "/signals/0/why",
        "/ledger/0/scenario",
        "/health/groups/0/group",
        "/mission/seed",
        "/remediation/state",
    ] {
        *status.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = format!("{script}{breakout}").into();
    }
    status["mission"]["approved_by"] = json!([script, {"an": "object"}, null, 7]);
    status["mission"]["scenarios"] = json!([breakout, "x".repeat(3_000)]);
    status["mission"]["stages"] =
        json!([{"for_s": "long", "intensity_percent": -3}, null, {"for_s": 1e300}, 9]);
    status["ledger"][0]["injected"] = json!({script: breakout, "__proto__": 3, "constructor": 1e300});
    status["ledger"][1]["high_percent"] = json!(-5);
    status["health"]["series"] = json!([null, 7, {"at": "never"}, {"at": at(1), "control": "much"}, {"at": at(2), "treatment": {"p95_ms": -1e308}}]);
    status["guardrails"][1]["distance"] = json!("near");
    status["events"] = json!({"last": 3});
    let events = vec![
        json!({"number": 1, "event": script, "at": "not a time", "mission": breakout, script: script}),
        json!({"number": 2, "event": "mission.refused", "at": at(3), "reason": "left\u{202e}thgir\u{0}\u{1b}[31m", "deep": {"a": [1, {"b": script}]}}),
        json!({"number": 3, "event": "request.refused", "at": at(4), "reason": "y".repeat(4_000)}),
    ];
    (status, events)
}

/// The events of [`injecting`], oldest first.
pub fn events() -> Vec<Value> {
    let mission = "2026-12-01-db-latency";
    vec![
        json!({"number": 1, "event": "mission.accepted", "at": at(0), "mission": mission, "namespace": "shop", "source": "order", "seed": "8842190371", "deadline": at(900), "duration_s": 900, "approved_by": ["alice"], "scenarios": ["downstream-db-latency"], "faults": ["delay"], "dormant": []}),
        json!({"number": 2, "event": "stage.started", "at": at(60), "mission": mission, "stage": 1, "intensity_percent": 10}),
        json!({"number": 3, "event": "mission.renewed", "at": at(90), "mission": mission, "by": "bob"}),
        json!({"number": 4, "event": "request.refused", "at": at(131), "code": "replayed", "reason": "this nonce was used before"}),
        json!({"number": 5, "event": "stage.started", "at": at(240), "mission": mission, "stage": 2, "intensity_percent": 50}),
        json!({"number": 6, "event": "mission.renewed", "at": at(363), "mission": mission, "by": "bob"}),
    ]
}
