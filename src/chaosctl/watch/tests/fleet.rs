//! Answers of proxies that the tests of the cockpit look at.

use crate::watch::model::{Message, Model};
use serde_json::{Value, json};

/// 2026-12-01T09:00:00Z.
pub const BEGIN_MS: u64 = 1_796_115_600_000;

/// 2026-12-01 at so many seconds after 09:00:00 UTC.
pub fn at(seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(BEGIN_MS + seconds * 1000);
    humantime::format_rfc3339_seconds(time).to_string()
}

pub fn idle() -> Value {
    json!({
        "version": 1, "now": at(0), "squall": "0.1.0", "state": "idle", "mission": null, "halt": null,
        "proxy": {"namespace": "shop", "service": "user-service", "id": "user-service-1"},
        "health": {"groups": [], "deltas": null, "series": []},
        "ledger": [], "guardrails": [], "signals": [], "remediation": null, "events": {"last": 0},
    })
}

fn window(base: f64, errors: u64, step: u64) -> Value {
    let p50 = (base + (step as f64 / 6.0).sin() * 9.0).round();
    json!({"requests": 400, "errors": errors, "p50_ms": p50, "p95_ms": p50 * 1.5, "p99_ms": p50 * 2.5})
}

/// Six minutes into a mission of 15, in the second of three stages.
pub fn injecting(treated: u64) -> Value {
    let mut status = idle();
    status["now"] = at(372).into();
    status["state"] = "injecting".into();
    status["mission"] = json!({
        "id": "2026-12-01-db-latency", "namespace": "shop", "scenarios": ["downstream-db-latency"], "source": "order",
        "start": at(0), "deadline": at(900), "remaining_s": 528, "seed": "8842190371",
        "stage": {"number": 2, "of": 3, "intensity_percent": 50, "ends_in_s": 168},
        "stages": [{"for_s": 180, "intensity_percent": 10}, {"for_s": 300, "intensity_percent": 50},
            {"for_s": 360, "intensity_percent": 100}],
        "baseline_s": 60, "recovery_s": 60, "duration_s": 900, "lease": {"for_s": 30, "ends_in_s": 21},
        "approved_by": ["alice", "bob"], "ended": null,
    });
    let group = |name: &str, requests: u64, errors: u64, p95: f64| {
        json!({"group": name, "requests": requests, "errors": errors, "error_percent": 1, "ended_by_squall": 0,
            "p50_ms": p95 / 2.0, "p95_ms": p95, "p99_ms": p95 * 1.7})
    };
    status["health"]["groups"] = json!([
        group("baseline", 4_870, 6, 191.0),
        group("control", 24_981, 36, 196.0),
        group("treatment", treated, 20, 332.0),
    ]);
    let none = json!({"requests": 0, "errors": 0, "p50_ms": null, "p95_ms": null, "p99_ms": null});
    let point = |step: u64| {
        let treatment = if step < 8 {
            none.clone()
        } else {
            window(if step < 32 { 150.0 } else { 210.0 }, 2 + step % 4, step)
        };
        json!({"at": at(step * 7), "control": window(96.0, u64::from(step % 7 == 3), step), "treatment": treatment})
    };
    status["health"]["series"] = (0..53).map(point).collect();
    status["ledger"] = json!([
        {"scenario": "downstream-db-latency", "matched": 24_310, "treatment": treated, "control": 21_908,
         "injected": {"delay": treated}, "suppressed": {"max_concurrent": 31, "protected": 120}, "declared_percent": 10,
         "observed_percent": 9.88, "low_percent": 9.51, "high_percent": 10.26},
    ]);
    status["guardrails"] = json!([
        {"scenario": "downstream-db-latency", "rule": "error_rate of control above 5 % for 2m", "value": 1.2, "limit": 5,
         "unit": "percent", "state": "watching", "for_s": 120, "exceeding_s": 0, "distance": 0.76},
        {"scenario": "downstream-db-latency", "rule": "latency_p99 of inbound above 2 s for 30s", "value": 310, "limit": 2000,
         "unit": "ms", "state": "watching", "for_s": 30, "exceeding_s": 0, "distance": 0.85},
    ]);
    status["signals"] = json!([
        {"scenario": "downstream-db-latency", "rule": "latency_p95 <= 350 ms", "unit": "ms", "value": 332, "low": 327,
         "high": 339, "verdict": "held", "why": null},
        {"scenario": "downstream-db-latency", "rule": "error_rate <= 0.5 %", "unit": "percent", "value": 0.83, "low": 0.31,
         "high": 1.12, "verdict": "inconclusive", "why": "the limit lies within the interval"},
    ]);
    status["events"] = json!({"last": 3});
    status
}

/// The same mission, where a guardrail exceeds its limit and a signal is violated.
pub fn exceeding() -> Value {
    let mut status = injecting(2_402);
    let guard = &mut status["guardrails"][1];
    guard["value"] = 2140.into();
    guard["state"] = "exceeding".into();
    guard["exceeding_s"] = 18.into();
    guard["distance"] = json!(0.08);
    let signal = &mut status["signals"][1];
    signal["verdict"] = "violated".into();
    signal["low"] = json!(0.61);
    status
}

pub fn halted() -> Value {
    let mut status = exceeding();
    status["state"] = "halted".into();
    status["mission"]["stage"] = Value::Null;
    status["mission"]["remaining_s"] = 0.into();
    status["mission"]["ended"] = json!({"how": "halted", "at": at(370), "by": "", "reason": "guardrail"});
    status["halt"] = json!({"reason": "guardrail", "detail": "latency_p99 of inbound above 2 s for 30s: 2140 ms", "by": "",
        "at": at(370), "mission": "2026-12-01-db-latency"});
    status["guardrails"][1]["state"] = "tripped".into();
    status["guardrails"][1]["distance"] = 0.into();
    status
}

pub fn events() -> Vec<Value> {
    let mission = "2026-12-01-db-latency";
    vec![
        json!({"number": 1, "event": "mission.accepted", "at": at(0), "mission": mission, "by": "alice", "duration_s": 900}),
        json!({"number": 2, "event": "stage.started", "at": at(60), "mission": mission, "stage": 1, "intensity_percent": 10}),
        json!({"number": 3, "event": "stage.started", "at": at(240), "mission": mission, "stage": 2, "intensity_percent": 50}),
    ]
}

pub fn heard(model: &mut Model, proxy: usize, status: Value) {
    model.update(Message::Heard { proxy, at_ms: BEGIN_MS + 372_000, status });
    model.update(Message::Events { proxy, anew: false, events: events() });
}

/// Four proxies: one fine, one near its guardrail, one gone, one that only idles.
pub fn fleet() -> Model {
    let urls =
        ["http://10.0.0.5:9902", "http://10.0.0.6:9902", "http://10.0.0.7:9902", "http://10.0.0.8:9902"];
    let mut model = Model::new(urls.map(ToOwned::to_owned).to_vec(), BEGIN_MS + 360_000);
    heard(&mut model, 0, injecting(2_402));
    heard(&mut model, 1, exceeding());
    let gone = "cannot be reached: Connection refused (os error 111)".to_owned();
    model.update(Message::Silent { proxy: 2, at_ms: BEGIN_MS + 365_000, why: gone });
    model.update(Message::Heard { proxy: 3, at_ms: BEGIN_MS + 372_000, status: idle() });
    model.update(Message::Tick(BEGIN_MS + 373_500));
    model
}

/// One proxy with this status.
pub fn one(status: Value) -> Model {
    let mut model = Model::new(vec!["http://127.0.0.1:9902".to_owned()], BEGIN_MS);
    heard(&mut model, 0, status);
    model
}

#[test]
fn who_is_looked_at_seldom_is_silent_after_the_next_look_and_not_before() {
    let silent_after = |every: u64| {
        let every = std::time::Duration::from_secs(every);
        let mut model = Model::new(vec!["http://a:1".to_owned()], BEGIN_MS).looked_at_every(every);
        let status = serde_json::json!({"state": "idle"});
        model.update(Message::Heard { proxy: 0, at_ms: BEGIN_MS, status });
        (1..100).find(|second| {
            model.update(Message::Tick(BEGIN_MS + second * 1000));
            model.is_silent(&model.proxies[0])
        })
    };
    assert_eq!((silent_after(1), silent_after(10)), (Some(4), Some(13)));
}
