//! A real Prometheus that scrapes Envoys every second: started on a free port in a folder of its own, killed with its owner.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Error, HttpClient, PrometheusTools, Reply, Result, eventually, process};

const LOG: &str = "prometheus.log";
const START_LIMIT: Duration = Duration::from_secs(60);

/// What is scraped: a job with its targets, and labels that all of them get.
#[derive(Clone, Debug)]
pub struct Job<'j> {
    pub name: &'j str,
    pub targets: &'j [SocketAddr],
    pub labels: &'j [(&'j str, &'j str)],
}

/// A running Prometheus. Dropping it kills the process and removes its folder.
pub struct Prometheus {
    process: Child,
    address: SocketAddr,
    client: HttpClient,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `/stats/prometheus` of the targets and evaluates the rules in these files, each every second.
    ///
    /// # Errors
    /// [`Error::Missing`] without a binary; [`Error::Start`], with the end of the log, when it is not ready in 60 s.
    pub async fn start(jobs: &[Job<'_>], rules: &[&Path]) -> Result<Self> {
        let tools = PrometheusTools::find()?;
        let folder = tempfile::Builder::new().prefix("squall-prometheus-").tempdir()?;
        let config = folder.path().join("prometheus.json");
        // JSON is YAML.
        std::fs::write(&config, configuration(jobs, rules).to_string())?;
        let log = std::fs::File::create(folder.path().join(LOG))?;
        let mut command = Command::new(&tools.prometheus);
        command
            .arg("--config.file")
            .arg(&config)
            .arg("--storage.tsdb.path")
            .arg(folder.path().join("data"))
            .args(["--web.listen-address", "127.0.0.1:0", "--log.level", "info"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = process::spawn(command)?;
        let read = || std::fs::read_to_string(folder.path().join(LOG)).unwrap_or_default();
        let ready = eventually("the address of Prometheus", START_LIMIT, async || {
            let ended = process.try_wait().is_ok_and(|status| status.is_some());
            let log = read();
            match (listening(&log), ended) {
                (Some(address), _) if log.contains("Server is ready") => Some(Ok(address)),
                (_, true) => {
                    Some(Err(Error::Malformed("configuration or command line: it ended".to_owned())))
                }
                _ => None,
            }
        });
        match ready.await.and_then(|found| found) {
            Ok(address) => Ok(Self { process, address, client: HttpClient::http1(address), _folder: folder }),
            Err(error) => {
                // It has ended, or it is of no use.
                let _ = process.kill();
                let _ = process.wait();
                Err(Error::Start { reason: error.to_string(), log: read() })
            }
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The samples of an instant query: `[{"metric": {..}, "value": [time, "text"]}]`.
    ///
    /// # Errors
    /// [`Error::Admin`] when Prometheus refuses the expression.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let reply: Reply = self.client.get(&path).await?;
        let answer = reply.json();
        match (&answer["data"]["resultType"], &answer["data"]["result"]) {
            (kind, Value::Array(samples)) if *kind == "vector" => Ok(samples.clone()),
            (kind, value) if *kind == "scalar" => Ok(vec![json!({"metric": {}, "value": value})]),
            _ => Err(Error::Admin { path: expression.to_owned(), status: reply.status, body: reply.text() }),
        }
    }

    /// The value of the only sample of a query; `None` when there is none, or more than one.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn value(&self, expression: &str) -> Result<Option<f64>> {
        let samples = self.query(expression).await?;
        let [only] = samples.as_slice() else { return Ok(None) };
        Ok(only["value"][1].as_str().and_then(|text| text.parse().ok()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only when the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(jobs: &[Job<'_>], rules: &[&Path]) -> Value {
    let scrapes: Vec<Value> = jobs
        .iter()
        .map(|job| {
            let targets: Vec<String> = job.targets.iter().map(ToString::to_string).collect();
            let labels: serde_json::Map<String, Value> =
                job.labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({"job_name": job.name, "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": targets, "labels": labels}]})
        })
        .collect();
    json!({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": rules,
        "scrape_configs": scrapes,
    })
}

/// The address in a line such as `msg="Listening on" address=127.0.0.1:39999`.
fn listening(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("\"Listening on\""))?;
    line.split("address=").nth(1)?.split_whitespace().next()?.trim_matches('"').parse().ok()
}

/// Percent-encodes all but letters and digits.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
