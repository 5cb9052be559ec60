//! Missions that come through the control API: it writes them into shared data and rings, and every filter verifies them itself.

#[path = "../../signing.rs"]
mod signing;

use serde_json::{Value, json};
use squall_policy::mission::{Current, Halt, HaltRecord, Now, Order, Source};
use squall_wasm_host::{Action, Proxy, Request, Shared, catalog, mission, plugin, ring};

fn aborting(name: &str, status: u16) -> Value {
    json!({"name": name, "faults": [{"abort": {"status": status}}]})
}

fn scenarios() -> Vec<Value> {
    vec![aborting("db", 503), aborting("cache", 504)]
}

/// A configuration with a catalog and without a mission.
fn idle() -> String {
    json!({"version": 1, "catalog": catalog(&scenarios()), "identity": {"namespace": "shop"}}).to_string()
}

/// An order that comes now.
fn order(shared: &Shared, serial: u64, mission: &Value) {
    let wall_ms = shared.clock().wall / 1_000_000;
    let order = Order { serial, wall_ms, bytes: mission.to_string().into_bytes() };
    shared.set_data(b"squall/order", &order.to_bytes());
}

fn faulted(proxy: &mut Proxy) -> bool {
    let (stream, action) = proxy.request(Request::default());
    proxy.finish(stream);
    action == Action::Pause
}

fn current(shared: &Shared) -> Vec<(String, Source)> {
    let current = Current::from_bytes(&shared.data(b"squall/current").unwrap_or_default()).expect("readable");
    current.missions.into_iter().map(|mission| (mission.id, mission.source)).collect()
}

#[test]
fn an_order_starts_a_mission_on_all_idle_workers_when_it_is_rung_for() {
    let mut first = Proxy::new(&idle());
    let mut other = Proxy::worker(&first.shared, &idle());
    assert!(!faulted(&mut first));
    order(&first.shared, 1, &mission("ordered", &["db"]));
    ring(&mut [&mut first, &mut other]);
    assert!(faulted(&mut first) && faulted(&mut other));
    assert_eq!(current(&first.shared), [("ordered".to_owned(), Source::Order)]);
    // A worker that comes later finds it.
    let mut late = Proxy::worker(&first.shared, &idle());
    assert!(faulted(&mut late));
}

/// P9
#[test]
fn p9_an_update_without_a_mission_keeps_the_order_and_its_clock() {
    let mut proxy = Proxy::new(&idle());
    let mut ordered = mission("ordered", &["db"]);
    ordered["duration"] = json!("10s");
    order(&proxy.shared, 1, &ordered);
    ring(&mut [&mut proxy]);
    for revision in 0..40 {
        proxy.advance_ms(200);
        let mut next: Value = serde_json::from_str(&idle()).expect("JSON");
        next["revision"] = json!(revision.to_string());
        proxy.root = proxy.vm.start_root(next.to_string().as_str(), "squall").expect("no trap");
        assert!(faulted(&mut proxy), "after {revision} updates");
    }
    proxy.advance_ms(2_000);
    assert!(!faulted(&mut proxy), "the deadline of its start");
    assert_eq!(proxy.metric("chaos_missions_total", &[("result", "done")]), 1);
}

#[test]
fn p6_an_order_is_verified_by_every_filter_itself() {
    let other_namespace = |id: &str| {
        let mut mission = mission(id, &["db"]);
        mission["namespace"] = json!("bank");
        mission
    };
    let bad = [other_namespace("a"), mission("b", &["unknown"]), json!({"version": 1}), json!(7)];
    let mut proxy = Proxy::new(&idle());
    for (serial, mission) in bad.iter().enumerate() {
        order(&proxy.shared, serial as u64 + 1, mission);
        ring(&mut [&mut proxy]);
        assert!(!faulted(&mut proxy), "{mission}");
    }
    proxy.shared.set_data(b"squall/order", b"garbage");
    ring(&mut [&mut proxy]);
    assert!(!faulted(&mut proxy));
    assert_eq!(current(&proxy.shared), []);
    order(&proxy.shared, 9, &mission("good", &["db"]));
    ring(&mut [&mut proxy]);
    assert!(faulted(&mut proxy), "and a good one runs after that");
}

#[test]
fn p6_an_ended_id_is_refused_as_an_order_too() {
    let mut proxy = Proxy::new(&idle());
    let mut short = mission("once", &["db"]);
    short["duration"] = json!("2s");
    order(&proxy.shared, 1, &short);
    ring(&mut [&mut proxy]);
    assert!(faulted(&mut proxy));
    proxy.advance_ms(2_000);
    assert!(!faulted(&mut proxy));
    order(&proxy.shared, 2, &mission("once", &["db"]));
    ring(&mut [&mut proxy]);
    assert!(!faulted(&mut proxy));
    order(&proxy.shared, 3, &mission("twice", &["db"]));
    ring(&mut [&mut proxy]);
    assert!(faulted(&mut proxy));
}

#[test]
fn a_mission_of_the_configuration_comes_before_an_order_until_it_is_over() {
    let own = plugin("own", &scenarios(), |mission| mission["duration"] = json!("5s"));
    let mut proxy = Proxy::new(&own);
    order(&proxy.shared, 1, &mission("ordered", &["cache"]));
    ring(&mut [&mut proxy]);
    assert_eq!(current(&proxy.shared), [("own".to_owned(), Source::Configuration)]);
    proxy.advance_ms(5_000);
    ring(&mut [&mut proxy]);
    assert!(!faulted(&mut proxy), "that order is five seconds old");
    order(&proxy.shared, 2, &mission("ordered", &["cache"]));
    ring(&mut [&mut proxy]);
    assert!(faulted(&mut proxy));
    assert_eq!(current(&proxy.shared).last(), Some(&("ordered".to_owned(), Source::Order)));
}

#[test]
fn a_configuration_stops_an_ordered_mission_for_ever() {
    let mut proxy = Proxy::new(&idle());
    order(&proxy.shared, 1, &mission("ordered", &["db"]));
    ring(&mut [&mut proxy]);
    let mut other = Proxy::worker(&proxy.shared, &idle());
    assert!(faulted(&mut proxy) && faulted(&mut other));
    let stop = plugin("ordered", &scenarios(), |mission| mission["enable"] = json!(false));
    let mut stopped = Proxy::worker(&proxy.shared, &stop);
    ring(&mut [&mut proxy, &mut other]);
    assert!(!faulted(&mut stopped) && !faulted(&mut proxy) && !faulted(&mut other));
    assert_eq!(proxy.metric("chaos_missions_total", &[("result", "stopped")]), 1);
    let mut fresh = Proxy::worker(&proxy.shared, &idle());
    assert!(!faulted(&mut fresh));
}

/// What is left of one mission is not taken for the next one's, whose scenarios have other numbers.
#[test]
fn requests_of_an_ended_mission_are_not_counted_for_the_next() {
    let mut proxy = Proxy::new(&idle());
    let mut first = mission("first", &["db"]);
    first["duration"] = json!("2s");
    order(&proxy.shared, 1, &first);
    ring(&mut [&mut proxy]);
    let (old, _) = proxy.request(Request::default());
    proxy.advance_ms(2_100);
    order(&proxy.shared, 2, &mission("second", &["cache"]));
    ring(&mut [&mut proxy]);
    assert!(faulted(&mut proxy));
    proxy.respond(old, "503");
    proxy.finish(old);
    let treated = |scenario: &str, class: &str| {
        let labels = [("scenario", scenario), ("group", "treatment"), ("code_class", class)];
        proxy.metric("chaos_requests_total", &labels)
    };
    assert_eq!(treated("cache", "5xx"), 0);
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
}

/// Nobody could take it: the control role had forgotten it after three seconds, and could not stop it either.
#[test]
fn an_order_that_nobody_began_in_time_never_begins() {
    let idle_elsewhere =
        json!({"version": 1, "catalog": catalog(&scenarios()), "identity": {"namespace": "bank"}});
    let mut proxy = Proxy::new(&idle_elsewhere.to_string());
    order(&proxy.shared, 1, &mission("late", &["db"]));
    ring(&mut [&mut proxy]);
    assert!(!faulted(&mut proxy), "it is for another namespace");
    let mut in_time = Proxy::worker(&proxy.shared, &idle());
    assert!(faulted(&mut in_time), "a filter that can take it at once does");
    order(&proxy.shared, 2, &mission("later", &["cache"]));
    proxy.advance_ms(3_001);
    let mut late = Proxy::worker(&proxy.shared, &idle());
    assert!(!faulted(&mut late), "and one that comes later does not");
    assert_eq!(current(&proxy.shared).len(), 1);
    // Also one from before the clock was set back, or from after it.
    order(&proxy.shared, 3, &mission("earlier", &["cache"]));
    proxy.shared.set_wall(proxy.shared.clock().wall - 3_600_000_000_000);
    assert!(!faulted(&mut Proxy::worker(&proxy.shared, &idle())));
}

/// The mission of the configuration has expired while a halt kept it from beginning.
#[test]
fn a_filter_whose_own_mission_could_not_begin_hears_orders() {
    let own: Value = serde_json::from_str(&plugin("own", &scenarios(), |_| {})).expect("JSON");
    let mut own = signing::signed(&own, "2026-12-01T00:00:10Z", &[signing::ALICE]);
    own["identity"] = json!({"namespace": "shop"});
    let shared = Shared::new();
    let now = || Now { wall_ms: shared.clock().wall / 1_000_000, mono_ns: shared.clock().monotonic };
    let halted = HaltRecord::default().halt(Halt::default(), now());
    shared.set_data(b"squall/halt", &halted.to_bytes());
    let mut proxy = Proxy::worker(&shared, &own.to_string());
    assert!(!faulted(&mut proxy));
    proxy.advance_ms(20_000);
    shared.set_data(b"squall/halt", &halted.release().expect("it blocks").to_bytes());
    ring(&mut [&mut proxy]);
    assert!(!faulted(&mut proxy), "it has expired");
    let ordered = signing::bound(&mission("ordered", &["cache"]), &own["catalog"], "2026-12-01T01:00:00Z");
    order(&shared, 1, &signing::sealed(ordered.to_string().as_bytes(), &[signing::ALICE]));
    ring(&mut [&mut proxy]);
    assert!(faulted(&mut proxy));
}

#[test]
fn an_idle_filter_with_a_catalog_costs_no_request_anything() {
    let mut proxy = Proxy::new(&idle());
    let before = proxy.vm.counts();
    assert!(!faulted(&mut proxy));
    assert_eq!(proxy.vm.counts().since(&before).host_calls_total(), 0);
    assert_eq!(proxy.vm.tick_period(proxy.root), None);
}
