//! Somebody who has just got Squall: from `init` to a page with plots, as the first runbook goes, over a real Envoy with traffic.

use crate::looks_right;
use serde_json::{Value, json};
use squall_envoy_tests::{
    Browser, EnvoyBinary, HttpClient, HttpUpstream, Load, Metrics, View, eventually, repo_root,
};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

struct Newcomer {
    folder: TempDir,
    listen: SocketAddr,
    admin: SocketAddr,
    control: SocketAddr,
    upstream: HttpUpstream,
    envoy: Option<Child>,
    /// All that was typed.
    commands: Vec<String>,
    users: JoinSet<()>,
}

/// Kills Envoy by its handle.
impl Drop for Newcomer {
    fn drop(&mut self) {
        if let Some(envoy) = &mut self.envoy {
            let _ = envoy.kill();
            let _ = envoy.wait();
        }
    }
}

impl Newcomer {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(repo_root().join("target"), folder.path().join("target")).unwrap();
        // Bound all at once, so that they differ.
        let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [listen, admin, control] = free.each_ref().map(|listener| listener.local_addr().unwrap());
        let upstream = HttpUpstream::start().await.unwrap();
        let (envoy, commands, users) = (None, Vec::new(), JoinSet::new());
        Self { folder, listen, admin, control, upstream, envoy, commands, users }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Types a command of blanks and words.
    fn begins(&mut self, line: &str) -> Child {
        self.commands.push(line.to_owned());
        let mut words = line.split_whitespace();
        let program = match words.next().unwrap() {
            "envoy" => EnvoyBinary::find().unwrap().path().to_owned(),
            name => repo_root().join("target/release").join(name),
        };
        Command::new(&program)
            .args(words)
            .current_dir(self.folder.path())
            .env("CHAOSCTL_PROXY", format!("http://{}", self.control))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", program.display()))
    }

    fn types(&mut self, line: &str, code: i32) -> String {
        let child = self.begins(line);
        ended(child, line, code)
    }

    /// Changes words in a file, each of which is there once.
    fn edits(&self, name: &str, changes: &[(&str, &str)]) {
        let mut text = std::fs::read_to_string(self.path(name)).unwrap();
        for (from, to) in changes {
            assert_eq!(text.matches(from).count(), 1, "{name}: {from}");
            text = text.replace(from, to);
        }
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Files, their check, Envoy as the runbook starts it, and traffic.
    async fn prepares(&mut self, delay: &str, requests_per_s: f64) {
        self.types("chaosctl init chaos", 0);
        // A minute of everything is more than a test has.
        self.edits(
            "chaos/mission.yaml",
            &[("duration: 5m", "duration: 14s"), ("baseline: 1m", "baseline: 3s"), ("for: 1m", "for: 4s")],
        );
        self.edits("chaos/catalog.yaml", &[("fixed: 200ms", &format!("fixed: {delay}"))]);
        self.types("chaosctl validate chaos/", 0);
        let (listen, admin, control) = (self.listen, self.admin, self.control);
        let rendered = self.types(
            &format!(
                "chaosctl render envoy --catalog chaos/catalog.yaml --upstream {} --listen {listen} --admin {admin} --control {control}",
                self.upstream.addr()
            ),
            0,
        );
        std::fs::write(self.path("envoy.yaml"), rendered).unwrap();
        let mut envoy = self.begins("envoy -c envoy.yaml --disable-hot-restart --log-level error");
        // Its access log goes to where nobody would read it.
        let mut log = envoy.stdout.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        self.envoy = Some(envoy);
        let ready = async || {
            let ready = HttpClient::http1(admin).get("/ready").await.ok()?;
            let status = HttpClient::http1(control).get("/v1/status").await.ok()?;
            (ready.status == 200 && status.status == 200).then_some(())
        };
        eventually("Envoy", Duration::from_secs(60), ready).await.unwrap();
        let load = Load::http1(listen).connections(32);
        self.users.spawn(async move {
            // Ends with Envoy.
            let _ = load.open_loop(requests_per_s, Duration::from_secs(120)).await;
        });
    }

    async fn metrics(&self) -> Metrics {
        let reply = HttpClient::http1(self.admin).get("/stats/prometheus").await.unwrap();
        Metrics::parse(&reply.text())
    }
}

fn ended(child: Child, line: &str, code: i32) -> String {
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}\n{out}\n{err}");
    out.into_owned()
}

/// What the report has is what Envoy has counted.
fn assert_counted(report: &Value, envoy: &Metrics) {
    let row = &report["ledger"][0];
    let injected = envoy.injected("slow-requests", "delay");
    assert!(injected > 300, "{injected}");
    assert_eq!(
        (&row["scenario"], &report["injected"]),
        (&json!("slow-requests"), &json!(injected)),
        "{report}"
    );
    assert_eq!(
        (&row["injected"], &row["injected_in_all"]),
        (&json!([["delay", injected]]), &json!(injected))
    );
    let [treatment, control, other, baseline] =
        ["treatment", "control", "other", "baseline"].map(|group| envoy.finished("slow-requests", group));
    assert!(control > 1000 && baseline > 300, "{control} {baseline}");
    assert_eq!(
        (&row["treatment"], &row["matched"]),
        (&json!(treatment), &json!(treatment + control + other)),
        "{report}"
    );
    for (group, requests) in [("treatment", treatment), ("control", control), ("baseline", baseline)] {
        let found = report["groups"].as_array().unwrap().iter().find(|row| row["group"] == group).unwrap();
        assert_eq!(found["requests"], requests, "{group}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_init_to_a_page_with_plots_in_fewer_than_ten_commands() {
    let mut person = Newcomer::new().await;
    person.prepares("200ms", 400.0).await;
    let told = person
        .types("chaosctl run chaos/mission.yaml --catalog chaos/catalog.yaml --journal first.jsonl --yes", 0);
    assert!(told.starts_with("held  first-experiment\n"), "{told}");
    let said = person.types("chaosctl report first.jsonl", 0);
    assert!(said.contains("wrote first.html\nwrote first.md\n"), "{said}");
    let report = person.types("chaosctl report first.jsonl --output json", 0);
    assert!(person.commands.len() < 10, "{:?}", person.commands);

    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["verdict"], &report["is_complete"]), (&json!("held"), &json!(true)));
    assert_counted(&report, &person.metrics().await);
    let phases: Vec<&str> =
        report["phases"].as_array().unwrap().iter().map(|row| row["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["preflight", "baseline", "stage at 25 %", "stage at 100 %", "done"]);
    let markdown = std::fs::read_to_string(person.path("first.md")).unwrap();
    let injected = report["injected"].as_u64().unwrap();
    for part in ["# first-experiment: held\n", &format!("| faults injected | {injected} |"), "**held**"] {
        assert!(markdown.contains(part), "{part}:\n{markdown}");
    }

    let browser = Browser::start().await.unwrap();
    let page = browser.page(View::DESK).await.unwrap();
    page.go(&format!("file://{}", person.path("first.html").display())).await.unwrap();
    page.until_text("The hypothesis held").await.unwrap();
    page.until_text(&injected.to_string()).await.unwrap();
    looks_right(&page, "newcomer", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_real_runs_side_by_side() {
    let (mut before, mut after) = (Newcomer::new().await, Newcomer::new().await);
    tokio::join!(before.prepares("600ms", 100.0), after.prepares("200ms", 100.0));
    const RUN: &str =
        "chaosctl run chaos/mission.yaml --catalog chaos/catalog.yaml --yes --journal run.jsonl";
    let (earlier, later) = (before.begins(RUN), after.begins(RUN));
    let (earlier, later) = (ended(earlier, RUN, 1), ended(later, RUN, 1));
    assert!(earlier.starts_with("violated  first-experiment"), "{earlier}");
    // A hundred requests a second are too few for `error_rate <= 1%`.
    assert!(later.starts_with("inconclusive  first-experiment"), "{later}");
    let line = format!("chaosctl report run.jsonl --compare {}", before.path("run.jsonl").display());
    assert!(after.types(&line, 1).contains("wrote run.compare.html"));
    let record = after.types(&format!("{line} --output json"), 1);
    let record: Value = serde_json::from_str(&record).unwrap();
    let compared = &record["compared"];
    let differs = compared["differs"].as_array().unwrap();
    assert!(differs[0].as_str().unwrap().starts_with("proxies: http://127.0.0.1:"), "{differs:?}");
    assert_eq!(differs[1..], [json!("a scenario is defined otherwise: `chaosctl diff` tells how")]);
    let signals = compared["signals"].as_array().unwrap();
    let latency = signals.iter().find(|row| row["what"].as_str().unwrap().contains("latency_p95")).unwrap();
    assert_eq!(
        (&latency["is_clear"], &latency["earlier"]["verdict"], &latency["later"]["verdict"]),
        (&json!(true), &json!("violated"), &json!("held"))
    );

    let browser = Browser::start().await.unwrap();
    let page = browser.page(View::DESK).await.unwrap();
    page.go(&format!("file://{}", after.path("run.compare.html").display())).await.unwrap();
    page.until_text("a scenario is defined otherwise").await.unwrap();
    looks_right(&page, "newcomer-compare", 10).await;
}
