//! The phases of a mission: stages, baseline, recovery, lease, the same on every worker.

use serde_json::{Value, json};
use squall_policy::mission::{End, Event, HaltRecord, MissionRecord, Now};
use squall_wasm_host::{Action, Proxy, Request, Shared, plugin};

const RECORD: &[u8] = b"squall/mission/m";

fn aborting() -> Value {
    json!({"name": "db", "faults": [{"abort": {"status": 503}}]})
}

fn phased(change: impl FnOnce(&mut Value)) -> String {
    plugin("m", &[aborting()], |mission| {
        mission["duration"] = json!("10s");
        change(mission);
    })
}

fn staged() -> String {
    phased(|mission| {
        mission["baseline"] = json!("1s");
        mission["stages"] = json!([{"for": "2s", "intensity": "10%"}, {"for": "3s", "intensity": "50%"},
            {"intensity": "100%"}]);
        mission["recovery"] = json!("2s");
    })
}

/// Which of so many requests get a fault.
fn hits(proxy: &mut Proxy) -> Vec<bool> {
    (0..300)
        .map(|id| {
            let id = format!("request-{id}");
            let (stream, action) = proxy.request(Request { id: &id, ..Request::default() });
            if action == Action::Continue {
                proxy.respond(stream, "200");
            }
            proxy.finish(stream);
            action == Action::Pause
        })
        .collect()
}

fn count(hits: &[bool]) -> usize {
    hits.iter().filter(|hit| **hit).count()
}

fn requests(proxy: &Proxy, group: &str) -> u64 {
    ["2xx", "none"]
        .into_iter()
        .map(|class| {
            let labels = [("scenario", "db"), ("group", group), ("code_class", class)];
            proxy.metric("chaos_requests_total", &labels)
        })
        .sum()
}

fn stage(proxy: &Proxy) -> (u64, u64) {
    (proxy.metric("chaos_stage", &[]), proxy.metric("chaos_intensity_percent", &[]))
}

fn result(proxy: &Proxy, result: &str) -> u64 {
    proxy.metric("chaos_missions_total", &[("result", result)])
}

/// Writes what the control role writes when somebody renews the mission.
fn renew(shared: &Shared) {
    let record = MissionRecord::from_bytes(&shared.data(RECORD).expect("a record")).expect("readable");
    let clock = shared.clock();
    let now = Now { wall_ms: clock.wall / 1_000_000, mono_ns: clock.monotonic };
    let renewed = record.step(Event::Renew, &HaltRecord::default(), now).record.expect("renewed");
    shared.set_data(RECORD, &renewed.to_bytes());
}

#[test]
fn every_worker_goes_through_the_stages_at_the_same_time() {
    let mut first = Proxy::new(&staged());
    let mut other = Proxy::worker(&first.shared, &staged());
    let mut hit_before = vec![false; 300];
    // Milliseconds since the start, the share that is hit, stage and intensity in the metrics.
    let phases = [
        (500, 0..=0, (0, 0)),
        (1_000, 15..=50, (1, 10)),
        (2_999, 15..=50, (1, 10)),
        (3_000, 110..=190, (2, 50)),
        (6_000, 300..=300, (3, 100)),
        (9_999, 300..=300, (3, 100)),
        (10_000, 0..=0, (0, 0)),
        (12_000, 0..=0, (0, 0)),
    ];
    let mut at = 0;
    for (ms, range, shown) in phases {
        first.advance_ms(ms - at);
        other.vm.run_due().expect("no trap");
        at = ms;
        let hits_now = hits(&mut first);
        assert!(range.contains(&count(&hits_now)), "at {ms} ms: {} hits", count(&hits_now));
        assert_eq!(hits(&mut other), hits_now, "at {ms} ms");
        assert_eq!(stage(&first), shown, "at {ms} ms");
        let declared = first.metric("chaos_declared_rate_ppm", &[("scenario", "db")]);
        assert_eq!(declared, shown.1 * 10_000, "at {ms} ms");
        if *range.end() > 0 {
            assert!(hit_before.iter().zip(&hits_now).all(|(before, now)| !before || *now), "at {ms} ms");
            hit_before = hits_now;
        }
    }
    assert_eq!(result(&first, "done"), 1);
}

#[test]
fn baseline_and_recovery_are_observed_apart_and_injected_with_nothing() {
    let mut proxy = Proxy::new(&staged());
    hits(&mut proxy);
    assert_eq!((requests(&proxy, "baseline"), requests(&proxy, "control")), (300, 0));
    proxy.advance_ms(6_500);
    hits(&mut proxy);
    assert_eq!((requests(&proxy, "baseline"), requests(&proxy, "treatment")), (300, 300));
    proxy.advance_ms(4_000);
    hits(&mut proxy);
    assert_eq!((requests(&proxy, "recovery"), requests(&proxy, "control")), (300, 0));
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")]), 0);
    proxy.advance_ms(2_000);
    hits(&mut proxy);
    assert_eq!((requests(&proxy, "recovery"), result(&proxy, "done")), (300, 1), "it is over");
    // The verdict waits for what the other workers have seen.
    proxy.advance_ms(1_000);
    assert_eq!(proxy.vm.tick_period(proxy.root), None, "and nothing ticks");
}

/// P1: what waits at the deadline does not wait through the recovery.
#[test]
fn p1_waiting_requests_are_released_when_the_recovery_begins() {
    let slow = json!({"name": "db", "faults": [{"delay": {"fixed": "30s"}}, {"abort": {"status": 503}}]});
    let configuration = plugin("m", &[slow], |mission| {
        mission["duration"] = json!("5s");
        mission["recovery"] = json!("1m");
    });
    let mut proxy = Proxy::new(&configuration);
    let (waiting, _) = proxy.request(Request::default());
    proxy.advance_ms(5_005);
    assert_eq!(proxy.take_continued(), [waiting], "and not aborted");
}

/// P1: also when the wall clock is what has come to the deadline.
#[test]
fn p1_a_stepped_wall_clock_ends_the_injecting_within_a_second_and_for_good() {
    let slow = json!({"name": "db", "faults": [{"delay": {"fixed": "30s"}}, {"abort": {"status": 503}}]});
    let configuration = plugin("m", &[slow], |mission| {
        mission["duration"] = json!("1m");
        mission["recovery"] = json!("1m");
    });
    let mut proxy = Proxy::new(&configuration);
    let (waiting, _) = proxy.request(Request::default());
    let wall = proxy.shared.clock().wall;
    proxy.shared.set_wall(wall + 3_600_000_000_000);
    assert_eq!(proxy.request(Request::default()).1, Action::Continue);
    proxy.advance_ms(1_000);
    assert!(proxy.take_continued().contains(&waiting));
    proxy.shared.set_wall(wall + 1_000_000_000);
    assert_eq!(proxy.request(Request::default()).1, Action::Continue, "set back, it stays over");
}

#[test]
fn p1_a_lease_that_nobody_renews_ends_the_mission_on_all_workers() {
    let configuration = phased(|mission| mission["lease"] = json!("3s"));
    let mut first = Proxy::new(&configuration);
    let mut other = Proxy::worker(&first.shared, &configuration);
    first.advance_ms(2_500);
    renew(&first.shared);
    first.advance_ms(2_900);
    other.vm.run_due().expect("no trap");
    assert_eq!((count(&hits(&mut first)), count(&hits(&mut other))), (300, 300), "renewed at 2.5 s");
    first.advance_ms(100);
    other.vm.run_due().expect("no trap");
    assert_eq!((count(&hits(&mut first)), count(&hits(&mut other))), (0, 0), "over at 5.5 s");
    assert_eq!((result(&first, "lease"), result(&first, "done")), (1, 0));
    let record = MissionRecord::from_bytes(&first.shared.data(RECORD).expect("a record")).expect("readable");
    assert_eq!(record.ended.map(|ended| ended.end), Some(End::Lease));
    // P6
    let mut fresh = Proxy::worker(&first.shared, &configuration);
    assert_eq!(count(&hits(&mut fresh)), 0);
}

#[test]
fn a_renewal_keeps_the_deadline() {
    let configuration = phased(|mission| mission["lease"] = json!("6s"));
    let mut proxy = Proxy::new(&configuration);
    proxy.advance_ms(5_000);
    renew(&proxy.shared);
    proxy.advance_ms(4_999);
    assert_eq!(count(&hits(&mut proxy)), 300);
    proxy.advance_ms(1);
    assert_eq!((count(&hits(&mut proxy)), result(&proxy, "done")), (0, 1));
}
