//! Streams of messages that break off, in the compiled module: cut anywhere, stalled, released, reset, ended.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Effect, MapKind, Proxy, Request, Side, Status, StreamId, plugin};

const GRPC: &str = "application/grpc";
const EVENTS: &str = "text/event-stream";

fn configuration(stream: &Value) -> String {
    plugin("m", &[json!({"name": "s", "faults": [{"stream": stream}]})], |mission| {
        mission["duration"] = json!("10s");
    })
}

fn proxy(stream: &Value) -> Proxy {
    Proxy::new(&configuration(stream))
}

/// A response of this type has begun.
fn responding(proxy: &mut Proxy, content_type: &str) -> StreamId {
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Continue);
    let headers = [(":status", "200"), ("content-type", content_type)];
    assert_eq!(proxy.vm.response_headers(stream, &headers, false).unwrap(), Action::Continue);
    stream
}

fn passed(proxy: &mut Proxy, stream: StreamId) -> Vec<u8> {
    proxy.vm.passed(stream, Side::Response).unwrap()
}

fn injected(proxy: &Proxy) -> u64 {
    proxy.metric("chaos_faults_injected_total", &[("scenario", "s"), ("fault", "stream")])
}

fn spared(proxy: &Proxy, cause: &str) -> u64 {
    proxy.metric("chaos_faults_suppressed_total", &[("scenario", "s"), ("cause", cause)])
}

/// Nothing was done that crashes Envoy, nothing failed, and nothing is left.
fn end(proxy: &mut Proxy, stream: StreamId) {
    proxy.finish(stream);
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
    let left = proxy.metric("chaos_faults_in_flight", &[]) + proxy.metric("chaos_host_errors_total", &[]);
    assert_eq!(left, 0);
}

/// Four messages of 0 to 3 bytes, and where the second ends.
fn frames() -> (Vec<u8>, usize) {
    let frames = (0_u8..4).map(|size| [vec![0, 0, 0, 0, size], vec![size; size.into()]].concat());
    (frames.collect::<Vec<_>>().concat(), 5 + 6)
}

fn bodies() -> [(&'static str, Vec<u8>, usize); 2] {
    let events = b": ping\n\ndata: 0\n\nid: 1\r\ndata: 1\r\n\r\ndata: 2\r\rdata: 3\n\n";
    let (frames, two) = frames();
    [(GRPC, frames, two), (EVENTS, events.to_vec(), 35)]
}

#[test]
fn a_stall_holds_back_all_but_its_messages_wherever_the_pieces_end() {
    let stall = json!({"after": {"messages": 2}, "then": "stall"});
    for (content_type, body, two) in bodies() {
        let mut proxy = proxy(&stall);
        let mut streams = vec![];
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let stream = responding(&mut proxy, content_type);
                for piece in [&body[..first], &body[first..second], &body[second..]] {
                    proxy.vm.response_body(stream, piece, false).unwrap();
                }
                assert_eq!(passed(&mut proxy, stream), &body[..two], "{content_type}, {first}, {second}");
                // The end waits behind what is held back.
                assert_eq!(proxy.vm.response_body(stream, &[], true).unwrap(), Action::Hold);
                streams.push(stream);
            }
        }
        assert_eq!(injected(&proxy), streams.len() as u64);
        proxy.advance_ms(9_900);
        assert!(streams.iter().all(|stream| proxy.vm.passed(*stream, Side::Response).unwrap().len() == two));
        // P1, at most 32 at a time.
        proxy.advance_ms(1_000);
        for stream in streams {
            assert_eq!(passed(&mut proxy, stream), body, "in order and without a gap");
            proxy.finish(stream);
        }
        assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
        assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
        assert_eq!(proxy.metric("chaos_host_errors_total", &[]), 0);
    }
}

/// The deadline finds the rest of a piece here and nothing at the host: it goes before what comes next.
#[test]
fn a_rest_goes_before_the_next_piece() {
    let (body, two) = frames();
    let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": "stall"}));
    let stream = responding(&mut proxy, GRPC);
    proxy.vm.response_body(stream, &body[..two + 3], false).unwrap();
    proxy.advance_ms(10_100);
    assert!(proxy.take_continued().is_empty(), "the host holds nothing");
    assert_eq!(proxy.vm.response_body(stream, &body[two + 3..], false).unwrap(), Action::Continue);
    assert_eq!(passed(&mut proxy, stream), body);
    assert_eq!(proxy.vm.response_body(stream, &body, true).unwrap(), Action::Continue);
    end(&mut proxy, stream);
}

/// P1: no byte of a stream that goes on stays here longer than a second after the deadline.
#[test]
fn p1_a_rest_that_no_piece_follows_is_reset() {
    let (body, two) = frames();
    for (extra, effects) in [(3, 1), (0, 0)] {
        let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": "stall"}));
        let stream = responding(&mut proxy, GRPC);
        proxy.vm.response_body(stream, &body[..two + extra], false).unwrap();
        proxy.advance_ms(10_900);
        assert_eq!(proxy.vm.take_effects(), [], "the next piece may still come");
        proxy.advance_ms(200);
        let closed = vec![Effect::Close { stream, side: Side::Response }; effects];
        assert_eq!((proxy.vm.take_effects(), passed(&mut proxy, stream)), (closed, body[..two].to_vec()));
        end(&mut proxy, stream);
    }
}

#[test]
fn another_configuration_releases_a_stall() {
    let (body, two) = frames();
    let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": "stall"}));
    let stream = responding(&mut proxy, GRPC);
    proxy.vm.response_body(stream, &body[..two], false).unwrap();
    assert_eq!(proxy.vm.response_body(stream, &body[two..], false).unwrap(), Action::Hold);
    assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Pause);
    proxy.vm.start_root(json!({"version": 1}).to_string(), "squall").unwrap();
    proxy.advance_ms(1_000);
    assert_eq!((proxy.take_continued(), passed(&mut proxy, stream)), (vec![stream], body));
    end(&mut proxy, stream);
}

/// What was cut off cannot be put before trailers.
#[test]
fn a_stall_whose_rest_can_go_nowhere_ends_with_a_reset() {
    let (body, two) = frames();
    let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": "stall"}));
    let stream = responding(&mut proxy, GRPC);
    proxy.vm.response_body(stream, &body, false).unwrap();
    assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Pause);
    proxy.advance_ms(10_100);
    assert_eq!(proxy.vm.take_effects(), [Effect::Close { stream, side: Side::Response }]);
    assert_eq!(passed(&mut proxy, stream), &body[..two]);
    end(&mut proxy, stream);
}

#[test]
fn a_client_that_leaves_takes_its_wake_ups_along() {
    let (body, _) = frames();
    for stream in [
        json!({"after": {"messages": 1}, "then": "stall"}),
        json!({"after": {"messages": 1}, "then": "reset"}),
        json!({"after": {"messages": 1}, "then": "end", "grpc_status": 14}),
        json!({"after": {"time": "1s"}, "then": "stall"}),
    ] {
        let mut proxy = proxy(&stream);
        let stream = responding(&mut proxy, GRPC);
        proxy.vm.response_body(stream, &body, false).unwrap();
        proxy.vm.take_effects();
        end(&mut proxy, stream);
        proxy.advance_ms(11_000);
        assert!(proxy.vm.take_effects().is_empty() && proxy.vm.violations().is_empty());
        assert_eq!(injected(&proxy) + spared(&proxy, "stream_ended"), 1);
    }
}

#[test]
fn a_reset_passes_its_messages_and_nothing_after_them() {
    for (content_type, body, two) in bodies() {
        for first in 0..=body.len() {
            let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": "reset"}));
            let stream = responding(&mut proxy, content_type);
            proxy.vm.response_body(stream, &body[..first], false).unwrap();
            proxy.vm.response_body(stream, &body[first..], false).unwrap();
            assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Pause);
            assert_eq!(passed(&mut proxy, stream), &body[..two], "{content_type}, {first}");
            assert!(proxy.vm.take_effects().is_empty(), "not before they are gone");
            proxy.advance_ms(2);
            assert_eq!(proxy.vm.take_effects(), [Effect::Close { stream, side: Side::Response }]);
            assert_eq!(injected(&proxy), 1);
            end(&mut proxy, stream);
        }
    }
}

#[test]
fn an_end_sets_the_status_of_the_trailers() {
    let (body, two) = frames();
    let stream = json!({"after": {"messages": 2}, "then": "end", "grpc_status": 14, "message": "a%\nb"});
    for ends_with_trailers in [true, false] {
        let mut proxy = proxy(&stream);
        let stream = responding(&mut proxy, GRPC);
        for piece in [&body[..two - 1], &body[two - 1..], &body] {
            assert_eq!(proxy.vm.response_body(stream, piece, false).unwrap(), Action::Continue);
        }
        let ended = match ends_with_trailers {
            true => proxy.vm.response_trailers(stream),
            false => proxy.vm.response_body(stream, &body, true),
        };
        assert_eq!((ended.unwrap(), passed(&mut proxy, stream)), (Action::Continue, body[..two].to_vec()));
        let trailers = proxy.vm.headers(stream, MapKind::ResponseTrailers).unwrap();
        let expected = [("grpc-status", "14"), ("grpc-message", "a%25%0Ab")];
        let expected: Vec<_> =
            expected.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).into();
        assert_eq!(trailers, expected);
        end(&mut proxy, stream);
        proxy.advance_ms(9_000);
        assert!(proxy.vm.take_effects().is_empty());
    }
}

#[test]
fn an_end_before_the_first_message_is_an_answer() {
    let mut proxy =
        proxy(&json!({"after": {"messages": 0}, "then": "end", "grpc_status": 77, "message": "no"}));
    let (stream, _) = proxy.request(Request::default());
    let headers = [(":status", "200"), ("content-type", GRPC)];
    assert_eq!(proxy.vm.response_headers(stream, &headers, false).unwrap(), Action::Pause);
    let effects = proxy.vm.take_effects();
    let [Effect::LocalResponse { response, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((response.status, response.grpc_status, &response.body[..]), (200, Some(77), &b"no"[..]));
    assert_eq!(response.headers, [(b"grpc-status".to_vec(), b"77".to_vec())]);
    assert_eq!(injected(&proxy), 1);
    end(&mut proxy, stream);
}

#[test]
fn a_time_comes_between_two_messages() {
    let mut proxy = proxy(&json!({"after": {"time": "2s"}, "then": "stall"}));
    let (body, two) = frames();
    let stream = responding(&mut proxy, GRPC);
    proxy.vm.response_body(stream, &body[..two - 1], false).unwrap();
    proxy.advance_ms(1_990);
    assert_eq!(injected(&proxy), 0);
    proxy.advance_ms(20);
    assert_eq!(injected(&proxy), 0, "a message is under way");
    proxy.vm.response_body(stream, &body[two - 1..], false).unwrap();
    assert_eq!((injected(&proxy), passed(&mut proxy, stream)), (1, body[..two].to_vec()));
    end(&mut proxy, stream);
    // Between two messages it takes effect by itself.
    let stream = responding(&mut proxy, GRPC);
    proxy.advance_ms(2_010);
    assert_eq!(injected(&proxy), 2);
    assert_eq!(proxy.vm.response_body(stream, &body, false).unwrap(), Action::Hold);
    end(&mut proxy, stream);
}

#[test]
fn what_is_no_stream_passes() {
    let stall = json!({"after": {"messages": 0}, "then": "stall"});
    for (content_type, encoding, cause) in [
        ("application/json", "", "no_stream"),
        ("application/grpc-web", "", "no_stream"),
        ("text/event-stream", "gzip", "no_stream"),
    ] {
        let mut proxy = proxy(&stall);
        let (stream, _) = proxy.request(Request::default());
        let headers = [(":status", "200"), ("content-type", content_type), ("content-encoding", encoding)];
        proxy.vm.response_headers(stream, &headers, false).unwrap();
        assert_eq!(proxy.vm.response_body(stream, b"data\n\n", true).unwrap(), Action::Continue);
        assert_eq!((spared(&proxy, cause), injected(&proxy)), (1, 0), "{content_type}");
        end(&mut proxy, stream);
    }
    let mut proxy = proxy(&stall);
    let (stream, _) = proxy.request(Request::default());
    proxy.vm.response_headers(stream, &[(":status", "200"), ("content-type", GRPC)], true).unwrap();
    assert_eq!(spared(&proxy, "no_body"), 1);
    end(&mut proxy, stream);
}

/// With independent scenarios the body may be another fault's already.
#[test]
fn a_body_has_one_fault_that_shapes_it() {
    let faults = [
        json!({"name": "slow", "faults": [{"throttle": {"response": "1KiB/s"}}]}),
        json!({"name": "s", "faults": [{"stream": {"after": {"messages": 0}, "then": "reset"}}]}),
    ];
    let mut proxy =
        Proxy::new(&plugin("m", &faults, |mission| mission["composition"] = json!("independent")));
    let stream = responding(&mut proxy, GRPC);
    assert_eq!((spared(&proxy, "body_taken"), injected(&proxy)), (1, 0));
    assert_eq!(proxy.vm.response_body(stream, &[0; 1024], false).unwrap(), Action::Hold);
    proxy.advance_ms(1_001);
    assert_eq!(passed(&mut proxy, stream).len(), 1024);
    end(&mut proxy, stream);
}

/// Its scenario has the request in group `treatment`, so the cause is one of those after the decision.
#[test]
fn the_ledger_adds_up_when_another_fault_has_the_body() {
    let stall = json!({"stream": {"after": {"messages": 1}, "then": "stall"}});
    let replace = |body: &str| json!({"mutate": {"response": {"body": {"replace": body}}}});
    for (first, second, kind) in [
        (json!({"throttle": {"response": "1KiB/s"}}), stall.clone(), "stream"),
        (json!({"drop": {"mode": "truncate", "after": "1B"}}), stall.clone(), "stream"),
        (replace("a"), stall, "stream"),
        (replace("a"), replace("b"), "mutate"),
    ] {
        let faults = [json!({"name": "first", "faults": [first]}), json!({"name": "s", "faults": [second]})];
        let mut proxy =
            Proxy::new(&plugin("m", &faults, |mission| mission["composition"] = json!("independent")));
        let stream = responding(&mut proxy, GRPC);
        end(&mut proxy, stream);
        let (scenario, group) = (("scenario", "s"), |group| ("group", group));
        let requests =
            |name| proxy.metric("chaos_requests_total", &[scenario, group(name), ("code_class", "none")]);
        assert_eq!((requests("treatment"), requests("control"), requests("other")), (1, 0, 0), "{kind}");
        let taken = proxy.metric("chaos_faults_injected_total", &[scenario, ("fault", kind)]);
        assert_eq!((taken, spared(&proxy, "body_taken"), spared(&proxy, "preempted")), (0, 1, 0), "{kind}");
    }
}

/// After the mission a stream that was being counted is left alone.
#[test]
fn a_stream_that_outlives_the_mission_is_whole() {
    let (body, _) = frames();
    for stream in [
        json!({"after": {"messages": 3}, "then": "reset"}),
        json!({"after": {"time": "20s"}, "then": "reset"}),
    ] {
        let mut proxy = proxy(&stream);
        let stream = responding(&mut proxy, GRPC);
        proxy.vm.response_body(stream, &body[..7], false).unwrap();
        proxy.advance_ms(10_100);
        assert_eq!(proxy.vm.response_body(stream, &body[7..], true).unwrap(), Action::Continue);
        assert_eq!((passed(&mut proxy, stream), spared(&proxy, "deadline")), (body.clone(), 1));
        end(&mut proxy, stream);
    }
}

/// A host that does not do what it is asked for: nothing passes twice or with a gap, and it is counted.
#[test]
fn a_failing_host_leaves_the_stream_whole_or_closed() {
    let (body, two) = frames();
    for (call, then) in [
        ("proxy_get_buffer_bytes", "stall"),
        ("proxy_set_buffer_bytes", "stall"),
        ("proxy_set_buffer_bytes", "reset"),
    ] {
        let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": then}));
        let stream = responding(&mut proxy, GRPC);
        proxy.vm.fail_next(call, Status(10));
        assert_eq!(proxy.vm.response_body(stream, &body, false).unwrap(), Action::Continue, "{call}");
        assert_eq!(proxy.vm.response_trailers(stream).unwrap(), Action::Continue);
        assert_eq!((passed(&mut proxy, stream), injected(&proxy)), (body.clone(), 0), "{call}");
        assert_eq!(spared(&proxy, "host_error"), 1);
        proxy.finish(stream);
        assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    }
    // The rest of a piece cannot be put back.
    let mut proxy = proxy(&json!({"after": {"messages": 2}, "then": "stall"}));
    let stream = responding(&mut proxy, GRPC);
    proxy.vm.response_body(stream, &body, false).unwrap();
    proxy.vm.fail_next("proxy_set_buffer_bytes", Status(10));
    assert_eq!(proxy.vm.response_body(stream, &body, false).unwrap(), Action::Hold);
    assert_eq!(proxy.vm.take_effects(), [Effect::Close { stream, side: Side::Response }]);
    assert_eq!(passed(&mut proxy, stream), &body[..two]);
    proxy.finish(stream);
}
