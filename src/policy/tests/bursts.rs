//! Bursts: the two states are a Markov chain whose lengths are what was declared, a function of seed, name and moment.

mod chance;
mod request;

use chance::binomial_range;
use request::{At, Request, plan};
use serde_json::{Value, json};
use squall_policy::{Moment, Plan, Seed, Spared};

fn scenario(name: &str, good: &str, bad: &str) -> Value {
    json!({"name": name, "burst": {"good": good, "bad": bad}, "scope": {"allow_protected": true},
        "faults": [{"abort": {"status": 503}}]})
}

fn bursting(name: &str, good: &str, bad: &str) -> Plan {
    plan("first_match", &[scenario(name, good, bad)])
}

fn is_bad(plan: &Plan, seed: &Seed, ms: u64) -> bool {
    let moment = Moment { wall_ms: 0, running_ns: ms * 1_000_000 };
    match plan.decide(seed, &mut At(Some(moment), Request::new())).outcomes[0].spared {
        None => true,
        Some(spared) => {
            assert_eq!(spared, Spared::Burst);
            false
        }
    }
}

/// The states of so many milliseconds on end.
fn walk(plan: &Plan, seed: &Seed, ms: u64) -> Vec<bool> {
    (0..ms).map(|ms| is_bad(plan, seed, ms)).collect()
}

/// The lengths of the states, without the first and the last, which are cut off.
fn lengths(states: &[bool], bad: bool) -> Vec<u64> {
    let whole: Vec<&[bool]> = states.chunk_by(|a, b| a == b).collect();
    let inner = whole.get(1..whole.len() - 1).unwrap_or_default();
    inner.iter().filter(|state| state[0] == bad).map(|state| state.len() as u64).collect()
}

/// `good` of 300 ms and `bad` of 100 ms, for half an hour.
fn half_an_hour() -> Vec<bool> {
    walk(&bursting("db", "300ms", "100ms"), &Seed::from_text("s"), 1_800_000)
}

#[test]
fn lengths_are_exponential_around_their_means_and_independent() {
    let states = half_an_hour();
    for (bad, mean) in [(false, 300_u64), (true, 100)] {
        let lengths = lengths(&states, bad);
        let count = lengths.len() as u64;
        assert!(count > 4_000, "{count}");
        let longer = |ms: u64| (1.0 - 1.0 / mean as f64).powi(i32::try_from(ms).unwrap());
        for ms in [1, mean / 20, mean / 5, mean / 2, mean, 2 * mean, 3 * mean, 5 * mean] {
            let found = lengths.iter().filter(|length| **length > ms).count() as u64;
            let range = binomial_range(count, longer(ms));
            assert!(range.contains(&found), "{found} of {count} longer than {ms} ms of {mean}: {range:?}");
        }
        // In each millisecond it ends with the same chance, so this is the mean.
        let steps = lengths.iter().sum::<u64>();
        let range = binomial_range(steps, 1.0 / mean as f64);
        assert!(range.contains(&count), "{count} ends in {steps} ms: {range:?}");
        // One length says nothing about the next of its kind.
        let median = mean * 7 / 10;
        let pairs = lengths.as_chunks::<2>().0;
        let both = pairs.iter().filter(|pair| pair.iter().all(|length| *length > median)).count() as u64;
        let range = binomial_range(pairs.len() as u64, longer(median) * longer(median));
        assert!(range.contains(&both), "{both} of {}: {range:?}", pairs.len());
    }
}

/// Many missions at the same moments: the share of bad time is there from the beginning, and a week later.
#[test]
fn at_every_moment_the_share_of_bad_missions_is_that_of_bad_time() {
    const WEEK: u64 = 7 * 24 * 3_600_000;
    for (good, bad, share) in [("20s", "5s", 0.2), ("100ms", "900ms", 0.9), ("1day", "1day", 0.5)] {
        let plan = bursting("db", good, bad);
        for ms in [0, 1, 1_023, 1_024, 77_777, 65_536_000, WEEK - 1] {
            let seeds = (0..4_000).map(|number| Seed::from_text(&format!("{ms} {number}")));
            let found = seeds.filter(|seed| is_bad(&plan, seed, ms)).count() as u64;
            let range = binomial_range(4_000, share);
            assert!(range.contains(&found), "{found} after {ms} ms of {good}, {bad}: {range:?}");
        }
    }
}

/// How states some time apart go together is known of a Markov chain; the moments lie in one block and in two, and at
/// the middle of both halves.
#[test]
fn two_moments_are_tied_as_in_a_markov_chain() {
    let (good, bad) = (2_000.0, 1_000.0);
    let plan = bursting("db", "2s", "1s");
    let share: f64 = bad / (good + bad);
    for first in [0, 4_095, 4_096, 32_767, 131_071, 262_143, 524_287, 1_048_575, 999_983] {
        for apart in [1_u64, 2, 250, 1_000, 3_000] {
            let tie = (1.0_f64 - 1.0 / good - 1.0 / bad).powi(i32::try_from(apart).unwrap());
            let seeds = (0..4_000).map(|number| Seed::from_text(&format!("{first} {apart} {number}")));
            let both = seeds
                .filter(|seed| is_bad(&plan, seed, first) && is_bad(&plan, seed, first + apart))
                .count() as u64;
            let range = binomial_range(4_000, share * (share + (1.0 - share) * tie));
            assert!(range.contains(&both), "{both} after {first} and {apart} ms: {range:?}");
        }
    }
}

#[test]
fn any_order_of_questions_gives_the_same_answers() {
    let (plan, seed) = (bursting("db", "300ms", "100ms"), Seed::from_text("s"));
    let forth = walk(&plan, &seed, 20_000);
    let other = bursting("db", "300ms", "100ms");
    for step in 0..20_000_u64 {
        let ms = step * 7_919 % 20_000;
        assert_eq!(is_bad(&other, &seed, ms), forth[usize::try_from(ms).unwrap()], "{ms}");
    }
    // And it is a function of seed and name.
    let differs = |plan: &Plan, seed: &str| {
        let states = walk(plan, &Seed::from_text(seed), 20_000);
        states.iter().zip(&forth).filter(|(a, b)| a != b).count()
    };
    assert_eq!(differs(&other, "s"), 0);
    assert!(differs(&other, "t") > 2_000 && differs(&bursting("other", "300ms", "100ms"), "s") > 2_000);
}

/// What these seeds draw is part of every replay: the first changes of state, in milliseconds.
#[test]
fn the_first_changes_are_those_that_were_always_drawn() {
    let changes = |seed: &str| {
        let states = walk(&bursting("db", "300ms", "100ms"), &Seed::from_text(seed), 5_000);
        let all: Vec<usize> = (1..states.len()).filter(|ms| states[*ms] != states[*ms - 1]).collect();
        (states[0], all[..5].to_vec())
    };
    let found = ["2026-12-01 friday", "", "ünïcode"].map(changes);
    let wanted = [
        (false, vec![234, 334, 765, 938, 1155]),
        (false, vec![974, 998, 1068, 1254, 1574]),
        (false, vec![21, 181, 947, 984, 1186]),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn a_good_state_is_no_control_and_leaves_requests_to_the_next_scenario() {
    let next = json!({"name": "next", "faults": [{"abort": {"status": 501}}]});
    let plan = plan("first_match", &[scenario("db", "1s", "1s"), next]);
    let seed = Seed::from_text("s");
    let (mut good, mut bad) = (0, 0);
    for ms in (0..100_000).step_by(100) {
        let moment = Moment { wall_ms: 0, running_ns: ms * 1_000_000 };
        let mut request = At(Some(moment), Request::new());
        let verdict = plan.decide(&seed, &mut request);
        let explained = plan.explain(&seed, &mut request).remove(0);
        assert_eq!(explained.burst_good, verdict.outcomes[0].spared == Some(Spared::Burst));
        let ends = verdict.injection.and_then(|injection| injection.ending);
        assert_eq!(ends, Some((usize::from(explained.burst_good), 0)), "{ms}");
        *if explained.burst_good { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 100 && bad > 100, "{good}, {bad}");
    assert!(!Spared::Burst.is_control());
    let verdict = plan.decide(&seed, &mut At(None, Request::new()));
    assert_eq!(verdict.outcomes[0].spared, Some(Spared::Burst), "without a clock it spares");
}
