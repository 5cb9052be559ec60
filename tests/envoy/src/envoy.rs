//! The Envoy process: started on free ports in a folder of its own, asked through its admin interface, killed with its owner.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

use crate::bootstrap::{Bootstrap, RUN_DIR};
use crate::{
    AccessLogEntry, EnvoyBinary, Error, HttpClient, Metrics, Result, access_log, eventually, process, request,
};

mod discovery;
mod options;

pub use discovery::ConfigUpdate;
pub use options::EnvoyOptions;

const LOG: &str = "envoy.log";
const ADMIN_ADDRESS: &str = "admin-address";

/// A running Envoy. Dropping it kills the process and removes its folder.
pub struct Envoy {
    process: Mutex<Child>,
    pid: u32,
    admin: HttpClient,
    ports: HashMap<String, u16>,
    folder: TempDir,
}

impl Envoy {
    /// Starts Envoy with the default [`EnvoyOptions`].
    ///
    /// # Errors
    /// As [`EnvoyOptions::start`].
    pub async fn start(bootstrap: impl Into<Bootstrap>) -> Result<Self> {
        EnvoyOptions::default().start(bootstrap).await
    }

    async fn launch(options: EnvoyOptions, bootstrap: Bootstrap) -> Result<Self> {
        let binary = EnvoyBinary::find()?;
        let folder = tempfile::Builder::new().prefix("squall-envoy-").tempdir()?;
        write_files(folder.path(), &bootstrap)?;
        let child = process::spawn(options.command(binary.path(), folder.path())?)?;
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let pid = child.id();
        let mut envoy = Self {
            process: Mutex::new(child),
            pid,
            admin: HttpClient::http1(nowhere),
            ports: HashMap::new(),
            folder,
        };
        if let Err(error) = envoy.wait_until_ready(options.start_limit).await {
            return Err(Error::Start { reason: error.to_string(), log: last_lines(&envoy.log(), 60) });
        }
        Ok(envoy)
    }

    async fn wait_until_ready(&mut self, limit: Duration) -> Result<()> {
        let address_file = self.folder.path().join(ADMIN_ADDRESS);
        let address = eventually("the admin address", limit, async || {
            if !self.alive() {
                return Some(Err(Error::Malformed(
                    "bootstrap or command line: the process ended".to_owned(),
                )));
            }
            let address = std::fs::read_to_string(&address_file).ok()?.trim().parse::<SocketAddr>().ok()?;
            Some(Ok(address))
        });
        self.admin = HttpClient::http1(address.await??);
        // LIVE means the listeners are warm; the workers take them over a moment later.
        let serving = eventually("readiness", limit, async || {
            if !self.alive() {
                return Some(Err(Error::Malformed("bootstrap: the process ended".to_owned())));
            }
            let live = self.admin("/ready").await.ok()?.contains("LIVE");
            let workers = self.admin("/stats?filter=^listener_manager.workers_started$").await.ok()?;
            (live && workers.trim().ends_with(": 1")).then_some(Ok(()))
        });
        serving.await??;
        self.ports = listener_ports(&self.admin("/listeners?format=json").await?)?;
        Ok(())
    }

    /// The port of a listener.
    ///
    /// # Panics
    /// When the bootstrap has no listener of this name on an IP address.
    pub fn port(&self, listener: &str) -> u16 {
        *self
            .ports
            .get(listener)
            .unwrap_or_else(|| panic!("no listener `{listener}` among {:?}", self.ports.keys()))
    }

    /// The address of a listener; panics as [`Envoy::port`].
    pub fn addr(&self, listener: &str) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port(listener)).into()
    }

    /// The address of the admin interface.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.addr()
    }

    /// GET on the admin interface.
    ///
    /// # Errors
    /// [`Error::Admin`] unless the answer is 200.
    pub async fn admin(&self, path: &str) -> Result<String> {
        self.ask("GET", path).await
    }

    /// POST on the admin interface, such as `/reset_counters` or `/logging?wasm=debug`.
    ///
    /// # Errors
    /// [`Error::Admin`] unless the answer is 200.
    pub async fn post_admin(&self, path: &str) -> Result<String> {
        self.ask("POST", path).await
    }

    async fn ask(&self, method: &str, path: &str) -> Result<String> {
        let reply = self.admin.send(request(method, path, &[], Bytes::new())).await?;
        let body = reply.text();
        if reply.status == 200 {
            Ok(body)
        } else {
            Err(Error::Admin { path: path.to_owned(), status: reply.status, body })
        }
    }

    /// What a Prometheus scrape would see now.
    ///
    /// # Errors
    /// When the admin interface does not answer.
    pub async fn prometheus(&self) -> Result<Metrics> {
        Ok(Metrics::parse(&self.admin("/stats/prometheus").await?))
    }

    /// Waits until a scrape satisfies `condition`, for at most 10 s, and returns that scrape.
    ///
    /// Counters lag behind the answers a client has seen: workers finish a stream after its last byte went out.
    ///
    /// # Errors
    /// [`Error::Deadline`], which names `what`.
    pub async fn prometheus_until(
        &self,
        what: &str,
        condition: impl Fn(&Metrics) -> bool,
    ) -> Result<Metrics> {
        eventually(what, Duration::from_secs(10), async || self.prometheus().await.ok().filter(&condition))
            .await
    }

    /// The value of one counter or gauge by its raw name; 0 when it does not exist.
    ///
    /// # Errors
    /// When the admin interface does not answer.
    pub async fn stat(&self, name: &str) -> Result<u64> {
        let stats: Value = serde_json::from_str(&self.admin("/stats?format=json").await?)
            .map_err(|error| Error::Malformed(error.to_string()))?;
        let entries = stats["stats"].as_array().into_iter().flatten();
        Ok(entries
            .filter(|entry| entry["name"] == name)
            .find_map(|entry| entry["value"].as_u64())
            .unwrap_or(0))
    }

    /// Everything that Envoy has written to its log so far.
    pub fn log(&self) -> String {
        std::fs::read(self.folder.path().join(LOG))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The access log so far; Envoy writes it out every 50 ms.
    pub fn access_log(&self) -> Vec<AccessLogEntry> {
        let text = std::fs::read(self.folder.path().join("access.log")).unwrap_or_default();
        access_log::parse(&String::from_utf8_lossy(&text))
    }

    /// Waits until the access log has at least `count` lines, for at most 10 s, and returns them all.
    ///
    /// # Errors
    /// [`Error::Deadline`].
    pub async fn access_log_of(&self, count: usize) -> Result<Vec<AccessLogEntry>> {
        eventually(&format!("access log of {count} lines"), Duration::from_secs(10), async || {
            Some(self.access_log()).filter(|entries| entries.len() >= count)
        })
        .await
    }

    /// Whether the process still runs.
    pub fn alive(&self) -> bool {
        self.process.lock().expect("no holder panics").try_wait().is_ok_and(|status| status.is_none())
    }

    /// CPU time (user and system, all threads) used so far, in steps of 10 ms.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        Ok(process::cpu_time(self.pid)?)
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn rss(&self) -> Result<u64> {
        Ok(process::resident_bytes(self.pid)?)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The folder that [`RUN_DIR`] stands for.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if let Ok(child) = self.process.get_mut() {
            // Both fail only when the process has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn write_files(folder: &Path, bootstrap: &Bootstrap) -> Result<()> {
    let place = folder.display().to_string();
    for (name, contents) in &bootstrap.files {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, contents.replace(RUN_DIR, &place))?;
    }
    std::fs::write(folder.join("bootstrap.yaml"), bootstrap.text.replace(RUN_DIR, &place))?;
    Ok(())
}

fn listener_ports(listeners: &str) -> Result<HashMap<String, u16>> {
    let listeners: Value =
        serde_json::from_str(listeners).map_err(|error| Error::Malformed(format!("/listeners: {error}")))?;
    let ports = listeners["listener_statuses"].as_array().into_iter().flatten().filter_map(|status| {
        let port = status["local_address"]["socket_address"]["port_value"].as_u64()?;
        Some((status["name"].as_str()?.to_owned(), u16::try_from(port).ok()?))
    });
    Ok(ports.collect())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
