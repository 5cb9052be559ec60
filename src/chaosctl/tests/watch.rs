//! `watch` where no person looks: lines of text and of JSON, `--once`, exit codes. tests/envoy/tests/watch has a terminal.

mod run;

use run::{command, run};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A control listener whose status the test changes.
struct Proxy {
    url: String,
    /// `None`: closes the connection without an answer.
    status: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicU64>,
}

impl Proxy {
    fn start(status: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let status = Arc::new(Mutex::new(Some(status)));
        let answers = Arc::clone(&status);
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut line = String::new();
                let mut reader = BufReader::new(&stream);
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {}
                count.fetch_add(1, Ordering::SeqCst);
                let Some(status) = answers.lock().expect("no panic").clone() else { continue };
                let body = if line.contains("/v1/events") {
                    json!({"last": 0, "events": []}).to_string()
                } else {
                    status.to_string()
                };
                let _ = write!(&stream, "HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { url, status, asked }
    }

    /// Waits until it has been asked so many times more, and so what it answers now has come.
    fn is_asked(&self, times: u64) {
        let (wanted, deadline) =
            (self.asked.load(Ordering::SeqCst) + times, Instant::now() + Duration::from_secs(20));
        while self.asked.load(Ordering::SeqCst) < wanted {
            assert!(Instant::now() < deadline, "nobody asks");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn answers(&self, status: Option<Value>) {
        *self.status.lock().expect("no panic") = status;
    }
}

fn status(state: &str, stage: u64, requests: u64) -> Value {
    let mission = json!({"id": "run-1", "remaining_s": 90, "ended": null,
        "stage": {"number": stage, "of": 3, "intensity_percent": 10 * stage, "ends_in_s": 12}});
    json!({
        "state": state, "mission": if state == "idle" { Value::Null } else { mission }, "halt": null,
        "health": {"groups": [{"group": "treatment", "requests": requests, "errors": requests / 10, "p95_ms": 120}]},
        "guardrails": [], "signals": [], "events": {"last": 0},
    })
}

fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A running `watch`, ended with its owner.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["watch", "--every", "100ms"], arguments].concat();
        let mut child = command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chaosctl starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_line_tells_of_each_change_and_not_of_each_number() {
    let proxy = Proxy::start(status("injecting", 1, 100));
    let mut watching = Watching::start(&["--proxy", &proxy.url]);
    let name = proxy.url.strip_prefix("http://").expect("an URL").to_owned();
    let first = watching.line();
    let wanted =
        format!("{name}  injecting, run-1, stage 1/3 at 10 %, treatment 10.00 % errors and p95 120 ms");
    assert!(first.ends_with(&wanted), "{first}");
    // Other numbers are no news; the next line is of the next stage.
    proxy.answers(Some(status("injecting", 1, 5_000)));
    proxy.is_asked(2);
    proxy.answers(Some(status("injecting", 2, 6_000)));
    assert!(watching.line().contains("stage 2/3 at 20 %"));
    proxy.answers(None);
    let lost = watching.line();
    assert!(lost.contains("  lost since "), "{lost}");
    let mut halted = status("halted", 2, 6_000);
    halted["halt"] = json!({"reason": "person", "by": "dana\u{1b}[31m", "detail": "too slow", "at": "2026-01-01T00:00:00Z"});
    proxy.answers(Some(halted));
    let halted = watching.line();
    assert!(halted.contains("  halted by dana\u{fffd}[31m: too slow, run-1"), "{halted}");
}

#[test]
fn programs_get_json_lines_with_the_whole_status() {
    let (proxy, gone) = (Proxy::start(status("idle", 1, 7)), nobody());
    let mut watching = Watching::start(&["--proxy", &proxy.url, "--proxy", &gone, "--output", "json"]);
    let mut records: Vec<Value> =
        (0..2).map(|_| serde_json::from_str(&watching.line()).expect("JSON")).collect();
    records.sort_by_key(|record| record.get("lost").is_some());
    assert_eq!((&records[0]["proxy"], &records[0]["status"]), (&json!(proxy.url), &status("idle", 1, 7)));
    assert_eq!(records[1]["proxy"], json!(gone));
    assert!(records[1]["lost"].as_str().expect("a reason").contains("cannot be reached"), "{records:?}");
    assert!(
        records.iter().all(|record| record["at"].as_str().is_some_and(|at| at.ends_with('Z'))),
        "{records:?}"
    );
}

#[test]
fn once_is_one_line_for_each_proxy_and_says_by_its_code_who_is_gone() {
    let proxy = Proxy::start(status("injecting", 1, 100));
    let ran = run(&["watch", "--once", "--proxy", &proxy.url]);
    assert_eq!((ran.code, ran.out.lines().count(), ran.err.as_str()), (0, 1, ""), "{ran:?}");
    let gone = nobody();
    let ran = run(&["watch", "--once", "--proxy", &gone, "--proxy", &proxy.url]);
    assert_eq!((ran.code, ran.out.lines().count()), (2, 1), "{ran:?}");
    assert!(ran.err.contains(&gone) && ran.err.contains("cannot be reached"), "{}", ran.err);
    let ran = run(&["watch", "--once", "--output", "json", "--proxy", &gone, "--proxy", &proxy.url]);
    assert_eq!((ran.code, ran.out.lines().count(), ran.err.as_str()), (2, 2, ""), "{ran:?}");
    assert_eq!(run(&["watch", "--every", "1ms", "--proxy", &gone]).code, 2);
}

#[test]
fn it_ends_when_nobody_reads_any_more_and_says_what_goes_on_when_it_is_told_to_end() {
    let proxy = Proxy::start(status("injecting", 1, 100));
    let mut watching = Watching::start(&["--proxy", &proxy.url]);
    watching.line();
    let pid = watching.child.id().to_string();
    let told = std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
    assert!(told.success() && watching.child.wait().expect("it ends").success());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut watching.child.stderr.take().expect("a pipe"), &mut said)
        .expect("text");
    assert!(said.starts_with("left; the mission goes on: run-1 on "), "{said}");

    let mut child = command(&["watch", "--every", "100ms", "--proxy", &proxy.url])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chaosctl starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
