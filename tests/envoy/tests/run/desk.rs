//! Where a person runs chaosctl, and what is left there.

use crate::proxy::Proxy;
use serde_json::Value;
use squall_envoy_tests::repo_root;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub struct Desk(TempDir);

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new(catalog: &Value, mission: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let head = "version: 1\nid: run-1\nscenarios: [slow]\nnamespace: shop\n";
        std::fs::write(desk.0.path().join("mission.yaml"), format!("{head}{mission}")).unwrap();
        std::fs::write(desk.0.path().join("catalog.json"), catalog.to_string()).unwrap();
        desk
    }

    pub fn begin(&self, proxies: &[&Proxy], more: &[&str]) -> Child {
        let chaosctl = repo_root().join("target/release/chaosctl");
        let proxies = proxies.iter().flat_map(|proxy| ["--proxy", &proxy.url]);
        Command::new(&chaosctl)
            .args(["run", "mission.yaml", "--catalog", "catalog.json", "--journal", "run.jsonl", "--yes"])
            .args(more)
            .args(proxies)
            .current_dir(self.0.path())
            .env("USER", "dana")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", chaosctl.display()))
    }

    /// The lines of a kind.
    pub fn journal(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.0.path().join("run.jsonl")).unwrap();
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        whole.filter(|line| line["kind"] == kind).collect()
    }

    pub fn phases(&self) -> Vec<String> {
        self.journal("phase").iter().map(|line| line["phase"].as_str().unwrap().to_owned()).collect()
    }
}

/// Waits for its end without holding up those who send requests.
pub async fn end(child: Child) -> Ran {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[track_caller]
pub fn told(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.out, ran.err);
    for words in words {
        assert!(ran.out.contains(words) || ran.err.contains(words), "{words:?}:\n{}\n{}", ran.out, ran.err);
    }
}
