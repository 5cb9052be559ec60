//! Promise P4 in the compiled module: caps over several workers, on a virtual clock, with a host that fails.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, Shared, Status, StreamId, plugin};

fn capped(safety: Value) -> String {
    plugin("m", &[json!({"name": "db", "faults": [{"abort": {"status": 503}}], "safety": safety})], |_| {})
}

fn suppressed(proxy: &Proxy, cause: &str) -> u64 {
    proxy.metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", cause)])
}

fn injected(proxy: &Proxy) -> u64 {
    proxy.metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", "abort")])
}

fn requests(proxy: &Proxy, group: &str) -> u64 {
    let class = |class| [("scenario", "db"), ("group", group), ("code_class", class)];
    ["none", "2xx", "5xx"].iter().map(|c| proxy.metric("chaos_requests_total", &class(c))).sum()
}

fn faulted(proxy: &mut Proxy) -> bool {
    let (stream, action) = proxy.request(Request::default());
    proxy.finish(stream);
    action == Action::Pause
}

/// Requests of several workers in turn; how many of them got a fault.
fn turns(workers: &mut [Proxy], count: usize) -> usize {
    let number = workers.len();
    (0..count).filter(|turn| faulted(&mut workers[turn % number])).count()
}

fn workers(count: usize, configuration: &str) -> Vec<Proxy> {
    let shared = Shared::new();
    (0..count).map(|_| Proxy::worker(&shared, configuration)).collect()
}

#[test]
fn p4_a_total_is_reached_exactly_and_never_exceeded() {
    let mut workers = workers(4, &capped(json!({"max_total": 10})));
    assert_eq!(turns(&mut workers, 100), 10);
    let proxy = &workers[0];
    assert_eq!((injected(proxy), suppressed(proxy, "max_total")), (10, 90));
    let groups = ["treatment", "other", "control"].map(|group| requests(proxy, group));
    assert_eq!(groups, [10, 90, 0], "who was spared is no control");
}

#[test]
fn p4_so_many_per_whole_second_of_the_mission_and_not_one_more() {
    let mut workers = workers(2, &capped(json!({"max_per_second": 3})));
    workers[0].advance_ms(900);
    assert_eq!(turns(&mut workers, 20), 3);
    workers[0].advance_ms(99);
    assert_eq!(turns(&mut workers, 20), 0, "999 ms: the same second");
    workers[0].advance_ms(1);
    assert_eq!(turns(&mut workers, 20), 3);
    assert_eq!(suppressed(&workers[0], "max_per_second"), 54);
}

#[test]
fn p4_so_many_at_the_same_time_until_they_end_however_they_end() {
    let scenario =
        json!({"name": "db", "faults": [{"delay": {"fixed": "10s"}}], "safety": {"max_concurrent": 2}});
    let configuration = plugin("m", &[scenario], |_| {});
    let mut workers = workers(2, &configuration);
    let mut held: Vec<(usize, StreamId)> = Vec::new();
    for turn in 0..6 {
        let (stream, action) = workers[turn % 2].request(Request::default());
        match action {
            Action::Continue => workers[turn % 2].finish(stream),
            _ => held.push((turn % 2, stream)),
        }
    }
    assert_eq!((held.len(), suppressed(&workers[0], "max_concurrent")), (2, 4));
    // One client leaves, and Envoy only deletes its stream; deleting it twice gives nothing back twice.
    let (worker, stream) = held.remove(0);
    workers[worker].finish(stream);
    assert!(workers[worker].vm.delete(stream).is_err());
    let again: Vec<Action> = (0..3).map(|_| workers[0].request(Request::default()).1).collect();
    assert_eq!(again, [Action::Pause, Action::Continue, Action::Continue]);
}

#[test]
fn the_mission_s_cap_holds_over_its_scenarios_and_takes_nothing_from_theirs() {
    let scenario = |name: &str, total: u64| {
        json!({"name": name, "scope": {"match": [{"path": {"prefix": format!("/{name}")}}]},
            "faults": [{"abort": {"status": 503}}], "safety": {"max_total": total}})
    };
    let configuration = |total: u64| {
        plugin("m", &[scenario("a", 4), scenario("b", 100)], |m| m["safety"] = json!({"max_total": total}))
    };
    let mut proxy = Proxy::new(&configuration(6));
    let count = |proxy: &mut Proxy, path: &str| {
        let faulted = (0..10).filter(|_| {
            let (stream, action) = proxy.request(Request { path, ..Request::default() });
            proxy.finish(stream);
            action == Action::Pause
        });
        faulted.count()
    };
    assert_eq!((count(&mut proxy, "/a"), count(&mut proxy, "/b")), (4, 2));
    let causes = |proxy: &Proxy, name: &str| {
        proxy.metric("chaos_faults_suppressed_total", &[("scenario", name), ("cause", "max_total")])
    };
    assert_eq!((causes(&proxy, "a"), causes(&proxy, "b")), (6, 8));
    // What the mission refused does not count for the scenario; an update of the same mission goes on counting.
    proxy.root = proxy.vm.start_root(configuration(100), "squall").unwrap();
    assert_eq!((count(&mut proxy, "/a"), count(&mut proxy, "/b")), (0, 10));
    let record = proxy.shared.data(b"squall/caps/m/b").expect("a record");
    assert_eq!(record[1..9], 12_u64.to_le_bytes());
}

#[test]
fn two_scenarios_on_one_request_are_capped_each_for_itself() {
    let scenario = |name: &str, delay: &str, total: u64| json!({"name": name, "faults": [{"delay": {"fixed": delay}}], "safety": {"max_total": total}});
    let configuration = plugin("m", &[scenario("a", "20ms", 1), scenario("b", "30ms", 2)], |mission| {
        mission["composition"] = json!("independent");
        mission["safety"] = json!({"max_concurrent": 5});
    });
    let mut proxy = Proxy::new(&configuration);
    for milliseconds in [50, 30, 0] {
        let (stream, action) = proxy.request(Request::default());
        assert_eq!(action == Action::Pause, milliseconds > 0);
        if milliseconds > 0 {
            proxy.advance_ms(milliseconds - 1);
            assert!(proxy.vm.held(stream).is_some(), "{milliseconds} ms");
            proxy.advance_ms(1);
        }
        assert!(proxy.vm.held(stream).is_none());
        proxy.finish(stream);
    }
    let record = proxy.shared.data(b"squall/caps/m").expect("a record");
    assert_eq!((&record[1..9], &record[9..17]), (&2_u64.to_le_bytes()[..], &0_u64.to_le_bytes()[..]));
}

#[test]
fn a_lost_race_is_run_again_and_a_host_that_never_answers_spares() {
    let mut proxy = Proxy::new(&capped(json!({"max_total": 10})));
    for lost in 1..=3 {
        proxy.vm.fail_nth("proxy_set_shared_data", 1, Status::CAS_MISMATCH);
        assert!(faulted(&mut proxy), "race {lost}");
    }
    for (name, status) in [
        ("proxy_set_shared_data", Status::CAS_MISMATCH),
        ("proxy_set_shared_data", Status::INTERNAL_FAILURE),
        ("proxy_get_shared_data", Status::INTERNAL_FAILURE),
    ] {
        proxy.vm.fail_every(name, status);
        assert!(!faulted(&mut proxy), "{name}");
        proxy.vm.heal();
    }
    assert_eq!((suppressed(&proxy, "host_error"), injected(&proxy), requests(&proxy, "other")), (3, 3, 3));
    proxy.shared.set_data(b"squall/caps/m/db", b"not ours");
    assert!(!faulted(&mut proxy));
    proxy.shared.set_data(b"squall/caps/m/db", b"");
    assert!(faulted(&mut proxy), "an emptied record counts as none");
}

#[test]
fn a_slot_that_could_not_be_given_back_is_given_back_later_without_traffic() {
    let mut proxy = Proxy::new(&capped(json!({"max_concurrent": 1})));
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Pause);
    proxy.vm.fail_every("proxy_set_shared_data", Status::INTERNAL_FAILURE);
    proxy.finish(stream);
    proxy.advance_ms(350);
    let active = |proxy: &Proxy| proxy.shared.data(b"squall/caps/m/db").expect("a record")[9];
    assert_eq!(active(&proxy), 1);
    proxy.vm.heal();
    proxy.advance_ms(100);
    assert_eq!(active(&proxy), 0);
    assert!(faulted(&mut proxy));
}

#[test]
fn no_cap_no_look_at_shared_data() {
    let mut proxy =
        Proxy::new(&plugin("m", &[json!({"name": "db", "faults": [{"abort": {"status": 503}}]})], |_| {}));
    let before = proxy.vm.counts();
    assert!(faulted(&mut proxy));
    let calls = proxy.vm.counts().since(&before).host_calls;
    assert!(calls.keys().all(|name| !name.contains("shared_data")), "{calls:?}");
}
