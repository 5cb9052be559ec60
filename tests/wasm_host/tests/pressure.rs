//! Pressure in the compiled module: burnt time on a clock that runs while it is looked at, held memory.

use std::time::Duration;

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, Status, plugin};

const MIB: u64 = 1 << 20;

fn scenario(name: &str, faults: Value) -> Value {
    json!({"name": name, "scope": {"match": [{"path": {"exact": format!("/{name}")}}]}, "faults": faults})
}

fn cpu(burn: &str, share: &str) -> Value {
    json!({"pressure": {"cpu": {"burn": burn, "max_share": share}}})
}

fn memory(hold: &str) -> Value {
    json!({"pressure": {"memory": {"hold": hold}}})
}

/// A proxy whose clock moves by 10 microseconds with each look.
fn proxy(scenarios: &[Value]) -> Proxy {
    let proxy = Proxy::new(&plugin("m", scenarios, |mission| mission["duration"] = json!("10s")));
    proxy.shared.run_clock(Duration::from_micros(10));
    proxy
}

fn injected(proxy: &Proxy, scenario: &str, fault: &str) -> u64 {
    proxy.metric("chaos_faults_injected_total", &[("scenario", scenario), ("fault", fault)])
}

fn suppressed(proxy: &Proxy, scenario: &str, cause: &str) -> u64 {
    proxy.metric("chaos_faults_suppressed_total", &[("scenario", scenario), ("cause", cause)])
}

fn group(proxy: &Proxy, scenario: &str, group: &str) -> u64 {
    let labels = [("scenario", scenario), ("group", group), ("code_class", "none")];
    proxy.metric("chaos_requests_total", &labels)
}

/// How long the callback of the request headers took.
fn took(proxy: &mut Proxy, path: &str) -> Duration {
    let before = proxy.shared.clock().monotonic;
    let (stream, action) = proxy.request(Request { path, ..Request::default() });
    let after = proxy.shared.clock().monotonic;
    assert_eq!(action, Action::Continue);
    proxy.finish(stream);
    Duration::from_nanos(after - before)
}

#[test]
fn a_burn_takes_as_long_as_it_says_until_the_share_is_used_up() {
    let mut proxy = proxy(&[scenario("busy", json!([cpu("20ms", "10%")]))]);
    // A tenth of a second is saved: five burns of 20 ms, and little more than four more per two seconds.
    for _ in 0..4 {
        let took = took(&mut proxy, "/busy");
        assert!((Duration::from_millis(20)..Duration::from_micros(20_200)).contains(&took), "{took:?}");
    }
    let short =
        (0..10).map(|_| took(&mut proxy, "/busy")).filter(|took| *took < Duration::from_millis(1)).count();
    assert!((8..=10).contains(&short), "{short}");
    proxy.advance_ms(2_000);
    assert!(took(&mut proxy, "/busy") >= Duration::from_millis(20), "earned again");
    assert!(took(&mut proxy, "/other") < Duration::from_millis(1));

    let (burnt, spared) = (injected(&proxy, "busy", "cpu"), suppressed(&proxy, "busy", "cpu_share"));
    assert_eq!((burnt + spared, spared), (15, short as u64));
    assert_eq!((group(&proxy, "busy", "treatment"), group(&proxy, "busy", "other")), (burnt, spared));
}

#[test]
fn who_is_spared_a_burn_keeps_the_other_faults_and_uses_no_cap() {
    let delayed = scenario("both", json!([cpu("100ms", "10%"), {"delay": {"fixed": "20ms"}}]));
    let mut capped = scenario("capped", json!([cpu("100ms", "10%")]));
    capped["safety"] = json!({"max_total": 5});
    let mut proxy = proxy(&[delayed, capped]);
    let request = Request { path: "/both", ..Request::default() };
    for first in [true, false] {
        let before = proxy.shared.clock().monotonic;
        let (stream, action) = proxy.request(request);
        let burnt = proxy.shared.clock().monotonic - before >= 100_000_000;
        assert_eq!((action, burnt), (Action::Pause, first));
        // The delay begins after the burn.
        proxy.advance_ms(19);
        assert!(proxy.vm.held(stream).is_some());
        proxy.advance_ms(2);
        assert!(proxy.vm.held(stream).is_none());
        let fault = proxy.vm.filter_state(stream).unwrap().remove(&b"chaos_fault"[..]);
        assert_eq!(fault.as_deref(), Some(if first { &b"cpu,delay"[..] } else { b"delay" }));
        proxy.finish(stream);
    }
    assert_eq!((injected(&proxy, "both", "delay"), injected(&proxy, "both", "cpu")), (2, 1));
    assert_eq!((suppressed(&proxy, "both", "cpu_share"), group(&proxy, "both", "treatment")), (1, 2));
    took(&mut proxy, "/capped");
    assert_eq!(
        (suppressed(&proxy, "capped", "cpu_share"), proxy.shared.data(b"squall/caps/m/capped")),
        (1, None)
    );
}

#[test]
fn a_clock_that_stands_still_or_fails_does_not_hang_the_worker() {
    let mut proxy = proxy(&[scenario("busy", json!([cpu("100ms", "50%")]))]);
    proxy.shared.run_clock(Duration::ZERO);
    took(&mut proxy, "/busy");
    proxy.vm.fail_nth("clock_time_get", 3, Status::INTERNAL_FAILURE);
    took(&mut proxy, "/busy");
    assert_eq!((injected(&proxy, "busy", "cpu"), suppressed(&proxy, "busy", "host_error")), (0, 2));
}

#[test]
fn memory_is_held_once_from_the_first_request_to_the_end_and_is_used_again() {
    let held = |proxy: &Proxy| proxy.metric("chaos_memory_held_bytes", &[]);
    let faults = [scenario("large", json!([memory("32MiB")])), scenario("small", json!([memory("8KiB")]))];
    let mut proxy = proxy(&faults);
    took(&mut proxy, "/other");
    let before = proxy.vm.memory_size();
    assert_eq!(held(&proxy), 0, "only from the first sampled request on");
    for _ in 0..5 {
        took(&mut proxy, "/large");
    }
    took(&mut proxy, "/small");
    assert_eq!(held(&proxy), 32 * MIB + 8192);
    let during = proxy.vm.memory_size();
    assert!((32 << 20..34 << 20).contains(&(during - before)), "{}", during - before);
    assert_eq!((injected(&proxy, "large", "memory"), group(&proxy, "large", "treatment")), (5, 5));
    // An update of the same mission lets go of what it does not hold any more.
    let update = plugin("m", &faults[1..], |mission| mission["duration"] = json!("10s"));
    proxy.root = proxy.vm.start_root(update, "squall").unwrap();
    assert_eq!(held(&proxy), 0);
    took(&mut proxy, "/small");
    assert_eq!(held(&proxy), 8192);
    proxy.advance_ms(10_001);
    assert_eq!(held(&proxy), 0, "the mission is over");
    let next = plugin("n", &faults, |mission| mission["duration"] = json!("10s"));
    proxy.root = proxy.vm.start_root(next, "squall").unwrap();
    took(&mut proxy, "/large");
    assert_eq!(held(&proxy), 32 * MIB);
    assert!(proxy.vm.memory_size() - during < 1 << 20, "the memory of the first mission is used again");
    proxy.vm.end_root(proxy.root).unwrap();
    assert_eq!(held(&proxy), 0, "the filter was taken out");
}

#[test]
fn no_worker_holds_more_than_256_mib() {
    let mut proxy =
        proxy(&[scenario("a", json!([memory("200MiB")])), scenario("b", json!([memory("57MiB")]))]);
    for path in ["/a", "/b", "/b", "/a"] {
        took(&mut proxy, path);
    }
    assert_eq!(proxy.metric("chaos_memory_held_bytes", &[]), 200 * MIB);
    assert_eq!((injected(&proxy, "a", "memory"), suppressed(&proxy, "b", "host_error")), (2, 2));
    assert_eq!(group(&proxy, "b", "other"), 2, "no control: it would have been treated");
}

/// Promise P1: memory is no fault that a step of the wall clock over the deadline leaves behind.
#[test]
fn held_memory_is_let_go_within_a_second_of_a_wall_clock_that_steps_over_the_deadline() {
    let mut proxy = Proxy::new(&plugin("m", &[scenario("large", json!([memory("1MiB")]))], |_| {}));
    took(&mut proxy, "/large");
    assert_eq!(proxy.metric("chaos_memory_held_bytes", &[]), MIB);
    assert!(proxy.vm.tick_period(proxy.root).is_some_and(|period| period <= Duration::from_secs(1)));
    let wall = proxy.shared.clock().wall;
    proxy.shared.set_wall(wall + 7_200_000_000_000);
    proxy.advance_ms(1_000);
    assert_eq!(proxy.metric("chaos_memory_held_bytes", &[]), 0);
    proxy.advance_ms(1_000);
    assert_eq!(proxy.vm.tick_period(proxy.root), None, "once the verdict has been told");
}

#[test]
fn a_root_that_is_configured_again_lets_go_of_the_old_mission_s_memory() {
    let faults = [scenario("large", json!([memory("1MiB")]))];
    let mut proxy = proxy(&faults);
    took(&mut proxy, "/large");
    let other = plugin("n", &faults, |_| {});
    proxy.vm.configure_again(proxy.root, other.as_bytes()).unwrap();
    assert_eq!(proxy.metric("chaos_memory_held_bytes", &[]), 0);
    took(&mut proxy, "/large");
    assert_eq!(proxy.metric("chaos_memory_held_bytes", &[]), MIB);
}
