//! Triggers in the compiled module: on and off by the host's clocks as the native policy says, and only then with a clock.

use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Facts, Moment, Plan, Report, Seed, load_plugin};
use squall_wasm_host::{Action, Proxy, Request, plugin};

const START_MS: u64 = 1_796_083_200_000;

fn configuration(trigger: Value) -> String {
    let scenario = json!({"name": "db", "trigger": trigger, "scope": {"allow_protected": true},
        "faults": [{"abort": {"status": 503}}]});
    plugin("m", &[scenario], |_| {})
}

struct Now(Moment);

impl Facts for Now {
    fn fact(&mut self, _: &Fact) -> Option<&[u8]> {
        None
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }

    fn moment(&mut self) -> Option<Moment> {
        Some(self.0)
    }
}

fn native(configuration: &str) -> Plan {
    let loaded = load_plugin(configuration.as_bytes(), None, &mut Report::default());
    loaded.and_then(|loaded| loaded.plan).expect("a mission")
}

fn faulted(proxy: &mut Proxy) -> bool {
    let (stream, action) = proxy.request(Request::default());
    proxy.finish(stream);
    action == Action::Pause
}

/// Promise P5: seed, scenario and time alone say when it is on.
#[test]
fn random_spans_are_those_of_the_native_policy() {
    let configuration = configuration(json!({"randomize": {"period": "10s", "active": "3s"}}));
    let (plan, mut proxy) = (native(&configuration), Proxy::new(&configuration));
    let begin = proxy.shared.clock();
    let mut on = 0;
    for _ in 0..1000 {
        proxy.advance_ms(97);
        let running_ns = proxy.shared.clock().monotonic - begin.monotonic;
        let wanted = plan.decide(&Seed::from_text("s"), &mut Now(Moment { wall_ms: START_MS, running_ns }));
        assert_eq!(faulted(&mut proxy), wanted.injection.is_some(), "after {running_ns} ns");
        on += u64::from(wanted.injection.is_some());
    }
    // 97 s are nine periods and most of a tenth.
    assert!((9 * 30..=10 * 31).contains(&on), "{on}");
    let spared = proxy.metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", "trigger")]);
    assert_eq!(spared, 1000 - on);
    let finished = |group| {
        proxy.metric("chaos_requests_total", &[("scenario", "db"), ("group", group), ("code_class", "none")])
    };
    assert_eq!(["control", "treatment", "other"].map(finished), [0, on, 1000 - on]);
}

/// Promise P5: the state of a burst is that of the native policy, in two workers, a minute or a week after the start.
#[test]
fn bursts_are_those_of_the_native_policy() {
    let scenario = json!({"name": "db", "burst": {"good": "700ms", "bad": "300ms"}, "scope": {"allow_protected": true},
        "faults": [{"abort": {"status": 503}}]});
    let configuration = plugin("m", &[scenario], |mission| mission["duration"] = json!("7days"));
    let (plan, mut proxy) = (native(&configuration), Proxy::new(&configuration));
    let begin = proxy.shared.clock();
    let mut on = 0;
    for number in 0..1000 {
        // Half of them at the beginning, half at the end of a week.
        proxy.advance_ms(if number == 500 { 6 * 24 * 3_600_000 } else { 97 });
        let running_ns = proxy.shared.clock().monotonic - begin.monotonic;
        let wanted = plan.decide(&Seed::from_text("s"), &mut Now(Moment { wall_ms: START_MS, running_ns }));
        assert_eq!(faulted(&mut proxy), wanted.injection.is_some(), "after {running_ns} ns");
        on += u64::from(wanted.injection.is_some());
    }
    assert!((150..450).contains(&on), "{on}");
    let spared = proxy.metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", "burst")]);
    assert_eq!(spared, 1000 - on);
    let finished = |group| {
        proxy.metric("chaos_requests_total", &[("scenario", "db"), ("group", group), ("code_class", "none")])
    };
    assert_eq!(["control", "treatment", "other"].map(finished), [0, on, 1000 - on]);
}

/// A step of the wall clock moves where in the window it is.
#[test]
fn a_window_follows_the_wall_clock() {
    let window = json!({"between": "01:30-01:45", "days": ["tue"], "timezone": "+01:00"});
    let mut proxy = Proxy::new(&configuration(json!({ "window": window })));
    let midnight = proxy.shared.clock().wall;
    for (seconds, wanted) in [
        (0, false),
        (30 * 60 - 1, false),
        (30 * 60, true),
        (20 * 60, false),
        (45 * 60 - 1, true),
        (45 * 60, false),
    ] {
        proxy.shared.set_wall(midnight + seconds * 1_000_000_000);
        assert_eq!(faulted(&mut proxy), wanted, "{seconds} s after midnight in UTC, on a Tuesday");
    }
}

#[test]
fn a_trigger_costs_two_clocks_and_nothing_where_it_is_not_asked() {
    let mut proxy = Proxy::new(&configuration(json!({"window": {"end": "2020-01-01T00:00:00Z"}})));
    let before = proxy.vm.counts();
    assert!(!faulted(&mut proxy));
    let counts = proxy.vm.counts().since(&before);
    assert_eq!(counts.host_calls.get("proxy_get_current_time_nanoseconds"), Some(&2), "{counts:?}");
    assert_eq!(
        counts.host_calls.get("proxy_get_header_map_value"),
        None,
        "off is decided by the clock alone"
    );
}

#[test]
fn without_a_clock_nothing_is_on() {
    let mut proxy = Proxy::new(&configuration(json!({"window": {"start": "2020-01-01T00:00:00Z"}})));
    assert!(faulted(&mut proxy));
    proxy.vm.fail_next("clock_time_get", squall_wasm_host::Status::BAD_ARGUMENT);
    assert!(!faulted(&mut proxy));
    assert_eq!(proxy.metric("chaos_host_errors_total", &[]), 1);
    assert!(faulted(&mut proxy));
}

/// Once per proxy, not once per worker.
#[test]
fn a_window_that_has_closed_is_warned_of_when_the_mission_is_accepted() {
    let shared = squall_wasm_host::Shared::new();
    let warned = |end: &str| {
        let proxy = Proxy::worker(&shared, &configuration(json!({"window": { "end": end }})));
        let logs = proxy.vm.logs();
        logs.iter().any(|log| log.message.contains("scenario db stays off: its window has closed"))
    };
    assert!(warned("2020-01-01T00:00:00Z"));
    assert!(!warned("2020-01-01T00:00:00Z"), "the mission is accepted already");
    let fresh = |end: &str| {
        let proxy = Proxy::new(&configuration(json!({"window": { "end": end }})));
        proxy.vm.logs().iter().any(|log| log.message.contains("stays off"))
    };
    assert!(!fresh("2030-01-01T00:00:00Z") && fresh("2026-12-01T00:00:00Z"));
}
