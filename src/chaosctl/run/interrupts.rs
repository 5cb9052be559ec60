//! Ctrl-C, SIGTERM and SIGHUP: the first one ends the mission, the second one this program.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many there have been, and which the last one was.
#[derive(Clone)]
pub struct Interrupts(watch::Receiver<(u32, &'static str)>);

impl Interrupts {
    /// From here on none of the signals ends the program by itself.
    ///
    /// # Errors
    /// When the system does not let signals be handled.
    pub fn listen() -> anyhow::Result<Self> {
        let mut int = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        let mut term = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        // Under `nohup` it is ignored, and stays so.
        let mut hangup = match is_ignored(SignalKind::hangup()) {
            true => None,
            false => Some(signal(SignalKind::hangup()).context("SIGHUP cannot be handled")?),
        };
        let (sender, receiver) = watch::channel((0, ""));
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = int.recv() => "SIGINT",
                    _ = term.recv() => "SIGTERM",
                    Some(_) = async { hangup.as_mut()?.recv().await } => "SIGHUP",
                };
                sender.send_modify(|(count, last)| {
                    *count += 1;
                    *last = name;
                });
            }
        });
        Ok(Self(receiver))
    }

    /// Waits for so many, and gives the name of the last one.
    pub async fn reach(&mut self, many: u32) -> &'static str {
        match self.0.wait_for(|(count, _)| *count >= many).await {
            Ok(state) => state.1,
            // The task that counts lives as long as the runtime.
            Err(_) => std::future::pending().await,
        }
    }
}

/// As the system tells it; where it does not, nothing is.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let bit = u32::try_from(kind.as_raw_value().saturating_sub(1)).unwrap_or_default();
    mask.checked_shr(bit).is_some_and(|mask| mask & 1 == 1)
}
