//! How Envoy is run: its workers, logs, timers and CPUs, and the command line they make.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{ADMIN_ADDRESS, LOG};
use crate::{Bootstrap, Envoy, Result};

/// How Envoy is run. The default is one worker, the log level `warning`, Envoy's own (coarse) timers.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    concurrency: u32,
    log_level: String,
    component_log_level: Option<String>,
    environment: Vec<(String, String)>,
    cpus: Option<String>,
    drain_seconds: Option<u32>,
    pub(super) start_limit: Duration,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            log_level: "warning".to_owned(),
            component_log_level: None,
            environment: Vec::new(),
            cpus: None,
            drain_seconds: None,
            start_limit: Duration::from_secs(60),
        }
    }
}

impl EnvoyOptions {
    /// The number of worker threads.
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Envoy's `--log-level`, such as `info` or `debug`.
    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log_level);
        self
    }

    /// Envoy's `--component-log-level`, such as `wasm:debug,http:debug`.
    pub fn component_log_level(mut self, levels: &str) -> Self {
        self.component_log_level = Some(levels.to_owned());
        self
    }

    /// Timers with an error well below a millisecond (`EVENT_PRECISE_TIMER=1`) instead of up to 6 ms.
    pub fn precise_timer(self) -> Self {
        self.env("EVENT_PRECISE_TIMER", "1")
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Binds Envoy to CPUs, as `taskset -c` writes them: `0` or `0-1`.
    pub fn cpus(mut self, list: &str) -> Self {
        self.cpus = Some(list.to_owned());
        self
    }

    /// How long an old listener lives on for its connections after a change (default 600 s).
    pub fn drain_seconds(mut self, seconds: u32) -> Self {
        self.drain_seconds = Some(seconds);
        self
    }

    /// Starts Envoy and waits until every listener of the bootstrap serves.
    ///
    /// # Errors
    /// [`Error::Missing`] without a binary; [`Error::Start`], with the end of the log, when it is not ready in 60 s.
    pub async fn start(self, bootstrap: impl Into<Bootstrap>) -> Result<Envoy> {
        Envoy::launch(self, bootstrap.into()).await
    }

    pub(super) fn command(&self, binary: &Path, folder: &Path) -> Result<Command> {
        let mut command = match &self.cpus {
            None => Command::new(binary),
            Some(cpus) => {
                let mut taskset = Command::new("taskset");
                taskset.arg("-c").arg(cpus).arg(binary);
                taskset
            }
        };
        let log = std::fs::File::create(folder.join(LOG))?;
        command
            .arg("--config-path")
            .arg(folder.join("bootstrap.yaml"))
            // Merged over the bootstrap, so that no admin port is ever fixed.
            .args([
                "--config-yaml",
                r#"{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}}}"#,
            ])
            .arg("--admin-address-path")
            .arg(folder.join(ADMIN_ADDRESS))
            .args(["--disable-hot-restart", "--file-flush-interval-msec", "50"])
            .arg("--concurrency")
            .arg(self.concurrency.to_string())
            .args(["--log-level", &self.log_level])
            .args(
                self.component_log_level
                    .iter()
                    .flat_map(|levels| [OsString::from("--component-log-level"), levels.into()]),
            )
            .args(self.drain_seconds.iter().flat_map(|time| ["--drain-time-s".to_owned(), time.to_string()]))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }
}
