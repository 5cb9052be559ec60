//! Promise P1, P2 and P6 as arithmetic: what the mission's machine says at which moment, and what no event can bring about.

use proptest::prelude::*;
use squall_policy::mission::{
    Asked, Effect, End, Event, Halt, HaltRecord, Joined, MissionRecord, Now, Rules, Source, Stage, State,
};

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

fn rules(duration_ms: u64) -> Rules {
    Rules { duration_ms, baseline_ms: 0, recovery_ms: 0, lease_ms: 0, stages: Vec::new() }
}

fn asked(rules: &Rules, start: Option<u64>) -> Asked<'_> {
    Asked { rules, start_wall_ms: start, seed: "seed", seed_given: true, source: Source::Configuration }
}

fn begin(rules: &Rules, start: Option<u64>, now: Now) -> MissionRecord {
    match MissionRecord::join(None, asked(rules, start), &HaltRecord::default(), now) {
        Joined::Begins(record) => record,
        other => panic!("{other:?}"),
    }
}

/// `ms` after nine o'clock, with a machine that has been up for 50 ms then.
fn at(ms: u64) -> Now {
    Now { wall_ms: NINE + ms, mono_ns: (50 + ms) * NS }
}

fn injects(state: State) -> bool {
    matches!(state, State::Injecting { .. })
}

fn injecting(stage: usize, percent: u32) -> State {
    State::Injecting { stage, intensity_ppm: percent * 10_000 }
}

/// A mission of every phase: 1 s baseline, 10 % for 2 s, 50 % for 3 s, 100 % for 4 s, 2 s recovery.
fn staged() -> Rules {
    let stages = [(3_000, 100_000), (6_000, 500_000), (10_000, 1_000_000)];
    let stages = stages.map(|(until_ms, intensity_ppm)| Stage { until_ms, intensity_ppm });
    Rules { baseline_ms: 1_000, recovery_ms: 2_000, stages: stages.to_vec(), ..rules(10_000) }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever the wall clock shows, a mission injects for its duration at most, between the same two moments of the
    /// monotonic clock, and what it says about its next change is true.
    #[test]
    fn p1_no_step_of_the_wall_clock_lengthens_a_mission(
        start in prop::option::of(NINE - 7_200_000..NINE + 7_200_000),
        uptime_ms in 0_u64..10_800_000,
        duration_ms in 1_000_u64..14_400_000,
        moments in prop::collection::vec((0_u64..30_000_000, -100_000_000_i64..100_000_000), 1..50),
    ) {
        let mono = uptime_ms * NS;
        let record = begin(&rules(duration_ms), start, Now { wall_ms: NINE, mono_ns: mono });
        // Where the mission begins and ends when both clocks go on as they should, in milliseconds from `NINE`.
        let begins = start.map_or(0, |start| start as i64 - NINE as i64);
        let ends = begins + duration_ms as i64;
        for (elapsed_ms, step_ms) in moments {
            let mono_ns = mono + elapsed_ms * NS;
            let wall_ms = (NINE + elapsed_ms).saturating_add_signed(step_ms);
            let standing = record.standing(0, Now { wall_ms, mono_ns });
            let elapsed = elapsed_ms as i64;
            if injects(standing.state) {
                prop_assert!(elapsed >= begins, "injects {} ms early", begins - elapsed);
                prop_assert!(elapsed < ends, "injects {} ms too long", elapsed - ends);
                prop_assert_eq!(standing.until.mono_ns, ((uptime_ms as i64 + ends) as u64) * NS);
            }
            // A clock that was not moved keeps the declared times to the millisecond.
            let undisturbed = record.state(0, Now { wall_ms: NINE + elapsed_ms, mono_ns });
            prop_assert_eq!(injects(undisturbed), (begins..ends).contains(&elapsed));
        }
    }

    /// Once over, over: the clocks may only go on.
    #[test]
    fn a_mission_that_is_over_stays_over(
        duration_ms in 1_000_u64..100_000,
        lease_ms in 0_u64..100_000,
        recovery_ms in 0_u64..10_000,
        steps in prop::collection::vec((0_u64..20_000, 0_u64..20_000), 1..40),
    ) {
        let record = begin(&Rules { lease_ms, recovery_ms, ..rules(duration_ms) }, None, at(0));
        let (mut now, mut injected_last) = (at(0), true);
        for (wall_ms, mono_ms) in steps {
            now = Now { wall_ms: now.wall_ms + wall_ms, mono_ns: now.mono_ns + mono_ms * NS };
            let injects = injects(record.state(0, now));
            prop_assert!(!injects || injected_last);
            injected_last = injects;
        }
    }

    /// Until the change that it names nothing changes, and then something does: a worker that waits for that misses nothing.
    #[test]
    fn a_standing_holds_until_it_says_so_and_no_longer(
        baseline_ms in 0_u64..3_000,
        stages in prop::collection::vec((1_u64..3_000, 1_u32..1_000_000), 0..5),
        recovery_ms in 0_u64..3_000,
        lease_ms in 0_u64..20_000,
        ahead_ms in 0_u64..3_000,
    ) {
        let mut until_ms = baseline_ms;
        let stages: Vec<Stage> = stages
            .into_iter()
            .map(|(lasts, intensity_ppm)| {
                until_ms += lasts;
                Stage { until_ms, intensity_ppm }
            })
            .collect();
        let rules = Rules { baseline_ms, recovery_ms, lease_ms, stages, ..rules(until_ms + 500) };
        let mut record = begin(&rules, Some(NINE + ahead_ms), at(0));
        let mut now = at(0);
        for _ in 0..20 {
            if let Some(noticed) = record.step(Event::Look, &HaltRecord::default(), now).record {
                record = noticed;
            }
            let standing = record.standing(0, now);
            if matches!(standing.state, State::Over(_)) {
                return Ok(());
            }
            let left = standing.until.mono_ns - now.mono_ns;
            let last = Now { wall_ms: now.wall_ms + (left - 1) / NS, mono_ns: standing.until.mono_ns - 1 };
            prop_assert_eq!(record.state(0, last), standing.state);
            prop_assert!(standing.holds(last));
            now = Now { wall_ms: now.wall_ms + left / NS, mono_ns: standing.until.mono_ns };
            prop_assert!(!standing.holds(now));
            prop_assert_ne!(record.state(0, now), standing.state);
        }
        prop_assert!(false, "it never ends");
    }

    /// No order of events, and no other start or duration, lets a mission that has ended run again.
    #[test]
    fn p6_an_ended_mission_never_runs_again(
        ending in 0_usize..4,
        events in prop::collection::vec((0_usize..6, 0_u64..200_000, prop::option::of(0_u64..400_000)), 1..30),
    ) {
        let rules = Rules { lease_ms: 30_000, ..rules(60_000) };
        let mut record = begin(&rules, None, at(0));
        let mut halt = HaltRecord::default();
        let mut now = at(1_000);
        match ending {
            0 => now = at(60_000),
            1 => halt = halt.halt(Halt { reason: "person", ..Halt::default() }, now),
            2 => now = at(30_000),
            _ => record = record.step(Event::Stop { by: "alice", reason: "" }, &halt, now).record.expect("it stops"),
        }
        // Nobody has noticed yet what the clocks and the halt did.
        for (event, later_ms, start) in events {
            now = Now { wall_ms: now.wall_ms + later_ms / 2, mono_ns: now.mono_ns + later_ms * NS };
            match event {
                0 => halt = halt.release().unwrap_or(halt),
                1 => record = record.step(Event::Renew, &halt, now).record.unwrap_or(record),
                2 => record = record.step(Event::Look, &halt, now).record.unwrap_or(record),
                3 => halt = halt.halt(Halt::default(), now),
                _ => {
                    let longer = Rules { lease_ms: 0, ..self::rules(1_000_000) };
                    let start = start.map(|ms| NINE + ms);
                    match MissionRecord::join(Some(record.clone()), asked(&longer, start), &halt, now) {
                        Joined::Over { write, .. } => record = write.unwrap_or(record),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
            }
            prop_assert!(!record.state(halt.count, now).observes());
        }
    }
}

#[test]
fn phases_and_stages_change_at_the_very_moment() {
    let record = begin(&staged(), Some(NINE + 1_000), at(0));
    let state = |ms: u64, ns: u64| record.state(0, Now { mono_ns: at(ms).mono_ns + ns, ..at(ms) });
    let expected = [
        (0, State::Pending),
        (1_000, State::Baseline),
        (2_000, injecting(0, 10)),
        (4_000, injecting(1, 50)),
        (7_000, injecting(2, 100)),
        (11_000, State::Recovery),
        (13_000, State::Over(End::Done)),
    ];
    let mut before = State::Pending;
    for (ms, expected) in expected {
        if ms > 0 {
            assert_eq!(state(ms - 1, 999_999), before, "just before {ms} ms");
        }
        assert_eq!(state(ms, 0), expected, "at {ms} ms");
        before = expected;
    }
    assert_eq!(record.deadline().wall_ms, NINE + 11_000);
}

#[test]
fn either_clock_alone_ends_a_mission() {
    let record = begin(&rules(60_000), None, Now { wall_ms: NINE, mono_ns: 0 });
    let state = |wall_ms, mono_ns| record.state(0, Now { wall_ms, mono_ns });
    assert_eq!(state(NINE + 60_000, 1), State::Over(End::Done), "the wall clock stepped forward");
    assert_eq!(state(NINE, 60_000 * NS), State::Over(End::Done), "the wall clock stands still");
    assert_eq!(state(0, 60_000 * NS), State::Over(End::Done), "the wall clock went back to 1970");
    assert!(injects(state(0, 60_000 * NS - 1)));
}

/// Seen once, the deadline stays past: no clock that is set back wakes the mission, and it observes its whole recovery.
#[test]
fn p1_a_step_ahead_ends_the_injecting_and_a_step_back_does_not_wake_it() {
    let record = begin(&staged(), None, at(0));
    let ahead = Now { wall_ms: NINE + 3_600_000, ..at(2_000) };
    let changed = record.step(Event::Look, &HaltRecord::default(), ahead);
    assert_eq!(changed.effect, Effect::Recovers);
    let record = changed.record.expect("it is written down");
    assert_eq!(record.state(0, at(2_500)), State::Recovery, "the clock was set right again");
    assert_eq!(record.state(0, at(3_999)), State::Recovery);
    assert_eq!(record.state(0, at(4_000)), State::Over(End::Done));
}

/// The mission began an hour before the machine booted. Its monotonic clock cannot show that moment, and the mission
/// must not gain the difference when the wall clock is set back.
#[test]
fn a_mission_older_than_the_machine_gains_no_time() {
    let now = Now { wall_ms: NINE, mono_ns: 600_000 * NS };
    let record = begin(&rules(7_200_000), Some(NINE - 3_600_000), now);
    let standing = record.standing(0, now);
    assert!(injects(standing.state));
    assert_eq!(standing.until.mono_ns, 600_000 * NS + 3_600_000 * NS);
    let later = Now { wall_ms: NINE - 3_600_000, mono_ns: now.mono_ns + 3_600_000 * NS };
    assert_eq!(record.state(0, later), State::Over(End::Done));
}

#[test]
fn a_mission_of_the_past_is_over_from_the_beginning_and_one_out_of_reach_never_comes() {
    let now = Now { wall_ms: NINE, mono_ns: 0 };
    let state = |start, duration| begin(&rules(duration), Some(start), now).state(0, now);
    assert_eq!(state(NINE - 60_000, 60_000), State::Over(End::Done));
    assert!(injects(state(NINE - 60_000, 60_001)));
    assert_eq!(state(0, 1_000), State::Over(End::Done));
    assert_eq!(state(u64::MAX, 604_800_000), State::Pending);
}

#[test]
fn a_mission_that_never_began_recovers_from_nothing() {
    let record = begin(&staged(), Some(NINE + 60_000), at(0));
    let ahead = Now { wall_ms: NINE + 3_600_000, ..at(1_000) };
    assert_eq!(record.state(0, ahead), State::Over(End::Done));
}

#[test]
fn p1_an_unrenewed_lease_ends_the_mission_and_a_renewal_never_moves_the_deadline() {
    let halt = HaltRecord::default();
    let mut record = begin(&Rules { lease_ms: 3_000, ..rules(10_000) }, None, at(0));
    assert!(injects(record.state(0, at(2_999))));
    assert_eq!(record.state(0, at(3_000)), State::Over(End::Lease));
    for ms in [2_000, 4_500, 7_000, 9_500] {
        let changed = record.step(Event::Renew, &halt, at(ms));
        assert_eq!(changed.effect, Effect::Renewed);
        record = changed.record.expect("a renewal");
    }
    assert!(injects(record.state(0, at(9_999))));
    assert_eq!(record.state(0, at(10_000)), State::Over(End::Done));
    let late = record.step(Event::Renew, &halt, at(10_000));
    assert_eq!(late.effect, Effect::Ended(End::Done));
    let late = late.record.expect("its end").step(Event::Renew, &halt, at(10_001));
    assert_eq!((late.record, late.effect), (None, Effect::Over(End::Done)));
}

#[test]
fn a_renewal_after_the_lease_ran_out_comes_too_late() {
    let halt = HaltRecord::default();
    let record = begin(&Rules { lease_ms: 3_000, ..rules(10_000) }, None, at(0));
    let changed = record.step(Event::Renew, &halt, at(3_000));
    assert_eq!(changed.effect, Effect::Ended(End::Lease));
    assert_eq!(changed.record.expect("its end").state(0, at(3_001)), State::Over(End::Lease));
}

/// A lease counts from the start of a mission that begins later, and a wall clock that is set back lengthens none.
#[test]
fn p1_a_lease_counts_from_the_start_and_on_both_clocks() {
    let rules = Rules { lease_ms: 3_000, ..rules(60_000) };
    let record = begin(&rules, Some(NINE + 10_000), at(0));
    assert!(injects(record.state(0, at(12_999))));
    assert_eq!(record.state(0, at(13_000)), State::Over(End::Lease));
    let back = |ms: u64| Now { wall_ms: NINE, ..at(ms) };
    assert_eq!(record.state(0, back(13_000)), State::Over(End::Lease));
    let renewed = record.step(Event::Renew, &HaltRecord::default(), back(12_000)).record.expect("renewed");
    assert!(injects(renewed.state(0, back(14_999))));
    assert_eq!(renewed.state(0, back(15_000)), State::Over(End::Lease));
    let ahead = Now { wall_ms: NINE + 30_000, ..at(12_500) };
    assert_eq!(renewed.state(0, ahead), State::Over(End::Lease), "the wall clock was set ahead");
}

#[test]
fn p1_p6_another_start_neither_lengthens_nor_repeats_a_mission() {
    let halt = HaltRecord::default();
    let rules = rules(10_000);
    let record = begin(&rules, Some(NINE), at(0));
    let join = |record: &MissionRecord, start: u64, now: Now| {
        MissionRecord::join(Some(record.clone()), asked(&rules, Some(start)), &halt, now)
    };
    let Joined::Changes(later) = join(&record, NINE + 8_000, at(5_000)) else { panic!("put off") };
    assert_eq!(later.state(0, at(5_000)), State::Pending, "it is put off");
    assert!(injects(later.state(0, at(8_000))));
    assert_eq!(later.state(0, at(10_000)), State::Over(End::Done), "and keeps its deadline");
    assert_eq!(join(&later, NINE + 8_000, at(6_000)), Joined::Takes(later.clone()));
    let Joined::Changes(back) = join(&later, NINE, at(6_000)) else { panic!("taken back") };
    assert!(injects(back.state(0, at(6_000))));
    let Joined::Changes(earlier) = join(&record, NINE - 3_000, at(5_000)) else { panic!("earlier") };
    assert_eq!(
        earlier.state(0, at(7_000)),
        State::Over(End::Done),
        "an earlier start is an earlier deadline"
    );
    // Nobody has noticed its end.
    for start in [NINE, NINE + 20_000, NINE + 60_000] {
        let over = join(&record, start, at(20_000));
        assert!(matches!(over, Joined::Over { end: End::Done, write: Some(_) }), "{start}: {over:?}");
    }
}

#[test]
fn a_mission_that_has_not_begun_moves_with_its_start() {
    let rules = rules(10_000);
    let record = begin(&rules, Some(NINE + 60_000), at(0));
    let asked = asked(&rules, Some(NINE + 5_000));
    let moved = MissionRecord::join(Some(record), asked, &HaltRecord::default(), at(1_000));
    let Joined::Changes(moved) = moved else { panic!("{moved:?}") };
    assert_eq!(moved.state(0, at(4_999)), State::Pending);
    assert!(injects(moved.state(0, at(5_000))));
    assert_eq!(moved.state(0, at(15_000)), State::Over(End::Done));
}

#[test]
fn an_update_changes_duration_stages_and_seed_of_a_running_mission_and_not_its_clock() {
    let halt = HaltRecord::default();
    let record = begin(&staged(), None, at(0));
    let longer = Rules { stages: Vec::new(), ..rules(20_000) };
    let asked = Asked { seed: "other", ..asked(&longer, None) };
    let joined = MissionRecord::join(Some(record.clone()), asked, &halt, at(5_000));
    let Joined::Changes(updated) = joined else { panic!("{joined:?}") };
    assert_eq!((updated.start, updated.seed.as_str()), (record.start, "other"));
    assert_eq!(updated.state(0, at(5_000)), injecting(0, 100));
    let drawn = Asked { seed: "drawn", seed_given: false, ..asked };
    assert_eq!(
        MissionRecord::join(Some(updated.clone()), drawn, &halt, at(6_000)),
        Joined::Takes(updated.clone()),
        "a seed that was only drawn changes nothing"
    );
    let shorter = rules(4_000);
    let over = MissionRecord::join(Some(updated), self::asked(&shorter, None), &halt, at(6_000));
    assert!(matches!(over, Joined::Over { end: End::Done, write: Some(_) }), "{over:?}");
}

#[test]
fn p2_a_halt_ends_every_mission_and_blocks_new_ones_until_it_is_released() {
    let none = HaltRecord::default();
    let rules = rules(60_000);
    let running = begin(&rules, None, at(0));
    let halted = none
        .halt(Halt { reason: "guardrail", detail: "errors above 5 %", by: "db", mission: "m" }, at(1_000));
    assert!(halted.blocks());
    assert_eq!(running.state(halted.count, at(1_001)), State::Over(End::Halted));
    let new = MissionRecord::join(None, asked(&rules, None), &halted, at(2_000));
    assert_eq!(new, Joined::Blocked);
    let released = halted.release().expect("it blocks");
    assert!(!released.blocks());
    assert_eq!(released.release(), None, "nothing is left to release");
    assert_eq!(running.state(released.count, at(3_000)), State::Over(End::Halted), "and not revived");
    let again = MissionRecord::join(Some(running.clone()), asked(&rules, None), &released, at(3_000));
    let Joined::Over { end: End::Halted, write: Some(record) } = again else { panic!("{again:?}") };
    let ended = record.ended.expect("an end");
    assert_eq!((ended.by.as_str(), ended.reason.as_str()), ("db", "guardrail"));
    let new = MissionRecord::join(None, asked(&rules, None), &released, at(3_000));
    let Joined::Begins(new) = new else { panic!("{new:?}") };
    assert!(injects(new.state(released.count, at(3_001))));
    assert_eq!(
        new.state(released.halt(Halt::default(), at(4_000)).count, at(4_001)),
        State::Over(End::Halted)
    );
}

/// The `release` of a configuration stays where it is, and Envoy reads it again and again.
#[test]
fn p2_a_release_by_configuration_releases_no_halt_that_comes_later() {
    let first = HaltRecord::default().halt(Halt::default(), at(1_000));
    let older = first.release_until(NINE + 999, at(2_000)).expect("it is remembered");
    assert!(older.blocks(), "it is older than the halt");
    assert_eq!(first.release_until(NINE + 3_000, at(2_000)), None, "it lies in the future");
    let released = first.release_until(NINE + 2_000, at(2_000)).expect("released");
    assert!(!released.blocks());
    assert_eq!(released.release_until(NINE + 2_000, at(2_001)), None);
    // The wall clock was set back by an hour before the second halt.
    let second = released.halt(Halt::default(), Now { wall_ms: NINE - 3_600_000, ..at(3_000) });
    assert_eq!(second.release_until(NINE + 2_000, at(4_000)), None);
    assert!(second.blocks());
    assert!(second.release().is_some(), "a person can");
}

/// It found no halt; then the clock was set back, a halt came, and the clock was set right.
#[test]
fn p2_a_release_by_configuration_that_found_nothing_releases_no_later_halt() {
    let until = NINE + 2_000;
    let known = HaltRecord::default().release_until(until, at(3_000)).expect("it is remembered");
    assert!(!known.blocks());
    assert_eq!(known.release_until(until, at(3_001)), None, "once");
    let halted = known.halt(Halt::default(), Now { wall_ms: NINE - 3_600_000, ..at(4_000) });
    assert_eq!(halted.release_until(until, at(5_000)), None);
    let released = halted.release_until(NINE + 6_000, at(7_000)).expect("a later one can");
    assert!(!released.blocks());
}

#[test]
fn a_stop_ends_a_mission_also_while_it_only_observes() {
    let halt = HaltRecord::default();
    let record = begin(&staged(), None, at(0));
    for ms in [500, 5_000, 11_000] {
        let changed = record.step(Event::Stop { by: "alice", reason: "enough" }, &halt, at(ms));
        assert_eq!(changed.effect, Effect::Ended(End::Stopped), "at {ms} ms");
        let ended = changed.record.and_then(|record| record.ended).expect("an end");
        assert_eq!((ended.by.as_str(), ended.reason.as_str()), ("alice", "enough"));
    }
    let late = record.step(Event::Stop { by: "alice", reason: "" }, &halt, at(13_000));
    assert_eq!(late.effect, Effect::Ended(End::Done), "the clock was faster");
}
