//! The record that all workers share: its bytes, its size, and that the order of merging does not matter.

mod observing;
mod request;

use observing::{Dice, Proxy, halt_when, rules};
use proptest::prelude::*;
use serde_json::{Value, json};
use squall_policy::health::{Finished, Group, Health, LARGEST, Phase, Rules, Tally};

const GROUPS: [Group; 3] = [Group::Control, Group::Treatment, Group::Other];

/// Eight scenarios with as many guardrails as there may be.
fn widest() -> Rules {
    let scenario = |number: usize| {
        let mut rules = vec![json!({"metric": "latency_p99", "above": "1s"}); 4];
        rules.extend(vec![json!({"metric": "latency_p95", "above": "1ms", "versus": "control"}); 4]);
        json!({"name": format!("s{number}"), "faults": [{"delay": {"fixed": "1ms"}}], "safety": {"halt_when": rules}})
    };
    Rules::of(&request::plan("independent", &(0..8).map(scenario).collect::<Vec<Value>>()), 60_000)
}

fn tally(rules: &Rules, dice: &mut Dice, requests: u32) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..requests {
        let phase = [Phase::Baseline, Phase::Injecting(0), Phase::Recovery][(dice.word() % 3) as usize];
        let status = [0, 200, 404, 503][(dice.word() % 4) as usize];
        let latency_us = dice.latency_us(20_000.0);
        let finished = Finished { phase, status, latency_us, injected: dice.happens(0.1) };
        tally.request(rules, &finished, &[(0, GROUPS[(dice.word() % 3) as usize], 500_000)]);
        tally.inbound(&finished);
        tally.injected(rules, 0, (dice.word() % 9) as usize);
        tally.suppressed(rules, 0, (dice.word() % 28) as usize);
    }
    tally
}

proptest! {
    #[test]
    fn workers_merge_in_any_order(seed in any::<u64>()) {
        let rules = halt_when(json!({"metric": "latency_p95", "above": "10ms", "versus": "baseline", "group": "all"}));
        let mut dice = Dice(seed);
        let tallies: Vec<Tally> = (0..4).map(|_| tally(&rules, &mut dice, 40)).collect();
        let merged = |order: [usize; 4]| {
            let mut health = Health::new(&rules);
            order.iter().for_each(|worker| health.merge(&rules, &tallies[*worker], Phase::Injecting(0), 500));
            health
        };
        prop_assert_eq!(merged([0, 1, 2, 3]).to_bytes(), merged([3, 1, 0, 2]).to_bytes());
    }

    #[test]
    fn bytes_are_read_as_they_were_written(seed in any::<u64>()) {
        let rules = widest();
        let mut health = Health::new(&rules);
        let mut dice = Dice(seed);
        for second in 0..5 {
            health.merge(&rules, &tally(&rules, &mut dice, 30), Phase::Injecting(0), second * 1000);
            health.look(&rules, Phase::Injecting(0), second * 1000);
        }
        let read = Health::from_bytes(&health.to_bytes(), &rules);
        prop_assert_eq!(read.as_ref(), Some(&health));
    }

    #[test]
    fn bytes_that_are_no_record_are_refused_and_break_nothing(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
        let rules = halt_when(json!({"metric": "error_rate", "above": "5%"}));
        let mut with_form = bytes.clone();
        with_form[0] = 2;
        for bytes in [bytes, with_form] {
            if let Some(mut health) = Health::from_bytes(&bytes, &rules) {
                // Whatever it says, it is a record.
                health.look(&rules, Phase::Injecting(0), u64::MAX);
                prop_assert!(health.to_bytes().len() <= LARGEST);
            }
        }
    }

    #[test]
    fn a_damaged_record_breaks_nothing(seed in any::<u64>(), at in any::<usize>(), byte in any::<u8>(), cut in any::<usize>()) {
        let rules = rules(json!({"safety": {"halt_when": [{"metric": "latency_p99", "above": "1s"}]},
            "signals": {"error_rate": "<= 1%"}}));
        let mut health = Health::new(&rules);
        health.merge(&rules, &tally(&rules, &mut Dice(seed), 50), Phase::Injecting(0), 1000);
        let mut bytes = health.to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        for bytes in [&bytes[..], &bytes[..cut % bytes.len()]] {
            if let Some(mut health) = Health::from_bytes(bytes, &rules) {
                health.look(&rules, Phase::Injecting(0), 2000);
                let _ = health.verdicts(&rules);
            }
        }
    }
}

#[test]
fn no_bytes_are_an_empty_record_and_those_of_other_rules_none() {
    let rules = halt_when(json!({"metric": "error_rate", "above": "5%"}));
    assert_eq!(Health::from_bytes(&[], &rules), Some(Health::new(&rules)));
    assert_eq!(Health::from_bytes(&Health::new(&widest()).to_bytes(), &rules), None);
    assert_eq!(Health::from_bytes(&[1], &rules), None);
    let mut longer = Health::new(&rules).to_bytes();
    longer.push(0);
    assert_eq!(Health::from_bytes(&longer, &rules), None);
}

#[test]
fn instances_that_watch_something_else_have_a_record_of_their_own() {
    let rule = |above: &str| halt_when(json!({"metric": "error_rate", "above": above})).key("m");
    assert!(rule("5%").starts_with("squall/health/m/"));
    assert_eq!(rule("5%"), rule("5%"));
    assert_ne!(rule("5%"), rule("6%"));
}

#[test]
fn the_record_is_never_larger_than_64_kib() {
    let rules = widest();
    let mut health = Health::new(&rules);
    // Every bucket of every group of every scenario, in numbers that take two bytes, and the whole series.
    let mut tally = Tally::default();
    for step in 0..560 {
        let latency_us = (f64::from(step) * 0.04).exp() as u64;
        for phase in [Phase::Baseline, Phase::Injecting(0), Phase::Recovery] {
            for group in GROUPS {
                for _ in 0..20 {
                    let finished = Finished { phase, status: 503, latency_us, injected: false };
                    let groups: Vec<_> = (0..8).map(|scenario| (scenario, group, 1)).collect();
                    tally.request(&rules, &finished, &groups);
                    tally.inbound(&finished);
                }
            }
        }
    }
    for point in 0..130 {
        health.merge(&rules, &tally, Phase::Injecting(0), point * 1000);
    }
    let bytes = health.to_bytes();
    assert!(bytes.len() <= LARGEST, "{} bytes", bytes.len());
    let read = Health::from_bytes(&bytes, &rules).expect("its own bytes");
    assert_ne!(read, health, "it fits as it is, and this test shows nothing");
    assert_eq!(read.watches[7].total[1].requests(), health.watches[7].total[1].requests());
    let (coarse, fine) =
        (read.overall[1].latency.quantile(500_000), health.overall[1].latency.quantile(500_000));
    let ratio = coarse.expect("seen") / fine.expect("seen");
    assert!((1.0..=2.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_usual_record_is_a_few_kilobytes() {
    let mut proxy = Proxy::new(halt_when(json!({"metric": "latency_p99", "above": "1s"})));
    let mut dice = Dice(1);
    proxy.run(300_000, |proxy| {
        for group in [Group::Control, Group::Treatment] {
            let latency_us = dice.latency_us(20_000.0);
            proxy.request(group, 200, latency_us);
        }
    });
    let size = proxy.health.to_bytes().len();
    assert!(size < 8 * 1024, "{size} bytes");
}
