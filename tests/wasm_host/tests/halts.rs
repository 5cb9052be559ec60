//! Halts and stops (promises P1, P2, P6), as the control role writes them into shared data, and their release.

use serde_json::{Value, json};
use squall_policy::events::Ring;
use squall_policy::mission::{End, Event, Halt, HaltRecord, MissionRecord, Now};
use squall_wasm_host::{Action, Proxy, Request, Shared, plugin, ring};

const HALT: &[u8] = b"squall/halt";

fn slow() -> Value {
    json!({"name": "db", "faults": [{"delay": {"fixed": "30s"}}, {"abort": {"status": 503}}]})
}

fn configuration(id: &str, release: Option<&str>) -> String {
    let text = plugin(id, &[slow()], |_| {});
    let mut plugin: Value = serde_json::from_str(&text).expect("JSON");
    if let Some(release) = release {
        plugin["release"] = json!(release);
    }
    plugin.to_string()
}

fn now(shared: &Shared) -> Now {
    let clock = shared.clock();
    Now { wall_ms: clock.wall / 1_000_000, mono_ns: clock.monotonic }
}

fn halts(shared: &Shared) -> HaltRecord {
    HaltRecord::from_bytes(&shared.data(HALT).unwrap_or_default()).expect("readable")
}

fn halt(shared: &Shared) {
    let halt = Halt { reason: "person", detail: "enough", by: "alice", mission: "" };
    shared.set_data(HALT, &halts(shared).halt(halt, now(shared)).to_bytes());
}

fn release(shared: &Shared) {
    shared.set_data(HALT, &halts(shared).release().expect("it blocks").to_bytes());
}

fn faulted(proxy: &mut Proxy) -> bool {
    proxy.request(Request::default()).1 == Action::Pause
}

fn result(proxy: &Proxy, result: &str) -> u64 {
    proxy.metric("chaos_missions_total", &[("result", result)])
}

fn record(shared: &Shared, id: &str) -> Option<MissionRecord> {
    let bytes = shared.data(format!("squall/mission/{id}").as_bytes())?;
    Some(MissionRecord::from_bytes(&bytes).expect("readable"))
}

#[test]
fn p1_a_halt_ends_all_missions_of_all_workers_within_a_second_without_any_bell() {
    let mut first = Proxy::new(&configuration("m", None));
    let mut other = Proxy::worker(&first.shared, &configuration("n", None));
    let (waiting, _) = first.request(Request::default());
    let (waiting_too, _) = other.request(Request::default());
    first.advance_ms(700);
    other.vm.run_due().expect("no trap");
    halt(&first.shared);
    first.advance_ms(460);
    other.vm.run_due().expect("no trap");
    first.advance_ms(10);
    other.vm.run_due().expect("no trap");
    assert_eq!(first.take_continued(), [waiting], "released, and not aborted");
    assert_eq!(other.take_continued(), [waiting_too], "released, and not aborted");
    assert!(!faulted(&mut first) && !faulted(&mut other));
    assert_eq!((result(&first, "halted"), result(&first, "done")), (2, 0));
    let ended = record(&first.shared, "m").and_then(|record| record.ended).expect("an end");
    assert_eq!((ended.end, ended.by.as_str(), ended.reason.as_str()), (End::Halted, "alice", "person"));
}

#[test]
fn p1_a_halt_that_is_rung_for_acts_at_once() {
    let mut first = Proxy::new(&configuration("m", None));
    let mut other = Proxy::worker(&first.shared, &configuration("m", None));
    assert!(faulted(&mut first) && faulted(&mut other));
    halt(&first.shared);
    ring(&mut [&mut first, &mut other]);
    assert!(!faulted(&mut first) && !faulted(&mut other));
    assert_eq!(result(&first, "halted"), 1, "counted once");
}

#[test]
fn p2_a_halt_blocks_new_missions_until_it_is_released_and_the_halted_one_for_ever() {
    let mut proxy = Proxy::new(&configuration("m", None));
    let shared = proxy.shared.clone();
    halt(&shared);
    let mut blocked = Proxy::worker(&shared, &configuration("n", None));
    assert!(!faulted(&mut blocked));
    assert_eq!(record(&shared, "n"), None, "it has not begun");
    assert_eq!(blocked.metric("chaos_halted", &[]), 1);
    proxy.advance_ms(500);
    release(&shared);
    ring(&mut [&mut proxy, &mut blocked]);
    assert!(faulted(&mut blocked), "what the configuration asks for begins");
    assert!(!faulted(&mut proxy), "what was halted stays so");
    let mut again = Proxy::worker(&shared, &configuration("m", None));
    assert!(!faulted(&mut again));
}

/// P2: the worker sees the release before it has seen the halt.
#[test]
fn p2_a_halt_that_is_released_at_once_has_ended_the_mission_all_the_same() {
    let mut proxy = Proxy::new(&configuration("m", None));
    halt(&proxy.shared);
    release(&proxy.shared);
    proxy.advance_ms(450);
    assert!(!faulted(&mut proxy));
    assert_eq!(result(&proxy, "halted"), 1);
}

#[test]
fn p2_a_configuration_releases_the_halts_up_to_a_moment_and_none_that_comes_later() {
    let mut proxy = Proxy::new(&configuration("m", None));
    let shared = proxy.shared.clone();
    proxy.advance_ms(10_000);
    halt(&shared);
    proxy.advance_ms(10_000);
    let early = Proxy::worker(&shared, &configuration("early", Some("2026-12-01T00:00:09Z")));
    let future = Proxy::worker(&shared, &configuration("future", Some("2026-12-01T00:01:00Z")));
    assert!(halts(&shared).blocks(), "released by a moment before it, or one to come");
    assert_eq!(early.metric("chaos_halted", &[]), 1);
    drop((early, future));
    let release = Some("2026-12-01T00:00:15Z");
    let mut released = Proxy::worker(&shared, &configuration("n", release));
    assert!(faulted(&mut released));
    assert_eq!(released.metric("chaos_halted", &[]), 0);
    proxy.advance_ms(10_000);
    halt(&shared);
    let mut again = Proxy::worker(&shared, &configuration("o", release));
    assert!(!faulted(&mut again) && halts(&shared).blocks());
}

/// The configuration comes before the halt, and again after it; in between the clock is an hour behind.
#[test]
fn p2_a_release_that_found_nothing_frees_no_halt_of_a_clock_that_was_set_back() {
    let mut proxy = Proxy::new(&configuration("m", None));
    let shared = proxy.shared.clone();
    proxy.advance_ms(20_000);
    let release = Some("2026-12-01T00:00:15Z");
    let before = Proxy::worker(&shared, &configuration("n", release));
    let told = |proxy: &Proxy| proxy.vm.logs().iter().any(|line| line.message.contains("halt.released"));
    assert!(!told(&before), "nothing was there to release");
    let right = shared.clock();
    shared.set_wall(right.wall - 3_600_000_000_000);
    halt(&shared);
    shared.set_wall(right.wall);
    let mut again = Proxy::worker(&shared, &configuration("o", release));
    assert!(!faulted(&mut again) && halts(&shared).blocks() && !told(&again));
    let later = Proxy::worker(&shared, &configuration("p", Some("2026-12-01T00:00:20Z")));
    assert!(!halts(&shared).blocks() && told(&later), "a later one does");
}

#[test]
fn a_record_of_halts_that_nobody_can_read_lets_nobody_inject() {
    let mut proxy = Proxy::new(&configuration("m", None));
    proxy.shared.set_data(HALT, b"?");
    proxy.advance_ms(450);
    assert!(!faulted(&mut proxy));
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")]), 0);
    // It was not the mission's end.
    proxy.shared.set_data(HALT, b"");
    proxy.advance_ms(450);
    assert!(faulted(&mut proxy));
}

#[test]
fn p6_a_stopped_mission_ends_on_all_workers_and_never_runs_again() {
    let mut first = Proxy::new(&configuration("m", None));
    let mut other = Proxy::worker(&first.shared, &configuration("m", None));
    let stop = Event::Stop { by: "alice", reason: "enough" };
    let stopped =
        record(&first.shared, "m").expect("a record").step(stop, &HaltRecord::default(), now(&first.shared));
    first.shared.set_data(b"squall/mission/m", &stopped.record.expect("stopped").to_bytes());
    ring(&mut [&mut first, &mut other]);
    assert!(!faulted(&mut first) && !faulted(&mut other));
    let mut fresh = Proxy::worker(&first.shared, &configuration("m", None));
    assert!(!faulted(&mut fresh));
}

/// A mission of the configuration that does not begin is told of with its reason, as one of the control listener is.
#[test]
fn a_mission_of_the_configuration_that_does_not_begin_is_refused_with_its_reason() {
    let mut proxy = Proxy::new(&configuration("m", None));
    halt(&proxy.shared);
    ring(&mut [&mut proxy]);
    assert_eq!(result(&proxy, "halted"), 1);
    for id in ["m", "other"] {
        proxy.vm.start_root(configuration(id, None), "squall").expect("no trap");
    }
    let ring = Ring::from_bytes(&proxy.shared.data(b"squall/events").expect("events")).expect("a ring");
    let events = ring.since(0).map(|(_, entry)| serde_json::from_str::<Value>(&entry.line).expect("JSON"));
    let refused: Vec<Value> = events.filter(|event| event["event"] == "mission.refused").collect();
    let said =
        refused.iter().map(|event| ["mission", "code"].map(|key| event[key].as_str().unwrap_or_default()));
    assert_eq!(said.collect::<Vec<_>>(), [["m", "mission-ended"], ["other", "halted"]]);
    assert!(refused.iter().all(|event| event["reason"].is_string()), "{refused:?}");
    assert_eq!(proxy.metric("chaos_config_rejected", &[]), 0, "there is no mistake in them");
}
