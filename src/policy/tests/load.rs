//! The load trigger: what is measured over workers, and which bounds hold.

mod request;

use proptest::prelude::*;
use request::{Request, plan};
use serde_json::{Value, json};
use squall_policy::{Busy, Direction, Fact, Facts, Measured, Moment, Seed, Spared, Traffic};
use std::collections::HashMap;

/// A request at a load.
struct At(Measured, Option<Moment>, u32);

impl Facts for At {
    fn fact(&mut self, _: &Fact) -> Option<&[u8]> {
        None
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }

    fn moment(&mut self) -> Option<Moment> {
        self.1
    }

    fn busy(&mut self, scope: &str) -> Measured {
        assert_eq!(scope, "test/a");
        self.2 += 1;
        self.0
    }
}

fn is_on(trigger: Value, measured: Measured) -> bool {
    let scenario = json!({"name": "a", "trigger": trigger, "scope": {"allow_protected": true},
        "faults": [{"abort": {"status": 503}}]});
    let verdict = plan("first_match", &[scenario]).decide(&Seed::from_text("s"), &mut At(measured, None, 0));
    let spared = verdict.outcomes[0].spared;
    assert!(matches!(spared, None | Some(Spared::Trigger)));
    spared.is_none()
}

#[test]
fn every_bound_is_inclusive_and_all_have_to_hold() {
    let at = |bounds: Value, rps: u64, in_flight: u64| {
        is_on(json!({ "load": bounds }), Measured::Busy(Busy { rps, in_flight }))
    };
    for (rps, wanted) in [(4, false), (5, true), (9, true), (10, false)] {
        assert_eq!(at(json!({"min_rps": 5, "max_rps": 9}), rps, 1), wanted, "{rps}");
        assert_eq!(at(json!({"min_in_flight": 5, "max_in_flight": 9}), 0, rps), wanted, "{rps}");
    }
    let both = json!({"min_rps": 5, "max_in_flight": 9});
    assert!(at(both.clone(), 5, 9) && !at(both.clone(), 4, 9) && !at(both, 5, 10));
    assert!(is_on(json!({"load": {"min_rps": 5}}), Measured::Nobody), "explain and simulate know no load");
    assert!(!is_on(json!({"load": {"max_rps": 5}}), Measured::Unknown), "who cannot measure spares");
}

#[test]
fn it_is_measured_only_while_the_rest_of_the_trigger_holds_and_needs_no_clock_of_its_own() {
    let scenario =
        |trigger: Value| json!({"name": "a", "trigger": trigger, "faults": [{"abort": {"status": 503}}]});
    let asked = |trigger: Value, moment| {
        let mut facts = At(Measured::Busy(Busy::default()), moment, 0);
        plan("first_match", &[scenario(trigger)]).decide(&Seed::from_text("s"), &mut facts);
        facts.2
    };
    let load = json!({"max_rps": 5});
    let window = json!({"end": "2020-01-01T00:00:00Z"});
    assert_eq!(asked(json!({ "load": load }), None), 1);
    let moment = |wall_ms| Some(Moment { wall_ms, running_ns: 0 });
    assert_eq!(asked(json!({"load": load, "window": window}), moment(0)), 1);
    assert_eq!(asked(json!({"load": load, "window": window}), moment(u64::MAX)), 0);
}

#[test]
fn the_rate_is_that_of_the_last_ten_whole_tenths_of_a_second() {
    let mut traffic = Traffic::default();
    // 20 requests per tenth, for two seconds.
    let rates: Vec<u64> = (0..400_u64).map(|n| traffic.arrive(1, 1, 10_000 + n * 5).rps).collect();
    assert_eq!((rates[0], rates[19], rates[20], rates[100], rates[199]), (0, 0, 20, 100, 180));
    assert!(rates[200..].iter().all(|rate| *rate == 200), "{rates:?}");
    // It is forgotten as it came, whoever asks next.
    let later = |ms: u64| traffic.clone().arrive(1, 1, 12_000 + ms).rps;
    assert_eq!([0, 99, 100, 450, 900, 999, 1_000, 100_000].map(later), [200, 200, 180, 120, 20, 20, 0, 0]);
    assert_eq!(traffic.arrive(2, 1, 5_000).rps, 200, "a clock that stands behind is that of the record");
}

#[test]
fn a_worker_that_died_is_forgotten_after_a_minute() {
    let mut traffic = Traffic::default();
    traffic.arrive(1, 7, 0);
    assert_eq!(traffic.arrive(2, 1, 59_999).in_flight, 8);
    assert_eq!(traffic.arrive(2, 2, 60_000).in_flight, 2);
    traffic.write(2, 0, 60_001);
    assert_eq!(traffic.arrive(3, 1, 60_002).in_flight, 1);
}

proptest! {
    /// Against a map, with records that pass through their bytes between any two steps.
    #[test]
    fn requests_under_way_are_the_sum_over_all_workers(
        steps in prop::collection::vec((0..30_u64, any::<bool>(), 0..50_u64), 1..400)
    ) {
        let mut bytes = Vec::new();
        let mut workers: HashMap<u64, u64> = HashMap::new();
        let mut now = 0;
        for (worker, comes, passed) in steps {
            now += passed;
            let mut traffic = Traffic::read(&bytes).expect("a record");
            let count = workers.entry(worker).or_default();
            if comes {
                *count += 1;
                let busy = traffic.arrive(worker, *count, now);
                prop_assert_eq!(busy.in_flight, workers.values().sum::<u64>());
            } else {
                *count = count.saturating_sub(1);
                traffic.write(worker, *count, now);
            }
            bytes = traffic.to_bytes();
            prop_assert!(bytes.len() < 1024);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), now in any::<u64>()) {
        if let Some(mut traffic) = Traffic::read(&bytes) {
            traffic.arrive(1, 1, now);
            prop_assert!(bytes.is_empty() || (bytes[0] == 1 && bytes.len() >= 97));
        }
    }
}

#[test]
fn a_request_without_anything_is_no_mistake() {
    assert!(
        Request::new().facts.is_empty() && Traffic::read(&[]).is_some() && Traffic::read(&[2; 97]).is_none()
    );
}
