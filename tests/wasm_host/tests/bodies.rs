//! Faults of bodies in the compiled module: what is held back, what goes on, and that nothing is touched that must not be.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Effect, Proxy, Request, Side, StreamId, plugin};

fn proxy(faults: Value) -> Proxy {
    Proxy::new(&plugin("m", &[json!({"name": "s", "faults": faults})], |mission| {
        mission["duration"] = json!("10s")
    }))
}

/// A request that has gone upstream, and whose response headers have come.
fn responding(proxy: &mut Proxy) -> StreamId {
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Continue);
    let headers = [(":status", "200"), ("content-length", "9000")];
    assert_eq!(proxy.vm.response_headers(stream, &headers, false).unwrap(), Action::Continue);
    stream
}

fn passed(proxy: &mut Proxy, stream: StreamId) -> usize {
    proxy.vm.passed(stream, Side::Response).unwrap().len()
}

fn end(mut proxy: Proxy, stream: StreamId) -> Proxy {
    proxy.finish(stream);
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    proxy
}

#[test]
fn a_body_goes_on_when_its_bandwidth_has_it() {
    let mut proxy = proxy(json!([{"throttle": {"response": "10kB/s"}}]));
    let stream = responding(&mut proxy);
    assert_eq!(proxy.vm.response_body(stream, &[1; 1_000], false).unwrap(), Action::Hold);
    proxy.advance_ms(99);
    assert_eq!(passed(&mut proxy, stream), 0);
    proxy.advance_ms(2);
    assert_eq!(passed(&mut proxy, stream), 1_000);
    // More comes while some is held back: all of it goes on together, when the last of it is due.
    assert_eq!(proxy.vm.response_body(stream, &[2; 1_000], false).unwrap(), Action::Hold);
    assert_eq!(proxy.vm.response_body(stream, &[3; 3_000], true).unwrap(), Action::Hold);
    proxy.advance_ms(390);
    assert_eq!(passed(&mut proxy, stream), 1_000);
    proxy.advance_ms(20);
    assert_eq!(passed(&mut proxy, stream), 5_000);
    // What comes late enough is not held at all.
    let other = responding(&mut proxy);
    proxy.advance_ms(500);
    assert_eq!(proxy.vm.response_body(other, &[1; 1_000], true).unwrap(), Action::Continue);
    proxy.finish(other);
    let proxy = end(proxy, stream);
    assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "s"), ("fault", "throttle")]), 2);
}

#[test]
fn trailers_wait_for_the_body() {
    let mut proxy = proxy(json!([{"throttle": {"response": "10kB/s"}}]));
    let stream = responding(&mut proxy);
    assert_eq!(proxy.vm.response_body(stream, &[1; 1_000], false).unwrap(), Action::Hold);
    assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Pause);
    proxy.advance_ms(101);
    assert_eq!(passed(&mut proxy, stream), 1_000);
    end(proxy, stream);
}

/// P1: what is held back goes on at the deadline, and what comes after it is not held.
#[test]
fn p1_the_deadline_lets_bodies_go() {
    let mut proxy = proxy(json!([{"throttle": {"response": "100B/s", "request": "100B/s"}}]));
    let stream = proxy.vm.stream(proxy.root).unwrap();
    let headers = [(":method", "POST"), (":path", "/"), (":authority", "a"), ("x-request-id", "1")];
    assert_eq!(proxy.vm.request_headers(stream, &headers, false).unwrap(), Action::Continue);
    assert_eq!(proxy.vm.request_body(stream, &[1; 9_000], true).unwrap(), Action::Hold);
    assert_eq!(proxy.vm.response_headers(stream, &[(":status", "200")], false).unwrap(), Action::Continue);
    assert_eq!(proxy.vm.response_body(stream, &[1; 9_000], false).unwrap(), Action::Hold);
    proxy.advance_ms(10_100);
    assert_eq!(passed(&mut proxy, stream), 9_000);
    assert_eq!(proxy.vm.passed(stream, Side::Request).unwrap().len(), 9_000);
    assert_eq!(proxy.vm.response_body(stream, &[1; 9_000], true).unwrap(), Action::Continue);
    end(proxy, stream);
}

/// The stream is closed a moment after its last bytes, and none of what comes meanwhile goes on.
#[test]
fn a_cut_passes_its_bytes_and_closes_the_stream() {
    let mut proxy = proxy(json!([{"drop": {"mode": "truncate", "after": "1500B"}}]));
    let stream = responding(&mut proxy);
    assert_eq!(proxy.vm.response_body(stream, &[1; 1_000], false).unwrap(), Action::Continue);
    assert_eq!(proxy.vm.response_body(stream, &[2; 1_000], false).unwrap(), Action::Continue);
    assert_eq!(proxy.vm.response_body(stream, &[3; 1_000], true).unwrap(), Action::Hold);
    assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Pause);
    let body = proxy.vm.passed(stream, Side::Response).unwrap();
    assert_eq!(body, [vec![1; 1_000], vec![2; 500]].concat());
    proxy.advance_ms(2);
    assert_eq!(proxy.vm.take_effects(), [Effect::Close { stream, side: Side::Response }]);
    let proxy = end(proxy, stream);
    assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "s"), ("fault", "drop")]), 1);
}

#[test]
fn a_client_that_leaves_takes_its_wake_ups_along() {
    for faults in [
        json!([{"throttle": {"response": "100B/s"}}]),
        json!([{"drop": {"mode": "truncate"}}]),
        json!([{"drop": {"mode": "hang"}}]),
    ] {
        let mut proxy = proxy(faults);
        let (stream, action) = proxy.request(Request::default());
        if action == Action::Continue {
            proxy.vm.response_headers(stream, &[(":status", "200")], false).unwrap();
            proxy.vm.response_body(stream, &[1; 1_000], false).unwrap();
        }
        proxy.vm.log(stream).unwrap();
        proxy.vm.delete_lingering(stream).unwrap();
        proxy.advance_ms(11_000);
        assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
        assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    }
}

/// The trailers end a body that the host buffers for a merge.
#[test]
fn a_body_with_trailers_is_merged() {
    let mut proxy = proxy(json!([{"mutate": {"response": {"body": {"merge": {"b": 2}}}}}]));
    let stream = responding(&mut proxy);
    let lengths = proxy.vm.headers(stream, squall_wasm_host::MapKind::ResponseHeaders).unwrap();
    assert!(lengths.iter().all(|(name, _)| name != b"content-length"), "{lengths:?}");
    assert_eq!(proxy.vm.response_body(stream, b"{\"a\"", false).unwrap(), Action::Pause);
    assert_eq!(proxy.vm.response_body(stream, b":1}", false).unwrap(), Action::Pause);
    assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Continue);
    assert_eq!(proxy.vm.passed(stream, Side::Response).unwrap(), b"{\"a\":1,\"b\":2}");
    let proxy = end(proxy, stream);
    assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "s"), ("fault", "mutate")]), 1);
}

/// A reset is done once, on the stream that is meant, and the stream does not go upstream after it.
#[test]
fn a_reset_closes_the_request() {
    let mut proxy = proxy(json!([{"drop": {"mode": "reset"}}]));
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Pause);
    assert_eq!(proxy.vm.take_effects(), [Effect::Close { stream, side: Side::Request }]);
    proxy.advance_ms(11_000);
    assert_eq!(proxy.vm.take_effects(), []);
    end(proxy, stream);
}

/// P1: bytes that come after the mission are the upstream's own.
#[test]
fn p1_after_the_deadline_no_byte_is_changed() {
    let mut proxy = proxy(json!([{"mutate": {"response": {"body": {"corrupt": 100}}}}]));
    let stream = responding(&mut proxy);
    assert_eq!(proxy.vm.response_body(stream, &[0; 100], false).unwrap(), Action::Continue);
    assert!(proxy.vm.passed(stream, Side::Response).unwrap().iter().all(|byte| *byte != 0));
    proxy.advance_ms(10_100);
    assert_eq!(proxy.vm.response_body(stream, &[0; 100], true).unwrap(), Action::Continue);
    assert!(proxy.vm.passed(stream, Side::Response).unwrap()[100..].iter().all(|byte| *byte == 0));
    end(proxy, stream);
}

/// P1: a body that waits for its end to be merged with goes on as it is.
#[test]
fn p1_the_deadline_lets_a_body_go_that_waits_to_be_merged() {
    for more in [false, true] {
        let mut proxy = proxy(json!([{"mutate": {"response": {"body": {"merge": {"b": 2}}}}}]));
        let stream = responding(&mut proxy);
        assert_eq!(proxy.vm.response_body(stream, b"{\"a\"", false).unwrap(), Action::Pause);
        proxy.advance_ms(9_000);
        assert_eq!(passed(&mut proxy, stream), 0);
        proxy.advance_ms(1_100);
        assert_eq!(proxy.vm.passed(stream, Side::Response).unwrap(), b"{\"a\"");
        if more {
            assert_eq!(proxy.vm.response_body(stream, b":1}", true).unwrap(), Action::Continue);
            assert_eq!(proxy.vm.passed(stream, Side::Response).unwrap(), b"{\"a\":1}");
        }
        let proxy = end(proxy, stream);
        let suppressed = [("scenario", "s"), ("cause", "deadline")];
        assert_eq!(proxy.metric("chaos_faults_suppressed_total", &suppressed), 1);
        assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "s"), ("fault", "mutate")]), 0);
    }
}

#[test]
fn a_merged_body_keeps_its_bandwidth() {
    let faults = json!([{"mutate": {"response": {"body": {"merge": {"b": 2}}}}}, {"throttle": {"response": "100B/s"}}]);
    let mut proxy = proxy(faults);
    let stream = responding(&mut proxy);
    assert_eq!(proxy.vm.response_body(stream, b"{\"a\"", false).unwrap(), Action::Pause);
    assert_eq!(proxy.vm.response_body(stream, b":1}", true).unwrap(), Action::Hold);
    proxy.advance_ms(125);
    assert_eq!(passed(&mut proxy, stream), 0);
    proxy.advance_ms(10);
    assert_eq!(proxy.vm.passed(stream, Side::Response).unwrap(), b"{\"a\":1,\"b\":2}");
    end(proxy, stream);
}

/// Trailers may follow the headers at once: only a body that is announced gets a new length.
#[test]
fn a_length_is_only_promised_for_a_body_that_comes() {
    for (declared, expected) in [(Some("9000"), Some("3")), (Some("0"), None), (None, None)] {
        let mut proxy = proxy(json!([{"mutate": {"response": {"body": {"replace": "new"}}}}]));
        let (stream, _) = proxy.request(Request::default());
        let headers = [(":status", "200"), ("content-length", declared.unwrap_or_default())];
        let headers = &headers[..1 + usize::from(declared.is_some())];
        proxy.vm.response_headers(stream, headers, false).unwrap();
        let map = proxy.vm.headers(stream, squall_wasm_host::MapKind::ResponseHeaders).unwrap();
        let length =
            map.iter().find(|(name, _)| name == b"content-length").map(|(_, value)| value.as_slice());
        assert_eq!(length, expected.map(str::as_bytes), "{declared:?}");
        assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Continue);
        end(proxy, stream);
    }
}

/// A 304 may announce a length without a body, and a 101 is followed by another protocol.
#[test]
fn bodiless_responses_stay_without_a_body() {
    let faults = json!([{"mutate": {"response": {"status": 500, "body": {"replace": "new"}}}}]);
    for (status, last, expected) in [("304", true, "500"), ("101", false, "101")] {
        let mut proxy = proxy(faults.clone());
        let (stream, _) = proxy.request(Request::default());
        proxy.vm.response_headers(stream, &[(":status", status), ("content-length", "160")], last).unwrap();
        let map = proxy.vm.headers(stream, squall_wasm_host::MapKind::ResponseHeaders).unwrap();
        assert!(map.contains(&(b":status".to_vec(), expected.as_bytes().to_vec())), "{map:?}");
        assert_eq!(map.iter().any(|(name, _)| name == b"content-length"), !last, "{map:?}");
        end(proxy, stream);
    }
}

#[test]
fn a_changed_call_that_the_service_fails_is_no_error_of_squall() {
    let change = json!({"mutate": {"request": {"headers": {"x-a": "b"}}}});
    let mut proxy = proxy(json!([change]));
    let own =
        |proxy: &Proxy| proxy.metric("chaos_own_errors_total", &[("scenario", "s"), ("group", "treatment")]);
    // UNAVAILABLE with HTTP status 200, then 503 itself, which a change may have made.
    for (code, kind, expected) in [("200", "application/grpc", 0), ("503", "text/plain", 1)] {
        let (stream, _) = proxy.request(Request { more: &[("content-type", kind)], ..Request::default() });
        let number: u64 = code.parse().unwrap();
        proxy.vm.set_property(stream, &["response", "code"], &number.to_le_bytes()).unwrap();
        proxy.vm.response_headers(stream, &[(":status", code), ("grpc-status", "14")], true).unwrap();
        proxy.finish(stream);
        assert_eq!(own(&proxy), expected, "{code}");
    }
    let class = [("scenario", "s"), ("group", "treatment"), ("code_class", "5xx")];
    assert_eq!(proxy.metric("chaos_requests_total", &class), 2);
}
