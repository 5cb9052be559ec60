//! A control listener that runs a mission as a proxy would, as far as its answers tell: phases by time, lease, stop and halt.

use crate::asked::read;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// What it does, which a test may change at any time.
pub struct State {
    mission: Option<(Value, SystemTime, Instant)>,
    ended: Option<(String, String)>,
    renewed: Instant,
    pub halt: Option<Value>,
    /// Connections are closed without an answer.
    pub is_gone: bool,
    /// Connections wait, as where the process is stopped.
    pub is_frozen: bool,
    /// It wants signatures, and takes none.
    pub refuses: bool,
    pub starts: bool,
    /// So many stops get no answer, and stop nothing.
    pub lost_stops: u32,
    pub requests: u64,
    pub p95_ms: f64,
    /// What it says of its signal.
    pub verdict: &'static str,
    pub injected: u64,
    /// Another one than that of the mission.
    pub seed: Option<String>,
    pub digest: String,
    pub clock_ms: u64,
    /// Paths of the POSTs that came.
    pub posts: Vec<String>,
}

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State {
            mission: None,
            ended: None,
            renewed: Instant::now(),
            halt: None,
            is_gone: false,
            is_frozen: false,
            refuses: false,
            starts: true,
            lost_stops: 0,
            requests: 100,
            p95_ms: 10.0,
            verdict: "held",
            injected: 7,
            seed: None,
            digest: format!("sha256:{}", "1".repeat(64)),
            clock_ms: 0,
            posts: Vec::new(),
        }));
        let proxy = Self { url, state };
        let own = proxy.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                own.answer(&stream);
            }
        });
        proxy
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn answer(&self, stream: &TcpStream) {
        while self.state().is_frozen {
            thread::sleep(Duration::from_millis(20));
        }
        let Some((path, body)) = read(stream) else { return };
        let mut state = self.state();
        if state.is_gone {
            return;
        }
        if path.ends_with("/stop") && state.lost_stops > 0 {
            state.lost_stops -= 1;
            return;
        }
        let (status, body) = state.answer(&path, &body);
        let text = body.to_string();
        let _ = write!(&*stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    }

    /// Waits until it is in this state.
    #[track_caller]
    pub fn is(&self, wanted: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.state().status()["state"] != wanted {
            assert!(Instant::now() < until, "not {wanted}: {}", self.state().status());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl State {
    fn answer(&mut self, path: &str, body: &str) -> (u16, Value) {
        if path.starts_with("POST") {
            self.posts.push(path.to_owned());
        }
        match path {
            "GET /v1/status" => (200, self.status()),
            "GET /v1/catalog" => {
                (200, json!({"version": 1, "scenarios": [{"name": "slow", "digest": self.digest}]}))
            }
            "POST /v1/halt" => {
                let asked: Value = serde_json::from_str(body).expect("JSON");
                self.halt = Some(
                    json!({"reason": "person", "by": "dana", "detail": asked["reason"], "at": "", "mission": ""}),
                );
                (200, json!({"state": "halted", "halt": self.halt}))
            }
            "POST /v1/missions" if !self.starts => (409, problem(409, "halted")),
            "POST /v1/missions" => {
                self.mission =
                    Some((serde_json::from_str(body).expect("JSON"), SystemTime::now(), Instant::now()));
                self.renewed = Instant::now();
                (
                    201,
                    json!({"mission": "run-1", "scenarios": ["slow"], "duration_s": 5, "approved_by": [], "dormant": [], "warnings": []}),
                )
            }
            _ if self.refuses => (403, problem(403, "signature-needed")),
            path if path.ends_with("/renew") => {
                self.renewed = Instant::now();
                (200, json!({"mission": "run-1", "lease": {"for_s": 1, "ends_in_s": 1}}))
            }
            path if path.ends_with("/stop") => {
                let asked: Value = serde_json::from_str(body).expect("JSON");
                let reason = asked["reason"].as_str().unwrap_or_default().to_owned();
                self.ended.get_or_insert(("stopped".to_owned(), reason));
                (200, json!({"mission": "run-1", "state": "stopped"}))
            }
            path if path.starts_with("GET /v1/events") => {
                (200, json!({"last": 2, "events": [{"number": 2, "event": "mission.accepted", "at": ""}]}))
            }
            _ => (404, problem(404, "not-found")),
        }
    }

    pub fn status(&mut self) -> Value {
        let now = SystemTime::now() + Duration::from_millis(self.clock_ms);
        let now = humantime::format_rfc3339_millis(now).to_string();
        let mut status = json!({"version": 1, "now": now, "squall": env!("CARGO_PKG_VERSION"), "state": "idle",
            "proxy": {"namespace": "shop", "service": "cart", "id": "cart-7"}, "mission": null, "halt": self.halt,
            "health": {"groups": [], "series": [1, 2, 3, 4, 5]}, "ledger": [], "guardrails": [], "signals": [], "events": {"last": 1}});
        let Some((mission, start, begun)) = self.mission.clone() else { return status };
        let span = |key: &str| {
            mission[key]
                .as_str()
                .map_or(Duration::ZERO, |text| humantime::parse_duration(text).expect("a time"))
        };
        let (elapsed, baseline, duration) = (begun.elapsed(), span("baseline"), span("duration"));
        let lease = span("lease");
        let state = match elapsed {
            _ if self.halt.is_some() => "halted",
            elapsed if elapsed < baseline => "baseline",
            elapsed if elapsed < duration => "injecting",
            elapsed if elapsed < duration + span("recovery") => "recovery",
            _ => "done",
        };
        if self.halt.is_some() {
            self.ended.get_or_insert(("halted".to_owned(), String::new()));
        } else if !lease.is_zero() && elapsed < duration && self.renewed.elapsed() > lease {
            self.ended.get_or_insert(("lease".to_owned(), String::new()));
        } else if state == "done" {
            self.ended.get_or_insert(("done".to_owned(), String::new()));
        }
        let state = match &self.ended {
            Some((how, _)) if how == "stopped" || how == "lease" => "stopped",
            _ => state,
        };
        let injecting = (duration - baseline).as_secs();
        let stage = (state == "injecting")
            .then(|| json!({"number": 1, "of": 1, "intensity_percent": 100, "ends_in_s": 1}));
        let ended = self
            .ended
            .as_ref()
            .map(|(how, reason)| json!({"how": how, "at": "", "by": "dana", "reason": reason}));
        let seed =
            self.seed.clone().unwrap_or_else(|| mission["seed"].as_str().unwrap_or_default().to_owned());
        status["state"] = json!(state);
        status["mission"] = json!({"id": mission["id"], "scenarios": ["slow"], "seed": seed, "ended": ended, "stage": stage,
            "start": humantime::format_rfc3339_millis(start).to_string(), "remaining_s": (duration.saturating_sub(elapsed)).as_secs(),
            "baseline_s": baseline.as_secs(), "duration_s": duration.as_secs(), "recovery_s": span("recovery").as_secs(),
            "stages": [{"for_s": injecting, "intensity_percent": 100}]});
        let group = |name: &str| json!({"group": name, "requests": self.requests, "errors": 0, "error_percent": 0, "p95_ms": self.p95_ms});
        if self.requests > 0 {
            status["health"]["groups"] = json!([group("baseline")]);
        }
        status["signals"] = json!([{"scenario": "slow", "rule": "latency_p95 <= 350 ms", "verdict": self.verdict,
            "value": 12.5, "low": 10, "high": 15}]);
        if elapsed >= baseline && self.requests > 0 {
            status["ledger"] =
                json!([{"scenario": "slow", "matched": self.requests, "injected": {"delay": self.injected}}]);
        }
        status["events"] = json!({"last": 2});
        status
    }
}

fn problem(status: u16, code: &str) -> Value {
    json!({"type": "about:blank", "title": "It is not done", "status": status, "code": code, "detail": "no"})
}

/// A Prometheus that answers every query with this number, or not at all.
pub struct Prometheus {
    pub url: String,
    pub value: Arc<Mutex<Option<f64>>>,
}

impl Prometheus {
    pub fn start(value: f64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let value = Arc::new(Mutex::new(Some(value)));
        let shared = Arc::clone(&value);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (Some(_), Some(value)) = (read(&stream), *shared.lock().expect("no panic")) else {
                    continue;
                };
                let body = json!({"status": "success", "data": {"resultType": "vector",
                    "result": [{"metric": {}, "value": [1, value.to_string()]}]}})
                .to_string();
                let _ = write!(&stream, "HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { url, value }
    }
}
