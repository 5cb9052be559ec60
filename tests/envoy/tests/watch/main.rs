//! `chaosctl watch` in a terminal of its own, over real proxies: what it shows, how it halts, and that it gives the terminal back.

mod proxy;

use proxy::Proxy;
use rustix::process::Signal;
use squall_envoy_tests::{Terminal, repo_root};
use std::process::Command;

fn watch(proxies: &[&str], more: &[&str]) -> Terminal {
    let mut command = Command::new(repo_root().join("target/release/chaosctl"));
    command
        .args(["watch", "--every", "200ms", "--timeout", "2s"])
        .args(more)
        .env("USER", "dana")
        .env_remove("NO_COLOR");
    for proxy in proxies {
        command.args(["--proxy", proxy]);
    }
    Terminal::start(command, 120, 40).unwrap_or_else(|error| panic!("{error}; run `make build`"))
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
