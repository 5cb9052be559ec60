//! A mission of severity high, which two operators have signed: `run` starts, renews and stops it with the key of one of them.

use crate::desk::{Desk, end, interrupt, spawn, told};
use crate::proxy::{Proxy, catalog};
use serde_json::{Value, json};
use std::time::Duration;

fn verb(desk: &Desk, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = desk.chaosctl(&words).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Alice signs, and Bob where it is wanted.
fn sign(desk: &Desk, id: &str, rest: &str, is_approved: bool) {
    let head = format!("version: 1\nid: {id}\nscenarios: [slow]\nnamespace: shop\nseed: s\n");
    desk.write("plain.yaml", &format!("{head}{rest}"));
    verb(desk, "sign --yes --key alice.key --catalog catalog.json --mission plain.yaml --out signed.json");
    if is_approved {
        verb(
            desk,
            "approve --yes --key bob.key --catalog catalog.json --mission signed.json --out signed.json",
        );
    }
}

/// What was asked of the proxies, with whether they did it.
fn asked(desk: &Desk, what: &str) -> Vec<bool> {
    let actions = desk.journal("action").into_iter().filter(|line| line["what"] == what);
    actions.map(|line| line["ok"].as_bool().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_that_two_have_signed_is_started_renewed_and_stopped_with_a_key() {
    const SHORT: &str = "duration: 9s\nlease: 2s\n";
    let mut catalog = catalog("20ms", false);
    catalog["scenarios"][0]["severity"] = json!("high");
    let desk = Desk::new(&catalog, "duration: 1m\n");
    let operators: Vec<Value> = ["alice", "bob"]
        .iter()
        .map(|name| {
            let entry = verb(&desk, &format!("keygen {name} --up-to high --output json"));
            let entry: Value = serde_json::from_str(&entry).unwrap();
            if entry.is_array() { entry[0].clone() } else { entry }
        })
        .collect();
    let operators = json!(operators);
    let (a, b) = tokio::join!(
        Proxy::signed(&catalog, operators.clone(), 40.0),
        Proxy::signed(&catalog, operators.clone(), 40.0)
    );
    let urls = [a.url.as_str(), &b.url];
    let run = |more: &[&str]| {
        let more = [&["--yes"], more].concat();
        spawn(&mut desk.run("signed.json", &urls, &more))
    };

    sign(&desk, "one-signer", SHORT, false);
    told(&end(run(&["--key", "alice.key"])).await, 1, &["refused[signature-needed]", "only 1 signed"]);
    assert_eq!([a.state().await, b.state().await], ["idle", "idle"]);
    desk.forget_journal();

    sign(&desk, "no-key", SHORT, true);
    let nobody = ["failed  key", "lease of 2 s, which nobody could renew: give `--key`"];
    told(&end(run(&[])).await, 1, &nobody);
    assert_eq!([a.state().await, b.state().await], ["idle", "idle"]);
    desk.forget_journal();

    // Four leases and a half long: without renewals that count it would not come to its end.
    sign(&desk, "to-its-end", SHORT, true);
    let ran = end(run(&["--key", "bob.key"])).await;
    told(&ran, 0, &["started to-its-end (slow) for 9s, signed by alice, bob", "held  to-its-end"]);
    let renewed = asked(&desk, "renew");
    assert!(renewed.len() >= 8 && renewed.iter().all(|ok| *ok), "{renewed:?}");
    assert_eq!([a.state().await, b.state().await], ["done", "done"]);
    assert!(a.injected().await > 50, "{}", a.injected().await);
    desk.forget_journal();

    // The stop of a Ctrl-C is signed too.
    sign(&desk, "stopped", "duration: 10m\nlease: 1m\n", true);
    let child = run(&["--key", "alice.key"]);
    b.is("injecting", None, Duration::from_secs(20)).await;
    interrupt(&child);
    told(&end(child).await, 1, &["interrupted (SIGINT)", &format!("{} stopped", b.url)]);
    assert_eq!(asked(&desk, "stop"), [true, true]);
    for proxy in [&a, &b] {
        assert_eq!(proxy.status().await.unwrap()["mission"]["ended"]["how"], "stopped");
    }
}
