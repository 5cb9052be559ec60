//! `chaosctl start`, `status`, `renew`, `stop`, `halt`, `release` against the control listeners of real proxies.

use serde_json::{Value, json};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, HttpClient, HttpFilter, Listener, Route, VirtualHost, eventually,
    repo_root,
};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// One proxy whose filter cuts every request while the mission runs.
struct Proxy {
    envoy: Envoy,
    url: String,
}

impl Proxy {
    async fn start(namespace: &str, severity: &str, operators: Option<&Value>) -> Self {
        let mut plugin = json!({
            "version": 1, "role": "filter", "identity": {"namespace": namespace, "service": "cart"},
            "catalog": catalog(severity),
        });
        if let Some(operators) = operators {
            plugin["operators"] = operators.clone();
        }
        let mut control = plugin.clone();
        control["role"] = json!("control");
        let host = |status: u16| VirtualHost::any("any").route(Route::prefix("/").answer(status, "itself\n"));
        let filter = HttpFilter::squall(&plugin).unwrap();
        let config = EnvoyConfig::new()
            .listener(Listener::new("ingress").filter(filter).virtual_host(host(200)))
            .listener(
                Listener::new("control")
                    .filter(HttpFilter::control(&control).unwrap())
                    .virtual_host(host(503)),
            );
        let envoy = EnvoyOptions::default().concurrency(2).start(config).await.unwrap();
        let url = format!("http://{}", envoy.addr("control"));
        Self { envoy, url }
    }

    /// Waits until requests are cut, or are not.
    async fn is_cut(&self, wanted: bool) {
        let reached = eventually("it", Duration::from_secs(10), async || {
            let reply = HttpClient::http1(self.envoy.addr("ingress")).get("/").await.unwrap();
            (reply.status == if wanted { 503 } else { 200 }).then_some(())
        });
        reached.await.unwrap_or_else(|error| panic!("cut {wanted}: {error}; {}", self.envoy.log()));
    }
}

fn catalog(severity: &str) -> Value {
    json!({"version": 1, "scenarios": [{
        "name": "cut", "severity": severity, "description": "every request fails",
        "scope": {"match": [{"path": {"prefix": "/"}}]}, "faults": [{"abort": {"status": 503}}],
    }]})
}

/// Where a person has their files.
struct Desk(TempDir);

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Runs a command line of blanks and words, with every proxy added.
    fn chaosctl(&self, line: &str, proxies: &[&Proxy]) -> Ran {
        let chaosctl = repo_root().join("target/release/chaosctl");
        let proxies = proxies.iter().flat_map(|proxy| ["--proxy", &proxy.url]);
        let output = Command::new(&chaosctl)
            .args(line.split_whitespace())
            .args(proxies)
            .current_dir(self.0.path())
            .env("USER", "dana")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", chaosctl.display()));
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it, and sees what it says.
    #[track_caller]
    fn says(&self, line: &str, proxies: &[&Proxy], code: i32, words: &[&str]) -> Ran {
        let ran = self.chaosctl(line, proxies);
        assert_eq!(ran.code, Some(code), "{line}\n{}\n{}", ran.out, ran.err);
        for words in words {
            assert!(
                ran.out.contains(words) || ran.err.contains(words),
                "{words:?}\n{}\n{}",
                ran.out,
                ran.err
            );
        }
        ran
    }

    #[track_caller]
    fn states(&self, proxies: &[&Proxy]) -> Vec<String> {
        let ran = self.says("status --output json", proxies, 0, &[]);
        let records: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
        records.iter().map(|record| record["answer"]["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Their keys, as alice.key and bob.key.
    fn operators(&self) -> Value {
        let entries = ["alice", "bob"].iter().map(|name| {
            let ran = self.chaosctl(&format!("keygen {name} --up-to high --output json"), &[]);
            let entry: Value =
                serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
            if entry.is_array() { entry[0].clone() } else { entry }
        });
        entries.collect()
    }

    fn mission(&self, id: &str) {
        let text = format!(
            "version: 1\nid: {id}\nscenarios: [cut]\nnamespace: shop\nduration: 1h\nlease: 10m\nseed: s\n"
        );
        self.write("mission.yaml", &text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missions_start_on_all_proxies_or_on_none_and_end_as_they_are_told() {
    let (a, b) = (Proxy::start("shop", "low", None).await, Proxy::start("shop", "low", None).await);
    let elsewhere = Proxy::start("other", "low", None).await;
    let desk = Desk::new();

    desk.mission("refused-there");
    let back = format!("{}  taken back: refused-there is stopped", a.url);
    desk.says(
        "start mission.yaml",
        &[&a, &elsewhere],
        1,
        &["refused[wrong-namespace]", "mission.yaml:4:12", &back],
    );
    a.is_cut(false).await;
    assert_eq!(desk.states(&[&a, &elsewhere]), ["stopped", "idle"]);

    desk.mission("run-1");
    desk.says("start -f mission.yaml", &[&a, &b], 0, &["started run-1 (cut) for 1h"]);
    a.is_cut(true).await;
    b.is_cut(true).await;
    assert_eq!(desk.states(&[&a, &b]), ["injecting", "injecting"]);
    desk.says("status", &[&a, &b], 0, &["run-1", "1/1 at 100 %", "its lease ends in"]);
    desk.says("start mission.yaml", &[&b], 1, &["refused[mission-runs]", "chaosctl stop --proxy"]);
    desk.says("renew", &[&a, &b], 0, &["renewed run-1; its lease ends in 600 s"]);
    desk.says("stop --reason enough", &[&a, &b], 0, &["stopped run-1"]);
    a.is_cut(false).await;
    b.is_cut(false).await;
    desk.says("stop", &[&a], 1, &["refused[no-mission]"]);
    desk.says("stop run-1", &[&a], 1, &["refused[mission-ended]"]);

    desk.says("start scenario=cut duration=10m", &[&a, &b], 0, &["started cut-2"]);
    a.is_cut(true).await;
    desk.says("renew", &[&a], 1, &["refused[no-lease]"]);
    desk.says("halt --reason slow", &[&a, &b], 0, &["halted by dana at 2", ": slow"]);
    a.is_cut(false).await;
    b.is_cut(false).await;
    desk.says("status", &[&a, &b], 0, &["halted by dana", ": slow; `chaosctl release"]);
    desk.says("start scenario=cut duration=10m", &[&a, &b], 1, &["refused[halted]"]);
    desk.says("release", &[&a, &b], 0, &["released by"]);
    desk.says("release", &[&a], 1, &["refused[not-halted]"]);
    // On the others it may run where that is wanted.
    desk.says(
        "start scenario=cut duration=10m namespace=shop --allow-partial",
        &[&a, &elsewhere],
        1,
        &["started cut-2"],
    );
    a.is_cut(true).await;
    elsewhere.is_cut(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_sign_what_changes_something_and_anybody_halts() {
    let desk = Desk::new();
    let operators = desk.operators();
    let a = Proxy::start("shop", "high", Some(&operators)).await;
    let elsewhere = Proxy::start("other", "high", Some(&operators)).await;
    desk.write("catalog.yaml", &catalog("high").to_string());
    let sign = |id: &str| {
        desk.mission(id);
        desk.says(
            "sign --yes --key alice.key --catalog catalog.yaml --mission mission.yaml --out signed.json",
            &[],
            0,
            &[],
        );
        let one = desk.says("start signed.json", &[&a], 1, &["refused[signature-needed]"]);
        assert!(one.err.contains("only 1 signed"), "{}", one.err);
        desk.says(
            "approve --yes --key bob.key --catalog catalog.yaml --mission signed.json --out signed.json",
            &[],
            0,
            &[],
        );
    };

    sign("run-1");
    desk.says("start mission.yaml", &[&a], 1, &["refused[signature-needed]"]);
    // Without a key it keeps running where it started, which is said.
    desk.says(
        "start signed.json",
        &[&a, &elsewhere],
        1,
        &["note: without `--key`", "not taken back", "needs no key"],
    );
    a.is_cut(true).await;
    desk.says("stop", &[&a], 1, &["refused[signature-needed]", "--key FILE"]);
    desk.says("renew --key alice.key", &[&a], 0, &["renewed run-1"]);
    desk.says("renew --key alice.key --operator bob", &[&a], 1, &["refused[bad-signature]"]);
    desk.says("stop --key bob.key", &[&a], 0, &["stopped run-1"]);
    a.is_cut(false).await;

    sign("run-2");
    desk.says("start signed.json --key alice.key", &[&a, &elsewhere], 1, &["taken back: run-2 is stopped"]);
    a.is_cut(false).await;
    sign("run-3");
    desk.says("start signed.json", &[&a], 0, &["started run-3 (cut) for 1h, signed by alice, bob"]);
    a.is_cut(true).await;
    desk.says("halt", &[&a], 0, &["halted by dana"]);
    a.is_cut(false).await;
    desk.says("release", &[&a], 1, &["refused[signature-needed]"]);
    desk.says("release --key alice.key --reason solved", &[&a], 0, &["released by alice"]);
}

/// Whoever has no key, and faults that have to end now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_is_refused_halts_with_force_and_one_that_is_not_leaves_nothing_halted() {
    let desk = Desk::new();
    let operators = desk.operators();
    let (a, b) =
        tokio::join!(Proxy::start("shop", "medium", Some(&operators)), Proxy::start("shop", "medium", None));
    desk.write("catalog.yaml", &catalog("medium").to_string());
    let sign = "sign --yes --key alice.key --catalog catalog.yaml --mission mission.yaml --out signed.json";
    desk.mission("run-1");
    desk.says(sign, &[], 0, &[]);
    desk.says("start signed.json", &[&a], 0, &["signed by alice"]);
    desk.says("start mission.yaml", &[&b], 0, &["started run-1"]);
    a.is_cut(true).await;
    b.is_cut(true).await;

    desk.says("stop", &[&a], 1, &["refused[signature-needed]", "--key FILE"]);
    a.is_cut(true).await;
    let ran = desk.says("stop --force --reason outage", &[&a, &b], 0, &["halted, as the stop was refused: "]);
    for part in [
        &format!("{}  halted, as the stop was refused: ", a.url),
        "signature-needed",
        "nothing starts there before `chaosctl release`",
        &format!("{}  stopped run-1", b.url),
    ] {
        assert!(ran.out.contains(part), "{part}:\n{}", ran.out);
    }
    a.is_cut(false).await;
    b.is_cut(false).await;
    assert_eq!(desk.states(&[&a, &b]), ["halted", "stopped"]);
    desk.says("status", &[&a], 0, &["halted by dana", ": outage"]);
    // Nothing runs there any more, so that nothing is halted either.
    desk.says("stop --force", &[&b], 1, &["refused[no-mission]"]);
    assert_eq!(desk.states(&[&b]), ["stopped"]);

    desk.mission("run-2");
    desk.says(sign, &[], 0, &[]);
    desk.says("start signed.json", &[&a], 1, &["refused[halted]"]);
    desk.says("release --key alice.key", &[&a], 0, &["released by alice"]);
    desk.says("start signed.json", &[&a], 0, &["started run-2"]);
    a.is_cut(true).await;
    // With a key it is a stop, whatever else is said.
    desk.says("stop --force --key bob.key", &[&a], 0, &["stopped run-2"]);
    a.is_cut(false).await;
    assert_eq!(desk.states(&[&a]), ["stopped"]);
}
