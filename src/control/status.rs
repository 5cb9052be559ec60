//! `GET /v1/status`: where the proxy's mission is, from the records that all workers share.

use serde_json::{Map, Value, json};
use squall_policy::events::rfc3339;
use squall_policy::mission::{CurrentMission, HaltRecord, MissionRecord, Now, Stamp, State};

const NS_PER_MS: u64 = 1_000_000;

/// Who the proxy is.
#[derive(Clone, Debug, Default)]
pub struct Who {
    pub namespace: Option<String>,
    pub service: Option<String>,
    /// Id of Envoy's node.
    pub id: Option<String>,
}

/// A mission that some filter has armed, with what is known of it.
pub struct Shown<'s> {
    pub mission: &'s CurrentMission,
    pub record: &'s MissionRecord,
    /// What has been observed; empty before anything was.
    pub health: Map<String, Value>,
}

/// What is looked at.
pub struct Seen<'s> {
    pub now: Now,
    pub who: &'s Who,
    pub shown: Option<Shown<'s>>,
    pub halts: &'s HaltRecord,
    /// Number of the last event.
    pub last_event: u64,
}

/// The answer.
#[must_use]
pub fn status(seen: Seen<'_>) -> Value {
    let Seen { now, who, shown, halts, last_event } = seen;
    let state = shown.as_ref().map(|shown| shown.record.state(halts.count, now));
    let word = if halts.blocks() { "halted" } else { state.map_or("idle", State::word) };
    let mission = shown.as_ref().zip(state).map(|(shown, state)| mission(shown, state, halts, now));
    let mut answer = Map::new();
    let mut put = |key: &str, value: Value| drop(answer.insert(key.to_owned(), value));
    put("version", json!(1));
    put("now", json!(rfc3339(now.wall_ms)));
    put("proxy", json!({"namespace": who.namespace, "service": who.service, "id": who.id}));
    put("squall", json!(env!("CARGO_PKG_VERSION")));
    put("state", json!(word));
    put("mission", json!(mission));
    put("halt", halt(halts));
    put("health", json!({"groups": [], "deltas": null, "series": []}));
    for list in ["ledger", "guardrails", "signals"] {
        put(list, json!([]));
    }
    put("remediation", Value::Null);
    put("events", json!({"last": last_event}));
    answer.extend(shown.map(|shown| shown.health).unwrap_or_default());
    Value::Object(answer)
}

/// A halt that nobody has released.
#[must_use]
pub fn halt(halts: &HaltRecord) -> Value {
    if !halts.blocks() {
        return Value::Null;
    }
    json!({
        "reason": halts.reason,
        "detail": halts.detail,
        "by": halts.by,
        "at": rfc3339(halts.at.wall_ms),
        "mission": halts.mission,
    })
}

fn mission(shown: &Shown<'_>, state: State, halts: &HaltRecord, now: Now) -> Value {
    let Shown { mission, record, .. } = shown;
    let rules = &record.rules;
    let deadline = record.deadline();
    let is_over = matches!(state, State::Over(_));
    let ended = record.ended.as_ref().map(|ended| {
        json!({"how": ended.end.word(), "at": rfc3339(ended.at.wall_ms), "by": ended.by, "reason": ended.reason})
    });
    json!({
        "id": mission.id,
        "namespace": mission.namespace,
        "scenarios": mission.scenarios,
        "source": record.source.word(),
        "start": rfc3339(record.start.wall_ms),
        "deadline": rfc3339(deadline.wall_ms),
        "remaining_s": if is_over { 0 } else { seconds_to(deadline, now) },
        "stage": stage(record, state, halts, now),
        "stages": stages(record),
        "baseline_s": rules.baseline_ms / 1000,
        "recovery_s": rules.recovery_ms / 1000,
        "duration_s": rules.duration_ms / 1000,
        "seed": record.seed,
        "lease": lease(record, is_over, now),
        "approved_by": mission.approved_by,
        "ended": ended,
    })
}

/// The lease as it is shown; null where the mission has none.
#[must_use]
pub fn lease(record: &MissionRecord, is_over: bool, now: Now) -> Value {
    let ends = record.lease_ends().map(|ends| if is_over { 0 } else { seconds_to(ends, now) });
    ends.map_or(Value::Null, |ends| json!({"for_s": record.rules.lease_ms / 1000, "ends_in_s": ends}))
}

fn stage(record: &MissionRecord, state: State, halts: &HaltRecord, now: Now) -> Value {
    let State::Injecting { stage, intensity_ppm } = state else { return Value::Null };
    let until_ns = record.standing(halts.count, now).until.mono_ns;
    json!({
        "number": stage.saturating_add(1),
        "of": record.rules.stages.len().max(1),
        "intensity_percent": percent(intensity_ppm),
        "ends_in_s": until_ns.saturating_sub(now.mono_ns).div_ceil(1_000_000_000),
    })
}

/// All stages in their order; a mission without any has one of full intensity.
fn stages(record: &MissionRecord) -> Value {
    let rules = &record.rules;
    if rules.stages.is_empty() {
        let for_s = rules.duration_ms.saturating_sub(rules.baseline_ms) / 1000;
        return json!([{"for_s": for_s, "intensity_percent": 100}]);
    }
    let mut from_ms = rules.baseline_ms;
    let last = rules.stages.len().saturating_sub(1);
    let stages = rules.stages.iter().enumerate().map(|(number, stage)| {
        // The last one lasts until the deadline.
        let until_ms = if number == last { rules.duration_ms } else { stage.until_ms };
        let for_s = until_ms.saturating_sub(from_ms) / 1000;
        from_ms = until_ms;
        json!({"for_s": for_s, "intensity_percent": percent(stage.intensity_ppm)})
    });
    stages.collect()
}

fn percent(ppm: u32) -> Value {
    if ppm.is_multiple_of(10_000) {
        return json!(ppm / 10_000);
    }
    // At most three decimals.
    json!(f64::from(ppm / 10) / 1000.0)
}

/// Whole seconds, a begun one as a whole, until either clock comes to a moment.
fn seconds_to(moment: Stamp, now: Now) -> u64 {
    let wall_ms = moment.wall_ms.saturating_sub(now.wall_ms);
    let mono_ns = moment.mono_ns.saturating_sub(i64::try_from(now.mono_ns).unwrap_or(i64::MAX));
    let mono_ms = u64::try_from(mono_ns).unwrap_or_default() / NS_PER_MS;
    wall_ms.min(mono_ms).div_ceil(1000)
}
