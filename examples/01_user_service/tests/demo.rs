//! The short demo, run from outside: with the compiled filter, chaosctl and a real Envoy.

use std::{
    fs,
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use squall_envoy_tests::eventually;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

const RUN_LIMIT: Duration = Duration::from_secs(90);

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments).kill_on_drop(true);
    command
}

async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        timeout(RUN_LIMIT, demo(arguments).output()).await.expect("the demo ends").expect("it starts");
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// The columns of the line that begins with `first`.
fn columns<'a>(report: &'a str, first: &str) -> Vec<&'a str> {
    let line = report.lines().rfind(|line| line.split_whitespace().next() == Some(first));
    line.unwrap_or_else(|| panic!("no line {first} in:\n{report}")).split_whitespace().collect()
}

/// The number in `column` of that line.
fn number(report: &str, first: &str, column: usize) -> f64 {
    let columns = columns(report, first);
    columns[column].parse().unwrap_or_else(|_| panic!("no number in column {column} of {columns:?}"))
}

#[tokio::test]
async fn the_short_demo_keeps_its_promises_and_shows_the_faults() {
    let (code, report, errors) = run(&["--short"]).await;
    assert_eq!(code, Some(0), "{report}\n{errors}");
    assert!(!report.contains("FAILED"), "{report}");
    for scenario in ["downstream-db-latency", "auth-random-aborts", "auth-latency-spike"] {
        let columns = columns(&report, scenario);
        assert_eq!(columns.last(), Some(&"ok"), "{columns:?}");
    }
    // Both match the same calls; a count that leaves some of them out shifts the rate.
    const MATCHED: usize = 4;
    let matched = |scenario| number(&report, scenario, MATCHED);
    assert_eq!(matched("auth-random-aborts"), matched("auth-latency-spike"), "{report}");
    const P95: usize = 4;
    const ERRORS: usize = 6;
    // Without a fault a page takes about 10 ms; a delayed profile read alone takes 50 ms or more.
    assert!(number(&report, "during", P95) > 100.0, "{report}");
    assert!(number(&report, "during", P95) > 2.0 * number(&report, "after", P95), "{report}");
    // 4 % of the pages lose both tries of their auth check: of 420 pages, none with a chance of 4e-8.
    assert!(number(&report, "during", ERRORS) > 0.0, "{report}");
}

#[tokio::test]
async fn a_missing_chaosctl_is_named_with_the_command_that_builds_it() {
    let (code, report, errors) = run(&["--chaosctl", "/nonexistent/chaosctl"]).await;
    assert_eq!(code, Some(2), "{report}\n{errors}");
    assert!(errors.contains("/nonexistent/chaosctl") && errors.contains("make build"), "{errors}");
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_running() {
    let mut demo = demo(&["--short"]).stdout(Stdio::piped()).spawn().expect("the demo starts");
    let pid = demo.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
    let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
    let running = async {
        while let Some(line) = lines.next_line().await.expect("UTF-8") {
            if line.starts_with("during") {
                return;
            }
        }
        panic!("the demo ended before its mission");
    };
    timeout(RUN_LIMIT, running).await.expect("the mission begins");

    let children = children(pid);
    assert_eq!(children.len(), 4, "three services and Envoy");
    kill_process(pid, Signal::TERM).expect("it still runs");
    let status = timeout(Duration::from_secs(5), demo.wait()).await.expect("it ends").expect("a status");
    assert_eq!(status.code(), Some(2));
    eventually("the end of all children", Duration::from_secs(5), async || {
        children.iter().all(|child| !runs(child)).then_some(())
    })
    .await
    .expect("the demo ends what it started");
}

/// The children of all threads of a process.
fn children(pid: Pid) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).expect("a process");
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let lists: Vec<String> = tasks.flatten().map(of_task).collect();
    lists.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect()
}

/// Whether a process is there, and not only its exit status.
fn runs(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}
