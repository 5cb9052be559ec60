//! `mark: headers` in the compiled module: who is marked, who is not, and what from outside is taken away.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Effect, HeaderMap, MapKind, Proxy, Request, Status, StreamId, plugin};

const SMUGGLED: [(&str, &str); 6] = [
    ("x-chaos-mission", "evil"),
    ("X-Chaos-Fault", "abort"),
    ("x-chaos-fault", "twice"),
    ("x-chaos-scenario", "evil"),
    ("x-chaos-value", "evil"),
    ("x-chaos-group", "control"),
];

fn scenarios() -> [Value; 4] {
    let scenario = |name: &str, faults: Value| json!({"name": name, "scope": {"match": [{"path": {"exact": format!("/{name}")}}]}, "faults": faults});
    let delay = |phase: &str| json!({"delay": {"fixed": "20ms", "phase": phase}});
    let abort = json!({"abort": {"status": 503, "headers": {"x-why": "chaos", "x-chaos-fault": "mine"}}});
    [
        scenario("slow", json!([delay("request")])),
        scenario("late", json!([delay("response")])),
        scenario("gone", json!([abort])),
        scenario("both", json!([{"delay": {"fixed": "20s"}}, abort])),
    ]
}

fn proxy(mark: &str) -> Proxy {
    Proxy::new(&plugin("m", &scenarios(), |mission| {
        mission["mark"] = json!(mark);
        mission["duration"] = json!("10s");
    }))
}

fn marks(headers: &HeaderMap) -> Vec<String> {
    let ours = headers.iter().filter(|(name, _)| name.starts_with(b"x-chaos-"));
    ours.map(|(name, value)| {
        format!("{}={}", String::from_utf8_lossy(&name[8..]), String::from_utf8_lossy(value))
    })
    .collect()
}

fn marked(scenario: &str, fault: &str, value: &str) -> Vec<String> {
    let [scenario, fault, value] = [("scenario", scenario), ("fault", fault), ("value", value)]
        .map(|(key, text)| format!("{key}={text}"));
    vec!["mission=m".to_owned(), scenario, fault, value, "group=treatment".to_owned()]
}

fn sorted(mut marks: Vec<String>) -> Vec<String> {
    marks.sort();
    marks
}

fn request_marks(proxy: &mut Proxy, stream: StreamId) -> Vec<String> {
    sorted(marks(&proxy.vm.headers(stream, MapKind::RequestHeaders).unwrap()))
}

fn response_marks(proxy: &mut Proxy, stream: StreamId) -> Vec<String> {
    sorted(marks(&proxy.vm.headers(stream, MapKind::ResponseHeaders).unwrap()))
}

#[test]
fn a_faulted_request_and_its_response_are_marked_and_smuggled_marks_are_gone() {
    let mut proxy = proxy("headers");
    for (path, fault) in [("/slow", "delay"), ("/late", "delay")] {
        for more in [&[][..], &SMUGGLED] {
            let (stream, _) = proxy.request(Request { path, more, ..Request::default() });
            let expected = sorted(marked(&path[1..], fault, "20ms"));
            assert_eq!(request_marks(&mut proxy, stream), expected, "{path}");
            proxy.advance_ms(20);
            // The upstream's own is replaced.
            let upstream = [(":status", "200"), ("x-chaos-fault", "of the upstream")];
            proxy.vm.response_headers(stream, &upstream, true).unwrap();
            assert_eq!(response_marks(&mut proxy, stream), expected, "{path}");
            proxy.advance_ms(20);
            proxy.finish(stream);
        }
    }
}

#[test]
fn who_is_not_faulted_is_not_marked_and_marks_from_outside_are_stripped_from_everybody() {
    let mut proxy = proxy("headers");
    let (stream, action) = proxy.request(Request { path: "/other", more: &SMUGGLED, ..Request::default() });
    assert_eq!(action, Action::Continue);
    assert_eq!(request_marks(&mut proxy, stream), [""; 0]);
    proxy
        .vm
        .response_headers(stream, &[(":status", "200"), ("x-chaos-fault", "of the upstream")], true)
        .unwrap();
    assert_eq!(response_marks(&mut proxy, stream), ["fault=of the upstream"], "its responses are not ours");
    proxy.finish(stream);
    // After the mission Squall touches nothing.
    proxy.advance_ms(10_000);
    let (stream, _) = proxy.request(Request { path: "/other", more: &SMUGGLED, ..Request::default() });
    assert_eq!(request_marks(&mut proxy, stream).len(), 6);
}

#[test]
fn marks_of_another_instance_in_the_same_chain_stay() {
    let mut proxy = proxy("headers");
    let stream = proxy.vm.stream(proxy.root).unwrap();
    proxy.vm.set_property(stream, &["chaos_mission"], b"other").unwrap();
    assert_eq!(
        proxy.send(stream, Request { path: "/slow", more: &SMUGGLED, ..Request::default() }),
        Action::Continue
    );
    assert_eq!(request_marks(&mut proxy, stream).len(), 6);
}

#[test]
fn an_answer_carries_the_marks_once() {
    let mut proxy = proxy("headers");
    let (stream, action) = proxy.request(Request { path: "/gone", more: &SMUGGLED, ..Request::default() });
    assert_eq!(action, Action::Pause);
    match &proxy.vm.take_effects()[..] {
        [Effect::LocalResponse { response, .. }] => {
            assert_eq!(sorted(marks(&response.headers)), sorted(marked("gone", "abort", "503")));
            assert!(response.headers.contains(&(b"x-why".to_vec(), b"chaos".to_vec())));
        }
        other => panic!("{other:?}"),
    }
    // Envoy shows the filter its own answer: nothing is added to it.
    proxy.respond(stream, "503");
    assert_eq!(response_marks(&mut proxy, stream), [""; 0]);
}

#[test]
fn the_upstream_is_told_what_happened_and_not_what_was_meant() {
    let mut proxy = proxy("headers");
    let (stream, _) = proxy.request(Request { path: "/both", ..Request::default() });
    assert_eq!(request_marks(&mut proxy, stream), [""; 0], "it is to be aborted");
    // The deadline of the mission comes first: it had a delay, and no abort.
    proxy.advance_ms(10_002);
    assert_eq!(proxy.take_continued(), [stream]);
    assert_eq!(request_marks(&mut proxy, stream), sorted(marked("both", "delay", "20000ms")));
    // An answer that the host refuses is no fault at all.
    let mut proxy = self::proxy("headers");
    proxy.vm.fail_every("proxy_send_local_response", Status::INTERNAL_FAILURE);
    let (stream, action) = proxy.request(Request { path: "/gone", ..Request::default() });
    assert_eq!((action, request_marks(&mut proxy, stream)), (Action::Continue, vec![]));
    // And so is a delay without a timer.
    proxy.vm.fail_every("proxy_set_tick_period_milliseconds", Status::INTERNAL_FAILURE);
    let (stream, action) = proxy.request(Request { path: "/slow", ..Request::default() });
    assert_eq!((action, request_marks(&mut proxy, stream)), (Action::Continue, vec![]));
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
}

#[test]
fn a_response_that_is_no_stream_is_not_said_to_break_off() {
    let stall = json!({"name": "s", "faults": [{"stream": {"after": {"messages": 1}, "then": "stall"}}]});
    let mut proxy = Proxy::new(&plugin("m", &[stall], |mission| mission["mark"] = json!("headers")));
    for (content_type, expected) in
        [("application/json", vec![]), ("application/grpc", sorted(marked("s", "stream", "-")))]
    {
        let (stream, _) = proxy.request(Request::default());
        let headers = [(":status", "200"), ("content-type", content_type)];
        proxy.vm.response_headers(stream, &headers, false).unwrap();
        assert_eq!(response_marks(&mut proxy, stream), expected, "{content_type}");
        proxy.finish(stream);
    }
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
}

#[test]
fn without_the_key_no_header_is_touched() {
    let mut proxy = proxy("none");
    let before = proxy.vm.counts();
    for path in ["/slow", "/gone", "/other"] {
        let (stream, _) = proxy.request(Request { path, more: &SMUGGLED, ..Request::default() });
        assert_eq!(request_marks(&mut proxy, stream).len(), SMUGGLED.len(), "{path}");
        proxy.finish(stream);
    }
    let calls = proxy.vm.counts().since(&before).host_calls;
    let touching =
        ["proxy_replace_header_map_value", "proxy_remove_header_map_value", "proxy_add_header_map_value"];
    assert!(touching.iter().all(|name| !calls.contains_key(*name)), "{calls:?}");
}
