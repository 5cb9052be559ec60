//! The load trigger in the compiled module: measured over all workers, given back by every stream, and only where it is asked.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, Shared, Status, StreamId, plugin};

fn configuration(load: Value) -> String {
    let scenario = json!({"name": "db", "trigger": {"load": load}, "scope": {"allow_protected": true},
        "faults": [{"abort": {"status": 503}}]});
    plugin("m", &[scenario], |_| {})
}

fn workers(count: usize, load: Value) -> Vec<Proxy> {
    let (shared, configuration) = (Shared::new(), configuration(load));
    (0..count).map(|_| Proxy::worker(&shared, &configuration)).collect()
}

/// A request that stays under way, and whether it got the fault.
fn begin(proxy: &mut Proxy) -> (StreamId, bool) {
    let (stream, action) = proxy.request(Request::default());
    (stream, action == Action::Pause)
}

fn faulted(proxy: &mut Proxy) -> bool {
    let (stream, faulted) = begin(proxy);
    proxy.finish(stream);
    faulted
}

#[test]
fn requests_under_way_count_over_all_workers_until_they_are_complete() {
    let mut workers = workers(3, json!({"min_in_flight": 4, "max_in_flight": 6}));
    let mut open = Vec::new();
    let mut on = Vec::new();
    for number in 0..9 {
        let (stream, faulted) = begin(&mut workers[number % 3]);
        open.push((number % 3, stream));
        on.push(faulted);
    }
    assert_eq!(on, [false, false, false, true, true, true, false, false, false]);
    let spared = [("scenario", "db"), ("cause", "trigger")];
    assert_eq!(workers[0].metric("chaos_faults_suppressed_total", &spared), 6);
    // Every way in which a stream ends gives it back: 4 are left, and the next is the fifth.
    for (worker, stream) in open.drain(..5) {
        workers[worker].finish(stream);
    }
    assert!(faulted(&mut workers[0]));
    for (worker, stream) in open.drain(..) {
        workers[worker].vm.delete(stream).unwrap();
    }
    let on: Vec<bool> = (0..4).map(|number| begin(&mut workers[number % 3]).1).collect();
    assert_eq!(on, [false, false, false, true]);
    assert_eq!(workers[0].metric("chaos_host_errors_total", &[]), 0);
}

#[test]
fn requests_per_second_count_over_all_workers() {
    let mut workers = workers(2, json!({"min_rps": 20, "max_rps": 40}));
    // 30 per second from two workers: on after the 20th, seen within a tenth of a second.
    let mut on = Vec::new();
    for number in 0..90 {
        on.push(faulted(&mut workers[number % 2]));
        workers[0].shared.advance(std::time::Duration::from_micros(33_333));
    }
    let first = on.iter().position(|on| *on).expect("it comes on");
    assert!((20..=24).contains(&first), "{first}");
    assert!(on[first..].iter().all(|on| *on), "{on:?}");
    // 200 per second are too many.
    let on: Vec<bool> = (0..200)
        .map(|number| {
            workers[0].shared.advance(std::time::Duration::from_millis(5));
            faulted(&mut workers[number % 2])
        })
        .collect();
    assert!(on[0] && on[60..].iter().all(|on| !on), "{on:?}");
}

#[test]
fn it_costs_two_reads_and_writes_and_others_nothing() {
    let calls = |configuration: &str| {
        let mut proxy = Proxy::new(configuration);
        faulted(&mut proxy);
        let before = proxy.vm.counts();
        faulted(&mut proxy);
        let counts = proxy.vm.counts().since(&before);
        let of = |name: &str| counts.host_calls.get(name).copied().unwrap_or(0);
        (of("proxy_get_shared_data"), of("proxy_set_shared_data"))
    };
    assert_eq!(calls(&configuration(json!({"max_rps": 1_000}))), (2, 2));
    let without = json!({"name": "db", "faults": [{"abort": {"status": 503}}]});
    assert_eq!(calls(&plugin("m", &[without], |_| {})), (0, 0));
}

#[test]
fn a_failing_host_leaks_nothing_and_who_cannot_measure_spares() {
    let mut proxy = Proxy::new(&configuration(json!({"max_in_flight": 1})));
    assert!(faulted(&mut proxy));
    for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        proxy.vm.fail_next(call, Status::BAD_ARGUMENT);
        assert!(!faulted(&mut proxy), "{call}");
        assert!(faulted(&mut proxy), "{call}: nothing is left under way");
        // And when it leaves.
        let (stream, on) = begin(&mut proxy);
        proxy.vm.fail_next(call, Status::BAD_ARGUMENT);
        proxy.finish(stream);
        assert!(on && faulted(&mut proxy), "{call}: the next makes it good");
    }
    assert_eq!(proxy.metric("chaos_host_errors_total", &[]), 4);
}

/// A VM that died gives nothing back; its lease of a minute ends.
#[test]
fn a_worker_that_died_is_forgotten() {
    let mut workers = workers(2, json!({"max_in_flight": 1}));
    begin(&mut workers[1]);
    workers.truncate(1);
    assert!(!faulted(&mut workers[0]));
    workers[0].advance_ms(59_999);
    assert!(!faulted(&mut workers[0]));
    workers[0].advance_ms(1);
    assert!(faulted(&mut workers[0]));
}
