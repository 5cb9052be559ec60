//! `run` at a terminal: it asks before it starts anything, and shows where it is.

use crate::desk::Desk;
use crate::proxy::{Proxy, catalog};
use squall_envoy_tests::{Terminal, eventually};
use std::time::Duration;

const QUESTION: &str = "Start run-1 for 11s on 1 proxy? [y/N]";

fn begin(desk: &Desk, proxy: &Proxy) -> Terminal {
    let command = desk.run("mission.yaml", &[&proxy.url], &[]);
    Terminal::start(command, 120, 40).unwrap_or_else(|error| panic!("{error}; run `make build`"))
}

/// How much of the bar is full while a phase goes on, and the line with its numbers as it stands there.
async fn bar(terminal: &Terminal, phase: &str, numbers: &str) -> (usize, String) {
    let line = async || {
        let text = terminal.text();
        let is_it = |line: &&str| line.starts_with(&format!("{phase} [")) && line.contains(numbers);
        text.lines().find(is_it).map(str::to_owned)
    };
    let line = eventually(phase, Duration::from_secs(20), line).await;
    let line = line.unwrap_or_else(|error| panic!("{error}\n{}", terminal.text()));
    (line.matches('=').count(), line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_asked_first_and_sees_the_stage_and_live_numbers() {
    let catalog = catalog("20ms", false);
    let proxy = Proxy::start(&catalog, 60.0).await;
    let desk = Desk::new(
        &catalog,
        "baseline: 3s\nduration: 11s\nrecovery: 1s\nstages: [{for: 3s, intensity: 50%}, {intensity: 100%}]\n",
    );
    for no in ["n\n", "\n", "\x03"] {
        let mut terminal = begin(&desk, &proxy);
        terminal.until(QUESTION).await.unwrap();
        assert_eq!(proxy.state().await, "idle", "nothing begins before the answer");
        terminal.press(no).unwrap();
        assert!(!terminal.end().await.unwrap().success(), "{no:?}: {}", terminal.text());
        terminal.until("nothing was started").await.unwrap();
        assert!(terminal.is_usable().unwrap());
        assert_eq!((proxy.state().await.as_str(), desk.journal("action").len()), ("idle", 0), "{no:?}");
        desk.forget_journal();
    }

    let mut terminal = begin(&desk, &proxy);
    terminal.until(QUESTION).await.unwrap();
    terminal.press("y\n").unwrap();
    let (early, baseline) = bar(&terminal, "baseline", " requests, errors 0.00 %, p95 ").await;
    assert!(baseline.contains("s left baseline "), "{baseline}");
    const NUMBERS: &str = "s left injected ";
    bar(&terminal, "stage 1/2 at 50 %", NUMBERS).await;
    let (_, second) = bar(&terminal, "stage 2/2 at 100 %", NUMBERS).await;
    let injected = |line: &str| -> Option<u64> {
        line.split_once("injected ")?.1.split_whitespace().next()?.parse().ok()
    };
    let grown = async || {
        let (late, line) = bar(&terminal, "stage 2/2 at 100 %", NUMBERS).await;
        (late > early && injected(&line) > injected(&second)).then_some(())
    };
    eventually("a bar and numbers that grow", Duration::from_secs(20), grown).await.unwrap();
    let status = terminal.end().await.unwrap();
    assert!(status.success(), "{}", terminal.text());
    terminal.until("held  run-1").await.unwrap();
    // The bar is gone, and the lines that stay tell the whole course.
    let text = terminal.text();
    assert!(!text.contains("] 0s left"), "{text}");
    for line in
        ["baseline, ", "stage 1/2 at 50 %, ", "stage 2/2 at 100 %, ", "recovery, ", "journal run.jsonl"]
    {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(terminal.is_usable().unwrap());
}
