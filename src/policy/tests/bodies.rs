//! Faults of connections and bodies: what is decided about them, bandwidths, cuts and changes.

mod chance;
mod request;

use chance::binomial_range;
use proptest::prelude::*;
use request::{Request, plan};
use serde_json::{Value, json};
use squall_policy::{
    BodyChange, Cut, DelayPhase, Drop, Edit, Fault, Injected, Pace, Piece, Plan, Seed, Spared, Throttle,
    Unfit, Verdict,
};

fn decide(composition: &str, faults: &[Value]) -> (Plan, Verdict) {
    let scenarios: Vec<Value> = faults
        .iter()
        .enumerate()
        .map(|(n, faults)| json!({"name": format!("s{n}"), "faults": faults}))
        .collect();
    let plan = plan(composition, &scenarios);
    let verdict = plan.decide(&Seed::from_text("x"), &mut Request::with_id("1"));
    (plan, verdict)
}

fn body_change(change: Value) -> BodyChange {
    let (plan, _) = decide("first_match", &[json!([{"mutate": {"response": {"body": change}}}])]);
    match plan.scenario(0).and_then(|scenario| scenario.fault(0)) {
        Some(Fault::Mutate(mutate)) => mutate.body.clone().expect("a change of the body"),
        other => panic!("{other:?}"),
    }
}

/// Whatever the scenarios want of a request that is reset, answered or left hanging: it is delayed before, and that is all.
#[test]
fn a_request_that_ends_here_has_no_bodies() {
    let late = json!([{"delay": {"fixed": "9ms", "phase": "response"}}, {"delay": {"fixed": "1ms"}}]);
    let slow = json!([{"throttle": {"response": "1KiB/s", "request": "1KiB/s"}}]);
    let wrong = json!([{"mutate": {"request": {"path": "/"}}}]);
    let short = json!([{"drop": {"mode": "truncate", "after": "1kB"}}]);
    for ending in [
        json!({"drop": {"mode": "reset"}}),
        json!({"drop": {"mode": "hang"}}),
        json!({"abort": {"status": 503}}),
    ] {
        let faults = [late.clone(), slow.clone(), wrong.clone(), short.clone(), json!([ending])];
        let (_, verdict) = decide("independent", &faults);
        let spared: Vec<_> = verdict.outcomes.iter().map(|o| o.spared).collect();
        let preempted = Some(Spared::Preempted);
        assert_eq!(spared, [None, preempted, preempted, preempted, None]);
        let injection = verdict.injection.expect("an ending");
        assert_eq!(
            (injection.ending, injection.truncate, injection.throttle),
            (Some((4, 0)), None, Throttle::default())
        );
        assert_eq!((injection.request_delay_us, injection.response_delay_us), (1_000, 0));
        assert_eq!(
            injection.faults[0],
            Injected::Delay { scenario: 0, phase: DelayPhase::Request, us: 1_000 }
        );
        assert_eq!(injection.faults.len(), 2, "{:?}", injection.faults);
    }
}

#[test]
fn the_first_ending_counts_and_the_narrowest_bandwidth() {
    let faults = [
        json!([{"throttle": {"response": "9kB/s", "request": "2kB/s"}}, {"drop": {"mode": "truncate", "after": "7B"}}]),
        json!([{"throttle": {"response": "8kB/s"}}, {"drop": {"mode": "truncate", "after": "5B"}}]),
    ];
    let injection = decide("independent", &faults).1.injection.expect("faults");
    assert_eq!(injection.throttle, Throttle { request: Some(2_000), response: Some(8_000) });
    assert_eq!((injection.truncate, injection.faults.len()), (Some(5), 4));
    let endings = [json!([{"drop": {"mode": "reset"}}]), json!([{"abort": {"status": 503}}])];
    let (_, verdict) = decide("independent", &endings);
    assert_eq!(verdict.outcomes[1].spared, Some(Spared::Preempted));
    assert_eq!(
        verdict.injection.expect("one").faults,
        [Injected::Drop { scenario: 0, fault: 0, drop: Drop::Reset }]
    );
}

#[test]
fn a_patch_follows_rfc_7396() {
    // Appendix A of the RFC, where the target is JSON text and the patch an object.
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (target, patch, expected) in cases {
        let change = body_change(json!({"merge": patch}));
        let text = target.to_string().into_bytes();
        let mut state = change.begin(0);
        assert_eq!(change.piece(&mut state, 1, false, || panic!("not yet")), Edit::Keep);
        let edit = change.piece(&mut state, text.len(), true, || Some(text.clone()));
        let Edit::Put(merged) = edit else { panic!("{edit:?}") };
        assert_eq!(serde_json::from_slice::<Value>(&merged).expect("JSON"), expected);
    }
}

#[test]
fn what_cannot_be_merged_passes() {
    let change = body_change(json!({"merge": {"a": 1}, "max_size": "10B"}));
    assert!(change.is_too_large(11) && !change.is_too_large(10));
    let mut state = change.begin(0);
    assert_eq!(change.piece(&mut state, 10, false, || None), Edit::Keep);
    assert_eq!(change.piece(&mut state, 11, false, || None), Edit::GiveUp(Unfit::TooLarge));
    assert_eq!(change.piece(&mut state, 3, true, || panic!("given up")), Edit::Pass);
    for text in ["", "{", "\u{0}", "<html>"] {
        let edit = change.piece(&mut change.begin(0), text.len(), true, || Some(text.into()));
        assert_eq!(edit, Edit::GiveUp(Unfit::NotJson), "{text:?}");
    }
}

#[test]
fn a_new_body_comes_once() {
    let change = body_change(json!({"replace": "new"}));
    let mut state = change.begin(0);
    assert_eq!(change.piece(&mut state, 9, false, || None), Edit::Put(b"new".to_vec()));
    assert_eq!(change.piece(&mut state, 9, true, || None), Edit::Put(Vec::new()));
}

fn corrupted(change: &BodyChange, seed: u64, pieces: &[usize]) -> Vec<u8> {
    let mut state = change.begin(seed);
    let piece = |size: &usize| match change.piece(&mut state, *size, false, || Some(vec![0; *size])) {
        Edit::Put(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    pieces.iter().flat_map(piece).collect()
}

#[test]
fn the_share_of_corrupted_bytes_is_the_declared_one() {
    for percent in [0.0001, 0.5, 20.0, 99.0, 100.0] {
        let change = body_change(json!({"corrupt": percent}));
        let bytes = corrupted(&change, 42, &[300_000]);
        let changed = bytes.iter().filter(|byte| **byte != 0).count() as u64;
        assert!(binomial_range(300_000, percent / 100.0).contains(&changed), "{percent} %: {changed}");
    }
}

proptest! {
    /// How a body is cut into pieces changes none of its bytes.
    #[test]
    fn corruption_does_not_depend_on_the_pieces(seed: u64, pieces in prop::collection::vec(0_usize..500, 0..20)) {
        let change = body_change(json!({"corrupt": 3}));
        let whole = pieces.iter().sum::<usize>();
        prop_assert_eq!(corrupted(&change, seed, &pieces), corrupted(&change, seed, &[whole]));
    }

    /// Exactly so many bytes pass, however they come.
    #[test]
    fn a_cut_passes_exactly_its_bytes(after in 0_u64..3_000, pieces in prop::collection::vec(0_usize..500, 0..20)) {
        let mut cut = Cut::after(after);
        let mut passed = 0;
        let mut over = false;
        for size in &pieces {
            match cut.piece(*size) {
                _ if over => {}
                Piece::Whole => passed += size,
                Piece::Prefix(left) => { passed += left; over = true; }
            }
        }
        let whole = pieces.iter().sum::<usize>();
        prop_assert_eq!(passed as u64, after.min(whole as u64));
        prop_assert_eq!(over, whole as u64 > after);
    }

    /// The last byte is due exactly when the rate has it, and no piece is due before the one before it.
    #[test]
    fn a_pace_keeps_its_average(start in 0_u64..1 << 60, rate in 100_u64..1 << 33, pieces in prop::collection::vec(0_usize..1 << 20, 1..20)) {
        let mut pace = Pace::new(start, rate);
        let mut before = pace.due_ns();
        prop_assert_eq!(before, start);
        for size in &pieces {
            pace.add(*size);
            prop_assert!(pace.due_ns() >= before);
            before = pace.due_ns();
        }
        let bytes = pieces.iter().sum::<usize>() as u128;
        prop_assert_eq!(u128::from(before - start), bytes * 1_000_000_000 / u128::from(rate));
    }
}
