//! When a scenario is on: windows of the wall clock, and random spans of the mission's running time.

mod chance;
mod request;

use chance::binomial_range;
use request::{At, Request, plan};
use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Facts, Moment, Plan, Seed, Spared};
use std::time::{Duration, UNIX_EPOCH};

fn triggered(name: &str, trigger: Value) -> Plan {
    plan("first_match", &[json!({"name": name, "trigger": trigger, "faults": [{"abort": {"status": 503}}]})])
}

fn is_on(plan: &Plan, seed: &Seed, moment: Moment) -> bool {
    let mut request = At(Some(moment), Request::new());
    let spared = plan.decide(seed, &mut request).outcomes[0].spared;
    let explained = plan.explain(seed, &mut request).remove(0);
    assert_eq!(explained.trigger_off, spared == Some(Spared::Trigger));
    assert!(matches!(spared, None | Some(Spared::Trigger)));
    spared.is_none()
}

fn wall_ms(time: &str) -> u64 {
    let time =
        humantime::parse_rfc3339(time).expect("a time").duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(time.as_millis()).expect("a near time")
}

fn open(plan: &Plan, time: &str) -> bool {
    is_on(plan, &Seed::from_text("t"), Moment { wall_ms: wall_ms(time), running_ns: 0 })
}

fn window(window: Value) -> Plan {
    triggered("w", json!({ "window": window }))
}

#[test]
fn a_window_opens_at_its_start_and_closes_at_its_end() {
    let plan = window(json!({"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T17:00:00Z"}));
    for (time, wanted) in [
        ("2026-12-01T08:59:59.999Z", false),
        ("2026-12-01T09:00:00Z", true),
        ("2026-12-01T16:59:59.999Z", true),
        ("2026-12-01T17:00:00Z", false),
        ("2027-12-01T12:00:00Z", false),
    ] {
        assert_eq!(open(&plan, time), wanted, "{time}");
    }
    assert!(open(&window(json!({"start": "2026-12-01T09:00:00Z"})), "2099-01-01T00:00:00Z"));
    assert!(open(&window(json!({"end": "2026-12-01T09:00:00Z"})), "1970-01-01T00:00:00Z"));
}

#[test]
fn hours_and_days_are_those_of_the_zone() {
    let plan = window(json!({"days": ["mon", "fri"], "between": "09:00-17:30", "timezone": "+05:30"}));
    // 2026-12-04 is a Friday.
    for (time, wanted) in [
        ("2026-12-04T03:29:59Z", false),
        ("2026-12-04T03:30:00Z", true),
        ("2026-12-04T11:59:59Z", true),
        ("2026-12-04T12:00:00Z", false),
        ("2026-12-03T05:00:00Z", false),
        ("2026-12-07T05:00:00Z", true),
    ] {
        assert_eq!(open(&plan, time), wanted, "{time}");
    }
}

#[test]
fn hours_past_midnight_belong_to_the_day_on_which_they_begin() {
    let plan = window(json!({"days": ["fri"], "between": "22:00-06:00", "timezone": "-01:00"}));
    for (time, wanted) in [
        ("2026-12-04T05:00:00Z", false),
        ("2026-12-04T22:59:00Z", false),
        ("2026-12-04T23:00:00Z", true),
        ("2026-12-05T06:59:00Z", true),
        ("2026-12-05T07:00:00Z", false),
        ("2026-12-05T23:00:00Z", false),
    ] {
        assert_eq!(open(&plan, time), wanted, "{time}");
    }
}

/// Every quarter of an hour of three weeks around a leap day, against the calendar worked out another way: the local
/// time is written as text and its weekday counted by the rule of Sakamoto.
#[test]
fn all_windows_agree_with_the_calendar() {
    let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let weekday = |date: &str| {
        let part = |range: std::ops::Range<usize>| date[range].parse::<usize>().expect("digits");
        let (mut year, month, day) = (part(0..4), part(5..7), part(8..10));
        if month < 3 {
            year -= 1;
        }
        let table = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        (year + year / 4 - year / 100 + year / 400 + table[month - 1] + day) % 7
    };
    let begin = wall_ms("2028-02-20T00:00:00Z");
    for (hours, zone, offset) in [
        (Some("09:00-17:00"), "+00:00", 0_i64),
        (Some("22:15-06:45"), "+13:45", 825),
        (Some("00:00-24:00"), "-11:00", -660),
        (Some("23:59-00:00"), "+00:15", 15),
        (Some("12:00-00:00"), "-00:30", -30),
        (None, "+02:00", 120),
    ] {
        for wanted in [vec!["mon"], vec!["sat", "sun"], vec!["tue", "wed", "thu"]] {
            let mut keys = json!({"days": wanted, "timezone": zone});
            if let Some(hours) = hours {
                keys["between"] = hours.into();
            }
            let plan = window(keys);
            for quarter in 0..21 * 96_u64 {
                let utc = begin + quarter * 15 * 60_000;
                let local = |days_back: i64| {
                    let ms = i64::try_from(utc).unwrap() + offset * 60_000 - days_back * 86_400_000;
                    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap());
                    humantime::format_rfc3339_seconds(time).to_string()
                };
                let clock = &local(0)[11..16];
                let on = |back: i64| wanted.contains(&days[weekday(&local(back))]);
                let expected = match hours.map(|h| (&h[..5], &h[6..])) {
                    None => on(0),
                    Some((from, to)) if from < to => clock >= from && clock < to && on(0),
                    Some((from, to)) => (clock >= from && on(0)) || (clock < to && on(1)),
                };
                let found = is_on(&plan, &Seed::from_text("t"), Moment { wall_ms: utc, running_ns: 0 });
                assert_eq!(found, expected, "{hours:?} {zone} {wanted:?} at {}", local(0));
            }
        }
    }
}

const PERIOD_MS: u64 = 20_000;
const ACTIVE_MS: u64 = 5_000;

/// At which tenths of a second of a period it is on.
fn tenths(plan: &Plan, seed: &str, period: u64) -> Vec<u64> {
    let seed = Seed::from_text(seed);
    let on = |tenth: &u64| {
        let running_ns = (period * PERIOD_MS + tenth * 100) * 1_000_000;
        is_on(plan, &seed, Moment { wall_ms: 0, running_ns })
    };
    (0..PERIOD_MS / 100).filter(on).collect()
}

#[test]
fn each_period_has_one_span_of_the_active_length_somewhere() {
    let trigger = || json!({"randomize": {"period": "20s", "active": "5s"}});
    let (a, b) = (triggered("a", trigger()), triggered("b", trigger()));
    let mut begins = Vec::new();
    for period in 0..500 {
        let on = tenths(&a, "seed", period);
        assert_eq!(on.len() as u64, ACTIVE_MS / 100, "period {period}");
        assert_eq!(on[on.len() - 1] - on[0], on.len() as u64 - 1, "one span in period {period}: {on:?}");
        begins.push(on[0]);
    }
    // Where it begins is uniform over the 15 s that are left.
    let early = begins.iter().filter(|tenth| **tenth < 75).count() as u64;
    assert!(binomial_range(500, 0.5).contains(&early), "{early}");
    let differs = |other: &Plan, seed: &str| {
        (0..500).filter(|n| tenths(other, seed, *n)[0] != begins[usize::try_from(*n).unwrap()]).count()
    };
    // A function of seed, scenario and period, and of each of them.
    assert_eq!(differs(&triggered("a", trigger()), "seed"), 0);
    assert!(differs(&b, "seed") > 450 && differs(&a, "other") > 450);
}

#[test]
fn window_and_span_both_have_to_hold() {
    let trigger =
        json!({"window": {"start": "2026-12-01T09:00:00Z"}, "randomize": {"period": "20s", "active": "5s"}});
    let plan = triggered("a", trigger);
    assert_eq!(tenths(&plan, "seed", 0).len(), 0, "the window is closed in 1970");
    let seed = Seed::from_text("seed");
    let on = (0..200).filter(|tenth| {
        let wall_ms = wall_ms("2026-12-01T09:00:00Z");
        is_on(&plan, &seed, Moment { wall_ms, running_ns: tenth * 100_000_000 })
    });
    assert_eq!(on.count(), 50);
}

#[test]
fn without_a_clock_it_is_off_and_that_is_no_control() {
    let plan = window(json!({"start": "2020-01-01T00:00:00Z"}));
    let verdict = plan.decide(&Seed::from_text("t"), &mut At(None, Request::new()));
    assert_eq!((verdict.outcomes[0].spared, verdict.injection), (Some(Spared::Trigger), None));
    assert!(!Spared::Trigger.is_control());
}

/// The first scenario takes nothing while it is off, and the second gets what it leaves.
#[test]
fn a_scenario_that_is_off_leaves_requests_to_the_next() {
    let abort = |status: u16| json!([{"abort": {"status": status}}]);
    let off =
        json!({"name": "off", "trigger": {"window": {"end": "2020-01-01T00:00:00Z"}}, "faults": abort(500)});
    let plan = plan("first_match", &[off, json!({"name": "next", "faults": abort(501)})]);
    let moment = Moment { wall_ms: wall_ms("2026-12-01T09:00:00Z"), running_ns: 0 };
    let verdict = plan.decide(&Seed::from_text("t"), &mut At(Some(moment), Request::new()));
    assert_eq!(verdict.injection.and_then(|i| i.ending), Some((1, 0)));
}

struct NoClock(Request);

impl Facts for NoClock {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        self.0.get(fact)
    }

    fn direction(&mut self) -> Direction {
        self.0.direction
    }

    fn moment(&mut self) -> Option<Moment> {
        panic!("the time is asked for, and no trigger needs it");
    }
}

#[test]
fn only_a_matched_scenario_with_a_trigger_asks_for_the_time() {
    let faults = json!([{"abort": {"status": 503}}]);
    let elsewhere = json!({"name": "timed", "trigger": {"window": {"end": "2020-01-01T00:00:00Z"}},
        "scope": {"match": [{"path": {"exact": "/elsewhere"}}]}, "faults": faults});
    let plan = plan("first_match", &[elsewhere, json!({"name": "always", "faults": faults})]);
    let mut request = NoClock(Request::new().and(Fact::Path, "/"));
    assert!(plan.decide(&Seed::from_text("t"), &mut request).injection.is_some());
}
