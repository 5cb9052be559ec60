//! `start`, `status`, `renew`, `stop`, `halt`, `release`: arguments, what is sent, and how proxies that refuse or do not answer
//! are told of. tests/envoy/tests/control_verbs.rs asks real ones.

mod asked;
mod run;

use asked::read;
use run::{Ran, command, run, run_with};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

const MISSION: &str = "version: 1\nid: run-1\nscenarios: [cut]\nnamespace: shop\nduration: 5m\n";

/// A request as it came: method and path, and the body.
type Seen = (String, String);

/// A control listener with answers that were thought of beforehand.
struct Proxy {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Proxy {
    /// `answer` says status and body for a method and path. A status of 0 is no answer at all.
    fn start(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                let (status, body) = answer(&request.0);
                record.lock().expect("no panic").push(request);
                if status == 0 {
                    // Stays open: whoever asks has to lose patience.
                    std::mem::forget(stream);
                    continue;
                }
                let length = body.len();
                let _ = write!(&stream, "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
            }
        });
        Self { url, seen }
    }

    /// One that does everything.
    fn willing() -> Self {
        Self::start(|path| match path {
            "GET /v1/status" => (200, status("idle").to_string()),
            "POST /v1/missions" => (201, started().to_string()),
            "POST /v1/missions/run-1/stop" => {
                (200, json!({"mission": "run-1", "state": "stopped"}).to_string())
            }
            "POST /v1/halt" => (200, json!({"state": "halted", "halt": halt()}).to_string()),
            path => (404, problem(404, "not-found", path).to_string()),
        })
    }

    /// One that starts nothing.
    fn unwilling(problem: Value) -> Self {
        Self::start(move |path| match path {
            "GET /v1/status" => (200, status("idle").to_string()),
            _ => (409, problem.to_string()),
        })
    }

    fn paths(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").iter().map(|(path, _)| path.clone()).collect()
    }

    fn body(&self, path: &str) -> Value {
        let seen = self.seen.lock().expect("no panic");
        let body = seen.iter().find(|(seen, _)| seen == path).map(|(_, body)| body.clone());
        serde_json::from_str(&body.unwrap_or_else(|| panic!("{path}: {seen:?}"))).expect("JSON")
    }
}

fn status(state: &str) -> Value {
    let mission = (state == "injecting").then(|| {
        json!({"id": "run-1", "remaining_s": 90, "ended": null, "lease": {"for_s": 30, "ends_in_s": 21},
            "stage": {"number": 1, "of": 3, "intensity_percent": 10, "ends_in_s": 12}})
    });
    json!({
        "state": state, "proxy": {"namespace": "shop", "service": "cart", "id": "cart-7"}, "mission": mission,
        "halt": null,
        "health": {"groups": [
            {"group": "control", "error_percent": 0.5, "p95_ms": 20.5},
            {"group": "treatment", "error_percent": 12, "p95_ms": null},
        ]},
        "guardrails": [
            {"rule": "far away", "value": 1, "unit": "ms", "state": "watching", "distance": 0.9},
            {"rule": "error_rate of control above 5 %", "value": 4.2, "unit": "percent", "state": "exceeding", "distance": 0.2},
        ],
    })
}

fn started() -> Value {
    json!({"mission": "run-1", "order": 1, "scenarios": ["cut"], "duration_s": 300, "approved_by": ["alice"],
        "dormant": [], "warnings": []})
}

fn halt() -> Value {
    json!({"reason": "person", "detail": "too slow", "by": "dana", "at": "2026-01-01T00:00:00Z", "mission": ""})
}

fn problem(status: u16, code: &str, detail: &str) -> Value {
    json!({"type": format!("urn:squall:problem:{code}"), "title": "It is not done", "status": status, "code": code,
        "detail": detail})
}

/// An address that nobody listens at.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

fn json_of(ran: &Ran) -> Vec<Value> {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[track_caller]
fn told(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{}\n{}", ran.out, ran.err);
    for words in words {
        assert!(ran.out.contains(words) || ran.err.contains(words), "{words:?}:\n{}\n{}", ran.out, ran.err);
    }
}

#[test]
fn a_mission_is_sent_as_json_to_every_proxy_and_each_answer_is_told() {
    let (a, b) = (Proxy::willing(), Proxy::willing());
    let ran = run_with(&["start", "-f", "-", "--proxy", &a.url, "--proxy", &b.url], MISSION.as_bytes());
    told(&ran, 0, &[&format!("{}  started run-1 (cut) for 5m, signed by alice\n", a.url), &b.url]);
    assert_eq!(a.body("POST /v1/missions"), b.body("POST /v1/missions"));
    assert_eq!(a.body("POST /v1/missions")["id"], "run-1");
    // The same address twice is one proxy.
    let c = Proxy::willing();
    told(
        &run_with(&["start", "-", "--proxy", &c.url, "--proxy", &format!("{}/", c.url)], MISSION.as_bytes()),
        0,
        &[],
    );
    assert_eq!(c.paths(), ["GET /v1/status", "POST /v1/missions"]);
}

#[test]
fn json_goes_to_the_proxy_byte_by_byte() {
    let a = Proxy::willing();
    let text = "{\n \"version\": 1, \"id\": \"run-1\",\n \"scenarios\": [\"cut\"], \"namespace\": \"shop\", \"duration\": \"5m\"}";
    told(&run_with(&["start", "-", "--proxy", &a.url], text.as_bytes()), 0, &[]);
    assert_eq!(a.seen.lock().expect("no panic")[1].1, text);
}

#[test]
fn the_short_form_is_a_mission_in_the_proxy_s_namespace() {
    let a = Proxy::willing();
    told(&run(&["start", "scenario=cut", "duration=5m", "--proxy", &a.url]), 0, &[]);
    let body = a.body("POST /v1/missions");
    assert_eq!((&body["namespace"], &body["scenarios"]), (&json!("shop"), &json!(["cut"])));
    assert!(body["id"].as_str().expect("text").starts_with("cut-"), "{body}");
    told(&run(&["start", "scenario=cut", "--proxy", &a.url]), 2, &["for how long?"]);
    told(&run(&["start", "scenario=cut", "duration=soon", "--proxy", &a.url]), 2, &["duration"]);
}

#[test]
fn a_refusal_takes_back_what_was_started_elsewhere() {
    let (a, b) = (Proxy::willing(), Proxy::unwilling(problem(409, "halted", "release it first")));
    let both = ["--proxy", &a.url, "--proxy", &b.url];
    let ran = run_with(&[&["start", "-"], &both[..]].concat(), MISSION.as_bytes());
    told(
        &ran,
        1,
        &["refused[halted]", "release it first", "chaosctl release --proxy", "taken back: run-1 is stopped"],
    );
    let stop = a.body("POST /v1/missions/run-1/stop");
    assert_eq!(
        (&stop["action"], &stop["mission"], &stop["proxy"]),
        (&json!("stop"), &json!("run-1"), &json!("cart-7"))
    );
    assert!(!b.paths().contains(&"POST /v1/missions/run-1/stop".to_owned()), "{:?}", b.paths());

    let c = Proxy::willing();
    let both = ["--proxy", &c.url, "--proxy", &b.url, "--allow-partial", "--output", "json"];
    let ran = run_with(&[&["start", "-"], &both[..]].concat(), MISSION.as_bytes());
    let records = json_of(&ran);
    assert_eq!((ran.code, &records[0]["answer"]["mission"]), (1, &json!("run-1")));
    assert_eq!((&records[1]["problem"]["code"], &records[0]["taken_back"]), (&json!("halted"), &Value::Null));
    assert_eq!(c.paths(), ["GET /v1/status", "POST /v1/missions"]);
}

#[test]
fn what_cannot_be_taken_back_is_said_with_the_way_out() {
    let a = Proxy::start(|path| match path {
        "GET /v1/status" => (200, status("idle").to_string()),
        "POST /v1/missions" => (201, started().to_string()),
        _ => (403, problem(403, "signature-needed", "the request is not signed").to_string()),
    });
    let b = Proxy::unwilling(problem(409, "halted", "release it first"));
    let ran = run_with(&["start", "-", "--proxy", &a.url, "--proxy", &b.url], MISSION.as_bytes());
    told(
        &ran,
        1,
        &[
            "not taken back",
            "the request is not signed",
            &format!("`chaosctl halt --proxy {}` needs no key", a.url),
        ],
    );
    let ran =
        run_with(&["start", "-", "--proxy", &a.url, "--proxy", &b.url, "-o", "json"], MISSION.as_bytes());
    assert_eq!(json_of(&ran)[0]["taken_back"], false);
}

/// A proxy that took it and did not say so may run it.
#[test]
fn a_proxy_that_does_not_answer_a_start_is_asked_to_stop_it() {
    let hung = Proxy::start(|path| match path {
        "GET /v1/status" => (200, status("idle").to_string()),
        "POST /v1/missions" => (0, String::new()),
        _ => (200, json!({"mission": "run-1", "state": "stopped"}).to_string()),
    });
    let ran = run_with(&["start", "-", "--proxy", &hung.url, "--timeout", "300ms"], MISSION.as_bytes());
    told(&ran, 2, &["no answer within 300ms", "taken back"]);
    assert!(hung.paths().contains(&"POST /v1/missions/run-1/stop".to_owned()), "{:?}", hung.paths());
}

#[test]
fn nothing_starts_where_a_proxy_cannot_be_reached() {
    let (a, gone) = (Proxy::willing(), nobody());
    let ran = run_with(&["start", "-", "--proxy", &a.url, "--proxy", &gone], MISSION.as_bytes());
    told(&ran, 2, &[&gone, "cannot be reached", "nothing was started"]);
    assert_eq!(a.paths(), ["GET /v1/status"]);
    let ran =
        run_with(&["start", "-", "--proxy", &a.url, "--proxy", &gone, "--allow-partial"], MISSION.as_bytes());
    told(&ran, 2, &["started run-1", "cannot be reached"]);
}

#[test]
fn mistakes_in_a_mission_are_shown_before_anybody_is_asked_and_where_they_are_afterwards() {
    let a = Proxy::willing();
    let ran = run_with(&["start", "-", "--proxy", &a.url], MISSION.replace("5m", "5").as_bytes());
    told(&ran, 1, &["<stdin>:5:11", "nothing was started"]);
    assert_eq!(a.paths(), [""; 0]);
    told(
        &run(&["start", "-f", "no-such-file.yaml", "--proxy", &a.url]),
        2,
        &["cannot open no-such-file.yaml"],
    );

    let mut refusal = problem(422, "invalid-mission", "there is no scenario \"cut\"");
    refusal["findings"] = json!([{"code": "unknown-scenario", "at": "mission.scenarios[0]", "line": 1, "column": 99,
        "message": "there is no scenario \"cut\"", "hint": "name one of the catalog"}]);
    let b = Proxy::unwilling(refusal);
    let ran = run_with(&["start", "-", "--proxy", &b.url], MISSION.as_bytes());
    told(
        &ran,
        1,
        &[
            "refused[invalid-mission]",
            "error[unknown-scenario]",
            "<stdin>:3:13",
            "help: name one of the catalog",
        ],
    );
}

#[test]
fn a_halt_goes_to_all_and_one_that_is_gone_holds_up_nobody() {
    let (a, b, gone) = (Proxy::willing(), Proxy::willing(), nobody());
    let hung = Proxy::start(|_| (0, String::new()));
    let all =
        ["--proxy", &gone, "--proxy", &hung.url, "--proxy", &a.url, "--proxy", &b.url, "--timeout", "500ms"];
    let ran = run(&[&["halt", "--reason", "too slow", "--by", "dana"], &all[..]].concat());
    told(&ran, 2, &[&gone, "cannot be reached", "no answer within 500ms"]);
    for proxy in [&a, &b] {
        told(&ran, 2, &[&format!("{}  halted by dana at 2026-01-01T00:00:00Z: too slow\n", proxy.url)]);
        assert_eq!(proxy.body("POST /v1/halt"), json!({"reason": "too slow", "by": "dana"}));
    }
    let c = Proxy::willing();
    let user = |user: &str| {
        let status = command(&["halt", "--proxy", &c.url]).env("USER", user).output().expect("chaosctl runs");
        assert!(status.status.success());
        c.seen.lock().expect("no panic").pop().map(|(_, body)| body)
    };
    assert_eq!(user("eve").as_deref(), Some("{\"by\":\"eve\"}"));
    assert_eq!(user("").as_deref(), Some("{}"));
}

#[test]
fn requests_name_the_mission_that_runs_and_the_proxy_and_are_never_the_same() {
    let proxy = Proxy::start(|path| match path {
        "GET /v1/status" => (200, status("injecting").to_string()),
        "POST /v1/missions/run-1/renew" => {
            (200, json!({"mission": "run-1", "lease": {"for_s": 30, "ends_in_s": 30}}).to_string())
        }
        _ => (404, problem(404, "unknown-mission", "no filter of this proxy has had it").to_string()),
    });
    for _ in 0..2 {
        told(&run(&["renew", "--proxy", &proxy.url]), 0, &["renewed run-1; its lease ends in 30 s"]);
    }
    let seen: Vec<Value> = proxy
        .seen
        .lock()
        .expect("no panic")
        .iter()
        .filter(|(path, _)| path.starts_with("POST"))
        .map(|(_, body)| serde_json::from_str(body).expect("JSON"))
        .collect();
    assert_eq!((&seen[0]["action"], &seen[0]["proxy"]), (&json!("renew"), &json!("cart-7")));
    assert_ne!(seen[0]["nonce"], seen[1]["nonce"]);
    told(&run(&["stop", "other", "--proxy", &proxy.url]), 1, &["refused[unknown-mission]"]);
    told(&run(&["stop", "../halt", "--proxy", &proxy.url]), 2, &["is no id of a mission"]);
    told(&run(&["stop", "--proxy", &Proxy::willing().url]), 1, &["refused[no-mission]"]);
}

#[test]
fn status_is_a_table_with_what_matters_and_raw_for_programs() {
    let (a, gone) = (Proxy::start(|_| (200, status("injecting").to_string())), nobody());
    let ran = run(&["status", "--proxy", &a.url, "--proxy", &gone]);
    told(
        &ran,
        2,
        &[
            "PROXY",
            "injecting",
            "run-1",
            "1/3 at 10 %",
            "1m 30s",
            "12/0.5 %",
            "-/20.5 ms",
            "error_rate of control above 5 %: 4.2 %, exceeding",
            "its lease ends in 21s",
            &gone,
        ],
    );
    let ran = run(&["status", "--proxy", &a.url, "--proxy", &gone, "--output", "json"]);
    let records = json_of(&ran);
    assert_eq!((ran.code, &records[0]["answer"]), (2, &status("injecting")));
    assert_eq!((&records[0]["proxy"], &records[1]["proxy"]), (&json!(a.url), &json!(gone)));
    assert!(records[1]["error"].as_str().expect("text").contains("cannot be reached"));
    let mut halted = status("idle");
    halted["halt"] = halt();
    let b = Proxy::start(move |_| (200, halted.to_string()));
    told(&run(&["status", "--proxy", &b.url]), 0, &["halted by dana at 2026-01-01T00:00:00Z: too slow"]);
}

#[test]
fn what_is_no_control_listener_is_told_so_and_is_not_read_for_ever() {
    for (status, body) in [
        (200, "<html>".to_owned()),
        (200, "[]".to_owned()),
        (500, "{}".to_owned()),
        (200, format!("\"{}\"", "a".repeat(1 << 20))),
    ] {
        let other = Proxy::start(move |_| (status, body.clone()));
        let ran = run(&["status", "--proxy", &other.url]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(
            ran.err.contains("no control listener") || ran.err.contains("more than 1 MiB"),
            "{}",
            ran.err
        );
    }
    let escape =
        Proxy::start(|_| (200, json!({"state": "\u{1b}[2J", "mission": {"id": "\u{1b}]0;x"}}).to_string()));
    let ran = run(&["status", "--proxy", &escape.url]);
    assert!(!ran.out.contains('\u{1b}'), "{:?}", ran.out);
}

#[test]
fn addresses_and_keys_that_cannot_be_used_are_refused_with_the_reason() {
    told(&run(&["status", "--proxy", "https://10.0.0.7:9902"]), 2, &["no TLS", "kubectl port-forward"]);
    told(&run(&["status", "--proxy", "http://a b"]), 2, &["is no URL"]);
    told(&run(&["stop", "--key", "no-such.key"]), 2, &["no-such.key cannot be opened"]);
    told(&run(&["halt", "--reason", &"x".repeat(600)]), 2, &["--reason"]);
    told(&run(&["start"]), 2, &["required"]);
    told(&run(&["start", "a.yaml", "-f", "b.yaml"]), 2, &["cannot be used with"]);
    let a = Proxy::willing();
    let ran = command(&["status"]).env("CHAOSCTL_PROXY", &a.url).output().expect("chaosctl runs");
    assert!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains(&a.url));
}

#[test]
fn a_halt_reaches_the_proxies_that_are_known_whatever_is_wrong_with_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let missing = folder.path().join("missing.txt").display().to_string();
    let proxy = Proxy::willing();
    let ran = run(&["halt", "--proxies", &missing, "--proxy", &proxy.url]);
    told(&ran, 2, &["halted by dana", "missing.txt", "asked all the same"]);
    let bad = write("bad.txt", format!("\u{fffd}nonsense here\n{}\n", proxy.url).as_bytes());
    told(&run(&["halt", "--proxies", &bad]), 2, &["halted by dana", "bad.txt:1:1"]);
    let bytes = write("bytes.txt", &[b"\xff\xfe\n", proxy.url.as_bytes(), b"\n"].concat());
    told(&run(&["halt", "--proxies", &bytes]), 2, &["halted by dana", "bytes.txt:1:1"]);
    let context =
        format!("current_context = \"a\"\n[contexts.a]\nproxies = [\"{}\", \"@{missing}\"]\n", proxy.url);
    let config = write("config.toml", context.as_bytes());
    told(&run(&["halt", "--config", &config]), 2, &["halted by dana", "missing.txt"]);
    assert_eq!(proxy.paths(), ["POST /v1/halt"; 4]);
    // Nobody else is guessed at, and the other verbs still want all of them.
    told(&run(&["halt", "--proxies", &missing]), 2, &["missing.txt"]);
    told(&run(&["status", "--proxies", &missing, "--proxy", &proxy.url]), 2, &["missing.txt"]);
    assert_eq!(proxy.paths().len(), 4);
}

#[test]
fn a_file_that_is_no_list_of_proxies_is_refused_in_a_few_words() {
    let ran = run(&["status", "--proxies", "/dev/zero"]);
    told(&ran, 2, &["has more than 1 MiB"]);
    assert!(ran.err.len() < 1000, "{} bytes", ran.err.len());
    let ran = run_with(&["status", "--proxies", "-"], "x y".repeat(100_000).as_bytes());
    told(&ran, 2, &["<stdin>:1:1"]);
    assert!(ran.err.len() < 1000, "{} bytes", ran.err.len());
}
