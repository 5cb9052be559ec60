//! Missions (promise P1): when they begin and end, on virtual clocks and over several workers.

use std::time::Duration;

use serde_json::{Value, json};
use squall_policy::mission::{End, MissionRecord};
use squall_wasm_host::{Action, Proxy, Request, Shared, Status, plugin};

const HOUR_NS: u64 = 3_600_000_000_000;
/// The wall clock of a new proxy is 2026-12-01T00:00:00Z.
const RECORD: &[u8] = b"squall/mission/m";

fn aborting() -> Value {
    json!({"name": "db", "faults": [{"abort": {"status": 503}}]})
}

fn delaying(time: &str) -> Value {
    json!({"name": "db", "faults": [{"delay": {"fixed": time}}, {"abort": {"status": 503}}]})
}

fn lasting(scenario: Value, duration: &str) -> String {
    plugin("m", &[scenario], |mission| mission["duration"] = json!(duration))
}

fn starting(start: &str, duration: &str) -> String {
    plugin("m", &[aborting()], |mission| {
        mission["start"] = json!(start);
        mission["duration"] = json!(duration);
    })
}

fn faults(proxy: &mut Proxy) -> bool {
    let (stream, action) = proxy.request(Request::default());
    proxy.finish(stream);
    action == Action::Pause
}

fn done(proxy: &Proxy) -> u64 {
    proxy.metric("chaos_missions_total", &[("result", "done")])
}

fn active(proxy: &Proxy) -> u64 {
    proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")])
}

fn record(shared: &Shared) -> MissionRecord {
    MissionRecord::from_bytes(&shared.data(RECORD).expect("a record")).expect("of this version")
}

fn end(shared: &Shared) -> Option<End> {
    record(shared).ended.map(|ended| ended.end)
}

#[test]
fn a_mission_ends_at_its_deadline_without_traffic_and_then_nothing_ticks() {
    let mut proxy = Proxy::new(&lasting(aborting(), "10s"));
    let look = Some(Duration::from_millis(450));
    assert_eq!(proxy.vm.tick_period(proxy.root), look, "it looks at what the others have done");
    assert_eq!((active(&proxy), done(&proxy)), (1, 0));
    let before = proxy.vm.counts();
    proxy.advance_ms(9_999);
    assert!(faults(&mut proxy));
    assert_eq!(proxy.vm.counts().since(&before).callbacks.get("proxy_on_tick"), Some(&22));
    proxy.advance_ms(1);
    assert_eq!((active(&proxy), done(&proxy)), (0, 1));
    assert_eq!(proxy.metric("chaos_deadline_seconds", &[]), 0);
    assert!(!faults(&mut proxy));
    proxy.advance_ms(1_000);
    assert_eq!(proxy.vm.tick_period(proxy.root), None);
}

#[test]
fn waiting_requests_are_released_at_the_deadline_and_not_answered() {
    let mut proxy = Proxy::new(&lasting(delaying("30s"), "10s"));
    let waiting: Vec<_> = (0..40).map(|_| proxy.request(Request::default()).0).collect();
    proxy.advance_ms(9_999);
    assert!(proxy.vm.take_effects().is_empty());
    proxy.advance_ms(4);
    let effects = proxy.vm.take_effects().len();
    assert_eq!(effects, waiting.len());
    assert!(waiting.iter().all(|stream| proxy.vm.held(*stream).is_none()));
    let labels = [("scenario", "db"), ("cause", "deadline")];
    assert_eq!(proxy.metric("chaos_faults_suppressed_total", &labels), 40);
    assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", "abort")]), 0);
}

/// The host's timer has whole milliseconds, so it may ring up to half a one before the deadline.
#[test]
fn a_timer_that_rings_just_before_the_deadline_aborts_nobody_whose_delay_the_deadline_cut() {
    let mut proxy = Proxy::new(&lasting(delaying("30s"), "10s"));
    proxy.shared.advance(Duration::from_micros(400));
    let (waiting, _) = proxy.request(Request::default());
    proxy.shared.advance(Duration::from_micros(9_999_200));
    proxy.vm.tick(proxy.root).unwrap();
    assert_eq!(proxy.take_continued(), [waiting], "released, and not answered");
    let labels = [("scenario", "db"), ("cause", "deadline")];
    assert_eq!(proxy.metric("chaos_faults_suppressed_total", &labels), 1);
    assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", "abort")]), 0);
    proxy.advance_ms(1);
    assert_eq!((active(&proxy), done(&proxy)), (0, 1));
}

/// A mission of ten minutes against a wall clock that jumps up to two hours back or forth a hundred times:
/// true time, which is the monotonic clock, never gets beyond ten minutes.
#[test]
fn no_step_of_the_wall_clock_lengthens_a_mission() {
    let mut random = 0x5eed_u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    let starts = [None, Some("2026-11-30T23:55:00Z"), Some("2026-12-01T00:05:00Z")];
    for round in 0..60 {
        let start = starts[round % starts.len()];
        let configuration = plugin("m", &[aborting()], |mission| {
            mission["duration"] = json!("10m");
            if let Some(start) = start {
                mission["start"] = json!(start);
            }
        });
        let mut proxy = Proxy::new(&configuration);
        let begin = proxy.shared.clock();
        let deadline_ms = [600_000, 300_000, 900_000][round % starts.len()];
        for _ in 0..100 {
            proxy.advance_ms(1 + below(20_000));
            let clock = proxy.shared.clock();
            let elapsed_ms = (clock.monotonic - begin.monotonic) / 1_000_000;
            let true_wall = begin.wall + elapsed_ms * 1_000_000;
            proxy.shared.set_wall(true_wall - 2 * HOUR_NS + below(4 * HOUR_NS));
            let faulted = faults(&mut proxy);
            assert!(!faulted || elapsed_ms < deadline_ms, "round {round}: a fault after {elapsed_ms} ms");
        }
    }
}

/// The process may be younger than the mission, so that its start lies before the zero of the monotonic clock.
#[test]
fn a_step_back_lengthens_no_mission_that_is_older_than_the_machine() {
    // The machine is up for an hour; three hours from two hours ago leave one.
    let mut proxy = Proxy::new(&starting("2026-11-30T22:00:00Z", "3h"));
    proxy.advance_ms(1_000);
    assert!(faults(&mut proxy));
    let clock = proxy.shared.clock();
    proxy.shared.set_wall(clock.wall - 2 * HOUR_NS);
    proxy.advance_ms(3_600_000);
    assert!(!faults(&mut proxy), "the mission runs on after its three hours");
    assert_eq!(active(&proxy), 0);
}

#[test]
fn a_step_ahead_ends_a_mission_at_the_next_request_and_a_step_back_does_not_wake_it() {
    let mut proxy = Proxy::new(&lasting(aborting(), "10m"));
    assert!(faults(&mut proxy));
    let wall = proxy.shared.clock().wall;
    proxy.shared.set_wall(wall + HOUR_NS);
    assert!(!faults(&mut proxy));
    assert_eq!((active(&proxy), done(&proxy)), (0, 1));
    proxy.shared.set_wall(wall);
    assert!(!faults(&mut proxy));
    proxy.advance_ms(1_000);
    assert_eq!(proxy.vm.tick_period(proxy.root), None);
}

#[test]
fn waiting_requests_notice_a_step_ahead_within_a_second() {
    let mut proxy = Proxy::new(&lasting(delaying("5m"), "10m"));
    let (stream, _) = proxy.request(Request::default());
    proxy.advance_ms(1_500);
    assert!(proxy.take_continued().is_empty());
    proxy.shared.set_wall(proxy.shared.clock().wall + HOUR_NS);
    proxy.advance_ms(1_001);
    assert_eq!(proxy.take_continued(), [stream]);
    assert_eq!((active(&proxy), done(&proxy)), (0, 1));
}

#[test]
fn a_mission_in_the_future_begins_on_time_and_one_in_the_past_never_runs() {
    let mut proxy = Proxy::new(&starting("2026-12-01T00:01:00Z", "1m"));
    assert!(!faults(&mut proxy));
    assert_eq!(active(&proxy), 0);
    proxy.advance_ms(59_999);
    assert!(!faults(&mut proxy));
    proxy.advance_ms(1);
    assert_eq!(active(&proxy), 1);
    assert!(faults(&mut proxy));
    proxy.advance_ms(60_000);
    assert!(!faults(&mut proxy));
    assert_eq!(done(&proxy), 1);

    let mut past = Proxy::new(&starting("2026-11-30T23:00:00Z", "1h"));
    assert!(!faults(&mut past));
    past.advance_ms(1_000);
    assert_eq!((active(&past), past.vm.tick_period(past.root)), (0, None));
}

#[test]
fn a_mission_whose_time_passes_in_one_step_before_its_start_is_over() {
    let mut proxy = Proxy::new(&starting("2026-12-01T00:01:00Z", "1m"));
    proxy.shared.set_wall(proxy.shared.clock().wall + HOUR_NS);
    proxy.advance_ms(60_000);
    let before = proxy.vm.counts();
    assert!(!faults(&mut proxy));
    assert_eq!(proxy.vm.counts().since(&before).host_calls_total(), 0, "an ended mission is idle");
    assert_eq!((end(&proxy.shared), done(&proxy)), (Some(End::Done), 1));
    proxy.advance_ms(5);
    assert_eq!(proxy.vm.tick_period(proxy.root), None);
}

#[test]
fn three_workers_agree_on_start_and_seed_and_count_the_end_once() {
    let configuration = plugin(
        "m",
        &[json!({"name": "db", "scope": {"sample": {"percent": 50}},
        "faults": [{"abort": {"status": 503}}]})],
        |mission| {
            mission.as_object_mut().expect("an object").remove("seed");
            mission["duration"] = json!("10s");
        },
    );
    let mut first = Proxy::new(&configuration);
    let shared = first.shared.clone();
    let agreed = record(&shared);
    first.advance_ms(2_000);
    let mut others = [Proxy::worker(&shared, &configuration), Proxy::worker(&shared, &configuration)];
    assert_eq!(record(&shared), agreed);
    let ids: Vec<String> = (0..200).map(|id| id.to_string()).collect();
    let decide = |proxy: &mut Proxy| -> Vec<Action> {
        ids.iter().map(|id| proxy.request(Request { id, ..Request::default() }).1).collect()
    };
    let decisions = decide(&mut first);
    assert!(decisions.contains(&Action::Pause) && decisions.contains(&Action::Continue));
    for other in &mut others {
        assert_eq!(decide(other), decisions);
    }
    shared.advance(Duration::from_secs(8));
    for proxy in [&mut first].into_iter().chain(&mut others) {
        proxy.vm.run_due().unwrap();
        assert!(!faults(proxy));
    }
    assert_eq!(done(&first), 1);
}

#[test]
fn an_ended_id_stays_ended_in_a_new_configuration_and_in_a_fresh_vm() {
    let mut proxy = Proxy::new(&lasting(aborting(), "10s"));
    proxy.advance_ms(10_000);
    for duration in ["1h", "2h"] {
        let longer = lasting(aborting(), duration);
        let root = proxy.vm.start_root(&longer, "squall").unwrap();
        assert_eq!(proxy.request_to(root, Request::default()).1, Action::Continue);
        let mut fresh = Proxy::worker(&proxy.shared, &longer);
        assert!(!faults(&mut fresh));
    }
    assert_eq!((active(&proxy), done(&proxy)), (0, 1));
}

#[test]
fn a_record_that_cannot_be_read_or_agreed_on_leaves_the_filter_idle() {
    let shared = Shared::new();
    shared.set_data(RECORD, b"{\"version\": 99}");
    let mut proxy = Proxy::worker(&shared, &lasting(aborting(), "10s"));
    assert!(!faults(&mut proxy));
    assert_eq!(shared.data(RECORD).as_deref(), Some(&b"{\"version\": 99}"[..]), "left as it is");
    assert!(proxy.metric("chaos_host_errors_total", &[]) > 0);

    let mut vm = squall_wasm_host::Vm::new(squall_wasm_host::squall_module(), &Shared::new()).unwrap();
    vm.fail_every("proxy_set_shared_data", Status::CAS_MISMATCH);
    let root = vm.start_root(lasting(aborting(), "10s"), "squall").unwrap();
    let tries = vm.failures_fired("proxy_set_shared_data");
    assert!((64..1_000).contains(&tries), "it tries, and not for ever: {tries}");
    assert_eq!(vm.tick_period(root), None);
}

#[test]
fn losing_the_race_for_the_record_once_is_no_failure() {
    let mut vm = squall_wasm_host::Vm::new(squall_wasm_host::squall_module(), &Shared::new()).unwrap();
    // The bells are written first.
    vm.fail_nth("proxy_set_shared_data", 2, Status::CAS_MISMATCH);
    let root = vm.start_root(lasting(aborting(), "10s"), "squall").unwrap();
    assert_eq!(vm.tick_period(root), Some(Duration::from_millis(450)));

    // The same at the end: it is still counted, once.
    vm.fail_next("proxy_set_shared_data", Status::CAS_MISMATCH);
    vm.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(vm.failures_fired("proxy_set_shared_data"), 2);
    let proxy = Proxy { shared: vm.shared(), vm, root };
    assert_eq!((done(&proxy), end(&proxy.shared)), (1, Some(End::Done)));
}

/// P6: a mission that has begun keeps its deadline, whatever start an update names; one that has not moves.
#[test]
fn p6_an_update_may_change_the_seed_and_no_start_begins_a_mission_anew() {
    let mut proxy = Proxy::new(&starting("2026-12-01T00:00:00Z", "10s"));
    let shared = proxy.shared.clone();
    assert_eq!(record(&shared).seed, "s");
    let mut later = Proxy::worker(&shared, &starting("2026-12-01T00:05:00Z", "10s"));
    assert_eq!(record(&shared).deadline().wall_ms, 1_796_083_210_000);
    later.advance_ms(300_000);
    assert!(!faults(&mut later) && !faults(&mut proxy));
    assert_eq!(end(&shared), Some(End::Done));

    let proxy = Proxy::new(&starting("2026-12-01T00:05:00Z", "10s"));
    let _moved = Proxy::worker(&proxy.shared, &starting("2026-12-01T00:10:00Z", "10s"));
    assert_eq!(record(&proxy.shared).start.wall_ms, 1_796_083_800_000);
}
