//! `chaosctl watch` in a terminal of its own, over real proxies: what it shows, how it halts, and that it gives the terminal back.

mod proxy;

use proxy::Proxy;
use rustix::process::Signal;
use squall_envoy_tests::{Terminal, repo_root};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn command(proxies: &[&str], more: &[&str]) -> Command {
    let mut command = Command::new(repo_root().join("target/release/chaosctl"));
    command
        .args(["watch", "--every", "200ms", "--timeout", "2s"])
        .args(more)
        .env("USER", "dana")
        .env_remove("NO_COLOR");
    for proxy in proxies {
        command.args(["--proxy", proxy]);
    }
    command
}

fn watch(proxies: &[&str], more: &[&str]) -> Terminal {
    Terminal::start(command(proxies, more), 120, 40)
        .unwrap_or_else(|error| panic!("{error}; run `make build`"))
}

/// Nobody listens there.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_is_watched_and_halted_on_all_proxies_but_the_dead_one() {
    let (a, b) = (Proxy::start().await, Proxy::start().await);
    a.starts("watched").await;
    b.starts("watched").await;
    a.traffic(40).await;
    let gone = nobody();
    let mut terminal = watch(&[&a.url, &gone, &b.url], &["--reason", "checkout is slow"]);
    for part in [
        "3 proxies: 1 lost, 2 injecting",
        "watched  injecting  stage 1/1 at 100 %",
        "cannot be reached",
        "mission.accepted",
        "delay ",
        "error_rate of control above 50 %",
        "latency_p95 <= 5s",
        "treatment",
    ] {
        terminal.until(part).await.unwrap();
    }
    assert!(terminal.is_on_other_screen() && !terminal.is_usable().unwrap());

    // Asked once; Escape takes it back.
    terminal.press("h").unwrap();
    terminal.until("Halt all 3 proxies?").await.unwrap();
    terminal.press("\x1b").unwrap();
    terminal.until("h halt all").await.unwrap();
    assert_eq!((a.state().await, b.state().await), ("injecting".to_owned(), "injecting".to_owned()));
    terminal.press("hy").unwrap();
    for name in [a.name(), b.name()] {
        terminal.until(&format!("✓ {name}  halted by dana")).await.unwrap();
    }
    terminal.until("not halted: 1 proxy").await.unwrap();
    assert_eq!((a.state().await, b.state().await), ("halted".to_owned(), "halted".to_owned()));
    terminal.press("\x1b").unwrap();
    terminal.until("by dana: checkout is slow").await.unwrap();

    // Tab goes to the first of the list, which is the worst.
    terminal.press("\t").unwrap();
    terminal.until("> 127.0.0.1").await.unwrap();
    terminal.resize(80, 24).unwrap();
    terminal.until("q leave").await.unwrap();
    terminal.press("q").unwrap();
    assert!(terminal.end().await.unwrap().success());
    assert!(terminal.is_usable().unwrap() && !terminal.is_on_other_screen());
    terminal.until("left; no mission runs there").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_gets_the_terminal_back_and_the_mission_goes_on() {
    let a = Proxy::start().await;
    a.starts("goes-on").await;
    for how in ["q", "\x03", "SIGTERM"] {
        let mut terminal = watch(&[&a.url], &[]);
        terminal.until("goes-on  injecting").await.unwrap();
        match how {
            "SIGTERM" => terminal.signal(Signal::TERM).unwrap(),
            key => terminal.press(key).unwrap(),
        }
        let status = terminal.end().await.unwrap();
        assert!(status.success(), "{how:?}: {status}\n{}", terminal.text());
        assert!(terminal.is_usable().unwrap() && !terminal.is_on_other_screen(), "{how:?}");
        terminal.until("left; the mission goes on: goes-on on").await.unwrap();
        assert_eq!(a.state().await, "injecting");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_look_is_a_line_for_each_proxy_and_an_object_for_programs() {
    let (a, b, gone) = (Proxy::start().await, Proxy::start().await, nobody());
    a.starts("looked-at").await;
    a.traffic(40).await;
    let look = |proxies: &[&str], more: &[&str]| {
        let output = command(proxies, &[&["--once"], more].concat()).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = look(&[&a.url, &b.url], &[]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len(), err.as_str()), (Some(0), 2, ""), "{out}");
    let first =
        format!("{}  injecting, looked-at, stage 1/1 at 100 %, treatment 0.00 % errors and p95 ", a.name());
    assert!(lines[0].contains(&first), "{out}");
    assert!(lines[1].ends_with(&format!("{}  idle", b.name())), "{out}");

    let (code, out, err) = look(&[&a.url, &gone], &[]);
    assert_eq!((code, out.lines().count()), (Some(2), 1), "{out}");
    assert!(err.contains(&gone) && err.contains("cannot be reached"), "{err}");

    let (code, out, _) = look(&[&a.url, &gone], &["--output", "json"]);
    let records: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, records.len()), (Some(2), 2), "{out}");
    assert_eq!(
        (&records[0]["proxy"], &records[0]["status"]["mission"]["id"]),
        (&a.url.as_str().into(), &"looked-at".into())
    );
    assert!(records[1]["lost"].as_str().unwrap().contains("cannot be reached"), "{out}");
}

/// Without a terminal, as in CI: a line whenever something has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn into_a_pipe_it_writes_a_line_whenever_something_changes_until_it_is_told_to_leave() {
    let a = Proxy::start().await;
    let mut child = command(&[&a.url], &[])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}; run `make build`"));
    let (told, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    let mut next = async || {
        let line = tokio::time::timeout(std::time::Duration::from_secs(20), lines.recv()).await;
        line.expect("a line").expect("no end")
    };
    assert!(next().await.ends_with("  idle"));
    a.starts("told-of").await;
    let mut line = next().await;
    while !line.contains("  injecting, told-of, stage 1/1 at 100 %") {
        assert!(line.contains("told-of"), "{line}");
        line = next().await;
    }
    let halted = command(&[&a.url], &[]).get_program().to_owned();
    let halt = Command::new(halted)
        .args(["halt", "--reason", "enough", "--proxy", &a.url])
        .env("USER", "eve")
        .output();
    assert!(halt.unwrap().status.success());
    let mut line = next().await;
    while !line.contains("  halted by eve") {
        line = next().await;
    }
    assert!(line.contains(": enough, told-of"), "{line}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "left; no mission runs there\n");
}
