//! The distributions of delays against their theory, within exact binomial bounds at 1e-6 (see `chance`), and against
//! golden vectors, which hold every draw to the microsecond across versions and machines (promise P5).

mod chance;
mod request;

use chance::binomial_range;
use request::{Request, plan, request_id};
use serde_json::{Value, json};
use squall_policy::{Injected, Plan, Seed};
use std::path::PathBuf;

const REQUESTS: u64 = 100_000;
const HOUR_US: u64 = 3_600_000_000;

fn delay(distribution: Value) -> Value {
    json!({"name": "slow", "faults": [{"delay": distribution}]})
}

fn delay_us(plan: &Plan, seed: &Seed, id: &str) -> u64 {
    plan.decide(seed, &mut Request::with_id(id)).injection.map_or(0, |i| i.request_delay_us)
}

/// The delays of many requests, in ascending order; microseconds.
fn drawn(distribution: &Value) -> Vec<u64> {
    let plan = plan("first_match", &[delay(distribution.clone())]);
    let seed = Seed::from_text("distribution");
    let mut delays: Vec<u64> = (0..REQUESTS).map(|n| delay_us(&plan, &seed, &request_id(n))).collect();
    delays.sort_unstable();
    delays
}

/// Fails unless, at every quantile of what was drawn, as many delays lie below as `cdf` (of microseconds) says.
fn follows(distribution: &Value, cdf: impl Fn(f64) -> f64) {
    let delays = drawn(distribution);
    for quantile in [0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999] {
        let bound = quantile_of(&cdf, quantile);
        let below = delays.partition_point(|us| *us <= bound) as u64;
        // Delays are rounded to the nearest microsecond: all up to half of one above the bound count as below it.
        let range = binomial_range(REQUESTS, cdf(bound as f64 + 0.5));
        assert!(
            range.contains(&below),
            "{distribution}: {below} of {REQUESTS} up to {bound} us (quantile {quantile}), expected {range:?}"
        );
    }
}

/// The smallest whole number of microseconds at which `cdf` reaches the quantile, by bisection.
fn quantile_of(cdf: impl Fn(f64) -> f64, quantile: f64) -> u64 {
    let (mut low, mut high) = (0, HOUR_US);
    while low < high {
        let middle = low + (high - low) / 2;
        if cdf(middle as f64) < quantile { low = middle + 1 } else { high = middle }
    }
    low
}

/// Distribution function of the standard normal distribution.
fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[test]
fn uniform() {
    follows(&json!({"uniform": {"min": "50ms", "max": "200ms"}}), |us| ((us - 50e3) / 150e3).clamp(0.0, 1.0));
    let delays = drawn(&json!({"uniform": {"min": "50ms", "max": "200ms"}}));
    assert!(delays[0] >= 50_000 && delays[delays.len() - 1] <= 200_000);
}

#[test]
fn normal_is_cut_at_zero() {
    follows(&json!({"normal": {"mean": "120ms", "stddev": "20ms"}}), |us| phi((us - 120e3) / 20e3));
    // A third of the curve lies below 0 here: those requests wait not at all.
    follows(&json!({"normal": {"mean": "10ms", "stddev": "20ms"}}), |us| phi((us - 10e3) / 20e3));
    let delays = drawn(&json!({"normal": {"mean": "10ms", "stddev": "20ms"}}));
    let none = delays.partition_point(|us| *us == 0) as u64;
    assert!(binomial_range(REQUESTS, phi(-0.5)).contains(&none), "{none}");
}

#[test]
fn lognormal() {
    let cdf = |median: f64, sigma: f64| move |us: f64| phi(libm::log(us.max(1e-9) / median) / sigma);
    follows(&json!({"lognormal": {"median": "80ms", "sigma": 0.5}}), cdf(80e3, 0.5));
    follows(&json!({"lognormal": {"median": "80ms", "sigma": 1}}), cdf(80e3, 1.0));
}

#[test]
fn pareto_is_cut_at_its_maximum() {
    let cdf = |min: f64, shape: f64, max: f64| {
        move |us: f64| match us {
            _ if us < min => 0.0,
            _ if us >= max => 1.0,
            _ => 1.0 - libm::pow(min / us, shape),
        }
    };
    follows(&json!({"pareto": {"min": "20ms", "shape": 1.16}}), cdf(20e3, 1.16, 3.6e9));
    let cut = json!({"pareto": {"min": "20ms", "shape": 1.16, "max": "2s"}});
    follows(&cut, cdf(20e3, 1.16, 2e6));
    let delays = drawn(&cut);
    assert!(delays[0] >= 20_000);
    let longest = (REQUESTS as usize - delays.partition_point(|us| *us < 2_000_000)) as u64;
    assert!(binomial_range(REQUESTS, libm::pow(0.01, 1.16)).contains(&longest), "{longest} at the cut");
    assert_eq!(delays[delays.len() - 1], 2_000_000);
}

/// The distribution function of a table, linear between its points.
fn table(points: &'static [(f64, f64)]) -> impl Fn(f64) -> f64 {
    move |us| {
        let Some(above) = points.iter().position(|(_, value)| *value > us) else { return 1.0 };
        if above == 0 {
            return 0.0;
        }
        let ((p0, v0), (p1, v1)) = (points[above - 1], points[above]);
        p0 + (p1 - p0) * (us - v0) / (v1 - v0)
    }
}

#[test]
fn percentiles_are_those_of_the_table() {
    let full = json!({"percentiles": {"p0": "5ms", "p50": "20ms", "p75": "30ms", "p90": "60ms", "p95": "100ms",
        "p99": "400ms", "p999": "1s", "p100": "2s"}});
    let points = &[
        (0.0, 5e3),
        (0.5, 20e3),
        (0.75, 30e3),
        (0.9, 60e3),
        (0.95, 100e3),
        (0.99, 400e3),
        (0.999, 1e6),
        (1.0, 2e6),
    ];
    follows(&full, table(points));
    let delays = drawn(&full);
    assert!(delays[0] >= 5_000 && delays[delays.len() - 1] <= 2_000_000);
    // From 0 without `p0`, and flat after the last point.
    let short = json!({"percentiles": {"p50": "20ms", "p99": "400ms"}});
    follows(&short, table(&[(0.0, 0.0), (0.5, 20e3), (0.99, 400e3)]));
    let delays = drawn(&short);
    let at_last = (REQUESTS as usize - delays.partition_point(|us| *us < 400_000)) as u64;
    assert!(binomial_range(REQUESTS, 0.01).contains(&at_last), "{at_last}");
    assert_eq!(delays[delays.len() - 1], 400_000);
}

/// A table that is lower nowhere gives a delay that is shorter nowhere: the same request, the same chance.
#[test]
fn a_higher_table_delays_no_request_less() {
    let low =
        plan("first_match", &[delay(json!({"percentiles": {"p50": "10ms", "p90": "20ms", "p99": "300ms"}}))]);
    let high = plan(
        "first_match",
        &[delay(json!({"percentiles": {"p50": "10ms", "p90": "50ms", "p99": "300ms", "p100": "1s"}}))],
    );
    let seed = Seed::from_text("monotone");
    for n in 0..REQUESTS {
        let id = request_id(n);
        assert!(delay_us(&low, &seed, &id) <= delay_us(&high, &seed, &id), "{id}");
    }
}

#[test]
fn fixed_is_fixed_and_nothing_is_longer_than_an_hour() {
    assert!(drawn(&json!({"fixed": "1500us"})).iter().all(|us| *us == 1_500));
    let wild = [
        json!({"normal": {"mean": "1h", "stddev": "1h"}}),
        json!({"lognormal": {"median": "1h", "sigma": 5}}),
        json!({"pareto": {"min": "59m", "shape": 0.1}}),
    ];
    for distribution in wild {
        let delays = drawn(&distribution);
        let longest = delays.partition_point(|us| *us < HOUR_US);
        assert_eq!(delays[delays.len() - 1], HOUR_US, "{distribution}");
        assert!(delays.len() - longest > 40_000, "{distribution}: half of them are cut");
    }
}

fn golden_scenarios() -> Vec<Value> {
    let delays = [
        json!({"fixed": "100ms"}),
        json!({"uniform": {"min": "50ms", "max": "200ms"}}),
        json!({"normal": {"mean": "120ms", "stddev": "20ms"}}),
        json!({"lognormal": {"median": "80ms", "sigma": 0.5}, "percent": 50}),
        json!({"pareto": {"min": "20ms", "shape": 1.16}, "phase": "response"}),
        json!({"percentiles": {"p50": "20ms", "p95": "100ms", "p999": "1s"}}),
    ];
    let mut scenarios: Vec<Value> = delays
        .iter()
        .map(|delay| {
            let kind = delay
                .as_object()
                .and_then(|d| d.keys().find(|k| !["percent", "phase"].contains(&k.as_str())));
            json!({"name": kind, "scope": {"sample": {"percent": 60}}, "faults": [{"delay": delay}]})
        })
        .collect();
    scenarios.push(json!({"name": "several", "faults": [{"delay": delays[2]}, {"delay": delays[3]},
        {"abort": {"status": 503, "percent": 30}}, {"delay": delays[1]}]}));
    scenarios
        .push(json!({"name": "sticky", "scope": {"sample": {"percent": 50, "by": {"header": "x-user"}}},
        "faults": [{"delay": delays[1]}]}));
    scenarios
}

/// What one request gets from one scenario, drawn alone.
fn golden_row(seed: &str, id: &str, scenario: &Value) -> Value {
    let plan = plan("independent", std::slice::from_ref(scenario));
    let key = Seed::from_text(seed);
    let mut request = Request::with_id(id).header("x-user", "ada");
    let draw = plan.explain(&key, &mut request)[0].draw_ppm;
    let injection = plan.decide(&key, &mut request).injection;
    let faults: Vec<Value> = injection
        .iter()
        .flat_map(|i| &i.faults)
        .map(|fault| match fault {
            Injected::Delay { us, .. } => json!(us),
            other => json!(other.kind()),
        })
        .collect();
    json!({"seed": seed, "request_id": id, "scenario": scenario["name"], "sample_draw_ppm": draw, "faults": faults})
}

/// A replay with a later version has to give the same faults. When this fails after a change that means to break
/// replays, `GOLDEN=write cargo test -p squall-policy --test delays` writes the table anew.
#[test]
fn draws_are_those_of_the_golden_vectors() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/draws.json");
    let ids = ["5a0c1f6e-95ac-4b2c-8f4e-3d6a7c1b9e20", "2", "", "straße"];
    let mut rows = Vec::new();
    for seed in ["2026-12-01 friday", "", "ünïcode"] {
        for id in ids {
            rows.extend(golden_scenarios().iter().map(|scenario| golden_row(seed, id, scenario)));
        }
    }
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        std::fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).expect("the table can be written");
    }
    let text = std::fs::read_to_string(&path).expect("tests/golden/draws.json belongs to the repository");
    let golden: Vec<Value> = serde_json::from_str(&text).expect("the table is JSON");
    assert_eq!(golden.len(), rows.len());
    for (golden, row) in golden.iter().zip(&rows) {
        assert_eq!(golden, row);
    }
}
