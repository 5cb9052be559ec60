//! The live line while the load runs: redrawn every second on a terminal, one line every five seconds elsewhere.

use std::{
    io::{IsTerminal, Write, stdout},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{experiment::Experiment, ledger::total_faults, mesh::Mesh};

/// Shows the phase, its seconds, and the faults so far, until the last phase ends.
pub async fn show(mesh: &Mesh, experiment: &Experiment) -> anyhow::Result<()> {
    let terminal = stdout().is_terminal();
    let step = Duration::from_secs(if terminal { 1 } else { 5 });
    for phase in &experiment.phases {
        let mut moment = phase.start;
        while moment < phase.end {
            sleep_until(moment).await;
            let faults = total_faults(&mesh.metrics().await?);
            let passed = (Instant::now() - phase.start).as_secs();
            let text = format!(
                "{:<8} {passed:>2} of {} s, faults so far: {faults}",
                phase.name,
                phase.length().as_secs()
            );
            if terminal {
                print!("\r\x1b[K{text}");
                stdout().flush()?;
            } else {
                println!("{text}");
            }
            moment += step;
        }
    }
    if terminal {
        print!("\r\x1b[K");
    }
    Ok(())
}
