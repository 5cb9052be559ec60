//! The first requests of each key in the compiled module: counted over all workers, in a table that does not grow.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, Shared, Status, plugin};

fn configuration(mission: &str, first: Value) -> String {
    let scenario = json!({"name": "db", "scope": {"allow_protected": true, "first": first},
        "faults": [{"abort": {"status": 503}}]});
    plugin(mission, &[scenario], |_| {})
}

fn first(requests: u32) -> Value {
    json!({"requests": requests, "per": {"header": "x-key"}, "forget_after": "1m"})
}

fn faulted(proxy: &mut Proxy, key: &str) -> bool {
    let (stream, action) = proxy.request(Request { more: &[("x-key", key)], ..Request::default() });
    proxy.finish(stream);
    action == Action::Pause
}

fn suppressed(proxy: &Proxy, cause: &str) -> u64 {
    proxy.metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", cause)])
}

#[test]
fn over_all_workers_the_first_of_each_key_fail_and_the_rest_succeeds() {
    let (shared, configuration) = (Shared::new(), configuration("m", first(3)));
    let mut workers: Vec<Proxy> = (0..3).map(|_| Proxy::worker(&shared, &configuration)).collect();
    for key in 0..40 {
        let key = format!("key-{key}");
        let turns: Vec<bool> = (0..7).map(|turn| faulted(&mut workers[turn % 3], &key)).collect();
        assert_eq!(turns, [true, true, true, false, false, false, false], "{key}");
    }
    let (stream, action) = workers[0].request(Request::default());
    workers[0].finish(stream);
    assert_eq!(action, Action::Continue, "without a key there is no first");
    let proxy = &workers[0];
    assert_eq!((suppressed(proxy, "first_done"), suppressed(proxy, "no_key")), (160, 1));
    let finished = |group| {
        proxy.metric("chaos_requests_total", &[("scenario", "db"), ("group", group), ("code_class", "none")])
    };
    assert_eq!(["control", "treatment", "other"].map(finished), [0, 120, 161]);
    assert_eq!(proxy.metric("chaos_host_errors_total", &[]), 0);
}

#[test]
fn a_key_starts_anew_when_it_is_forgotten_and_in_another_mission() {
    let shared = Shared::new();
    let mut proxy = Proxy::worker(&shared, &configuration("m", first(1)));
    assert!(faulted(&mut proxy, "k"));
    proxy.advance_ms(59_999);
    assert!(!faulted(&mut proxy, "k"));
    proxy.advance_ms(1);
    assert!(faulted(&mut proxy, "k"), "a minute after the one that was counted");
    assert!(!faulted(&mut proxy, "k"));
    assert!(faulted(&mut Proxy::worker(&shared, &configuration("n", first(1))), "k"));
}

/// Shared data never frees a key: 20,000 requests with a key each leave no more than the pieces of one table.
#[test]
fn as_many_keys_as_you_like_leave_a_table_of_fixed_size() {
    let mut proxy = Proxy::new(&configuration("m", json!({"requests": 1, "per": {"header": "x-key"}})));
    for number in 0..20_000 {
        assert!(faulted(&mut proxy, &number.to_string()), "{number}");
    }
    let pieces: Vec<usize> = (0..1024)
        .map(|piece| {
            proxy.shared.data(format!("squall/first/{piece}").as_bytes()).map_or(0, |data| data.len())
        })
        .collect();
    assert!(pieces.iter().all(|size| *size > 1 && *size < 1024), "{pieces:?}");
    assert!(proxy.shared.data(b"squall/first/1024").is_none());
    assert!(!faulted(&mut proxy, "0") && !faulted(&mut proxy, "19999"));
}

#[test]
fn a_request_costs_one_read_and_one_write_and_a_later_one_the_read() {
    let mut proxy = Proxy::new(&configuration("m", first(1)));
    let calls = |proxy: &mut Proxy| {
        let before = proxy.vm.counts();
        faulted(proxy, "k");
        let counts = proxy.vm.counts().since(&before);
        let of = |name: &str| counts.host_calls.get(name).copied().unwrap_or(0);
        (of("proxy_get_shared_data"), of("proxy_set_shared_data"))
    };
    assert_eq!(calls(&mut proxy), (1, 1));
    assert_eq!(calls(&mut proxy), (1, 0));
}

#[test]
fn who_cannot_count_spares() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data", "clock_time_get"] {
        let mut proxy = Proxy::new(&configuration("m", first(2)));
        proxy.vm.fail_next(call, Status::BAD_ARGUMENT);
        assert!(!faulted(&mut proxy, "k"), "{call}");
        assert_eq!(
            (suppressed(&proxy, "host_error"), proxy.metric("chaos_host_errors_total", &[])),
            (1, 1),
            "{call}"
        );
        assert!(faulted(&mut proxy, "k"), "{call}");
    }
}
