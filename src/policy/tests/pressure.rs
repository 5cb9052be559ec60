//! Pressure: a worker never burns more than its share, and what the files say arrives in the plan.

mod request;

use proptest::prelude::*;
use serde_json::json;
use squall_policy::{Burn, Injected, Seed, WorkerTime};

const SECOND_NS: u64 = 1_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// In every span of time, from any burn to any later one, at most the share of it plus one second.
    #[test]
    fn in_no_span_of_time_is_more_than_the_share_burnt(
        percent in 1..=50_u32,
        steps in prop::collection::vec((0..400_u64, 1..=100_u64), 1..200),
    ) {
        let share_ppm = percent * 10_000;
        let mut time = WorkerTime::default();
        let mut now = 5 * SECOND_NS;
        let mut burns = Vec::new();
        for (wait_ms, burn_ms) in steps {
            now += wait_ms * 1_000_000;
            let ns = burn_ms * 1_000_000;
            if time.affords(share_ppm, ns, now) {
                let begun = now;
                now += ns;
                time.spend(ns, now);
                burns.push((begun, now, ns));
            }
        }
        let limit = |span: u64| (u128::from(span + SECOND_NS) * u128::from(share_ppm) / 1_000_000) as u64;
        for (first, (from, ..)) in burns.iter().enumerate() {
            let mut burnt = 0;
            for (_, to, ns) in &burns[first..] {
                burnt += ns;
                prop_assert!(burnt <= limit(to - from), "{burnt} ns in {} ns at {percent} %", to - from);
            }
        }
    }
}

#[test]
fn a_saved_second_is_spent_and_earned_again() {
    let mut time = WorkerTime::default();
    let ms = |ms: u64| ms * 1_000_000;
    // A quarter of a second is saved at first.
    assert!(time.affords(250_000, ms(250), 0) && !time.affords(250_000, ms(251), 0));
    time.spend(ms(250), 0);
    assert!(!time.affords(250_000, ms(1), ms(3)));
    assert!(time.affords(250_000, ms(1), ms(4)));
    assert!(time.affords(250_000, ms(250), ms(60_000)) && !time.affords(250_000, ms(251), ms(60_000)));
    // A burn that took longer than it should have is paid off first, and a clock that steps back earns nothing.
    time.spend(ms(350), ms(60_000));
    assert!(!time.affords(250_000, ms(1), ms(60_400)) && !time.affords(250_000, ms(1), ms(1)));
    assert!(time.affords(250_000, ms(1), ms(60_404)));
}

#[test]
fn burns_at_one_share_count_against_every_other() {
    let mut time = WorkerTime::default();
    assert!(time.affords(500_000, 400_000_000, 0) && time.affords(100_000, 100_000_000, 0));
    time.spend(400_000_000, 0);
    assert!(!time.affords(100_000, 1_000_000, 0), "all scenarios together");
    assert!(time.affords(500_000, 100_000_000, 0));
}

#[test]
fn both_kinds_are_faults_of_their_own_beside_others() {
    let faults = json!([
        {"pressure": {"cpu": {"burn": "2ms", "max_share": "10%"}, "memory": {"hold": "16MiB"}}},
        {"delay": {"fixed": "1ms"}},
    ]);
    let plan = request::plan("first_match", &[json!({"name": "a", "faults": faults})]);
    let mut facts = request::Request::with_id("1");
    let verdict = plan.decide(&Seed::from_text("s"), &mut facts);
    let injection = verdict.injection.expect("faults");
    let kinds: Vec<&str> = injection.faults.iter().map(Injected::kind).collect();
    assert_eq!(kinds, ["cpu", "memory", "delay"]);
    assert_eq!(
        injection.faults[0],
        Injected::Burn { scenario: 0, burn: Burn { us: 2_000, share_ppm: 100_000 } }
    );
    assert_eq!(injection.faults[1], Injected::Hold { scenario: 0, bytes: 16 << 20 });
    assert_eq!((injection.request_delay_us, plan.union_ppm()), (1_000, 1_000_000));
}
