//! The control module: every request gets an answer, whatever it holds and whatever the host does, and nothing traps.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Control, Proxy, Random, Request, Shared, Status, Vm, control_module, plugin};

fn scenario() -> Value {
    json!({"name": "db", "description": "late reads", "faults": [{"delay": {"fixed": "10ms"}}]})
}

/// The configuration of a control listener with this catalog.
fn configuration() -> String {
    json!({
        "version": 1, "role": "control", "catalog": {"version": 1, "scenarios": [scenario()]},
        "identity": {"namespace": "shop", "service": "cart"}, "control_hosts": ["squall.shop.svc"],
    })
    .to_string()
}

fn control() -> Control {
    Control::of(&Shared::new(), configuration())
}

const JSON: (&str, &[u8]) = ("content-type", b"application/json");

#[test]
fn the_page_comes_with_a_policy_and_head_is_answered_as_get() {
    let mut control = control();
    for method in ["GET", "HEAD"] {
        let reply = control.send(method, "/", &[], &[]).expect("an answer");
        assert_eq!(reply.status, 200);
        assert!(reply.body.starts_with("<!doctype html>"), "{}", &reply.body[..40]);
        assert_eq!(reply.header("content-type").as_deref(), Some("text/html; charset=utf-8"));
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    }
    assert_eq!(control.send("HEAD", "/v1/events", &[], &[]).expect("an answer").status, 200);
}

#[test]
fn the_catalog_has_names_kinds_and_digests() {
    let reply = control().get("/v1/catalog").expect("an answer");
    let scenario = &reply.json()["scenarios"][0];
    assert_eq!((reply.status, &scenario["name"], &scenario["severity"]), (200, &json!("db"), &json!("low")));
    assert_eq!(scenario["faults"], json!(["delay"]));
    assert!(scenario["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{scenario}");
}

#[test]
fn events_of_the_filters_are_told_with_their_numbers() {
    let shared = Shared::new();
    let mut control = Control::of(&shared, configuration());
    assert_eq!(control.get("/v1/events").expect("an answer").json(), json!({"last": 0, "events": []}));
    let mut filter = Proxy::worker(&shared, &plugin("m", &[scenario()], |m| m["duration"] = json!("10s")));
    let told = control.get("/v1/events?since=0").expect("an answer").json();
    assert_eq!(told["events"][0]["event"], "mission.accepted");
    assert_eq!((&told["events"][0]["mission"], &told["events"][0]["number"]), (&json!("m"), &json!(1)));
    filter.advance_ms(10_001);
    let last = told["last"].as_u64().expect("a number");
    let told = control.get(&format!("/v1/events?since={last}")).expect("an answer").json();
    let names: Vec<&str> =
        told["events"].as_array().expect("a list").iter().filter_map(|e| e["event"].as_str()).collect();
    assert!(names.contains(&"mission.done"), "{told}");
}

#[test]
fn a_full_or_foreign_ring_costs_no_event_and_no_answer() {
    let shared = Shared::new();
    let mut control = Control::of(&shared, configuration());
    for number in 0..300 {
        let configuration = format!("{{\"version\": {number}00}}");
        Proxy::worker(&shared, &configuration);
    }
    let told = control.get("/v1/events").expect("an answer").json();
    let events = told["events"].as_array().expect("a list");
    assert_eq!((told["last"].as_u64(), events.len()), (Some(300), 200));
    assert!(shared.data(b"squall/events").expect("a ring").len() <= 128 * 1024 + 4096);

    shared.set_data(b"squall/events", b"written by somebody else");
    assert_eq!(
        control.get("/v1/events?since=300").expect("an answer").json(),
        json!({"last": 0, "events": []})
    );
    Proxy::worker(&shared, "{\"version\": 7}");
    assert_eq!(control.get("/v1/events?since=300").expect("an answer").json()["last"], 1);
}

#[test]
fn a_rejected_configuration_is_told_once_and_leaves_page_and_events() {
    let shared = Shared::new();
    let wrong = configuration().replace("late reads", "late\\u0000reads");
    for role in ["", "filter", "control"] {
        let wrong = wrong.replace("\"control\"", &format!("\"{role}\""));
        let workers: Vec<Control> = (0..5).map(|_| Control::of(&shared, &wrong)).collect();
        for mut control in workers {
            assert_eq!(control.get("/").expect("an answer").status, 200);
            let reply = control.get("/v1/catalog").expect("an answer");
            assert_eq!((reply.status, reply.code().as_str()), (503, "config-rejected"));
        }
    }
    let told = control().get("/v1/events").expect("an answer").json();
    assert_eq!(told["last"], 0, "another proxy");
    let mut control = Control::of(&shared, "");
    let told = control.get("/v1/events").expect("an answer").json();
    let rejected =
        told["events"].as_array().expect("a list").iter().filter(|e| e["event"] == "config.rejected");
    assert_eq!(rejected.count(), 4, "{told}");
}

#[test]
fn each_module_refuses_the_role_of_the_other() {
    let shared = Shared::new();
    let filter = Proxy::worker(&shared, &configuration());
    let logs: Vec<&str> = filter.vm.logs().iter().map(|log| log.message.as_str()).collect();
    assert!(
        logs.iter()
            .any(|line| line.contains("error[not-supported] role") && line.contains("squall-control.wasm")),
        "{logs:?}"
    );
    let control = Control::of(&shared, configuration().replace("\"control\"", "\"filter\""));
    let logs: Vec<&str> = control.vm.logs().iter().map(|log| log.message.as_str()).collect();
    assert!(
        logs.iter().any(|line| line.contains("error[not-supported] role") && line.contains("squall.wasm")),
        "{logs:?}"
    );
}

#[test]
fn a_body_may_come_in_any_pieces_and_up_to_256_kib() {
    let mut control = control();
    let full = vec![b' '; 256 * 1024];
    let (first, rest) = full.split_at(100_000);
    for pieces in
        [vec![&full[..]], vec![first, rest], vec![first, b"", rest, b""], full.chunks(1000).collect()]
    {
        let reply = control.send("POST", "/v1/missions", &[JSON], &pieces).expect("an answer");
        assert_ne!(reply.status, 413, "{} pieces", pieces.len());
        let more: Vec<&[u8]> = [&b"x"[..]].into_iter().chain(pieces).collect();
        let reply = control.send("POST", "/v1/missions", &[JSON], &more).expect("an answer");
        assert_eq!((reply.status, reply.code().as_str()), (413, "too-large"));
    }
    let long = ("content-length", &b"262145"[..]);
    let reply = control.send("POST", "/v1/missions", &[JSON, long], &[b"x"]).expect("an answer");
    assert_eq!(reply.status, 413, "before a byte of it has come");
}

#[test]
fn trailers_end_a_body_and_what_comes_after_an_answer_is_ignored() {
    let mut control = control();
    let headers = [
        (":method", "POST"),
        (":path", "/v1/halt"),
        (":authority", "localhost"),
        ("content-type", "application/json"),
    ];
    let stream = control.vm.stream(control.root).expect("no trap");
    assert_eq!(control.vm.request_headers(stream, &headers, false).expect("no trap"), Action::Pause);
    assert_eq!(control.vm.request_body(stream, b"{}", false).expect("no trap"), Action::Forget);
    assert_eq!(control.reply(stream), None);
    assert_eq!(control.vm.request_trailers(stream).expect("no trap"), Action::Pause);
    assert!(control.reply(stream).is_some());
    assert_eq!(control.vm.request_body(stream, b"{}", true).expect("no trap"), Action::Forget);
    assert_eq!(control.vm.request_trailers(stream).expect("no trap"), Action::Pause);
    assert_eq!(control.reply(stream), None, "once");
    assert!(control.vm.violations().is_empty());
}

/// It has not ended: the configuration may bring it back, and its time goes on.
#[test]
fn a_mission_that_its_configuration_has_disabled_or_lost_is_not_shown_and_keeps_no_order_away() {
    let shared = Shared::new();
    let mut control = Control::of(&shared, configuration());
    let running = plugin("m", &[scenario()], |_| {});
    let mut lost: Value = serde_json::from_str(&running).expect("JSON");
    lost.as_object_mut().expect("an object").remove("mission");
    let disabled = plugin("m", &[scenario()], |mission| mission["enable"] = json!(false));
    let mut filter = Proxy::worker(&shared, &running);
    let mut beside = Proxy::worker(&shared, "");
    let state = |control: &mut Control| {
        let status = control.get("/v1/status").expect("an answer").json();
        (status["state"].clone(), status["mission"]["id"].clone())
    };
    for without in [lost.to_string(), disabled] {
        filter.vm.start_root(running.as_str(), "squall").expect("no trap");
        assert_eq!(state(&mut control), (json!("injecting"), json!("m")));
        filter.vm.start_root(without.as_str(), "squall").expect("no trap");
        assert_eq!(state(&mut control), (json!("idle"), Value::Null), "{without}");
        // The same mission for another plugin goes on.
        let other = beside.vm.start_root(running.as_str(), "other").expect("no trap");
        assert_eq!(state(&mut control), (json!("injecting"), json!("m")));
        beside.vm.start_root("", "other").expect("no trap");
        beside.vm.end_root(other).expect("no trap");
    }
    let order = json!({"version": 1, "id": "n", "scenarios": ["db"], "namespace": "shop", "duration": "1h"});
    let reply = control.post("/v1/missions", order.to_string()).expect("an answer");
    assert_eq!(reply.status, 201, "{}", reply.body);
}

#[test]
fn bodies_that_never_end_fill_no_memory() {
    let mut control = control();
    let headers = [
        (":method", "POST"),
        (":path", "/v1/missions"),
        (":authority", "localhost"),
        ("content-type", "application/json"),
    ];
    let piece = vec![b'x'; 200_000];
    let mut streams = Vec::new();
    let mut busy = 0;
    for _ in 0..400 {
        let stream = control.vm.stream(control.root).expect("no trap");
        control.vm.request_headers(stream, &headers, false).expect("no trap");
        control.vm.request_body(stream, &piece, false).expect("no trap");
        busy += usize::from(
            control.reply(stream).is_some_and(|reply| reply.status == 503 && reply.code() == "busy"),
        );
        streams.push(stream);
    }
    assert!(busy > 200, "{busy}");
    let halt = [b"{\"reason\": \"", &piece[..], b"\"}"].concat();
    let halted = control.post("/v1/halt", &halt).expect("an answer");
    assert_eq!(halted.status, 200, "whatever others send, everybody may halt: {}", halted.body);
    assert_eq!(control.get("/v1/status").expect("an answer").json()["state"], "halted");
    assert!(control.vm.memory_size() < 80 << 20, "{}", control.vm.memory_size());
    assert_eq!(control.get("/v1/catalog").expect("an answer").status, 200);
    for stream in streams {
        control.vm.log(stream).expect("no trap");
        control.vm.delete(stream).expect("no trap");
    }
    let stream = control.vm.stream(control.root).expect("no trap");
    control.vm.request_headers(stream, &headers, false).expect("no trap");
    control.vm.request_body(stream, &piece, false).expect("no trap");
    assert_eq!(control.reply(stream), None, "there is room again");
}

/// The record of a mission as a filter of this proxy writes it when it has been told of the order.
#[test]
fn a_mission_is_ordered_joined_shown_and_stopped() {
    let shared = Shared::new();
    let mut control = Control::of(&shared, configuration());
    let idle = configuration().replace("\"control\"", "\"filter\"");
    let mut workers: Vec<Proxy> = (0..3).map(|_| Proxy::worker(&shared, &idle)).collect();
    let faulted = |worker: &mut Proxy| {
        worker.vm.run_queues().expect("no trap");
        let (stream, action) = worker.request(Request::default());
        worker.advance_ms(20);
        worker.finish(stream);
        action == Action::Pause
    };
    assert!(workers.iter_mut().all(|worker| !faulted(worker)));
    let mission =
        json!({"version": 1, "id": "m", "scenarios": ["db"], "namespace": "shop", "duration": "1h"});
    let started = control.post("/v1/missions", mission.to_string()).expect("an answer");
    assert_eq!(started.status, 201, "{}", started.body);
    assert!(workers.iter_mut().all(faulted), "each has heard its bell");
    let status = control.get("/v1/status").expect("an answer").json();
    assert_eq!((&status["state"], &status["mission"]["id"]), (&json!("injecting"), &json!("m")));
    let stop = json!({"version": 1, "action": "stop", "mission": "m", "time": "2026-12-01T00:00:00Z", "nonce": "AAAAAAAAAAAAAAAAAAAAAA"});
    assert_eq!(control.post("/v1/missions/m/stop", stop.to_string()).expect("an answer").status, 200);
    assert!(workers.iter_mut().all(|worker| !faulted(worker)));
    assert_eq!(control.get("/v1/status").expect("an answer").json()["state"], "stopped");
}

#[test]
fn any_status_of_any_host_function_costs_at_most_an_answer() {
    let imports = control_module().imports();
    assert!(
        imports.len() >= 8 && imports.iter().any(|name| name == "proxy_send_local_response"),
        "{imports:?}"
    );
    let mission =
        json!({"version": 1, "id": "m", "scenarios": ["db"], "namespace": "shop", "duration": "1h"})
            .to_string();
    let stop = json!({"version": 1, "action": "stop", "mission": "m", "time": "2026-12-01T00:00:00Z", "nonce": "AAAAAAAAAAAAAAAAAAAAAA"});
    let (renew, stop) = (stop.to_string().replace("stop", "renew").replace("AA\"", "BA\""), stop.to_string());
    let requests: [(&str, &str, &[u8]); 9] = [
        ("POST", "/v1/missions", mission.as_bytes()),
        ("POST", "/v1/missions/m/renew", renew.as_bytes()),
        ("POST", "/v1/missions/m/stop", stop.as_bytes()),
        ("GET", "/", b""),
        ("GET", "/v1/status", b""),
        ("GET", "/v1/catalog", b""),
        ("GET", "/v1/events", b""),
        ("POST", "/v1/halt", b"{}"),
        ("POST", "/v1/missions", b"{}"),
    ];
    for name in &imports {
        for status in (1..=12).chain([255]).map(Status) {
            for nth in [0, 1, 2] {
                let fail = |vm: &mut Vm| match nth {
                    0 => vm.fail_every(name, status),
                    nth => vm.fail_nth(name, nth, status),
                };
                let mut vm = Vm::new(control_module(), &Shared::new()).expect("no trap");
                fail(&mut vm);
                let root = vm.start_root(configuration(), "control").expect("no trap and no refusal");
                let mut control = Control { vm, root };
                control.get("/v1/catalog");
                control.vm.heal();
                fail(&mut control.vm);
                for (method, path, body) in requests {
                    let pieces: &[&[u8]] = if method == "POST" { &[body] } else { &[] };
                    let reply = control.send(method, path, &[JSON], pieces);
                    let unsent = name == "proxy_send_local_response";
                    assert!(reply.is_some() || unsent, "{method} {path}: {name} answers {}", status.0);
                }
                control.vm.heal();
                assert_eq!(control.get("/v1/events").expect("an answer").status, 200);
                assert!(control.vm.violations().is_empty(), "{:?}", control.vm.violations());
            }
        }
    }
}

#[test]
fn garbled_headers_and_calls_out_of_order_do_not_trap() {
    let mut random = Random::seeded(8842);
    let mut control = control();
    for round in 0..2000 {
        let size = random.below(64);
        let bytes = (0..size).map(|_| random.below(256) as u8).collect();
        control.vm.garble_pairs(Some(bytes));
        let reply = control.get("/v1/status").expect("an answer");
        assert!([200, 400, 404, 405, 421].contains(&reply.status), "{round}: {}", reply.status);
    }
    control.vm.garble_pairs(None);
    for export in
        ["proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers", "proxy_on_delete"]
    {
        for id in [0, 1, 99, u32::MAX] {
            let arguments = if export == "proxy_on_delete" {
                vec![id]
            } else if export.ends_with("trailers") {
                vec![id, 0]
            } else {
                vec![id, 0, 1]
            };
            control.vm.call_export(export, &arguments).expect("no trap");
        }
    }
}
