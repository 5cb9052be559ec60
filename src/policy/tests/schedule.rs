//! Promise P1 as arithmetic: no step of the wall clock lengthens a mission, and the edges of its phases are exact.

use proptest::prelude::*;
use squall_policy::{Phase, Record, Schedule};

const NS: u64 = 1_000_000;
/// 1 December 2026, 09:00 UTC.
const NINE: u64 = 1_796_115_600_000;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

fn schedule(start: Option<u64>, wall_ms: u64, mono_ns: u64, duration_ms: u64) -> Schedule {
    Schedule::new(&Record::begin(start, wall_ms, mono_ns, "seed".to_owned()), duration_ms)
}

fn runs(phase: Phase) -> bool {
    matches!(phase, Phase::Running { .. })
}

proptest! {
    #![proptest_config(config())]

    /// Whatever the wall clock shows, a mission runs for its duration at most, between the same two moments of the
    /// monotonic clock, and what it says about its end is true.
    #[test]
    fn no_step_of_the_wall_clock_lengthens_a_mission(
        start in prop::option::of(NINE - 7_200_000..NINE + 7_200_000),
        uptime_ms in 0_u64..10_800_000,
        duration_ms in 1_000_u64..14_400_000,
        moments in prop::collection::vec((0_u64..30_000_000, -100_000_000_i64..100_000_000), 1..50),
    ) {
        let mono = uptime_ms * NS;
        let schedule = schedule(start, NINE, mono, duration_ms);
        // Where the mission begins and ends when both clocks go on as they should, in milliseconds from `NINE`.
        let begins = start.map_or(0, |start| start as i64 - NINE as i64);
        let ends = begins + duration_ms as i64;
        for (elapsed_ms, step_ms) in moments {
            let wall = (NINE + elapsed_ms).saturating_add_signed(step_ms);
            let phase = schedule.phase(wall, mono + elapsed_ms * NS);
            let elapsed = elapsed_ms as i64;
            if runs(phase) {
                prop_assert!(elapsed >= begins, "runs {} ms early", begins - elapsed);
                prop_assert!(elapsed < ends, "runs {} ms too long", elapsed - ends);
                prop_assert_eq!(phase, Phase::Running { ends_mono_ns: ((uptime_ms as i64 + ends) as u64) * NS });
            }
            // A clock that was not moved keeps the declared times to the millisecond.
            let undisturbed = schedule.phase(NINE + elapsed_ms, mono + elapsed_ms * NS);
            prop_assert_eq!(runs(undisturbed), (begins..ends).contains(&elapsed));
        }
    }

    /// Once over, over: the clocks may only go on.
    #[test]
    fn a_mission_that_is_over_stays_over(
        duration_ms in 1_000_u64..100_000,
        steps in prop::collection::vec((0_u64..20_000, 0_u64..20_000), 1..40),
    ) {
        let schedule = schedule(None, NINE, 5 * NS, duration_ms);
        let (mut wall, mut mono, mut over) = (NINE, 5 * NS, false);
        for (wall_ms, mono_ms) in steps {
            (wall, mono) = (wall + wall_ms, mono + mono_ms * NS);
            let now_over = schedule.phase(wall, mono) == Phase::Over;
            prop_assert!(now_over || !over);
            over = now_over;
        }
    }
}

#[test]
fn phases_change_at_the_very_moment() {
    let schedule = schedule(Some(NINE + 1_000), NINE, 50 * NS, 2_000);
    let at = |ms: u64, ns: u64| schedule.phase(NINE + ms, (50 + ms) * NS + ns);
    assert_eq!(at(0, 0), Phase::Pending { starts_mono_ns: 1_050 * NS });
    assert_eq!(at(999, 999_999), Phase::Pending { starts_mono_ns: 1_050 * NS });
    assert_eq!(at(1_000, 0), Phase::Running { ends_mono_ns: 3_050 * NS });
    assert_eq!(at(2_999, 999_999), Phase::Running { ends_mono_ns: 3_050 * NS });
    assert_eq!(at(3_000, 0), Phase::Over);
    assert_eq!(schedule.deadline_wall_ms(), NINE + 3_000);
}

#[test]
fn either_clock_alone_ends_a_mission() {
    let schedule = schedule(None, NINE, 0, 60_000);
    assert_eq!(schedule.phase(NINE + 60_000, 1), Phase::Over, "the wall clock stepped forward");
    assert_eq!(schedule.phase(NINE, 60_000 * NS), Phase::Over, "the wall clock stands still");
    assert_eq!(schedule.phase(0, 60_000 * NS), Phase::Over, "the wall clock went back to 1970");
    assert!(runs(schedule.phase(0, 60_000 * NS - 1)));
}

/// The mission began an hour before the machine booted. Its monotonic clock cannot show that moment, and the mission
/// must not gain the difference when the wall clock is set back.
#[test]
fn a_mission_older_than_the_machine_gains_no_time() {
    let uptime = 600_000 * NS;
    let schedule = schedule(Some(NINE - 3_600_000), NINE, uptime, 7_200_000);
    assert_eq!(schedule.phase(NINE, uptime), Phase::Running { ends_mono_ns: uptime + 3_600_000 * NS });
    assert_eq!(schedule.phase(NINE - 3_600_000, uptime + 3_600_000 * NS), Phase::Over);
}

#[test]
fn a_mission_of_the_past_is_over_from_the_beginning() {
    assert_eq!(schedule(Some(NINE - 60_000), NINE, 0, 60_000).phase(NINE, 0), Phase::Over);
    assert!(runs(schedule(Some(NINE - 60_000), NINE, 0, 60_001).phase(NINE, 0)));
    assert_eq!(schedule(Some(0), NINE, u64::MAX, 1_000).phase(NINE, u64::MAX), Phase::Over);
}

#[test]
fn a_start_out_of_all_reach_never_comes() {
    let schedule = schedule(Some(u64::MAX), NINE, 7, 604_800_000);
    assert!(matches!(schedule.phase(NINE, 7), Phase::Pending { .. }));
    assert_eq!(schedule.deadline_wall_ms(), u64::MAX);
}

#[test]
fn an_ended_mission_never_runs_again() {
    let mut record = Record::begin(None, NINE, 0, "seed".to_owned());
    let mut schedule = Schedule::new(&record, 60_000);
    assert!(runs(schedule.phase(NINE, 0)) && !schedule.has_ended());
    schedule.end();
    assert_eq!(schedule.phase(NINE, 0), Phase::Over);
    assert!(schedule.has_ended());
    record.ended = true;
    assert_eq!(Schedule::new(&record, 60_000).phase(NINE, 0), Phase::Over);
}

/// The workers of a proxy agree through this text; an older one in shared data has to stay readable.
#[test]
fn a_record_travels_as_json() {
    let record = Record::begin(Some(NINE - 3_600_000), NINE, 600_000 * NS, "8842".to_owned());
    let text = record.to_json();
    assert_eq!(
        text,
        r#"{"ended":false,"seed":"8842","start_mono_ns":-3000000000000,"start_wall_ms":1796112000000}"#
    );
    assert_eq!(Record::from_json(text.as_bytes()).expect("its own text"), record);
    let older = r#"{"start_wall_ms":1,"start_mono_ns":2,"seed":"s","ended":true}"#;
    assert!(Record::from_json(older.as_bytes()).expect("the format of 0.1").ended);
    for other in
        [r#"{"start_wall_ms":1}"#, "", "7", &older.replace("true", "1"), &older.replace('{', "{\"x\":0,")]
    {
        assert_eq!(Record::from_json(other.as_bytes()), None, "{other}");
    }
}
