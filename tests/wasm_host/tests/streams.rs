//! Streams: what is asked of the host for a request, how faults look to it, what is counted at the end.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Effect, LocalResponse, Proxy, Request, Side, StreamId, plugin};

fn scenario(rule: Value, faults: Value) -> Value {
    json!({"name": "db", "scope": {"match": [rule]}, "faults": faults})
}

fn proxy(rule: Value, faults: Value) -> Proxy {
    Proxy::new(&plugin("m", &[scenario(rule, faults)], |_| {}))
}

fn delay() -> Value {
    json!([{"delay": {"fixed": "100ms"}}])
}

fn abort() -> Value {
    json!([{"abort": {"status": 503}}])
}

/// Host calls that fetch something about the request: single headers, whole maps, properties.
fn fetches(proxy: &mut Proxy, stream: StreamId, request: Request<'_>) -> (u64, u64, u64) {
    let before = proxy.vm.counts();
    proxy.send(stream, request);
    let counts = proxy.vm.counts().since(&before);
    (
        counts.host_call("proxy_get_header_map_value"),
        counts.host_call("proxy_get_header_map_pairs"),
        counts.host_call("proxy_get_property"),
    )
}

fn answer(proxy: &mut Proxy) -> LocalResponse {
    match proxy.vm.take_effects().pop() {
        Some(Effect::LocalResponse { response, .. }) => response,
        other => panic!("no answer but {other:?}"),
    }
}

#[test]
fn a_rule_on_the_route_reads_one_property_and_no_header() {
    let mut proxy = proxy(json!({"route": "profiles"}), delay());
    let stream = proxy.vm.stream(proxy.root).unwrap();
    proxy.vm.set_property(stream, &["xds", "route_name"], b"other").unwrap();
    assert_eq!(fetches(&mut proxy, stream, Request::default()), (0, 0, 1));
    // An Envoy that does not know the new name is asked by the old one.
    let stream = proxy.vm.stream(proxy.root).unwrap();
    proxy.vm.set_property(stream, &["route_name"], b"profiles").unwrap();
    assert_eq!(proxy.send(stream, Request::default()), Action::Pause);
}

#[test]
fn the_first_header_is_read_alone_and_the_second_brings_the_map() {
    let mut one = proxy(json!({"path": {"exact": "/other"}}), delay());
    let stream = one.vm.stream(one.root).unwrap();
    assert_eq!(fetches(&mut one, stream, Request::default()), (1, 0, 0));

    let rule = json!({"path": {"prefix": "/profiles"}, "methods": ["POST"],
        "authority": {"exact": "profile-db"}});
    let mut several = proxy(rule, delay());
    let stream = several.vm.stream(several.root).unwrap();
    assert_eq!(fetches(&mut several, stream, Request::default()), (1, 1, 0));

    let rule = json!({"headers": [{"name": "x-chaos", "exact": "on"}]});
    let mut absent = proxy(rule, delay());
    let stream = absent.vm.stream(absent.root).unwrap();
    assert_eq!(fetches(&mut absent, stream, Request::default()), (1, 0, 0));
}

#[test]
fn several_values_of_a_header_are_joined_by_a_comma() {
    let mut proxy = proxy(json!({"headers": [{"name": "x-tier", "exact": "gold,silver"}]}), delay());
    let joined = Request { more: &[("x-tier", "gold"), ("x-tier", "silver")], ..Request::default() };
    assert_eq!(proxy.request(joined).1, Action::Pause);
    let single = Request { more: &[("x-tier", "gold")], ..Request::default() };
    assert_eq!(proxy.request(single).1, Action::Continue);
}

#[test]
fn a_request_that_another_instance_has_a_fault_for_is_left_alone() {
    let mut proxy = proxy(json!({"path": {"prefix": "/"}}), abort());
    let stream = proxy.vm.stream(proxy.root).unwrap();
    proxy.vm.set_property(stream, &["chaos_mission"], b"other").unwrap();
    assert_eq!(proxy.send(stream, Request::default()), Action::Continue);
    proxy.finish(stream);
    assert!(proxy.vm.take_effects().is_empty());
    let labels = [("scenario", "db"), ("cause", "already_faulted")];
    assert_eq!(proxy.metric("chaos_faults_suppressed_total", &labels), 1);
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
}

#[test]
fn a_faulted_request_carries_its_marks_and_a_spared_one_none() {
    let faults = json!([{"delay": {"fixed": "10ms"}}, {"abort": {"status": 503}}]);
    let cases = [(delay(), "delay", "100ms"), (abort(), "abort", "503"), (faults, "delay,abort", "10ms,503")];
    for (faults, word, value) in cases {
        let mut proxy = proxy(json!({"path": {"exact": "/profiles/7"}}), faults);
        let (stream, _) = proxy.request(Request::default());
        let state: Vec<_> = proxy.vm.filter_state(stream).unwrap().into_iter().collect();
        let text = |(key, value): &(Vec<u8>, Vec<u8>)| {
            format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        };
        let state: Vec<_> = state.iter().map(text).collect();
        let fault = format!("chaos_fault={word}");
        let value = format!("chaos_value={value}");
        let expected =
            [&fault, "chaos_group=treatment", "chaos_mission=m", "chaos_scenario=db", value.as_str()];
        assert_eq!(state, expected);
        let (spared, _) = proxy.request(Request { path: "/", ..Request::default() });
        assert!(proxy.vm.filter_state(spared).unwrap().is_empty());
    }
}

#[test]
fn an_answer_has_its_status_body_headers_and_details() {
    let faults = json!([{"abort": {"status": 429, "body": "slow down", "headers": {"retry-after": "3"}}}]);
    let mut proxy = proxy(json!({"path": {"prefix": "/"}}), faults);
    assert_eq!(proxy.request(Request::default()).1, Action::Pause);
    let answer = answer(&mut proxy);
    assert_eq!((answer.status, answer.grpc_status), (429, None));
    assert_eq!(answer.body, b"slow down");
    assert_eq!(answer.details, b"chaos_abort{db}");
    assert!(answer.headers.contains(&(b"retry-after".to_vec(), b"3".to_vec())), "{:?}", answer.headers);
}

#[test]
fn grpc_clients_get_the_grpc_status_and_others_the_http_one() {
    let faults = json!([{"abort": {"status": 503, "grpc_status": "RESOURCE_EXHAUSTED", "message": "full"}}]);
    let cases = [
        ("application/grpc", Some(8), "full"),
        ("application/grpc+proto", Some(8), "full"),
        // Envoy does not take it for gRPC either.
        ("application/grpc;v=1", None, "chaos: aborted by scenario db"),
        ("application/grpc-web", None, "chaos: aborted by scenario db"),
        ("text/plain", None, "chaos: aborted by scenario db"),
        ("", None, "chaos: aborted by scenario db"),
    ];
    for (content_type, grpc_status, body) in cases {
        let mut proxy = proxy(json!({"path": {"prefix": "/"}}), faults.clone());
        proxy.request(Request { more: &[("content-type", content_type)], ..Request::default() });
        let answer = answer(&mut proxy);
        assert_eq!((answer.status, answer.grpc_status), (503, grpc_status), "{content_type}");
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{content_type}");
    }
}

#[test]
fn requests_without_an_id_are_sampled_fairly() {
    let scenario = json!({"name": "db", "scope": {"sample": {"percent": 30}}, "faults": abort()});
    let mut proxy = Proxy::new(&plugin("m", &[scenario], |_| {}));
    let requests = 2_000;
    let faulted = (0..requests)
        .filter(|_| proxy.request(Request { id: "", ..Request::default() }).1 == Action::Pause)
        .count();
    // Five standard deviations around 600.
    assert!((498..=702).contains(&faulted), "{faulted} of {requests}");
}

#[test]
fn a_delayed_request_is_counted_with_its_status_and_latency() {
    let mut proxy = proxy(json!({"path": {"prefix": "/"}}), delay());
    let (stream, _) = proxy.request(Request::default());
    assert_eq!(proxy.vm.held(stream), Some(Side::Request));
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 1);
    proxy.advance_ms(99);
    assert!(proxy.take_continued().is_empty());
    proxy.advance_ms(1);
    assert_eq!(proxy.take_continued(), [stream]);
    proxy.advance_ms(7);
    assert_eq!(proxy.respond(stream, "204"), Action::Continue);
    proxy.vm.set_property(stream, &["response", "code"], &204_u64.to_le_bytes()).unwrap();
    proxy.finish(stream);
    let labels = [("scenario", "db"), ("group", "treatment"), ("code_class", "2xx")];
    assert_eq!(proxy.metric("chaos_requests_total", &labels), 1);
    assert_eq!(proxy.samples("service_downstream_latency_ms", &labels[..2]), [107]);
    assert_eq!(proxy.samples("chaos_injected_delay_ms", &labels[..1]), [100]);
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
}

#[test]
fn a_client_that_leaves_cancels_the_abort_and_is_counted_without_a_status() {
    let faults = json!([{"delay": {"fixed": "100ms"}}, {"abort": {"status": 503}}]);
    let mut proxy = proxy(json!({"path": {"prefix": "/"}}), faults);
    let (stream, _) = proxy.request(Request::default());
    proxy.advance_ms(50);
    proxy.vm.log(stream).unwrap();
    proxy.vm.delete_lingering(stream).unwrap();
    proxy.advance_ms(1_000);
    assert!(proxy.vm.take_effects().is_empty());
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
    let labels = [("scenario", "db"), ("group", "treatment"), ("code_class", "none")];
    assert_eq!(proxy.metric("chaos_requests_total", &labels), 1);
    assert_eq!(proxy.metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", "abort")]), 0);
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
}

#[test]
fn a_response_is_held_back_on_its_own_side() {
    let faults = json!([{"delay": {"fixed": "40ms", "phase": "response"}}]);
    let mut proxy = proxy(json!({"path": {"prefix": "/"}}), faults);
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Continue);
    proxy.advance_ms(5);
    assert_eq!(proxy.respond(stream, "200"), Action::Pause);
    proxy.advance_ms(40);
    assert_eq!(proxy.vm.take_effects(), [Effect::Continue { stream, side: Side::Response }]);
    assert!(proxy.vm.violations().is_empty());
    proxy.finish(stream);
}
