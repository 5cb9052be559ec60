//! Pools of slots in the compiled module: two workers that share them, bells between the two, a host that fails.

use std::time::Duration;

use serde_json::{Value, json};
use squall_wasm_host::{Action, Effect, Proxy, Request, Shared, Side, Status, StreamId, plugin};

fn pool(limit: u32, queue: u32) -> Value {
    json!({"pressure": {"concurrency": {"limit": limit, "queue": queue, "queue_timeout": "2s"}}})
}

fn configuration(faults: Value) -> String {
    plugin("m", &[json!({"name": "db", "faults": faults})], |mission| mission["duration"] = json!("10s"))
}

/// Two workers of one proxy.
struct Workers([Proxy; 2]);

impl Workers {
    fn new(faults: Value) -> Self {
        let (shared, configuration) = (Shared::new(), configuration(faults));
        Self([0, 1].map(|_| Proxy::worker(&shared, &configuration)))
    }

    fn request(&mut self, worker: usize) -> (StreamId, Action) {
        self.0[worker].request(Request::default())
    }

    /// Lets calls between workers arrive; who went on then.
    fn hear(&mut self) -> Vec<(usize, StreamId)> {
        let mut went_on = Vec::new();
        for (number, proxy) in self.0.iter_mut().enumerate() {
            proxy.vm.run_queues().expect("no trap");
            went_on.extend(proxy.take_continued().into_iter().map(|stream| (number, stream)));
        }
        went_on
    }

    fn metric(&self, name: &str) -> u64 {
        self.0[0].metric(name, &[])
    }

    fn counter(&self, name: &str) -> u64 {
        self.0[0].metric(name, &[("scenario", "db")])
    }

    fn spared(&self, cause: &str) -> u64 {
        self.0[0].metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", cause)])
    }

    fn injected(&self, fault: &str) -> u64 {
        self.0[0].metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", fault)])
    }
}

fn answers(proxy: &mut Proxy) -> Vec<(StreamId, u32, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let effects = proxy.vm.take_effects().into_iter();
    effects
        .filter_map(|effect| match effect {
            Effect::LocalResponse { stream, response } => {
                Some((stream, response.status, text(response.details)))
            }
            _ => None,
        })
        .collect()
}

fn record(proxy: &Proxy) -> Vec<u8> {
    proxy.shared.data(b"squall/slots/m/db").expect("a record")
}

#[test]
fn a_slot_that_one_worker_frees_wakes_the_first_waiter_of_another_and_nobody_overtakes() {
    let mut workers = Workers::new(json!([pool(1, 8)]));
    let (first, action) = workers.request(0);
    assert_eq!(action, Action::Continue);
    let waiting = [1, 0, 1].map(|worker| (worker, workers.request(worker)));
    assert!(waiting.iter().all(|(_, (_, action))| *action == Action::Pause));
    assert_eq!((workers.metric("chaos_queue_length"), workers.injected("concurrency")), (3, 4));
    assert_eq!(workers.hear(), []);
    let mut inside = (0, first);
    for (worker, (stream, _)) in waiting {
        workers.0[inside.0].finish(inside.1);
        // The slot is kept for who waits.
        let (late, action) = workers.request(0);
        assert_eq!(action, Action::Pause);
        workers.0[0].finish(late);
        assert_eq!(workers.hear(), [(worker, stream)]);
        inside = (worker, stream);
    }
    workers.0[inside.0].finish(inside.1);
    assert_eq!((workers.metric("chaos_queue_length"), workers.metric("chaos_faults_in_flight")), (0, 0));
    assert_eq!(record(&workers.0[0])[9..13], [0; 4], "nobody has a slot");
    assert_eq!(workers.metric("chaos_host_errors_total"), 0);
}

#[test]
fn who_finds_the_queue_full_is_answered_at_once_and_who_waits_when_its_time_is_up() {
    let mut workers = Workers::new(json!([pool(1, 1), {"delay": {"fixed": "50ms"}}]));
    workers.request(0);
    let (waiter, _) = workers.request(0);
    workers.0[0].vm.take_effects();
    let (full, action) = workers.request(1);
    assert_eq!(action, Action::Pause);
    assert_eq!(answers(&mut workers.0[1]), [(full, 503, "chaos_queue_full{db}".into())]);
    workers.0[0].advance_ms(1_999);
    assert_eq!(workers.0[0].vm.held(waiter), Some(Side::Request));
    workers.0[0].advance_ms(1);
    assert_eq!(answers(&mut workers.0[0]), [(waiter, 503, "chaos_queue_timeout{db}".into())]);
    let fault = workers.0[0].vm.filter_state(waiter).unwrap().remove(&b"chaos_fault"[..]);
    assert_eq!(fault.as_deref(), Some(&b"concurrency,delay"[..]), "decided before it waited");
    workers.0[1].finish(full);
    workers.0[0].finish(waiter);
    let counters = ["chaos_queue_overflows_total", "chaos_queue_timeouts_total"].map(|n| workers.counter(n));
    assert_eq!((counters, workers.spared("stream_ended")), ([1, 1], 2));
    assert_eq!(workers.0[0].samples("chaos_queue_wait_ms", &[("scenario", "db")]), [2_000]);
    assert_eq!(workers.metric("chaos_queue_length"), 0);
}

#[test]
fn the_delay_begins_with_the_slot_and_the_slot_is_held_until_the_response_is_complete() {
    let mut workers =
        Workers::new(json!([{"delay": {"fixed": "50ms"}}, pool(1, 1), {"abort": {"status": 500}}]));
    let (first, _) = workers.request(0);
    let (second, _) = workers.request(1);
    workers.0[0].advance_ms(50);
    assert_eq!(answers(&mut workers.0[0]), [(first, 500, "chaos_abort{db}".into())]);
    assert_eq!((workers.hear(), workers.injected("delay")), (vec![], 1));
    workers.0[0].finish(first);
    assert_eq!(workers.hear(), [], "its delay begins");
    assert_eq!((workers.injected("delay"), workers.metric("chaos_queue_length")), (2, 0));
    workers.0[1].advance_ms(49);
    assert_eq!(answers(&mut workers.0[1]), []);
    workers.0[1].advance_ms(1);
    assert_eq!(answers(&mut workers.0[1]), [(second, 500, "chaos_abort{db}".into())]);
}

#[test]
fn a_lost_call_and_a_worker_without_a_bell_cost_a_moment_and_no_request() {
    let mut workers = Workers::new(json!([pool(1, 4)]));
    let (first, _) = workers.request(0);
    let (waiter, _) = workers.request(1);
    workers.0[0].finish(first);
    workers.0[1].vm.lose_queue_calls();
    workers.0[1].advance_ms(100);
    assert_eq!(workers.0[1].take_continued(), [waiter], "the slow look");

    let mut workers = Workers::new(json!([pool(1, 4)]));
    let (first, _) = workers.request(0);
    workers.0[1].vm.fail_every("proxy_register_shared_queue", Status::INTERNAL_FAILURE);
    let (waiter, action) = workers.request(1);
    assert_eq!(action, Action::Pause);
    workers.0[0].finish(first);
    workers.0[1].advance_ms(5);
    assert_eq!(workers.0[1].take_continued(), [waiter]);
}

/// Promise P1: at the mission's deadline, when an update ends the mission, and in the middle of a slow queue.
#[test]
fn p1_nobody_waits_for_a_slot_after_the_mission() {
    let mut workers = Workers::new(json!([pool(1, 1024), {"abort": {"status": 500}}]));
    workers.0[0].advance_ms(9_000);
    let (first, _) = workers.request(0);
    workers.0[0].vm.take_effects();
    let waiting: Vec<StreamId> = (0..100).map(|_| workers.request(1).0).collect();
    workers.0[1].advance_ms(1_010);
    assert_eq!(workers.0[1].take_continued(), waiting, "none is answered, all go upstream");
    assert_eq!((workers.metric("chaos_queue_length"), workers.spared("deadline")), (0, 100));
    workers.0[0].finish(first);
    assert_eq!(record(&workers.0[0]).len(), 21, "nobody is left in the record");

    let mut workers = Workers::new(json!([pool(1, 4)]));
    workers.request(0);
    let (waiter, _) = workers.request(1);
    let other = plugin("n", &[json!({"name": "db", "faults": [pool(1, 4)]})], |_| {});
    workers.0[1].vm.start_root(other, "squall").expect("no trap");
    workers.0[1].advance_ms(260);
    assert_eq!(workers.0[1].take_continued(), [waiter]);
}

#[test]
fn a_client_that_leaves_frees_its_place_and_what_could_not_be_freed_is_freed_later() {
    let mut workers = Workers::new(json!([pool(1, 2)]));
    let (first, _) = workers.request(0);
    let (leaves, _) = workers.request(0);
    let (stays, _) = workers.request(1);
    workers.0[0].finish(leaves);
    assert_eq!(workers.metric("chaos_queue_length"), 1);
    workers.0[0].vm.fail_every("proxy_set_shared_data", Status::INTERNAL_FAILURE);
    workers.0[0].finish(first);
    workers.0[0].advance_ms(250);
    assert_eq!(workers.hear(), []);
    workers.0[0].vm.heal();
    workers.0[0].advance_ms(100);
    assert_eq!(workers.hear(), [(1, stays)]);
}

#[test]
fn a_pool_whose_record_cannot_be_used_lets_everybody_through() {
    let mut workers = Workers::new(json!([pool(1, 2)]));
    workers.0[0].shared.set_data(b"squall/slots/m/db", b"not ours");
    let (stream, action) = workers.request(0);
    assert_eq!(
        (action, workers.spared("host_error"), workers.injected("concurrency")),
        (Action::Continue, 1, 0)
    );
    workers.0[0].finish(stream);
    workers.0[0].shared.set_data(b"squall/slots/m/db", b"");
    assert_eq!([0, 1].map(|worker| workers.request(worker).1), [Action::Continue, Action::Pause]);
}

#[test]
fn an_update_of_the_same_mission_changes_the_size_for_those_who_wait() {
    let mut workers = Workers::new(json!([pool(1, 2)]));
    workers.request(0);
    let (waiter, _) = workers.request(1);
    for proxy in &mut workers.0 {
        proxy.vm.start_root(configuration(json!([pool(2, 2)])), "squall").expect("no trap");
    }
    assert_eq!(workers.hear(), [(1, waiter)]);
}

/// Another order of the faults is no second pool.
#[test]
fn an_update_that_moves_the_pool_among_the_faults_keeps_its_slots() {
    let mut workers = Workers::new(json!([pool(1, 2)]));
    let (inside, _) = workers.request(0);
    let moved = json!([{"delay": {"fixed": "1ms", "phase": "response"}}, pool(1, 2)]);
    let [_, root] = workers
        .0
        .each_mut()
        .map(|p| p.vm.start_root(configuration(moved.clone()), "squall").expect("no trap"));
    let (waiter, action) = workers.0[1].request_to(root, Request::default());
    assert_eq!(action, Action::Pause, "the only slot is in use");
    workers.0[0].finish(inside);
    assert_eq!(workers.hear(), [(1, waiter)]);
    workers.0[1].finish(waiter);
    assert_eq!(
        (record(&workers.0[0])[9..13].to_vec(), workers.metric("chaos_host_errors_total")),
        (vec![0; 4], 0)
    );
}

#[test]
fn a_scenario_without_a_pool_makes_no_call_for_it() {
    let mut workers = Workers::new(json!([{"delay": {"fixed": "1ms"}}]));
    let before = workers.0[0].vm.counts();
    let (stream, _) = workers.request(0);
    workers.0[0].vm.advance(Duration::from_millis(1)).expect("no trap");
    workers.0[0].finish(stream);
    let calls = workers.0[0].vm.counts().since(&before).host_calls;
    assert!(calls.keys().all(|name| !name.contains("shared")), "{calls:?}");
}
