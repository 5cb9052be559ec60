//! Promise P4, the pure half: whatever the order in which workers read, look at the clock and write, no cap is ever
//! exceeded, and what was taken is given back.

mod request;

use proptest::prelude::*;
use serde_json::json;
use squall_policy::{Cap, Injected, Limits, Spared, Usage};

/// The value that all workers share, with its version.
#[derive(Default)]
struct Shared {
    bytes: Vec<u8>,
    version: u64,
}

#[derive(Clone, Copy)]
enum Change {
    Acquire,
    Release,
    Undo(u64),
}

/// Where a worker is in its compare-and-swap.
#[derive(Clone, Copy)]
enum Worker {
    Idle,
    Read { what: Change, usage: Usage, version: u64 },
    Clocked { usage: Usage, version: u64, second: u64 },
}

#[derive(Clone, Debug)]
enum Step {
    /// The worker does the next thing it has to do; an idle one begins an acquisition, a release or an undo.
    Run {
        worker: usize,
        choice: u8,
    },
    Wait {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..4_usize, any::<u8>()).prop_map(|(worker, choice)| Step::Run { worker, choice }),
        1 => (0..700_u64).prop_map(|ms| Step::Wait { ms }),
    ]
}

fn limit(highest: u64) -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (1..=highest).prop_map(Some)]
}

/// What really happens: the seconds of those that got a fault, and who of them is not complete.
#[derive(Default)]
struct Truth {
    seconds: Vec<u64>,
    active: Vec<u64>,
}

impl Truth {
    fn check(&self, limits: &Limits) -> Result<(), TestCaseError> {
        let within = |used: usize, limit: Option<u64>| limit.is_none_or(|limit| used as u64 <= limit);
        prop_assert!(within(self.seconds.len(), limits.total), "{} in all", self.seconds.len());
        prop_assert!(within(self.active.len(), limits.concurrent), "{} at once", self.active.len());
        for second in &self.seconds {
            let here = self.seconds.iter().filter(|other| *other == second).count();
            prop_assert!(within(here, limits.per_second), "{here} in second {second}");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn p4_no_order_of_workers_exceeds_a_cap_and_all_is_given_back(
        steps in prop::collection::vec(step(), 1..400),
        concurrent in limit(3), per_second in limit(4), total in limit(12),
    ) {
        let limits = Limits { concurrent, per_second, total };
        let mut shared = Shared::default();
        let mut workers = [Worker::Idle; 4];
        let mut truth = Truth::default();
        let mut clock_ms = 0;
        for step in steps {
            let (worker, choice) = match step {
                Step::Wait { ms } => {
                    clock_ms += ms;
                    continue;
                }
                Step::Run { worker, choice } => (worker, choice),
            };
            let write = |shared: &mut Shared, usage: Usage, version: u64| {
                let written = shared.version == version;
                if written {
                    *shared = Shared { bytes: usage.to_bytes(), version: version + 1 };
                }
                written
            };
            workers[worker] = match workers[worker] {
                Worker::Idle => {
                    let usage = Usage::read(&shared.bytes).expect("a record");
                    // Who gives back is taken out of the truth at once: it has ended already.
                    let what = match choice % 4 {
                        0 | 1 => Change::Acquire,
                        _ if truth.active.is_empty() => Change::Acquire,
                        2 => {
                            truth.active.pop();
                            Change::Release
                        }
                        _ => {
                            let second = truth.active.pop().expect("somebody");
                            let place = truth.seconds.iter().position(|s| *s == second);
                            truth.seconds.swap_remove(place.expect("counted"));
                            Change::Undo(second)
                        }
                    };
                    Worker::Read { what, usage, version: shared.version }
                }
                Worker::Read { what: Change::Acquire, usage, version } => {
                    Worker::Clocked { usage, version, second: clock_ms / 1000 }
                }
                Worker::Read { what, usage, version } => {
                    let after = match what {
                        Change::Undo(second) => usage.undo(second),
                        _ => usage.release(),
                    };
                    if write(&mut shared, after, version) {
                        Worker::Idle
                    } else {
                        let usage = Usage::read(&shared.bytes).expect("a record");
                        Worker::Read { what, usage, version: shared.version }
                    }
                }
                Worker::Clocked { usage, version, second } => {
                    // When somebody else was faster, the request starts over, or is never made: both are orders.
                    if let Ok(after) = usage.acquire(&limits, second)
                        && write(&mut shared, after, version)
                    {
                        truth.seconds.push(second);
                        truth.active.push(second);
                    }
                    Worker::Idle
                }
            };
            truth.check(&limits)?;
        }
        // Everybody finishes, and all that is active ends.
        let mut usage = Usage::read(&shared.bytes).expect("a record");
        for worker in workers {
            usage = match worker {
                Worker::Read { what: Change::Release, .. } => usage.release(),
                Worker::Read { what: Change::Undo(second), .. } => usage.undo(second),
                _ => usage,
            };
        }
        prop_assert_eq!(usage.total(), truth.seconds.len() as u64);
        for _ in &truth.active {
            usage = usage.release();
        }
        prop_assert_eq!(usage.active(), 0);
    }

    #[test]
    fn a_record_survives_its_bytes_and_no_others_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some(usage) = Usage::read(&bytes).filter(|_| !bytes.is_empty()) {
            prop_assert_eq!(usage.to_bytes(), bytes);
        }
    }
}

#[test]
fn the_cause_is_the_cap_that_is_full_the_lasting_one_first() {
    let limits = Limits { concurrent: Some(1), per_second: Some(1), total: Some(2) };
    let first = Usage::default().acquire(&limits, 7).expect("room");
    assert_eq!(first.acquire(&limits, 7), Err(Cap::Concurrent));
    assert_eq!(first.release().acquire(&limits, 7), Err(Cap::PerSecond));
    let second = first.release().acquire(&limits, 8).expect("a new second");
    assert_eq!(second.acquire(&limits, 9), Err(Cap::Total));
    assert_eq!(second.release().acquire(&limits, 9), Err(Cap::Total));
    assert_eq!(Usage::default().release(), Usage::default(), "nothing below zero");
}

#[test]
fn a_mission_with_a_new_start_counts_its_seconds_anew() {
    let limits = Limits { per_second: Some(1), ..Limits::default() };
    let late = Usage::default().acquire(&limits, 3_600).expect("room");
    let early = late.acquire(&limits, 0).expect("another second");
    assert_eq!(early.acquire(&limits, 0), Err(Cap::PerSecond));
}

#[test]
fn a_capped_scenario_takes_only_its_own_faults_along() {
    let delay = |ms: u64| json!({"delay": {"fixed": format!("{ms}ms")}});
    let plan = request::plan(
        "independent",
        &[
            json!({"name": "a", "faults": [delay(2), {"abort": {"status": 503}}]}),
            json!({"name": "b", "faults": [delay(3), {"delay": {"fixed": "5ms", "phase": "response"}}]}),
        ],
    );
    let mut facts = request::Request::with_id("1");
    let mut verdict = plan.decide(&squall_policy::Seed::from_text("s"), &mut facts);
    assert_eq!(verdict.faulting(), [0, 1]);
    verdict.spare(0, Spared::Capped(Cap::Total));
    assert_eq!(verdict.outcomes[0].spared, Some(Spared::Capped(Cap::Total)));
    assert_eq!(verdict.faulting(), [1]);
    let injection = verdict.injection.as_ref().expect("the other's delay");
    assert_eq!((injection.request_delay_us, injection.response_delay_us), (3_000, 0));
    assert_eq!(injection.ending, None);
    assert!(matches!(injection.faults[..], [Injected::Delay { scenario: 1, us: 3_000, .. }]));
    verdict.spare(1, Spared::Capped(Cap::Concurrent));
    assert_eq!(verdict.injection, None);
}

#[test]
fn caps_of_the_files_arrive_in_the_plan() {
    let mut configuration = request::plugin(
        "first_match",
        &[
            json!({"name": "a", "faults": [{"abort": {"status": 503}}], "safety": {"max_total": 5, "max_concurrent": 2}}),
            json!({"name": "b", "faults": [{"abort": {"status": 503}}], "safety": {"max_duration": "1m"}}),
        ],
    );
    configuration["mission"]["safety"] = json!({"max_per_second": 7});
    let plan = request::load(&configuration).plan.expect("a mission");
    let limits: Vec<Limits> = plan.scenarios().iter().map(|s| s.limits).collect();
    assert_eq!(limits[0], Limits { concurrent: Some(2), per_second: None, total: Some(5) });
    assert!(limits[1].is_none());
    assert_eq!(plan.limits, Limits { per_second: Some(7), ..Limits::default() });
}
