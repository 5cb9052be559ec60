//! The compiled filter in this host: its module, its configuration, one worker with a mission in it.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Action, Effect, Metric, Module, RootId, Shared, StreamId, Vm};

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/squall.wasm");
    match Module::load(&path) {
        Ok(module) => module,
        Err(error) => panic!("{error}; run: make build"),
    }
});

/// The filter that `make build` leaves, compiled once per process.
///
/// # Panics
/// When it is missing; the message names the command to run.
pub fn squall_module() -> &'static Module {
    &MODULE
}

/// A catalog of these scenarios.
pub fn catalog(scenarios: &[Value]) -> Value {
    json!({"version": 1, "scenarios": scenarios})
}

/// A mission of an hour, with a seed, over these scenarios.
pub fn mission(id: &str, scenarios: &[&str]) -> Value {
    json!({
        "version": 1, "id": id, "scenarios": scenarios, "namespace": "shop", "duration": "1h", "seed": "s",
    })
}

/// A plugin configuration whose mission `change` may alter; all scenarios take part, in their order.
pub fn plugin(id: &str, scenarios: &[Value], change: impl FnOnce(&mut Value)) -> String {
    let names: Vec<&str> = scenarios.iter().filter_map(|scenario| scenario["name"].as_str()).collect();
    let mut mission = mission(id, &names);
    change(&mut mission);
    json!({"version": 1, "role": "filter", "catalog": catalog(scenarios), "mission": mission}).to_string()
}

/// A mission with every kind of fault and every kind of fact; it lasts a minute.
pub fn every_kind_of_fault() -> String {
    let scenarios = [
        json!({"name": "slow", "scope": {"match": [{"path": {"prefix": "/slow"}}]},
            "faults": [{"delay": {"fixed": "20ms"}}],
            "safety": {"max_concurrent": 9, "max_per_second": 99, "max_total": 999}}),
        json!({"name": "late", "scope": {"match": [{"path": {"prefix": "/late"}, "methods": ["GET"]}]},
            "faults": [{"delay": {"normal": {"mean": "20ms", "stddev": "5ms"}, "phase": "response"}}]}),
        json!({"name": "gone", "scope": {"match": [{"path": {"prefix": "/gone"}}], "sample": {"percent": 50}},
            "faults": [{"abort": {"status": 503, "grpc_status": "UNAVAILABLE"}}]}),
        json!({"name": "both", "scope": {"match": [{"path": {"prefix": "/both"}}]},
            "faults": [{"delay": {"fixed": "20ms"}}, {"abort": {"status": 500}}]}),
        json!({"name": "routed", "scope": {"direction": "inbound", "match": [{"route": "profiles"}]},
            "faults": [{"delay": {"fixed": "5ms"}}]}),
        json!({"name": "tagged", "scope": {"match": [{"headers": [{"name": "x-tier", "regex": "gold|silver"}]}],
            "sample": {"percent": 90, "by": {"header": "x-user"}}}, "faults": [{"delay": {"fixed": "5ms"}}]}),
        json!({"name": "flaky", "burst": {"good": "1s", "bad": "1s"}, "scope": {"match": [{"path": {"prefix": "/other"}}],
            "first": {"requests": 2, "per": {"header": "x-request-id"}, "forget_after": "1s"}},
            "faults": [{"delay": {"fixed": "5ms"}}]}),
        json!({"name": "squeezed", "scope": {"match": [{"path": {"prefix": "/other"}}]},
            "faults": [{"pressure": {"cpu": {"burn": "1ms"}, "memory": {"hold": "64KiB"}}}]}),
        json!({"name": "queued", "scope": {"match": [{"path": {"prefix": "/queued"}}]},
            "faults": [{"pressure": {"concurrency": {"limit": 1, "queue": 1, "queue_timeout": "30ms"}}}]}),
    ];
    let bodies = |name: &str, path: &str, faults: Value| json!({"name": name, "scope": {"match": [{"path": {"prefix": path}}]}, "faults": faults});
    let mutate = json!({"mutate": {"request": {"headers": {"x-a": "b"}}, "response": {"status": 500, "body": {"corrupt": 10}}}});
    let scenarios = scenarios.into_iter().chain([
        bodies("paced", "/paced", json!([{"throttle": {"response": "100kB/s", "request": "100kB/s"}}])),
        bodies("wrong", "/paced/wrong", json!([mutate])),
        bodies("merged", "/merged", json!([{"mutate": {"response": {"body": {"merge": {"a": 1}}}}}])),
        bodies("short", "/short", json!([{"drop": {"mode": "truncate", "after": "10B"}}])),
        bodies("stalled", "/streams", json!([{"stream": {"after": {"messages": 1}, "then": "stall"}}])),
        bodies("broken", "/broken!", json!([{"stream": {"after": {"messages": 1}, "then": "reset"}}])),
        bodies(
            "ended",
            "/ended",
            json!([{"stream": {"after": {"time": "5ms"}, "then": "end", "grpc_status": 14}}]),
        ),
        bodies("hung", "/hung", json!([{"drop": {"mode": "hang"}}])),
        bodies("reset", "/reset", json!([{"drop": {"mode": "reset"}}])),
    ]);
    let scenarios: Vec<Value> = scenarios.collect();
    plugin("m", &scenarios, |mission| {
        mission["duration"] = json!("1m");
        mission["composition"] = json!("independent");
        mission["mark"] = json!("headers");
        mission["safety"] = json!({"max_concurrent": 99});
        if let Some(mission) = mission.as_object_mut() {
            mission.remove("seed");
        }
    })
}

/// One request of a test.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// `:path`.
    pub path: &'r str,
    /// `x-request-id`.
    pub id: &'r str,
    /// Headers after the usual ones.
    pub more: &'r [(&'r str, &'r str)],
}

impl Default for Request<'_> {
    fn default() -> Self {
        Request { path: "/profiles/7", id: "1", more: &[] }
    }
}

/// One worker of a proxy with one plugin.
pub struct Proxy {
    /// What the workers share.
    pub shared: Shared,
    /// The worker's VM.
    pub vm: Vm,
    /// The plugin's root context.
    pub root: RootId,
}

impl Proxy {
    /// The first worker of a new proxy.
    ///
    /// # Panics
    /// When the module is missing, or refuses the configuration.
    pub fn new(configuration: &str) -> Proxy {
        Proxy::worker(&Shared::new(), configuration)
    }

    /// Another worker of a proxy.
    ///
    /// # Panics
    /// As [`Proxy::new`].
    pub fn worker(shared: &Shared, configuration: &str) -> Proxy {
        let started = Vm::new(squall_module(), shared).and_then(|mut vm| {
            let root = vm.start_root(configuration, "squall")?;
            Ok(Proxy { shared: shared.clone(), vm, root })
        });
        match started {
            Ok(proxy) => proxy,
            Err(error) => panic!("{error}"),
        }
    }

    /// A new stream with request headers in it.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn request(&mut self, request: Request<'_>) -> (StreamId, Action) {
        self.request_to(self.root, request)
    }

    /// The same for another root of this worker.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn request_to(&mut self, root: RootId, request: Request<'_>) -> (StreamId, Action) {
        let stream = self.vm.stream(root).expect("no trap");
        (stream, self.send(stream, request))
    }

    /// Request headers for a stream that is there.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn send(&mut self, stream: StreamId, request: Request<'_>) -> Action {
        let mut headers = vec![
            (":method", "GET"),
            (":path", request.path),
            (":authority", "profile-db"),
            ("x-request-id", request.id),
        ];
        headers.extend(request.more);
        headers.retain(|(_, value)| !value.is_empty());
        self.vm.request_headers(stream, &headers, true).expect("no trap")
    }

    /// Response headers with a status, from the upstream or of a local response.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn respond(&mut self, stream: StreamId, status: &str) -> Action {
        self.vm.response_headers(stream, &[(":status", status)], true).expect("no trap")
    }

    /// A whole response with a body in two pieces, and trailers; what the filter holds back comes later.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn respond_with_body(&mut self, stream: StreamId) {
        let headers = [(":status", "200"), ("content-length", "18"), ("content-type", "application/grpc")];
        if self.vm.response_headers(stream, &headers, false).expect("no trap") == Action::Continue {
            self.vm.response_body(stream, b"{\"a\": 1", false).expect("no trap");
            self.vm.response_body(stream, b",\"b\":\"bb\"}", false).expect("no trap");
            self.vm.response_trailers(stream).expect("no trap");
        }
    }

    /// The end of a stream: log and deletion.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn finish(&mut self, stream: StreamId) {
        self.vm.log(stream).expect("no trap");
        self.vm.delete(stream).expect("no trap");
    }

    /// Lets time pass and the timer ring.
    ///
    /// # Panics
    /// When the filter traps.
    pub fn advance_ms(&mut self, milliseconds: u64) {
        self.vm.advance(Duration::from_millis(milliseconds)).expect("no trap");
    }

    /// The streams that went on since the last look at the effects, in order; answers are left out.
    pub fn take_continued(&mut self) -> Vec<StreamId> {
        let effects = self.vm.take_effects();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Continue { stream, .. } => Some(stream),
                _ => None,
            })
            .collect()
    }

    /// The value of a counter or gauge with these labels; 0 when nobody has defined it.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.shared.metric(&raw_name(name, labels)).map_or(0, |metric| metric.value())
    }

    /// The samples of a histogram.
    pub fn samples(&self, name: &str, labels: &[(&str, &str)]) -> Vec<u64> {
        match self.shared.metric(&raw_name(name, labels)) {
            Some(Metric::Histogram(samples)) => samples,
            _ => Vec::new(),
        }
    }
}

/// A name as the filter gives it to the host (docs/metrics.md).
fn raw_name(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: String = labels.iter().map(|(label, value)| format!("chaos_{label}=.={value};.;")).collect();
    format!("{labels}{name}")
}

/// Rings for every VM that has a bell, and lets these hear it.
///
/// # Panics
/// Where no VM has one.
pub fn ring(proxies: &mut [&mut Proxy]) {
    let bells = proxies[0].shared.data(b"squall/bells").expect("bells");
    for bell in bells.chunks(4) {
        let bell = u32::from_le_bytes(bell.try_into().expect("four bytes"));
        proxies[0].shared.enqueue(bell, b"!");
    }
    for proxy in proxies {
        proxy.vm.run_queues().expect("no trap");
    }
}
