//! A service of the example as a child process: started, ready, stopped by its handle.

use std::{
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const READY_WITHIN: Duration = Duration::from_secs(10);
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// A running service; killed when dropped.
pub struct Service {
    child: Child,
    /// Where it listens, as it said itself: with port 0 nobody else can take the port first.
    pub address: SocketAddr,
}

impl Service {
    /// Starts `program` and waits for its ready line (see [`crate::run::serve`]).
    ///
    /// # Errors
    /// When it cannot be started, or is not ready within 10 s.
    pub async fn start<A: AsRef<str>>(program: &Path, arguments: &[A]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments.iter().map(AsRef::as_ref))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut ready = String::new();
        let stdout = child.stdout.take().context("a child without standard output")?;
        let read = timeout(READY_WITHIN, BufReader::new(stdout).read_line(&mut ready)).await;
        match ready.trim_end().rsplit_once(" listening on ") {
            Some((_, address)) => Ok(Self { child, address: address.parse()? }),
            None => bail!("{} is not ready: {ready:?}, {read:?}", program.display()),
        }
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When the service still runs after 5 s; it is killed then.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            kill_process(pid, Signal::TERM)?;
        }
        Ok(timeout(STOPPED_WITHIN, self.child.wait()).await.context("deaf to SIGTERM")??)
    }
}
