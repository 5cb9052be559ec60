//! Tests of the host functions, each called from a module as a filter calls it.

mod probe;

use std::time::Duration;

use probe::Argument::{Long, Result as Out, Text, Word};
use probe::Probe;

use crate::{Action, Clock, Effect, HostError, LogLevel, Metric, Shared, Side, Status, Vm};

const CONTINUE: i32 = 0;
const PAUSE: i32 = 1;
const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const NONE: &[(&str, &str)] = &[];

fn header(probe: &mut Probe, map: u32, name: &[u8]) -> Status {
    let stream = probe.stream.0;
    probe.call(stream, "proxy_get_header_map_value", &[Word(map), Text(name), Out(0), Out(1)])
}

#[test]
fn a_header_map_can_be_used_while_its_stream_is_held_there_and_not_outside() {
    let mut probe = Probe::new(&Shared::new(), PAUSE);
    assert_eq!(header(&mut probe, REQUEST, b":path"), Status::BAD_ARGUMENT, "before the headers");
    let sent = [(":path", b"/a".as_slice()), ("X-Bad", b"\xff\xfe")];
    assert_eq!(probe.vm.request_headers(probe.stream, &sent, true).unwrap(), Action::Pause);
    assert_eq!(header(&mut probe, REQUEST, b"x-bad"), Status::OK);
    assert_eq!(probe.given(), b"\xff\xfe", "values are bytes");
    assert_eq!(header(&mut probe, REQUEST, b"x-none"), Status::NOT_FOUND);
    assert_eq!(header(&mut probe, RESPONSE, b":status"), Status::BAD_ARGUMENT);
    assert_eq!(header(&mut probe, 8, b":status"), Status::BAD_ARGUMENT, "no such map");

    let stream = probe.stream.0;
    assert_eq!(probe.call(stream, "proxy_continue_stream", &[Word(0)]), Status::OK);
    assert_eq!(header(&mut probe, REQUEST, b":path"), Status::BAD_ARGUMENT, "after the stream went on");
    let continued = Effect::Continue { stream: probe.stream, side: Side::Request };
    assert_eq!(probe.vm.take_effects(), [continued]);

    let mut passing = Probe::new(&Shared::new(), CONTINUE);
    passing.vm.request_headers(passing.stream, &sent, true).unwrap();
    assert_eq!(header(&mut passing, REQUEST, b":path"), Status::BAD_ARGUMENT, "Continue closes the map");
}

#[test]
fn headers_are_added_replaced_and_removed_whatever_their_case() {
    let mut probe = Probe::new(&Shared::new(), PAUSE);
    let stream = probe.stream.0;
    let sent = [("a", "1"), ("b", "2"), ("A", "3")];
    probe.vm.request_headers(probe.stream, &sent, true).unwrap();
    let mut change =
        |name: &str, arguments: &[_]| assert_eq!(probe.call(stream, name, arguments), Status::OK);
    change("proxy_replace_header_map_value", &[Word(REQUEST), Text(b"A"), Text(b"4")]);
    change("proxy_remove_header_map_value", &[Word(REQUEST), Text(b"B")]);
    change("proxy_add_header_map_value", &[Word(REQUEST), Text(b"C"), Text(b"")]);
    let headers = probe.vm.headers(probe.stream, crate::MapKind::RequestHeaders).unwrap();
    assert_eq!(headers, [(b"a".to_vec(), b"4".to_vec()), (b"c".to_vec(), vec![])]);
}

#[test]
fn shared_data_is_compared_and_swapped_between_workers() {
    let shared = Shared::new();
    let (mut one, mut two) = (Probe::new(&shared, CONTINUE), Probe::new(&shared, CONTINUE));
    let read = [Text(b"key"), Out(0), Out(1), Out(2)];
    let get = |probe: &mut Probe| probe.call(1, "proxy_get_shared_data", &read);
    let set = |probe: &mut Probe, value: &[u8], cas: u32| {
        probe.call(1, "proxy_set_shared_data", &[Text(b"key"), Text(value), Word(cas)])
    };
    assert_eq!(get(&mut one), Status::NOT_FOUND);
    assert_eq!(set(&mut one, b"first", 77), Status::OK, "Envoy ignores the number for a new key");
    assert_eq!(get(&mut two), Status::OK);
    assert_eq!(two.given(), b"first");
    let cas = two.result(2) as u32;
    assert_eq!(set(&mut one, b"second", cas), Status::OK);
    assert_eq!(set(&mut two, b"third", cas), Status::CAS_MISMATCH);
    assert_eq!(shared.data(b"key").unwrap(), b"second");
    assert_eq!(set(&mut two, b"fourth", 0), Status::OK);
    assert_eq!(shared.data(b"key").unwrap(), b"fourth");
}

#[test]
fn one_metric_has_an_id_for_each_definition_and_one_value_for_all_workers() {
    let shared = Shared::new();
    let (mut one, mut two) = (Probe::new(&shared, CONTINUE), Probe::new(&shared, CONTINUE));
    let define = |probe: &mut Probe, kind: u32, name: &[u8]| {
        assert_eq!(probe.call(1, "proxy_define_metric", &[Word(kind), Text(name), Out(0)]), Status::OK);
        Word(probe.result(0) as u32)
    };
    let (first, again) = (define(&mut one, 0, b"c"), define(&mut one, 0, b"c"));
    assert!(matches!((&first, &again), (Word(a), Word(b)) if a != b));
    assert_eq!(one.call(1, "proxy_increment_metric", &[first, Long(2)]), Status::OK);
    assert_eq!(one.call(1, "proxy_record_metric", &[again, Long(5)]), Status::OK, "adds, as in Envoy");
    let other = define(&mut two, 0, b"c");
    assert_eq!(two.call(1, "proxy_increment_metric", &[other, Long(-1)]), Status::BAD_ARGUMENT);
    assert_eq!(shared.metric("c"), Some(Metric::Counter(7)));
    let gauge = define(&mut two, 1, b"g");
    assert_eq!(two.call(1, "proxy_increment_metric", &[gauge, Long(4)]), Status::OK);
    let gauge = define(&mut one, 1, b"g");
    assert_eq!(one.call(1, "proxy_increment_metric", &[gauge, Long(-1)]), Status::OK);
    assert_eq!(shared.metric("g"), Some(Metric::Gauge(3)));
    for sample in [20, 10] {
        let histogram = define(&mut one, 2, b"h");
        assert_eq!(one.call(1, "proxy_record_metric", &[histogram, Long(sample)]), Status::OK);
    }
    assert_eq!(shared.metric("h"), Some(Metric::Histogram(vec![20, 10])));
    assert_eq!(one.call(1, "proxy_increment_metric", &[Word(4_000), Long(1)]), Status::NOT_FOUND);
}

#[test]
fn an_unknown_effective_context_is_refused_and_the_next_call_acts_on_the_one_before() {
    let mut probe = Probe::new(&Shared::new(), PAUSE);
    let innocent = probe.stream;
    probe.vm.request_headers(innocent, NONE, true).unwrap();
    assert_eq!(probe.call(probe.root.0, "proxy_set_effective_context", &[Word(99)]), Status::BAD_ARGUMENT);
    let status = probe.call(innocent.0, "continue_other", &[Word(99), Word(0)]);
    assert_eq!(status, Status::BAD_ARGUMENT);
    assert_eq!(probe.vm.take_effects(), [Effect::Continue { stream: innocent, side: Side::Request }]);
    assert_eq!(probe.call(probe.root.0, "continue_other", &[Word(innocent.0), Word(0)]), Status::OK);
    assert_eq!(probe.vm.take_effects().len(), 1, "from the root, through the effective context");
}

#[test]
fn what_crashes_envoy_is_a_violation() {
    let mut probe = Probe::new(&Shared::new(), CONTINUE);
    let (root, stream) = (probe.root.0, probe.stream.0);
    probe.vm.request_headers(probe.stream, NONE, true).unwrap();
    probe.call(stream, "proxy_continue_stream", &[Word(1)]);
    probe.call(root, "proxy_continue_stream", &[Word(0)]);
    let reply = [Word(503), Text(b"why"), Text(b"body"), Text(b""), Word(u32::MAX)];
    probe.call(stream, "proxy_send_local_response", &reply);
    probe.call(stream, "proxy_send_local_response", &reply);
    probe.vm.delete_lingering(probe.stream).unwrap();
    probe.call(root, "continue_other", &[Word(stream), Word(0)]);
    let violations = probe.vm.violations();
    let expected = ["not held", "no stream", "second local response", "after proxy_on_delete"];
    assert_eq!(violations.len(), expected.len(), "{violations:?}");
    for (violation, part) in violations.iter().zip(expected) {
        assert!(violation.contains(part), "{violation}");
    }
    let effects = probe.vm.take_effects();
    let Some(Effect::LocalResponse { response, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!((response.status, response.grpc_status), (503, None));
    assert_eq!((response.details.as_slice(), response.body.as_slice()), (&b"why"[..], &b"body"[..]));
}

#[test]
fn timers_fire_when_due_and_belong_to_the_root() {
    let shared = Shared::new();
    let mut probe = Probe::new(&shared, CONTINUE);
    let start = shared.clock().monotonic;
    let status = probe.call(probe.stream.0, "proxy_set_tick_period_milliseconds", &[Word(20)]);
    assert_eq!(status, Status::OK);
    assert_eq!(probe.vm.tick_period(probe.root), Some(Duration::from_millis(20)));
    assert_eq!(probe.vm.next_tick(probe.root), Some(start + 20_000_000));
    probe.vm.advance(Duration::from_millis(50)).unwrap();
    assert_eq!(probe.vm.next_tick(probe.root), Some(start + 60_000_000), "ticked at 20 and 40");
    assert_eq!(shared.clock().monotonic, start + 50_000_000);
    probe.call(probe.root.0, "proxy_set_tick_period_milliseconds", &[Word(0)]);
    assert_eq!(probe.vm.next_tick(probe.root), None);
}

#[test]
fn clocks_are_the_tests_and_chance_is_seeded() {
    let shared = Shared::new();
    let mut probe = Probe::new(&shared, CONTINUE);
    shared.set_clock(Clock { wall: 5, monotonic: 9 });
    for (id, expected) in [(0, 5), (1, 9)] {
        probe.call(1, "clock_time_get", &[Word(id), Long(0), Out(0)]);
        assert_eq!(probe.result(0), expected);
    }
    assert_eq!(probe.call(1, "clock_time_get", &[Word(2), Long(0), Out(0)]), Status(58));
    let mut draw = |seed| {
        probe.vm.seed(seed);
        probe.call(1, "random_get", &[Out(0), Word(8)]);
        probe.result(0)
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn properties_come_from_stream_node_and_filter_and_are_else_not_found() {
    let mut probe = Probe::new(&Shared::new(), CONTINUE);
    probe.vm.set_property(probe.stream, &["xds", "route_name"], b"profiles").unwrap();
    probe.vm.set_node_property(&["xds", "node", "id"], b"n1");
    let stream = probe.stream.0;
    let get = |probe: &mut Probe, context: u32, path: &[u8]| {
        probe.call(context, "proxy_get_property", &[Text(path), Out(0), Out(1)])
    };
    assert_eq!(get(&mut probe, stream, b"xds\0route_name"), Status::OK);
    assert_eq!(probe.given(), b"profiles");
    assert_eq!(get(&mut probe, 1, b"xds\0route_name"), Status::NOT_FOUND, "a root has no route");
    assert_eq!(get(&mut probe, 1, b"xds\0node\0id"), Status::OK);
    let set = [Text(b"chaos_fault"), Text(b"delay")];
    assert_eq!(probe.call(1, "proxy_set_property", &set), Status::NOT_FOUND, "nor filter state");
    assert_eq!(probe.call(stream, "proxy_set_property", &set), Status::OK);
    assert_eq!(probe.vm.filter_state(probe.stream).unwrap()[b"chaos_fault".as_slice()], b"delay");
}

#[test]
fn every_host_function_fails_on_demand_and_only_then() {
    for name in Vm::host_functions().filter(|name| *name != "proc_exit") {
        let mut probe = Probe::new(&Shared::new(), CONTINUE);
        let function = crate::imports::HOST_FUNCTIONS.iter().find(|f| f.name == name).unwrap();
        let arguments: Vec<_> =
            function.parameters.chars().map(|c| if c == 'I' { Long(0) } else { Word(0) }).collect();
        let healthy = probe.call(1, name, &arguments);
        let injected = Status(4_711);
        probe.vm.fail_nth(name, 2, injected);
        let statuses: Vec<_> = (0..3).map(|_| probe.call(1, name, &arguments)).collect();
        assert_eq!(statuses, [healthy, injected, healthy], "{name}");
        probe.vm.fail_every(name, injected);
        assert_eq!(probe.call(1, name, &arguments), injected, "{name}");
        probe.vm.heal();
        assert_eq!(probe.call(1, name, &arguments), healthy, "{name}");
        assert_eq!((probe.vm.failures_fired(name), probe.vm.counts().host_call(name)), (2, 6), "{name}");
    }
}

#[test]
fn a_pointer_outside_the_memory_is_a_status_and_a_trap_kills_the_vm() {
    let mut probe = Probe::new(&Shared::new(), CONTINUE);
    let far = [Word(LogLevel::Info as u32), Word(u32::MAX - 1), Word(100)];
    assert_eq!(probe.call(1, "proxy_log", &far), Status::INVALID_MEMORY_ACCESS);
    let trap = probe.vm.log(probe.stream).unwrap_err();
    assert!(matches!(&trap, HostError::Trap { callback, .. } if callback == "proxy_on_log"), "{trap}");
    assert!(probe.vm.is_dead());
    let dead = probe.vm.request_headers(probe.stream, NONE, true).unwrap_err();
    assert!(matches!(dead, HostError::Dead(_)), "{dead}");
}
