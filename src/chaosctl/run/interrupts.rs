//! Ctrl-C and SIGTERM: the first one ends the mission, the second one this program.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many there have been, and which the last one was.
#[derive(Clone)]
pub struct Interrupts(watch::Receiver<(u32, &'static str)>);

impl Interrupts {
    /// From here on neither signal ends the program by itself.
    ///
    /// # Errors
    /// When the system does not let signals be handled.
    pub fn listen() -> anyhow::Result<Self> {
        let mut int = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        let mut term = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        let (sender, receiver) = watch::channel((0, ""));
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = int.recv() => "SIGINT",
                    _ = term.recv() => "SIGTERM",
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
