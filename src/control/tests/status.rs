//! What the status says of the records that all workers share, at every moment of a mission.

use serde_json::{Map, Value, json};
use squall_control::status::{Seen, Shown, Who, status};
use squall_policy::mission::{
    Asked, CurrentMission, Event, Halt, HaltRecord, Joined, MissionRecord, Now, Rules, Source, Stage,
};

/// 2026-12-01T09:00:00Z, and an hour after the boot.
const START: Now = Now { wall_ms: 1_796_115_600_000, mono_ns: 3_600_000_000_000 };

fn after(ms: u64) -> Now {
    Now { wall_ms: START.wall_ms + ms, mono_ns: START.mono_ns + ms * 1_000_000 }
}

/// A minute of baseline, three and five minutes of stages, the rest of 15 minutes; a minute of recovery.
fn rules() -> Rules {
    let minutes = |n: u64| n * 60_000;
    Rules {
        duration_ms: minutes(15),
        baseline_ms: minutes(1),
        recovery_ms: minutes(1),
        lease_ms: minutes(2),
        stages: vec![
            Stage { until_ms: minutes(4), intensity_ppm: 125_000 },
            Stage { until_ms: minutes(9), intensity_ppm: 500_000 },
            Stage { until_ms: minutes(15), intensity_ppm: 1_000_000 },
        ],
    }
}

fn record(rules: &Rules) -> MissionRecord {
    let asked = Asked { rules, start_wall_ms: None, seed: "8842", seed_given: true, source: Source::Order };
    match MissionRecord::join(None, asked, &HaltRecord::default(), START) {
        Joined::Begins(record) => record,
        other => panic!("{other:?}"),
    }
}

fn mission() -> CurrentMission {
    CurrentMission {
        id: "m".to_owned(),
        namespace: "shop".to_owned(),
        source: Source::Order,
        scenarios: vec!["db".to_owned()],
        approved_by: vec!["alice".to_owned()],
    }
}

fn seen(record: Option<&MissionRecord>, halts: &HaltRecord, now: Now) -> Value {
    let (mission, who) = (mission(), Who::default());
    let shown = record.map(|record| Shown { mission: &mission, record, health: Map::new() });
    status(Seen { now, who: &who, shown, halts, last_event: 7 })
}

/// State, stage, and what is left of mission, stage and lease.
fn told(record: &MissionRecord, now: Now) -> Value {
    let status = seen(Some(record), &HaltRecord::default(), now);
    let mission = &status["mission"];
    json!([
        status["state"],
        mission["stage"]["number"],
        mission["stage"]["intensity_percent"],
        mission["remaining_s"],
        mission["stage"]["ends_in_s"],
        mission["lease"]["ends_in_s"]
    ])
}

#[test]
fn a_proxy_without_missions_is_idle() {
    let status = seen(None, &HaltRecord::default(), START);
    assert_eq!(
        (&status["state"], &status["mission"], &status["halt"]),
        (&json!("idle"), &Value::Null, &Value::Null)
    );
    assert_eq!((&status["now"], &status["events"]["last"]), (&json!("2026-12-01T09:00:00.000Z"), &json!(7)));
}

#[test]
fn every_phase_says_what_is_left_of_it() {
    let mut record = record(&rules());
    assert_eq!(told(&record, START), json!(["baseline", null, null, 900, null, 120]));
    assert_eq!(
        told(&record, after(500)),
        json!(["baseline", null, null, 900, null, 120]),
        "a begun second is whole"
    );
    assert_eq!(
        told(&record, after(60_000)),
        json!(["injecting", 1, 12.5, 840, 60, 60]),
        "or until the lease ends"
    );
    assert_eq!(
        told(&record, after(120_000)),
        json!(["stopped", null, null, 0, null, 0]),
        "the lease ran out"
    );
    record.rules.lease_ms = 0;
    assert_eq!(told(&record, after(60_000)), json!(["injecting", 1, 12.5, 840, 180, null]));
    assert_eq!(told(&record, after(300_000)), json!(["injecting", 2, 50, 600, 240, null]));
    assert_eq!(told(&record, after(899_999)), json!(["injecting", 3, 100, 1, 1, null]));
    assert_eq!(told(&record, after(900_000)), json!(["recovery", null, null, 0, null, null]));
    // The wall clock alone has come to the deadline: that ends it too.
    let stepped = Now { wall_ms: START.wall_ms + 900_000, mono_ns: START.mono_ns };
    assert_eq!(told(&record, stepped)[0], "recovery");
    // And a clock that was set back lengthens nothing.
    let back = Now { wall_ms: START.wall_ms - 3_600_000, ..after(300_000) };
    assert_eq!(told(&record, back), json!(["injecting", 2, 50, 600, 240, null]));
}

#[test]
fn the_timetable_is_told_as_it_was_asked_for() {
    let status = seen(Some(&record(&rules())), &HaltRecord::default(), START);
    let mission = &status["mission"];
    let percent = [json!(12.5), json!(50), json!(100)];
    let stages: Vec<Value> = [180, 300, 360]
        .iter()
        .zip(percent)
        .map(|(for_s, percent)| json!({"for_s": for_s, "intensity_percent": percent}))
        .collect();
    assert_eq!(mission["stages"], json!(stages));
    assert_eq!(
        (&mission["baseline_s"], &mission["recovery_s"], &mission["duration_s"]),
        (&json!(60), &json!(60), &json!(900))
    );
    assert_eq!(
        (&mission["start"], &mission["deadline"]),
        (&json!("2026-12-01T09:00:00.000Z"), &json!("2026-12-01T09:15:00.000Z"))
    );
    let plain = Rules { stages: Vec::new(), ..rules() };
    let status = seen(Some(&record(&plain)), &HaltRecord::default(), after(60_000));
    assert_eq!(status["mission"]["stages"], json!([{"for_s": 840, "intensity_percent": 100}]));
    assert_eq!(
        (&status["mission"]["stage"]["number"], &status["mission"]["stage"]["of"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_halt_is_shown_until_it_is_released_and_the_mission_stays_halted() {
    let halt = Halt { reason: "person", detail: "users complain", by: "dana", mission: "m" };
    let halts = HaltRecord::default().halt(halt, after(61_000));
    let record = record(&rules());
    let status = seen(Some(&record), &halts, after(62_000));
    assert_eq!((&status["state"], &status["mission"]["remaining_s"]), (&json!("halted"), &json!(0)));
    assert_eq!(
        status["halt"],
        json!({"reason": "person", "detail": "users complain", "by": "dana", "at": "2026-12-01T09:01:01.000Z", "mission": "m"})
    );
    assert_eq!(seen(None, &halts, after(62_000))["state"], "halted");
    let released = halts.release().expect("released");
    let status = seen(Some(&record), &released, after(63_000));
    assert_eq!((&status["state"], &status["halt"]), (&json!("halted"), &Value::Null));
}

#[test]
fn an_end_says_how_when_and_by_whom() {
    let stop = Event::Stop { by: "alice", reason: "enough" };
    let stopped = record(&rules()).step(stop, &HaltRecord::default(), after(1_000)).record.expect("a record");
    let status = seen(Some(&stopped), &HaltRecord::default(), after(2_000));
    assert_eq!(status["state"], "stopped");
    assert_eq!(
        status["mission"]["ended"],
        json!({"how": "stopped", "at": "2026-12-01T09:00:01.000Z", "by": "alice", "reason": "enough"})
    );
}
