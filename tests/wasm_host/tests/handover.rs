//! Configurations and orders that take each other's place: what is told of the mission before, and what of the one that stays.

use serde_json::{Value, json};
use squall_policy::events::Ring;
use squall_policy::mission::{Event, HaltRecord, MissionRecord, Now, Order};
use squall_wasm_host::{Action, Proxy, Request, Shared, catalog, mission, plugin, ring};

fn scenario() -> Value {
    json!({"name": "db", "faults": [{"abort": {"status": 503}}], "signals": {"error_rate": "<= 50%"}})
}

/// A configuration with a catalog and without a mission.
fn idle(revision: u32) -> String {
    json!({"version": 1, "revision": revision.to_string(), "catalog": catalog(&[scenario()]),
        "identity": {"namespace": "shop"}})
    .to_string()
}

fn running(id: &str, change: impl FnOnce(&mut Value)) -> String {
    plugin(id, &[scenario()], change)
}

fn now(shared: &Shared) -> Now {
    let clock = shared.clock();
    Now { wall_ms: clock.wall / 1_000_000, mono_ns: clock.monotonic }
}

fn order(shared: &Shared, serial: u64, id: &str) {
    let bytes = mission(id, &["db"]).to_string().into_bytes();
    let order = Order { serial, wall_ms: now(shared).wall_ms, bytes };
    shared.set_data(b"squall/order", &order.to_bytes());
}

fn stop(shared: &Shared, id: &str) {
    let key = format!("squall/mission/{id}");
    let record =
        MissionRecord::from_bytes(&shared.data(key.as_bytes()).expect("a record")).expect("readable");
    let stopped = record.step(Event::Stop { by: "alice", reason: "" }, &HaltRecord::default(), now(shared));
    shared.set_data(key.as_bytes(), &stopped.record.expect("it is stopped").to_bytes());
}

fn faulted(proxy: &mut Proxy) -> bool {
    let (stream, action) = proxy.request(Request::default());
    proxy.finish(stream);
    action == Action::Pause
}

/// How often something has been told of a mission.
fn told(shared: &Shared, name: &str, id: &str) -> usize {
    let ring = Ring::from_bytes(&shared.data(b"squall/events").unwrap_or_default()).expect("a ring");
    let events = ring.since(0).map(|(_, entry)| serde_json::from_str::<Value>(&entry.line).expect("JSON"));
    events.filter(|event| event["event"] == name && event["mission"] == id).count()
}

#[test]
fn a_mission_is_judged_once_although_an_order_takes_its_place_at_once() {
    let mut first = Proxy::new(&idle(1));
    let mut other = Proxy::worker(&first.shared, &idle(1));
    let shared = first.shared.clone();
    order(&shared, 1, "one");
    ring(&mut [&mut first, &mut other]);
    assert!(faulted(&mut first) && faulted(&mut other));
    stop(&shared, "one");
    ring(&mut [&mut first, &mut other]);
    order(&shared, 2, "two");
    ring(&mut [&mut first, &mut other]);
    assert!(faulted(&mut first) && faulted(&mut other));
    assert_eq!((told(&shared, "mission.judged", "one"), told(&shared, "mission.judged", "two")), (1, 0));
    first.advance_ms(2_000);
    other.vm.run_due().expect("no trap");
    assert_eq!((told(&shared, "mission.judged", "one"), told(&shared, "mission.judged", "two")), (1, 0));
}

/// The root of the configuration before goes away, or the same root is configured again.
#[test]
fn a_mission_is_judged_once_although_a_configuration_takes_its_place_at_once() {
    for again in [false, true] {
        let short = running("one", |mission| mission["duration"] = json!("5s"));
        let mut proxy = Proxy::new(&short);
        let shared = proxy.shared.clone();
        assert!(faulted(&mut proxy));
        proxy.advance_ms(5_100);
        assert_eq!((told(&shared, "mission.done", "one"), told(&shared, "mission.judged", "one")), (1, 0));
        if again {
            proxy.vm.configure_again(proxy.root, idle(2).as_bytes()).expect("no trap");
        } else {
            proxy.vm.start_root(idle(2), "squall").expect("no trap");
            proxy.vm.end_root(proxy.root).expect("no trap");
        }
        proxy.advance_ms(2_000);
        assert_eq!(told(&shared, "mission.judged", "one"), 1, "again {again}");
    }
}

/// By then every worker has told what it saw.
#[test]
fn a_verdict_waits_for_the_other_workers() {
    let mut proxy = Proxy::new(&running("one", |mission| mission["duration"] = json!("5s")));
    let shared = proxy.shared.clone();
    assert!(faulted(&mut proxy));
    proxy.advance_ms(5_000);
    assert_eq!(told(&shared, "mission.done", "one"), 1);
    proxy.advance_ms(700);
    assert_eq!(told(&shared, "mission.judged", "one"), 0);
    proxy.advance_ms(100);
    assert_eq!(told(&shared, "mission.judged", "one"), 1);
}

/// It looks at its mission for the last time when it goes.
#[test]
fn a_mission_is_judged_once_although_nobody_saw_its_end_before_its_root_went() {
    let mut proxy = Proxy::new(&running("one", |_| {}));
    let shared = proxy.shared.clone();
    assert!(faulted(&mut proxy));
    stop(&shared, "one");
    proxy.vm.start_root(idle(2), "squall").expect("no trap");
    proxy.vm.end_root(proxy.root).expect("no trap");
    assert_eq!(told(&shared, "mission.judged", "one"), 1);
}

/// A revision goes on with the mission, and its own look at the health judges it.
#[test]
fn a_mission_that_goes_on_is_not_judged() {
    let mut proxy = Proxy::new(&running("one", |_| {}));
    let shared = proxy.shared.clone();
    assert!(faulted(&mut proxy));
    let before = proxy.root;
    proxy.root =
        proxy.vm.start_root(running("one", |m| m["duration"] = json!("10s")), "squall").expect("no trap");
    proxy.vm.end_root(before).expect("no trap");
    assert_eq!(told(&shared, "mission.judged", "one"), 0);
    for _ in 0..20 {
        proxy.advance_ms(1_000);
    }
    assert_eq!(told(&shared, "mission.judged", "one"), 1);
}

/// Worker by worker, Envoy hands over one configuration after the other: one of them may be two behind.
#[test]
fn a_worker_that_is_behind_puts_no_newer_configuration_aside_for_good() {
    let disabled = running("m", |mission| mission["enable"] = json!(false));
    let enabled = running("m", |mission| mission["mark"] = json!("headers"));
    let mut ahead = Proxy::new(&running("m", |_| {}));
    let mut behind = Proxy::worker(&ahead.shared, &running("m", |_| {}));
    for configuration in [&disabled, &enabled] {
        ahead.advance_ms(10);
        ahead.root = ahead.vm.start_root(configuration, "squall").expect("no trap");
    }
    ahead.vm.run_queues().expect("no trap");
    assert!(faulted(&mut ahead));
    for configuration in [&disabled, &enabled] {
        ahead.advance_ms(10);
        behind.root = behind.vm.start_root(configuration, "squall").expect("no trap");
        ahead.vm.run_queues().expect("no trap");
    }
    assert!(faulted(&mut behind));
    assert!(faulted(&mut ahead), "it has the newest configuration, as the other one has now");
    let active = [("scenario", "db"), ("namespace", "shop")];
    assert_eq!(ahead.metric("chaos_active", &active), 1);
    ahead.advance_ms(1_000);
    assert!(faulted(&mut ahead));
}

#[test]
fn a_stage_is_told_once_however_many_updates_come_and_however_late() {
    let staged = |revision: u32, first: &str| {
        let text = running("m", |mission| {
            mission["stages"] = json!([{"for": "10m", "intensity": first}, {"intensity": "100%"}]);
        });
        let mut plugin: Value = serde_json::from_str(&text).expect("JSON");
        plugin["revision"] = json!(revision.to_string());
        plugin.to_string()
    };
    let mut proxy = Proxy::new(&staged(0, "10%"));
    let shared = proxy.shared.clone();
    for revision in 1..5 {
        proxy.advance_ms(15_000);
        proxy.vm.start_root(staged(revision, "10%"), "squall").expect("no trap");
        Proxy::worker(&shared, &staged(revision, "10%"));
    }
    assert_eq!(told(&shared, "stage.started", "m"), 1);
    proxy.vm.start_root(staged(5, "20%"), "squall").expect("no trap");
    assert_eq!(told(&shared, "stage.started", "m"), 2, "another intensity is news");
    for _ in 0..60 {
        proxy.advance_ms(10_000);
    }
    assert_eq!(told(&shared, "stage.started", "m"), 3);
}

/// A scenario that waits for half of its requests, with a breaker.
fn with_breaker() -> String {
    let rule =
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "1s", "min_requests": 10});
    let scenario = json!({
        "name": "db", "scope": {"sample": {"percent": 50}}, "faults": [{"delay": {"fixed": "20s"}}],
        "safety": {"halt_when": [rule]},
        "rollback": {"circuit_breaker": {"open_for": "60s", "half_open_intensity": "10%", "close_after": "5s"}},
    });
    plugin("m", &[scenario], |_| {})
}

/// What a request was faulted by is what it counts with, although the breaker has changed before it is complete.
#[test]
fn requests_that_a_breaker_lets_go_count_with_the_rate_that_they_were_drawn_at() {
    let mut proxy = Proxy::new(&with_breaker());
    let shared = proxy.shared.clone();
    let mut waiting = Vec::new();
    for id in 0..200_u64 {
        let (stream, action) = proxy.request(Request { id: &id.to_string(), ..Request::default() });
        if action == Action::Pause {
            waiting.push(stream);
        } else {
            proxy.vm.set_property(stream, &["response", "code"], &503_u64.to_le_bytes()).expect("a stream");
            proxy.finish(stream);
        }
        proxy.advance_ms(20);
        if told(&shared, "guardrail.tripped", "m") > 0 {
            break;
        }
    }
    assert_eq!(told(&shared, "guardrail.tripped", "m"), 1);
    proxy.advance_ms(100);
    assert!(!waiting.is_empty());
    for stream in waiting {
        assert_eq!(proxy.vm.held(stream), None, "let go");
        proxy.finish(stream);
    }
    proxy.advance_ms(600);
    let key =
        shared.data_keys().into_iter().find(|key| key.starts_with(b"squall/health/m/")).expect("a record");
    assert_eq!(declared_percent(&shared.data(&key).expect("a record")), Some(50.0));
}

/// Of its only scenario, as the status shows it.
fn declared_percent(record: &[u8]) -> Option<f64> {
    let plugin = with_breaker();
    let loaded =
        squall_policy::load_plugin(plugin.as_bytes(), Some("shop"), &mut squall_policy::Report::default())?;
    let rules = squall_policy::health::Rules::of(&loaded.plan?, 3_600_000);
    let health = squall_policy::health::Health::from_bytes(record, &rules)?;
    let view = health.view(&rules, squall_policy::health::Clock { start_wall_ms: 0 });
    view["ledger"][0]["declared_percent"].as_f64()
}
