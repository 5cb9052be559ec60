//! The sketch of latencies: how far off a percentile may be, and that workers may add theirs in any order.

use proptest::prelude::*;
use squall_policy::health::{ERROR, Sketch};

const HOUR_US: u64 = 3_600_000_000;

fn sketch(latencies: &[u64]) -> Sketch {
    let mut sketch = Sketch::default();
    latencies.iter().for_each(|us| sketch.add(*us));
    sketch
}

fn merged(sketches: &[&Sketch]) -> Sketch {
    let mut all = Sketch::default();
    sketches.iter().for_each(|sketch| all.merge(sketch));
    all
}

/// Latencies spread evenly over all orders of magnitude.
fn latencies() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec((0.0..22.0_f64).prop_map(|ln| ln.exp() as u64), 1..400)
}

proptest! {
    #[test]
    fn a_percentile_is_at_most_two_percent_off(mut latencies in latencies(), ppm in 1_u32..1_000_000) {
        let found = sketch(&latencies).quantile(ppm).expect("something was seen");
        latencies.sort_unstable();
        let rank = (latencies.len() as f64 * f64::from(ppm) / 1e6).ceil() as usize;
        let exact = latencies[rank.max(1) - 1].clamp(1, HOUR_US) as f64;
        prop_assert!((found - exact).abs() <= exact * ERROR * 1.000_001, "{found} instead of {exact}");
    }

    #[test]
    fn workers_add_theirs_in_any_order(a in latencies(), b in latencies(), c in latencies()) {
        let all = sketch(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (sketch(&a), sketch(&b), sketch(&c));
        prop_assert_eq!(&merged(&[&merged(&[&a, &b]), &c]), &all);
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &all);
        prop_assert_eq!(&merged(&[&c, &b, &a]), &all);
    }

    #[test]
    fn those_above_a_limit_are_counted_within_its_precision(latencies in latencies(), limit in 10_u64..HOUR_US) {
        let above = |factor: f64| latencies.iter().filter(|us| **us as f64 > limit as f64 * factor).count() as u64;
        let counted = sketch(&latencies).above(limit);
        prop_assert!(counted <= above(1.0) && counted >= above(1.05), "{counted} of {} and {}", above(1.0), above(1.05));
    }
}

#[test]
fn what_takes_longer_than_an_hour_takes_an_hour() {
    let sketch = sketch(&[u64::MAX, HOUR_US]);
    let found = sketch.quantile(1_000_000).expect("something was seen");
    assert!((found / HOUR_US as f64 - 1.0).abs() <= 0.05, "{found}");
    assert_eq!(sketch.total(), 2);
}

#[test]
fn nothing_seen_has_no_percentile() {
    assert_eq!(Sketch::default().quantile(500_000), None);
}

#[test]
fn a_coarser_sketch_loses_precision_and_no_request() {
    let latencies: Vec<u64> = (1..2_000).map(|n| n * 977).collect();
    let mut coarse = sketch(&latencies);
    let fine = coarse.quantile(950_000).expect("something was seen");
    coarse.coarsen(2);
    let found = coarse.quantile(950_000).expect("something was seen");
    assert!(found >= fine && found <= fine * 1.05, "{found} instead of {fine}");
    assert_eq!(coarse.total(), 1_999);
}
