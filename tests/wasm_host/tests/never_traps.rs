//! Promise P8: whatever the host answers and however it calls, the filter does not trap, refuses no
//! configuration, keeps no stream for ever and acts on no stream but the one it means.

use std::time::Duration;

use serde_json::json;
use squall_wasm_host::{
    Action, Effect, Proxy, Random, Request, Shared, Status, StreamId, Vm, every_kind_of_fault, plugin,
    squall_module,
};

/// Every host function that the module imports.
fn imports() -> Vec<String> {
    let imports = squall_module().imports();
    assert!(imports.len() >= 16 && imports.iter().any(|name| name == "random_get"), "{imports:?}");
    imports
}

const ROUTE: [&str; 2] = ["xds", "route_name"];
const DIRECTION: [&str; 2] = ["xds", "listener_direction"];
const CODE: [&str; 2] = ["response", "code"];
const PATHS: [&str; 18] = [
    "/slow",
    "/late",
    "/gone/1",
    "/both",
    "/routed",
    "/tagged",
    "/other",
    "/paced",
    "/paced/wrong",
    "/merged",
    "/short",
    "/streams",
    "/broken!",
    "/ended",
    "/reset",
    "/queued",
    "/queued",
    "/queued",
];

fn request(path: &str) -> Request<'_> {
    Request {
        path,
        more: &[("x-tier", "gold"), ("x-user", "7"), ("content-type", "application/grpc")],
        ..Request::default()
    }
}

/// A worker whose host already fails while the filter is configured.
fn worker(prepare: impl FnOnce(&mut Vm)) -> Proxy {
    let mut vm = Vm::new(squall_module(), &Shared::new()).expect("no trap");
    // A burn looks at the clock until its time is over.
    vm.shared().run_clock(Duration::from_micros(100));
    prepare(&mut vm);
    let root = vm.start_root(every_kind_of_fault(), "squall").expect("no trap and no refusal");
    Proxy { shared: vm.shared(), vm, root }
}

/// One request per path, up to where the filter holds it.
fn arrive(proxy: &mut Proxy) -> Vec<StreamId> {
    let mut streams = Vec::new();
    for path in PATHS {
        let stream = proxy.vm.stream(proxy.root).expect("no trap");
        let (inbound, ok) = (1_i64.to_le_bytes(), 200_u64.to_le_bytes());
        for (path, value) in [(ROUTE, &b"profiles"[..]), (DIRECTION, &inbound), (CODE, &ok)] {
            proxy.vm.set_property(stream, &path, value).expect("a stream");
        }
        if proxy.send(stream, request(path)) == Action::Continue {
            match path.len() % 2 {
                0 => drop(proxy.respond(stream, "200")),
                _ => proxy.respond_with_body(stream),
            }
        }
        streams.push(stream);
    }
    streams
}

/// Nobody waits, and nothing was done that crashes Envoy.
fn end(proxy: &mut Proxy, streams: Vec<StreamId>, case: &str) {
    for stream in streams {
        assert_eq!(proxy.vm.held(stream), None, "{case}: stream {stream:?} waits for ever");
        proxy.finish(stream);
    }
    assert!(proxy.vm.violations().is_empty(), "{case}: {:?}", proxy.vm.violations());
}

#[test]
fn any_status_of_any_host_function_at_any_call_only_costs_faults() {
    for name in imports() {
        for status in (1..=12).chain([255]).map(Status) {
            for nth in [0, 1, 2, 3, 5, 8] {
                let case = format!("{name} answers {} at call {nth}", status.0);
                let fail = |vm: &mut Vm| match nth {
                    0 => vm.fail_every(&name, status),
                    nth => vm.fail_nth(&name, nth, status),
                };
                // During the configuration and all that follows.
                let mut proxy = worker(fail);
                let streams = arrive(&mut proxy);
                proxy.advance_ms(200);
                proxy.vm.heal();
                proxy.advance_ms(60_000);
                end(&mut proxy, streams, &case);
                // Only from the first request on, and at the end of streams.
                let mut proxy = worker(|_| {});
                fail(&mut proxy.vm);
                let streams = arrive(&mut proxy);
                proxy.advance_ms(500);
                proxy.vm.heal();
                proxy.advance_ms(500);
                fail(&mut proxy.vm);
                end(&mut proxy, streams, &case);
                proxy.vm.heal();
                // Only while streams are let go.
                let mut proxy = worker(|_| {});
                let streams = arrive(&mut proxy);
                fail(&mut proxy.vm);
                proxy.advance_ms(500);
                proxy.vm.heal();
                proxy.advance_ms(60_000);
                end(&mut proxy, streams, &case);
                let active = [("scenario", "slow"), ("namespace", "shop")];
                assert_eq!(
                    proxy.metric("chaos_active", &active),
                    0,
                    "{case}: over, and still shown as active"
                );
            }
        }
    }
}

/// The mission begins ten seconds from now and lasts ten: its two wake-ups outlive a failure of the host.
#[test]
fn a_failure_at_the_start_or_at_the_deadline_only_puts_it_off() {
    let scenario = json!({"name": "db", "faults": [{"abort": {"status": 503}}]});
    let configuration = plugin("m", &[scenario], |mission| {
        mission["start"] = json!("2026-12-01T00:00:10Z");
        mission["duration"] = json!("10s");
    });
    let active = [("scenario", "db"), ("namespace", "shop")];
    for name in imports() {
        for nth in [0, 1, 2, 3] {
            let mut proxy = Proxy::new(&configuration);
            let fail = |proxy: &mut Proxy| {
                match nth {
                    0 => proxy.vm.fail_every(&name, Status::INTERNAL_FAILURE),
                    nth => proxy.vm.fail_nth(&name, nth, Status::INTERNAL_FAILURE),
                }
                proxy.advance_ms(10_050);
                proxy.vm.heal();
                proxy.advance_ms(200);
            };
            fail(&mut proxy);
            // Without a timer nothing would end it; without a gauge nobody could see it.
            let blind = ["proxy_set_tick_period_milliseconds", "proxy_define_metric", "proxy_record_metric"];
            if !blind.contains(&name.as_str()) {
                assert_eq!(proxy.metric("chaos_active", &active), 1, "{name}, failure {nth}: it never began");
                assert_eq!(proxy.request(Request::default()).1, Action::Pause, "{name}, failure {nth}");
            }
            fail(&mut proxy);
            if name != "proxy_record_metric" {
                assert_eq!(proxy.metric("chaos_active", &active), 0, "{name}, failure {nth}: it never ended");
            }
            assert_eq!(proxy.request(Request::default()).1, Action::Continue, "{name}, failure {nth}");
        }
    }
}

#[test]
fn when_a_stream_cannot_be_brought_into_effect_nothing_is_done_to_another() {
    for nth in 1..=6 {
        let mut proxy = worker(|_| {});
        let streams = arrive(&mut proxy);
        proxy.vm.take_effects();
        let held: Vec<_> = streams.iter().copied().filter(|s| proxy.vm.held(*s).is_some()).collect();
        proxy.vm.fail_nth("proxy_set_effective_context", nth, Status::BAD_ARGUMENT);
        proxy.advance_ms(500);
        let mut acted: Vec<_> = proxy
            .vm
            .take_effects()
            .into_iter()
            .map(|effect| match effect {
                Effect::Continue { stream, .. }
                | Effect::LocalResponse { stream, .. }
                | Effect::Close { stream, .. } => stream,
            })
            .collect();
        acted.sort_unstable();
        assert_eq!(acted, held, "each of the waiting once, failure {nth}");
        end(&mut proxy, streams, "effective context");
    }
}

#[test]
fn no_bytes_as_configuration_trap_or_are_refused() {
    let valid = every_kind_of_fault().into_bytes();
    let mut random = Random::seeded(7);
    let mut vm = Vm::new(squall_module(), &Shared::new()).expect("no trap");
    for round in 0..600 {
        let mut bytes = valid.clone();
        match round % 4 {
            0 => bytes = (0..random.below(400)).map(|_| random.below(256) as u8).collect(),
            1 => bytes.truncate(random.below(valid.len() as u64) as usize),
            2 => bytes = vec![b"[{\"0-"[random.below(5) as usize]; 20_000],
            _ => {
                for _ in 0..=random.below(4) {
                    let at = random.below(valid.len() as u64) as usize;
                    bytes[at] = random.below(256) as u8;
                }
            }
        }
        let root = vm.start_root(&bytes, "squall").expect("no trap and no refusal");
        let stream = vm.stream(root).expect("no trap");
        vm.request_headers(stream, &[(":path", "/slow")], true).expect("no trap");
        vm.log(stream).expect("no trap");
        vm.delete(stream).expect("no trap");
        vm.end_root(root).expect("no trap");
    }
}

#[test]
fn headers_and_properties_of_any_form_pass() {
    let mut random = Random::seeded(11);
    let mut proxy = worker(|_| {});
    let odd: [&[u8]; 5] = [b"\xff\xfe", b"", b"gold\0", b"/slow\xff", &[b'a'; 70_000]];
    for round in 0..400 {
        let value = |random: &mut Random| odd[random.below(5) as usize];
        let stream = proxy.vm.stream(proxy.root).expect("no trap");
        for path in [ROUTE, DIRECTION, CODE] {
            proxy.vm.set_property(stream, &path, value(&mut random)).expect("a stream");
        }
        let headers =
            [(":path", &b"/tagged"[..]), ("x-tier", value(&mut random)), ("x-user", value(&mut random))];
        let garbage = match round % 3 {
            0 => None,
            1 => Some((0..random.below(60)).map(|_| random.below(256) as u8).collect()),
            _ => Some([&u32::MAX.to_le_bytes()[..], &[0xff; 40]].concat()),
        };
        proxy.vm.garble_pairs(garbage);
        proxy.vm.request_headers(stream, &headers[round % 2..], true).expect("no trap");
        proxy.advance_ms(10);
        proxy.respond(stream, "200");
        proxy.finish(stream);
    }
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    end(&mut proxy, Vec::new(), "odd values");
}

#[test]
fn callbacks_in_an_order_that_no_host_should_use_pass() {
    let mut proxy = worker(|_| {});
    let root = proxy.root;
    for export in ["proxy_on_request_headers", "proxy_on_response_headers"] {
        assert_eq!(proxy.vm.call_export(export, &[9_999, 3, 1]).expect("no trap"), Some(0), "{export}");
    }
    for export in ["proxy_on_log", "proxy_on_delete", "proxy_on_tick"] {
        proxy.vm.call_export(export, &[9_999]).expect("no trap");
    }
    // Without request headers; the response first; deleted twice; headers twice.
    let stream = proxy.vm.stream(root).expect("no trap");
    proxy.finish(stream);
    proxy.vm.call_export("proxy_on_delete", &[stream.0]).expect("no trap");
    let stream = proxy.vm.stream(root).expect("no trap");
    assert_eq!(proxy.respond(stream, "200"), Action::Continue);
    assert_eq!(proxy.send(stream, request("/slow")), Action::Pause);
    assert_eq!(proxy.send(stream, request("/slow")), Action::Pause);
    proxy.advance_ms(100);
    assert_eq!(proxy.vm.held(stream), None);
    proxy.finish(stream);
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    // The root goes while a stream still waits.
    let (stream, _) = proxy.request(request("/slow"));
    proxy.vm.call_export("proxy_on_delete", &[root.0]).expect("no trap");
    proxy.vm.log(stream).expect("no trap");
    proxy.vm.delete(stream).expect("no trap");
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    end(&mut proxy, Vec::new(), "odd order");
}

/// Ten thousand callbacks, clock steps, updates and failures at random, from a seed.
#[test]
fn a_random_walk_leaves_no_stream_waiting_and_nothing_in_flight() {
    for seed in 0..10 {
        let mut random = Random::seeded(seed);
        let mut proxy = worker(|_| {});
        let functions = imports();
        let mut streams = Vec::new();
        for step in 0..1_000 {
            match random.below(12) {
                0..=3 => streams.append(&mut arrive(&mut proxy)),
                4 | 5 => proxy.advance_ms(random.below(40)),
                6..=8 if !streams.is_empty() => {
                    let stream = streams.swap_remove(random.below(streams.len() as u64) as usize);
                    if proxy.vm.held(stream).is_none() && random.below(2) == 0 {
                        proxy.respond(stream, "200");
                    }
                    proxy.finish(stream);
                }
                9 => {
                    let name = functions[random.below(functions.len() as u64) as usize].as_str();
                    // The gauge itself has to be heard, or nobody could know what it should be.
                    if !matches!(name, "proxy_increment_metric" | "proxy_define_metric") {
                        proxy.vm.fail_nth(name, 1 + random.below(6), Status(1 + random.below(12) as u32));
                    }
                }
                10 if step % 7 == 0 => {
                    let again = every_kind_of_fault().replace("\"m\"", &format!("\"m{}\"", random.below(4)));
                    let update = proxy.vm.start_root(again, "squall").expect("no trap and no refusal");
                    proxy.root = update;
                }
                _ => {
                    let wall = proxy.shared.clock().wall;
                    proxy.shared.set_wall(wall + random.below(20_000_000) - 10_000_000);
                }
            }
        }
        proxy.vm.heal();
        proxy.advance_ms(120_000);
        let case = format!("seed {seed}");
        end(&mut proxy, streams, &case);
        assert_eq!(proxy.metric("chaos_faults_in_flight", &[]).cast_signed(), 0, "{case}");
    }
}
