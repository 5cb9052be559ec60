//! `run` against proxies whose answers were thought of beforehand: phases, ends of every kind, verdicts, exit codes, the journal.
//! tests/envoy/tests/run has real ones.

#[path = "../asked/mod.rs"]
mod asked;
mod proxy;
#[path = "../run/mod.rs"]
mod run;

use proxy::{Prometheus, Proxy};
use run::Ran;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new(mission: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        let head = "version: 1\nid: run-1\nscenarios: [slow]\nnamespace: shop\n";
        std::fs::write(desk.0.path().join("mission.yaml"), format!("{head}{mission}")).expect("written");
        desk
    }

    fn begin(&self, proxies: &[&Proxy], more: &[&str]) -> Child {
        let proxies = proxies.iter().flat_map(|proxy| ["--proxy", &proxy.url]);
        Command::new(env!("CARGO_BIN_EXE_chaosctl"))
            .args(["run", "mission.yaml", "--journal", "run.jsonl"])
            .args(if more.contains(&"--timeout") { &[][..] } else { &["--timeout", "1s"][..] })
            .args(more)
            .args(proxies)
            .current_dir(self.0.path())
            .env("USER", "dana")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chaosctl starts")
    }

    fn run(&self, proxies: &[&Proxy], more: &[&str]) -> Ran {
        end(self.begin(proxies, more))
    }

    fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.0.path().join("run.jsonl")).expect("a journal");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.journal().into_iter().filter(|line| line["kind"] == kind).collect()
    }

    fn phases(&self) -> Vec<String> {
        let phases = self.of_kind("phase");
        phases.iter().map(|line| line["phase"].as_str().expect("text").to_owned()).collect()
    }
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().expect("chaosctl ends");
    Ran {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[track_caller]
fn told(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{}\n{}", ran.out, ran.err);
    for words in words {
        assert!(ran.out.contains(words) || ran.err.contains(words), "{words:?}:\n{}\n{}", ran.out, ran.err);
    }
}

const MISSION: &str = "baseline: 1s\nduration: 3s\nrecovery: 1s\n";
const LONG: &str = "baseline: 1s\nduration: 60s\n";

#[test]
fn a_mission_goes_from_its_checks_to_a_verdict_and_into_the_journal() {
    let (a, b, desk) = (Proxy::start(), Proxy::start(), Desk::new(MISSION));
    let ran = desk.run(&[&a, &b], &["--output", "json", "--sample", "1s"]);
    told(&ran, 0, &["ok      clock", "added `lease: 30s`", "baseline", "stage 1/1 at 100 %", "recovery"]);
    let verdict: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((&verdict["verdict"], &verdict["journal"]), (&json!("held"), &json!("run.jsonl")));
    assert_eq!(verdict["proxies"][1]["injected"], 7);
    assert_eq!(verdict["signals"].as_array().expect("a list").len(), 3);
    assert_eq!(desk.phases(), ["preflight", "baseline", "injecting", "recovery", "done"]);
    let journal = desk.journal();
    assert_eq!(
        (&journal[0]["kind"], &journal[0]["mission"]["lease"]),
        (&json!("run.started"), &json!("30s"))
    );
    let last = journal.last().expect("lines");
    assert_eq!(
        (&last["kind"], &last["verdict"], &last["seed"]),
        (&json!("verdict"), &json!("held"), &journal[0]["mission"]["seed"])
    );
    // The newest points are enough: the samples before have the others.
    let series = |line: &Value| line["status"]["health"]["series"].as_array().map_or(0, Vec::len);
    assert!(desk.of_kind("sample").iter().all(|line| series(line) == 3));
    assert!(desk.of_kind("sample").len() >= 6);
    assert_eq!(desk.of_kind("event").len(), 2);
    // The checks of the baseline are told when it ends.
    let steady = desk.of_kind("preflight");
    let steady =
        steady.iter().filter(|line| line["check"] == "steady_state" && line["proxy"] == a.url.as_str());
    assert_eq!(steady.count(), 1);
    // Nobody writes over it.
    told(&desk.run(&[&Proxy::start()], &[]), 2, &["never overwritten"]);
}

#[test]
fn every_check_that_fails_is_told_and_nothing_is_started() {
    let (a, b, c, desk) = (Proxy::start(), Proxy::start(), Proxy::start(), Desk::new(MISSION));
    b.state().clock_ms = 5_000;
    c.state().halt = Some(json!({"reason": "person", "by": "eve", "detail": "slow"}));
    let ran = desk.run(&[&a, &b, &c], &[]);
    told(
        &ran,
        1,
        &[
            &format!("failed  clock {}", b.url),
            "halted by eve",
            "chaosctl release --proxy",
            "nothing was started",
        ],
    );
    assert!([&a, &b, &c].iter().all(|proxy| proxy.state().posts.is_empty()));
    a.state().is_gone = true;
    let gone = Desk::new(MISSION).run(&[&a], &["--preflight-only", "--output", "json"]);
    told(&gone, 2, &["failed  reachable"]);
    let record: Value = serde_json::from_str(&gone.out).expect("JSON");
    assert_eq!((&record["started"], &record["preflight"][0]["ok"]), (&json!(false), &json!(false)));
    let fine = Desk::new(MISSION);
    told(&fine.run(&[&Proxy::start()], &["--preflight-only"]), 0, &["ok      idle"]);
}

#[test]
fn what_was_started_is_taken_back_where_a_proxy_refuses() {
    let (a, b, desk) = (Proxy::start(), Proxy::start(), Desk::new(MISSION));
    b.state().starts = false;
    told(&desk.run(&[&a, &b], &[]), 1, &["refused[halted]", "taken back: run-1 is stopped"]);
    assert_eq!(a.state().posts, ["POST /v1/missions", "POST /v1/missions/run-1/stop"]);
}

#[test]
fn a_baseline_without_traffic_or_beyond_a_signal_injects_nothing() {
    let (a, desk) = (Proxy::start(), Desk::new(LONG));
    a.state().requests = 0;
    told(
        &desk.run(&[&a], &[]),
        1,
        &["inconclusive", "no request was in scope", "--allow-no-traffic", "nothing was injected"],
    );
    assert_eq!(desk.phases(), ["preflight", "baseline", "stopped"]);
    let (b, desk) = (Proxy::start(), Desk::new(LONG));
    b.state().p95_ms = 400.0;
    told(
        &desk.run(&[&b], &[]),
        1,
        &["inconclusive", "no steady state", "latency_p95 is 400 ms, expected <= 350 ms"],
    );
    assert_eq!(desk.phases(), ["preflight", "baseline", "stopped"]);
    let (c, desk) = (Proxy::start(), Desk::new(MISSION));
    c.state().requests = 0;
    let ran = desk.run(&[&c], &["--allow-no-traffic"]);
    told(&ran, 1, &["inconclusive", "nothing was injected"]);
    assert_eq!(desk.phases(), ["preflight", "baseline", "injecting", "recovery", "done"]);
}

/// `what` happens to the second of two proxies while both inject.
fn middle(what: impl FnOnce(&Proxy), more: &[&str]) -> (Ran, Proxy, Proxy, Desk) {
    let (a, b, desk) = (Proxy::start(), Proxy::start(), Desk::new(LONG));
    let child = desk.begin(&[&a, &b], more);
    b.is("injecting");
    what(&b);
    (end(child), a, b, desk)
}

#[test]
fn a_proxy_that_halts_stops_the_mission_on_the_others() {
    let halt = |by: &str| json!({"reason": by, "by": "", "detail": "errors above 5 %", "at": "", "mission": "run-1"});
    let (ran, mut_a, b, desk) = middle(|b| b.state().halt = Some(halt("guardrail")), &[]);
    told(
        &ran,
        1,
        &["violated", "was halted by a guardrail: errors above 5 %", &format!("{} stopped", mut_a.url)],
    );
    assert!(mut_a.state().posts.contains(&"POST /v1/missions/run-1/stop".to_owned()));
    let halted = desk.of_kind("proxy");
    assert_eq!((&halted[0]["state"], &halted[0]["proxy"]), (&json!("halted"), &json!(b.url)));
    assert_eq!(desk.phases().last().map(String::as_str), Some("halted"));
    assert_eq!(desk.of_kind("verdict")[0]["halts"][0]["proxy"], json!(b.url));
}

#[test]
fn a_proxy_with_another_configuration_stops_it_everywhere() {
    let (ran, a, b, desk) = middle(|b| b.state().seed = Some("another".to_owned()), &[]);
    told(&ran, 1, &["inconclusive", "seed is another"]);
    for proxy in [&a, &b] {
        assert!(proxy.state().posts.contains(&"POST /v1/missions/run-1/stop".to_owned()));
    }
    assert_eq!(desk.of_kind("proxy")[0]["state"], "skewed");
}

#[test]
fn a_proxy_that_is_lost_stops_it_on_the_others_after_some_patience() {
    let begun = Instant::now();
    let (ran, a, b, desk) = middle(|b| b.state().is_gone = true, &[]);
    told(
        &ran,
        1,
        &[
            "inconclusive",
            &format!("{} lost", b.url),
            "each proxy ends the mission by itself",
            "its lease, 30 s",
        ],
    );
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(a.state().posts.contains(&"POST /v1/missions/run-1/stop".to_owned()));
    let fates = &desk.of_kind("verdict")[0]["proxies"];
    assert_eq!((&fates[0]["state"], &fates[1]["state"]), (&json!("stopped"), &json!("lost")));
}

#[test]
fn a_proxy_that_hangs_is_lost_as_soon_as_one_that_is_gone() {
    let frozen = Duration::from_secs(14);
    let freeze = |b: &Proxy| {
        b.state().is_frozen = true;
        let b = b.clone();
        thread::spawn(move || {
            thread::sleep(frozen);
            b.state().is_frozen = false;
        });
    };
    let (ran, a, b, desk) = middle(freeze, &["--timeout", "10s"]);
    told(
        &ran,
        1,
        &["inconclusive", &format!("{} lost: no answer within 2s", b.url), "the mission ends: lost"],
    );
    assert!(a.state().posts.contains(&"POST /v1/missions/run-1/stop".to_owned()));
    let moment = |kind: &str, key: &str, value: &str| {
        let lines = desk.of_kind(kind);
        let line = lines.iter().find(|line| line[key] == value).expect("a line");
        Duration::from_millis(line["t_ms"].as_u64().expect("a time"))
    };
    let injecting = moment("phase", "phase", "injecting");
    assert!(moment("proxy", "state", "lost") < injecting + Duration::from_secs(9));
    let stopped = moment("action", "what", "stop");
    assert!(stopped > injecting + Duration::from_secs(8), "{stopped:?} {injecting:?}");
}

#[test]
fn as_many_as_may_be_lost_are_and_the_rest_is_judged() {
    let (a, b, desk) = (Proxy::start(), Proxy::start(), Desk::new("duration: 12s\n"));
    let child = desk.begin(&[&a, &b], &["--max-lost", "1"]);
    b.is("injecting");
    b.state().is_gone = true;
    told(&end(child), 0, &["held", &format!("lost: {}", b.url)]);
    assert!(!a.state().posts.contains(&"POST /v1/missions/run-1/stop".to_owned()));
}

#[test]
fn ctrl_c_stops_the_mission_and_judges_it() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let (a, desk) = (Proxy::start(), Desk::new(LONG));
        let child = desk.begin(&[&a], &[]);
        a.is("injecting");
        send(&child, signal);
        told(
            &end(child),
            1,
            &["inconclusive", &format!("interrupted (SIG{})", &signal[1..]), "once more leaves at once"],
        );
        assert_eq!(a.state().status()["state"], "stopped");
        assert_eq!(desk.of_kind("interrupted").len(), 1);
        assert_eq!(desk.of_kind("verdict").len(), 1);
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_says_what_remains() {
    let (a, desk) = (Proxy::start(), Desk::new(LONG));
    let child = desk.begin(&[&a], &["--timeout", "30s"]);
    a.is("injecting");
    let held = a.state();
    // Nobody answers the stop meanwhile.
    send(&child, "-INT");
    let until = Instant::now() + Duration::from_secs(10);
    while desk.of_kind("interrupted").is_empty() {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(20));
    }
    send(&child, "-INT");
    let ran = end(child);
    drop(held);
    told(&ran, 2, &["left at once", "its deadline is 20", "its lease, 30 s after the last renewal"]);
    let counts: Vec<Value> = desk.of_kind("interrupted").iter().map(|line| line["count"].clone()).collect();
    assert_eq!((counts, desk.of_kind("verdict").len()), (vec![json!(1), json!(2)], 0));
}

#[test]
fn a_lease_is_renewed_as_long_as_the_run_lives_and_not_longer() {
    let (a, desk) = (Proxy::start(), Desk::new("duration: 60s\nlease: 2s\n"));
    let mut child = desk.begin(&[&a], &[]);
    a.is("injecting");
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        assert_eq!(a.state().status()["state"], "injecting");
        thread::sleep(Duration::from_millis(100));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let killed = Instant::now();
    a.is("stopped");
    assert!(killed.elapsed() <= Duration::from_millis(2500), "{:?}", killed.elapsed());
    // The journal is whole up to where it was.
    assert!(desk.journal().len() > 3);
}

#[test]
fn a_stop_that_is_refused_becomes_a_halt() {
    let (a, desk) = (Proxy::start(), Desk::new(LONG));
    a.state().refuses = true;
    let child = desk.begin(&[&a], &[]);
    a.is("injecting");
    send(&child, "-INT");
    told(&end(child), 1, &["halted, as it refuses the stop", "chaosctl release --proxy"]);
    assert_eq!(a.state().posts.last().map(String::as_str), Some("POST /v1/halt"));

    let c = Proxy::start();
    c.state().refuses = true;
    told(&run::run(&["start", "scenario=slow", "duration=1m", "--proxy", &c.url]), 0, &["started"]);
    told(&run::run(&["stop", "--proxy", &c.url]), 1, &["refused[signature-needed]"]);
    c.is("injecting");
    told(
        &run::run(&["stop", "--force", "--proxy", &c.url]),
        0,
        &["halted, as the stop was refused: no", "chaosctl release"],
    );
    c.is("halted");
    let b = Proxy::start();
    told(&run::run(&["stop", "--force", "--proxy", &b.url]), 1, &["refused[no-mission]"]);
    assert!(b.state().posts.is_empty(), "nothing to stop is nothing to halt");
}

/// The first stop gets lost: without another one the faults would go on until the lease ends.
#[test]
fn a_stop_that_nobody_answers_is_sent_again() {
    let (a, desk) = (Proxy::start(), Desk::new(LONG));
    let child = desk.begin(&[&a], &[]);
    a.is("injecting");
    a.state().lost_stops = 1;
    send(&child, "-INT");
    told(&end(child), 1, &["not stopped", &format!("{} stopped", a.url)]);
    assert_eq!(a.state().status()["state"], "stopped");
    let stops: Vec<Value> = desk
        .of_kind("action")
        .iter()
        .filter(|line| line["what"] == "stop")
        .map(|line| line["ok"].clone())
        .collect();
    assert_eq!(stops, [json!(false), json!(true)]);
}

#[test]
fn what_was_started_and_is_not_taken_back_is_halted() {
    let (a, b, desk) = (Proxy::start(), Proxy::start(), Desk::new(MISSION));
    a.state().refuses = true;
    b.state().starts = false;
    told(&desk.run(&[&a, &b], &[]), 1, &["halted, as it refuses the stop", "chaosctl release --proxy"]);
    assert_eq!(a.state().posts, ["POST /v1/missions", "POST /v1/missions/run-1/stop", "POST /v1/halt"]);
}

#[test]
fn what_nobody_checks_is_a_note_and_not_ok() {
    let (a, desk) = (Proxy::start(), Desk::new("duration: 2s\n"));
    let ran = desk.run(&[&a], &["--preflight-only"]);
    told(
        &ran,
        0,
        &["note    traffic: not checked, as the mission has no `baseline`", "note    steady_state"],
    );
    assert!(!ran.err.contains("ok      traffic"), "{}", ran.err);
    let json = Desk::new(MISSION).run(&[&a], &["--preflight-only", "--output", "json"]);
    let record: Value = serde_json::from_str(&json.out).expect("JSON");
    let of = |name: &str| {
        record["preflight"].as_array().into_iter().flatten().find(|c| c["check"] == name).cloned()
    };
    assert_eq!(of("traffic").expect("a check")["ok"], Value::Null);
}

#[test]
fn a_guardrail_of_prometheus_stops_it_and_a_signal_is_judged() {
    let (a, desk, prometheus) = (Proxy::start(), Desk::new(LONG), Prometheus::start(1.0));
    let guarded = ["--prometheus", &prometheus.url, "--guardrail", "errors: x <= 5"];
    let child = desk.begin(&[&a], &guarded);
    a.is("injecting");
    *prometheus.value.lock().expect("no panic") = Some(6.5);
    told(&end(child), 1, &["violated", "guardrail errors is 6.5, expected <= 5", "stopped"]);
    let asked = desk.of_kind("promql");
    assert_eq!((&asked[0]["ok"], &asked.last().expect("one")["ok"]), (&json!(true), &json!(false)));

    let (b, desk) = (Proxy::start(), Desk::new("duration: 7s\n"));
    let expected = ["--prometheus", &prometheus.url, "--signal", "carts: y >= 5"];
    let ran = desk.run(&[&b], &expected);
    told(&ran, 0, &["held", "carts >= 5", "promql"]);
    *prometheus.value.lock().expect("no panic") = Some(6.5);
    let fails = Desk::new(MISSION).run(&[&Proxy::start()], &guarded);
    told(&fails, 1, &["failed  prometheus", "does not hold already", "nothing was started"]);
    *prometheus.value.lock().expect("no panic") = None;
    let gone = Desk::new(MISSION).run(&[&Proxy::start()], &guarded);
    told(&gone, 1, &["failed  prometheus", "is `--prometheus` right"]);
}

#[test]
fn mistakes_of_the_command_line_are_told_before_anybody_is_asked() {
    let (a, desk) = (Proxy::start(), Desk::new(MISSION));
    told(&desk.run(&[&a], &["--guardrail", "errors: x <= 5"]), 2, &["--prometheus"]);
    let with = |guardrail: &str| desk.run(&[&a], &["--prometheus", "http://b:1", "--guardrail", guardrail]);
    told(&with("x <= 5"), 2, &["has no name"]);
    told(&desk.run(&[&a], &["--prometheus", "https://b"]), 2, &["--prometheus", "no TLS"]);
    told(&desk.run(&[&a], &["--guardrail-for", "0"]), 2, &["--guardrail-for"]);
    told(&desk.run(&[&a], &["--catalog", "none.yaml"]), 2, &["none.yaml"]);
    assert!(!Path::new(desk.0.path()).join("run.jsonl").exists());
    std::fs::write(desk.0.path().join("mission.yaml"), "version: 1\n").expect("written");
    told(&desk.run(&[&a], &[]), 1, &["error[missing-key]", "nothing was started"]);
    assert!(a.state().posts.is_empty());
}
