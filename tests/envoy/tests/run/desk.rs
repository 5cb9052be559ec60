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

    /// A verb, called here.
    pub fn chaosctl(&self, words: &[&str]) -> Command {
        let mut command = Command::new(repo_root().join("target/release/chaosctl"));
        command.args(words).current_dir(self.0.path()).env("USER", "dana").stdin(Stdio::null());
        command
    }

    /// `run` of a mission file over these control listeners.
    pub fn run(&self, mission: &str, urls: &[&str], more: &[&str]) -> Command {
        let mut command = self.chaosctl(&["run", mission, "--catalog", "catalog.json"]);
        command.args(["--journal", "run.jsonl"]).args(more);
        command.args(urls.iter().flat_map(|url| ["--proxy", url]));
        command
    }

    /// Begins it without a question.
    pub fn begin(&self, proxies: &[&Proxy], more: &[&str]) -> Child {
        let urls: Vec<&str> = proxies.iter().map(|proxy| proxy.url.as_str()).collect();
        let mut command = self.run("mission.yaml", &urls, more);
        spawn(command.arg("--yes"))
    }

    /// Makes room for another run.
    pub fn forget_journal(&self) {
        std::fs::remove_file(self.0.path().join("run.jsonl")).unwrap();
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
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

pub fn spawn(command: &mut Command) -> Child {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().unwrap_or_else(|error| panic!("{piped:?}: {error}; run `make build`"))
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
