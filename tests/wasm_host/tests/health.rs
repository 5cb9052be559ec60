//! What workers see together, and what follows: guardrails that halt, breakers, verdicts; on virtual clocks.

use serde_json::{Value, json};
use squall_policy::events::Ring;
use squall_policy::health::{Clock, Health, Rules};
use squall_policy::{Report, load_plugin};
use squall_wasm_host::{Action, Proxy, Request, Shared, StreamId, plugin};

const HALF: u32 = 500_000;

/// One scenario that matches `/profiles`; `keys` are added to it.
fn scenario(sample: u64, faults: Value, keys: Value) -> Value {
    let mut scenario = json!({"name": "db", "faults": faults,
        "scope": {"match": [{"path": {"prefix": "/profiles"}}], "sample": {"percent": sample}}});
    scenario.as_object_mut().expect("an object").extend(keys.as_object().expect("an object").clone());
    scenario
}

fn delaying(keys: Value) -> String {
    plugin("m", &[scenario(50, json!([{"delay": {"fixed": "10ms"}}]), keys)], |_| {})
}

fn guarded(rule: Value) -> String {
    delaying(json!({"safety": {"halt_when": [rule]}}))
}

fn errors_of_control() -> String {
    guarded(
        json!({"metric": "error_rate", "group": "control", "above": "5%", "for": "2s", "min_requests": 10}),
    )
}

fn workers(configuration: &str, count: usize) -> Vec<Proxy> {
    let shared = Shared::new();
    (0..count).map(|_| Proxy::worker(&shared, configuration)).collect()
}

/// A request up to its end; says whether it waited first. What waits is let go by the timer.
fn request(proxy: &mut Proxy, id: u64, status: u64) -> bool {
    let (stream, action) = proxy.request(Request { id: &id.to_string(), ..Request::default() });
    complete(proxy, stream, status);
    action == Action::Pause
}

fn complete(proxy: &mut Proxy, stream: StreamId, status: u64) {
    proxy.vm.set_property(stream, &["response", "code"], &status.to_le_bytes()).unwrap();
    while proxy.vm.held(stream).is_some() {
        proxy.advance_ms(1);
    }
    proxy.respond(stream, &status.to_string());
    proxy.finish(stream);
}

/// All workers at once; their clock is one.
fn pass(workers: &mut [Proxy], milliseconds: u64) {
    for _ in 0..milliseconds.div_ceil(10) {
        workers[0].advance_ms(10);
        workers.iter_mut().for_each(|worker| {
            worker.vm.run_due().expect("no trap");
        });
    }
}

fn pass_until(workers: &mut [Proxy], monotonic: u64) {
    while workers[0].shared.clock().monotonic < monotonic {
        pass(workers, 10);
    }
}

fn events(shared: &Shared) -> Vec<Value> {
    let ring = Ring::from_bytes(&shared.data(b"squall/events").unwrap_or_default()).expect("a ring");
    ring.since(0).map(|(_, entry)| serde_json::from_str(&entry.line).expect("JSON")).collect()
}

fn named(shared: &Shared, name: &str) -> Vec<Value> {
    events(shared).into_iter().filter(|event| event["event"] == name).collect()
}

/// What `/v1/status` says of health.
fn view(shared: &Shared, configuration: &str) -> Value {
    let rules = rules(configuration);
    let bytes = shared.data(rules.key("m").as_bytes()).expect("a record");
    let health = Health::from_bytes(&bytes, &rules).expect("a record of these rules");
    Value::Object(health.view(&rules, Clock { start_wall_ms: 0 }))
}

fn rules(configuration: &str) -> Rules {
    let loaded = load_plugin(configuration.as_bytes(), Some("shop"), &mut Report::default());
    Rules::of(&loaded.and_then(|loaded| loaded.plan).expect("a plan"), 3_600_000)
}

#[test]
fn what_two_workers_see_adds_up_to_what_came() {
    let configuration = delaying(json!({}));
    let mut workers = workers(&configuration, 2);
    let mut waited = 0;
    for id in 0..400 {
        let worker = &mut workers[(id % 2) as usize];
        waited += u64::from(request(worker, id, if id % 10 == 0 { 503 } else { 200 }));
    }
    pass(&mut workers, 300);
    let view = view(&workers[0].shared, &configuration);
    let ledger = &view["ledger"][0];
    assert_eq!((&ledger["matched"], &ledger["treatment"]), (&json!(400), &json!(waited)), "{ledger}");
    assert_eq!(ledger["injected"], json!({"delay": waited}));
    assert_eq!(ledger["declared_percent"], json!(50.0));
    let groups = view["health"]["groups"].as_array().expect("a list");
    let sum = |key: &str| groups.iter().map(|group| group[key].as_u64().expect("a number")).sum::<u64>();
    assert_eq!((sum("requests"), sum("errors")), (400, 40), "{groups:?}");
    let p95 = |name: &str| groups.iter().find(|g| g["group"] == name).and_then(|g| g["p95_ms"].as_f64());
    assert!(p95("treatment").is_some_and(|ms| (9.0..13.0).contains(&ms)), "{groups:?}");
    assert!(p95("control").is_some_and(|ms| ms < 2.0), "{groups:?}");
}

#[test]
fn errors_above_the_limit_halt_the_mission_on_all_workers_once() {
    let configuration = errors_of_control();
    let mut workers = workers(&configuration, 4);
    let mut id = 0;
    let mut second = |workers: &mut [Proxy], status: u64| {
        let mut waited = 0;
        for step in 0..100 {
            id += 1;
            waited += u32::from(request(&mut workers[step % 4], id, status));
        }
        pass(workers, 1000);
        waited
    };
    for _ in 0..4 {
        assert!(second(&mut workers, 200) > 20);
    }
    let shared = workers[0].shared.clone();
    assert_eq!(named(&shared, "guardrail.tripped"), [] as [Value; 0]);
    let distance =
        |workers: &[Proxy]| workers[0].metric("chaos_guardrail_distance_percent", &[("scenario", "db")]);
    assert_eq!(distance(&workers), 100);
    for _ in 0..5 {
        second(&mut workers, 503);
    }
    let tripped = named(&shared, "guardrail.tripped");
    assert_eq!(tripped.len(), 1, "{tripped:?}");
    assert_eq!(tripped[0]["rule"], "error_rate of control above 5 % for 2s");
    assert_eq!((&tripped[0]["scenario"], &tripped[0]["rollback"]), (&json!("db"), &json!("disable")));
    let halted = named(&shared, "mission.halted");
    assert_eq!(halted.len(), 1, "{halted:?}");
    assert_eq!(distance(&workers), 0, "it stays where it tripped");
    assert_eq!((&halted[0]["reason"], &halted[0]["mission"]), (&json!("guardrail"), &json!("m")));
    assert_eq!(second(&mut workers, 503), 0, "no fault after the halt");
    assert_eq!(workers[0].metric("chaos_halts_total", &[("reason", "guardrail")]), 1);
    assert_eq!(workers[0].metric("chaos_missions_total", &[("result", "halted")]), 1);
    assert_eq!(view(&shared, &configuration)["remediation"]["state"], "disabled");
}

#[test]
fn who_waits_when_a_guardrail_trips_is_let_go_within_a_second() {
    let keys = json!({"safety": {"halt_when": [
        {"metric": "error_rate", "group": "control", "above": "5%", "for": "2s", "min_requests": 10}]}});
    let scenario = scenario(50, json!([{"delay": {"fixed": "1m"}}]), keys);
    let mut workers = workers(&plugin("m", &[scenario], |_| {}), 2);
    let mut id = 0;
    let mut waiting = 0;
    // Whoever is not delayed fails.
    for _ in 0..400 {
        id += 1;
        let (stream, action) = workers[0].request(Request { id: &id.to_string(), ..Request::default() });
        if action == Action::Continue {
            complete(&mut workers[0], stream, 503);
        } else {
            waiting += 1;
        }
        let (_, action) = workers[1].request(Request { id: &format!("other-{id}"), ..Request::default() });
        waiting += u32::from(action == Action::Pause);
        pass(&mut workers, 10);
        if !named(&workers[0].shared, "mission.halted").is_empty() {
            break;
        }
    }
    assert_eq!(named(&workers[0].shared, "mission.halted").len(), 1);
    assert!(waiting > 50, "{waiting}");
    pass(&mut workers, 990);
    let gone: usize = workers.iter_mut().map(|worker| worker.take_continued().len()).sum();
    assert_eq!(gone, waiting as usize);
}

#[test]
fn a_breaker_opens_on_all_workers_comes_back_carefully_and_closes() {
    let configuration = delaying(json!({
        "safety": {"halt_when": [{"metric": "error_rate", "above": "5%", "for": "1s", "min_requests": 10}]},
        "rollback": {"circuit_breaker": {"open_for": "3s", "half_open_intensity": "20%", "close_after": "2s"}},
    }));
    let mut workers = workers(&configuration, 4);
    let shared = workers[0].shared.clone();
    let mut id = 0;
    // The share of treated requests in a second, of which all fail or none.
    let mut second = |workers: &mut [Proxy], fails: bool| {
        let mut waited = 0;
        for step in 0..200 {
            id += 1;
            let (stream, action) =
                workers[step % 4].request(Request { id: &id.to_string(), ..Request::default() });
            let treated = action == Action::Pause;
            complete(&mut workers[step % 4], stream, if treated && fails { 503 } else { 200 });
            waited += u32::from(treated);
            if step % 20 == 0 {
                pass(workers, 100);
            }
        }
        waited * 1_000_000 / 200
    };
    assert!(second(&mut workers, false) > HALF - 150_000);
    let standing = |shared: &Shared| -> Vec<String> {
        named(shared, "rollback.done")
            .iter()
            .filter_map(|e| e["breaker"].as_str().map(str::to_owned))
            .collect()
    };
    for _ in 0..3 {
        if standing(&shared).is_empty() {
            second(&mut workers, true);
        }
    }
    assert_eq!(standing(&shared), ["open"]);
    assert_eq!(named(&shared, "mission.halted"), [] as [Value; 0]);
    let breaker =
        |worker: &Proxy| worker.metric("chaos_breaker", &[("scenario", "db"), ("namespace", "shop")]);
    assert_eq!(breaker(&workers[0]), 1, "open");
    let (mut rates, mut declared, mut breakers) = (Vec::new(), Vec::new(), vec![1]);
    while standing(&shared).len() < 3 && rates.len() < 20 {
        rates.push(second(&mut workers, false));
        breakers.push(breaker(&workers[0]));
        declared.push(workers[0].metric("chaos_declared_rate_ppm", &[("scenario", "db")]));
    }
    assert!(declared.contains(&0) && declared.contains(&100_000), "half open at 20 % of 50 %: {declared:?}");
    assert_eq!(standing(&shared), ["open", "half_open", "closed"], "{rates:?}");
    assert!(rates.contains(&0), "{rates:?}");
    breakers.dedup();
    assert_eq!(breakers, [1, 2, 0], "open, half-open, closed");
    assert!(rates.iter().any(|rate| (20_000..250_000).contains(rate)), "{rates:?}");
    assert!(second(&mut workers, false) > HALF - 150_000);
}

#[test]
fn the_faults_of_a_scenario_whose_breaker_opens_are_waited_for_no_longer() {
    let keys = json!({
        "safety": {"halt_when": [{"metric": "error_rate", "group": "control", "above": "5%", "for": "1s", "min_requests": 10}]},
        "rollback": {"circuit_breaker": {"open_for": "10m"}},
    });
    let scenario = scenario(50, json!([{"delay": {"fixed": "5m"}}, {"abort": {"status": 503}}]), keys);
    let mut workers = workers(&plugin("m", &[scenario], |_| {}), 2);
    let mut waiting = 0;
    for id in 0..300 {
        for (place, worker) in workers.iter_mut().enumerate() {
            let (stream, action) =
                worker.request(Request { id: &format!("{place}-{id}"), ..Request::default() });
            match action {
                Action::Continue => complete(worker, stream, 500),
                _ => waiting += 1,
            }
        }
        pass(&mut workers, 10);
    }
    assert_eq!(named(&workers[0].shared, "rollback.done").len(), 1);
    let gone: usize = workers.iter_mut().map(|worker| worker.take_continued().len()).sum();
    assert!(waiting > 50 && gone == waiting, "{gone} of {waiting}");
    assert_eq!(
        workers[0].metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", "abort")]),
        0
    );
}

#[test]
fn what_comes_in_is_watched_while_faults_go_out() {
    let rule =
        json!({"metric": "error_rate", "watch": "inbound", "above": "5%", "for": "1s", "min_requests": 10});
    let configuration = guarded(rule);
    let mut workers = workers(&configuration, 2);
    let shared = workers[0].shared.clone();
    let mut id = 0;
    let mut second = |workers: &mut [Proxy], inbound: bool, path: &str| {
        for step in 0..40 {
            id += 1;
            let worker = &mut workers[step % 2];
            let stream = worker.vm.stream(worker.root).unwrap();
            let direction: i64 = if inbound { 1 } else { 2 };
            worker.vm.set_property(stream, &["xds", "listener_direction"], &direction.to_le_bytes()).unwrap();
            worker.send(stream, Request { id: &id.to_string(), path, ..Request::default() });
            complete(worker, stream, 503);
        }
        pass(workers, 1000);
    };
    for _ in 0..4 {
        second(&mut workers, false, "/profiles/7");
        second(&mut workers, false, "/elsewhere");
    }
    assert_eq!(named(&shared, "guardrail.tripped"), [] as [Value; 0]);
    for _ in 0..4 {
        second(&mut workers, true, "/users/7");
    }
    assert_eq!(named(&shared, "guardrail.tripped").len(), 1);
    assert_eq!(named(&shared, "mission.halted").len(), 1);
}

#[test]
fn baseline_injection_and_recovery_are_observed_apart_and_the_verdict_is_told_once() {
    let keys = json!({"signals": {"error_rate": "<= 5%"}});
    let scenario = scenario(50, json!([{"delay": {"fixed": "1ms"}}]), keys);
    let configuration = plugin("m", &[scenario], |mission| {
        mission["duration"] = json!("6s");
        mission["baseline"] = json!("2s");
        mission["recovery"] = json!("2s");
    });
    let mut workers = workers(&configuration, 2);
    let shared = workers[0].shared.clone();
    let start = shared.clock().monotonic;
    let mut id = 0;
    for second in 0..8 {
        pass(&mut workers, 300);
        for step in 0..100 {
            id += 1;
            // Before and after everything fails.
            let status = if (2..6).contains(&second) { 200 } else { 500 };
            request(&mut workers[step % 2], id, status);
        }
        pass_until(&mut workers, start + (second + 1) * 1_000_000_000);
    }
    pass(&mut workers, 3000);
    let judged = named(&shared, "mission.judged");
    assert_eq!(judged.len(), 1, "{judged:?}");
    assert_eq!(judged[0]["verdict"], "held", "{judged:?}");
    assert!(
        judged[0]["held"][0].as_str().is_some_and(|held| held.starts_with("db: error_rate <= 5 %")),
        "{judged:?}"
    );
    let view = view(&shared, &configuration);
    let groups = view["health"]["groups"].as_array().expect("a list").clone();
    let group = |name: &str| groups.iter().find(|group| group["group"] == name).cloned().unwrap_or_default();
    assert_eq!(group("baseline")["error_percent"], json!(100.0), "{groups:?}");
    assert_eq!(group("recovery")["error_percent"], json!(100.0), "{groups:?}");
    assert_eq!(group("treatment")["error_percent"], json!(0.0), "{groups:?}");
    assert_eq!(group("control")["error_percent"], json!(0.0), "{groups:?}");
}

#[test]
fn p10_a_mission_without_a_fault_is_judged_inconclusive() {
    let keys = json!({"signals": {"error_rate": "<= 5%"}});
    let scenario = scenario(50, json!([{"delay": {"fixed": "1ms"}}]), keys);
    let mut proxy = Proxy::new(&plugin("m", &[scenario], |mission| mission["duration"] = json!("2s")));
    for _ in 0..400 {
        proxy.advance_ms(10);
    }
    let judged = named(&proxy.shared, "mission.judged");
    assert_eq!((judged.len(), &judged[0]["verdict"]), (1, &json!("inconclusive")), "{judged:?}");
}

#[test]
fn aborts_of_our_own_do_not_halt_us() {
    let keys = json!({"safety": {"halt_when": [
        {"metric": "error_rate", "group": "all", "above": "5%", "for": "1s", "min_requests": 10}]}});
    let scenario = scenario(50, json!([{"abort": {"status": 503}}]), keys);
    let mut proxy = Proxy::new(&plugin("m", &[scenario], |_| {}));
    for id in 0..500_u64 {
        let (stream, action) = proxy.request(Request { id: &id.to_string(), ..Request::default() });
        let status: u64 = if action == Action::Pause { 503 } else { 200 };
        proxy.vm.set_property(stream, &["response", "code"], &status.to_le_bytes()).unwrap();
        proxy.finish(stream);
        proxy.advance_ms(10);
    }
    assert_eq!(named(&proxy.shared, "guardrail.tripped"), [] as [Value; 0]);
    assert!(proxy.metric("chaos_faults_injected_total", &[("scenario", "db"), ("fault", "abort")]) > 200);
}

#[test]
fn a_record_that_is_none_is_replaced() {
    let configuration = errors_of_control();
    let mut workers = workers(&configuration, 1);
    let shared = workers[0].shared.clone();
    request(&mut workers[0], 1, 200);
    pass(&mut workers, 300);
    let key = rules(&configuration).key("m");
    for garbage in [&b"\xff"[..], b"{}", &[1; 70_000]] {
        shared.set_data(key.as_bytes(), garbage);
        request(&mut workers[0], 2, 200);
        pass(&mut workers, 300);
        assert_eq!(view(&shared, &configuration)["ledger"][0]["matched"], json!(1));
    }
}

/// A call that fails at once says so in its headers; one that fails later, in its trailers (`tests/envoy`, guardrails).
#[test]
fn a_grpc_call_that_fails_with_status_200_is_an_error() {
    let configuration = errors_of_control();
    let mut workers = workers(&configuration, 1);
    let shared = workers[0].shared.clone();
    let worker = &mut workers[0];
    let mut id = 0;
    let mut call = |kind: &str, grpc_status: &str| {
        id += 1;
        let more = [("content-type", kind)];
        let request = Request { id: &id.to_string(), more: &more, ..Request::default() };
        let (stream, _) = worker.request(request);
        worker.vm.set_property(stream, &["response", "code"], &200_u64.to_le_bytes()).unwrap();
        while worker.vm.held(stream).is_some() {
            worker.advance_ms(1);
        }
        worker
            .vm
            .response_headers(stream, &[(":status", "200"), ("grpc-status", grpc_status)], true)
            .unwrap();
        worker.finish(stream);
    };
    // UNAVAILABLE and INTERNAL; OK, NOT_FOUND and PERMISSION_DENIED are the caller's; the others are no calls.
    let calls = [("application/grpc", "14"), ("application/grpc+proto", "13"), ("application/grpc", "0")];
    calls.into_iter().for_each(|(kind, status)| call(kind, status));
    let others = [("application/grpc", "5"), ("application/grpc", "7")];
    let no_calls = ["application/grpc-web", "application/json", ""].map(|kind| (kind, "14"));
    others.into_iter().chain(no_calls).for_each(|(kind, status)| call(kind, status));
    pass(&mut workers, 300);
    let view = view(&shared, &configuration);
    let groups = view["health"]["groups"].as_array().unwrap();
    let sum = |key: &str| groups.iter().filter_map(|group| group[key].as_u64()).sum::<u64>();
    assert_eq!((sum("requests"), sum("errors")), (8, 2), "{view}");
}
