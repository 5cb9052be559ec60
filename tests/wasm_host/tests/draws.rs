//! Promise P5: the compiled module decides and delays exactly as the policy does natively.

use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Facts, Report, Seed, load_plugin};
use squall_wasm_host::{Action, Effect, Proxy, Request, plugin};

/// A request that has an id and a path, and nothing else.
struct OnlyId<'r>(&'r str);

impl Facts for OnlyId<'_> {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        match fact {
            Fact::RequestId => Some(self.0.as_bytes()),
            Fact::Path => Some(b"/profiles/7"),
            _ => None,
        }
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }
}

fn distributions() -> [(&'static str, Value); 6] {
    [
        ("fixed", json!({"fixed": "37ms"})),
        ("uniform", json!({"uniform": {"min": "0ms", "max": "400ms"}})),
        ("normal", json!({"normal": {"mean": "100ms", "stddev": "30ms"}})),
        ("lognormal", json!({"lognormal": {"median": "80ms", "sigma": 0.7}})),
        ("pareto", json!({"pareto": {"min": "20ms", "shape": 1.3, "max": "5s"}})),
        ("percentiles", json!({"percentiles": {"p50": "20ms", "p95": "200ms", "p99": "900ms"}})),
    ]
}

/// For each id the action and the delay, as the module serves it: the sample of its histogram, and the
/// period of its timer on clocks that stand still.
fn compare(configuration: &str, seed: &str, ids: &[String]) {
    let mut report = Report::default();
    let loaded = load_plugin(configuration.as_bytes(), None, &mut report).expect("a valid configuration");
    let plan = loaded.plan.expect("a mission");
    let seed = Seed::from_text(seed);
    let mut proxy = Proxy::new(configuration);
    for id in ids {
        let expected = plan.decide(&seed, &mut OnlyId(id)).injection;
        let (stream, action) = proxy.request(Request { id, ..Request::default() });
        let expected_action =
            if expected.as_ref().is_some_and(|i| i.request_delay_us > 0 || i.ending.is_some()) {
                Action::Pause
            } else {
                Action::Continue
            };
        assert_eq!(action, expected_action, "id {id}");
        if let Some(injection) = expected.filter(|i| i.request_delay_us > 0) {
            let rounded = ((injection.request_delay_us + 500) / 1000).max(1);
            // During a longer wait the worker looks at the mission.
            if rounded < 250 {
                let period = proxy.vm.tick_period(proxy.root).expect("a timer").as_millis();
                assert_eq!(period, u128::from(rounded), "id {id}: {} us", injection.request_delay_us);
            }
            let samples = proxy.samples("chaos_injected_delay_ms", &[("scenario", "db")]);
            assert_eq!(samples.last(), Some(&((injection.request_delay_us + 500) / 1000)), "id {id}");
        }
        proxy.finish(stream);
        // The cancelled wake-up rings once for nothing and makes room for the next.
        proxy.vm.tick(proxy.root).unwrap();
    }
}

fn ids() -> Vec<String> {
    (0..2_000).map(|n| format!("7f9c{n:04x}-0000-4000-8000-00000000{:04x}", n * 31 % 65_521)).collect()
}

#[test]
fn p5_every_distribution_draws_the_same_delays_in_the_module_as_natively() {
    for (name, shape) in distributions() {
        let scenario = json!({"name": "db", "faults": [{"delay": shape}]});
        let configuration = plugin(name, &[scenario], |mission| mission["seed"] = json!("replay-1"));
        compare(&configuration, "replay-1", &ids());
    }
}

#[test]
fn p5_samples_shares_and_aborts_are_the_same_in_the_module_as_natively() {
    for composition in ["first_match", "independent"] {
        let scenarios = [
            json!({"name": "db", "scope": {"sample": {"percent": 40}}, "faults": [
                {"delay": {"uniform": {"min": "1ms", "max": "90ms"}, "percent": 70}},
                {"abort": {"status": 503, "percent": 20}}]}),
            json!({"name": "auth", "scope": {"sample": {"percent": 12.5}},
                "faults": [{"abort": {"status": 500}}]}),
        ];
        let configuration = plugin(composition, &scenarios, |mission| {
            mission["composition"] = json!(composition);
            mission["seed"] = json!("another");
        });
        compare(&configuration, "another", &ids());
    }
}

#[test]
fn choices_are_the_same_in_the_module_as_natively() {
    let faults = json!([{"one_of": [
        {"weight": 5, "delay": {"uniform": {"min": "1ms", "max": "90ms"}}},
        {"weight": 2, "delay": {"fixed": "20ms", "percent": 50}},
        {"weight": 3, "abort": {"status": 503}}]}]);
    let scenario = json!({"name": "db", "faults": faults});
    let configuration = plugin("choice", &[scenario], |mission| mission["seed"] = json!("replay-2"));
    compare(&configuration, "replay-2", &ids());
}

/// The scenarios of the golden vectors (src/policy/tests/delays.rs).
fn golden_scenarios() -> Vec<Value> {
    let delays = [
        json!({"fixed": "100ms"}),
        json!({"uniform": {"min": "50ms", "max": "200ms"}}),
        json!({"normal": {"mean": "120ms", "stddev": "20ms"}}),
        json!({"lognormal": {"median": "80ms", "sigma": 0.5}, "percent": 50}),
        json!({"pareto": {"min": "20ms", "shape": 1.16}, "phase": "response"}),
        json!({"percentiles": {"p50": "20ms", "p95": "100ms", "p999": "1s"}}),
    ];
    let names = ["fixed", "uniform", "normal", "lognormal", "pareto", "percentiles"];
    let alone = names.iter().zip(&delays).map(|(name, delay)| {
        json!({"name": name, "scope": {"sample": {"percent": 60}}, "faults": [{"delay": delay}]})
    });
    let several = json!({"name": "several", "faults": [{"delay": delays[2]}, {"delay": delays[3]},
        {"abort": {"status": 503, "percent": 30}}, {"delay": delays[1]}]});
    let sticky = json!({"name": "sticky", "scope": {"sample": {"percent": 50, "by": {"header": "x-user"}}},
        "faults": [{"delay": delays[1]}]});
    alone.chain([several, sticky]).collect()
}

/// What the module did to a request: the delays in milliseconds, in order, and whether it answered.
fn served(scenario: &Value, seed: &str, id: &str) -> (Vec<u64>, bool) {
    let configuration = plugin("golden", std::slice::from_ref(scenario), |mission| {
        mission["composition"] = json!("independent");
        mission["seed"] = json!(seed);
    });
    let mut proxy = Proxy::new(&configuration);
    let stream = proxy.vm.stream(proxy.root).unwrap();
    let headers = [(":path", "/"), ("x-user", "ada"), ("x-request-id", id)];
    proxy.vm.request_headers(stream, &headers, true).unwrap();
    proxy.advance_ms(2_000);
    let answered = proxy.vm.take_effects().iter().any(|e| matches!(e, Effect::LocalResponse { .. }));
    if !answered {
        proxy.respond(stream, "200");
    }
    let name = scenario["name"].as_str().unwrap_or_default();
    (proxy.samples("chaos_injected_delay_ms", &[("scenario", name)]), answered)
}

#[test]
fn the_golden_vectors_are_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/policy/tests/golden/draws.json");
    let text = std::fs::read_to_string(path).expect("the golden vectors belong to the repository");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("the vectors are JSON");
    let scenarios = golden_scenarios();
    let mut compared = 0;
    // A mission cannot have an empty seed.
    for row in rows.iter().filter(|row| row["seed"] != "") {
        let scenario = scenarios.iter().find(|s| s["name"] == row["scenario"]).expect("a known scenario");
        let faults = row["faults"].as_array().expect("a list");
        let delays: Vec<u64> = faults.iter().filter_map(Value::as_u64).map(|us| (us + 500) / 1000).collect();
        let aborted = faults.iter().any(|fault| fault == "abort");
        let text = |key: &str| row[key].as_str().expect("a text").to_owned();
        assert_eq!(served(scenario, &text("seed"), &text("request_id")), (delays, aborted), "{row}");
        compared += 1;
    }
    assert_eq!(compared, 64);
}
