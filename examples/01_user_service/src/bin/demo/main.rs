//! demo: runs the user-service with its dependencies behind Envoy, disturbs their calls with Squall for the
//! length of one mission, and says what that showed.

mod experiment;
mod ledger;
mod mesh;
mod observation;
mod progress;
mod report;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use squall_envoy_tests::{Load, LoadReport, repo_root};
use tokio::time::{Instant, sleep_until};
use user_service_example::{auth_api::DEMO_TOKEN, run::stop_signal};

use experiment::{Experiment, Phase};
use mesh::Mesh;
use observation::Observations;

/// Runs the experiment of catalog.yaml and mission.yaml on a user-service behind Envoy and reports the result.
///
/// Exit code: 0 every promise was kept, 1 one was broken, 2 the demo could not run.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Pages requested per second, 1 to 500.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=500))]
    rps: u32,
    /// How often the user-service tries an auth check again after UNAVAILABLE.
    #[arg(long, value_name = "N", default_value_t = 1)]
    auth_retries: u32,
    /// Take about 20 seconds altogether instead of about a minute.
    #[arg(long)]
    short: bool,
    /// Leave everything running after the report, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// The chaosctl that renders the plugin configuration [default: target/release/chaosctl].
    #[arg(long, value_name = "FILE")]
    chaosctl: Option<PathBuf>,
}

/// What the services and Envoy have for their start, try by try.
const START_UP: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(8), Duration::from_secs(25)];
/// Between the last page of the warm-up and the first one that counts.
const WARM_UP_TAIL: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::select! {
        outcome = run(&arguments) => outcome,
        () = stop_signal() => Err(anyhow::anyhow!("interrupted")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every promise was kept.
async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let chaosctl = arguments.chaosctl.clone().unwrap_or_else(|| repo_root().join("target/release/chaosctl"));
    let (experiment, mesh) = ready(&chaosctl, arguments).await?;
    let [before, during, after] = &experiment.phases;
    report::introduction(&experiment, &mesh, arguments.rps);

    let pages = |phase| request_pages(&mesh, phase, arguments.rps);
    // Connections are made and code is compiled on first use; that is not the steady state.
    let warm_up = Phase { name: "warm-up", start: Instant::now(), end: before.start - WARM_UP_TAIL };
    pages(&warm_up).await?;
    let (before, during, after, observations, ()) = tokio::try_join!(
        pages(before),
        pages(during),
        pages(after),
        Observations::collect(&mesh, &experiment),
        progress::show(&mesh, &experiment),
    )?;
    let kept = report::results(&experiment, &[before, during, after], &observations);
    if arguments.keep {
        report::addresses(&mesh);
        stop_signal().await;
    }
    mesh.stop().await?;
    Ok(kept)
}

/// The services, ready before the first request that counts. Envoy is told the mission's start before it starts, so
/// that a machine which turns out to be slower than expected has to begin again.
async fn ready(chaosctl: &Path, arguments: &Arguments) -> anyhow::Result<(Experiment, Mesh)> {
    for start_up in START_UP {
        let experiment = Experiment::prepare(chaosctl, arguments.short, start_up)?;
        let mesh = Mesh::start(&experiment.plugin, arguments.auth_retries).await?;
        let [before, ..] = &experiment.phases;
        if Instant::now() + WARM_UP_TAIL < before.start {
            return Ok((experiment, mesh));
        }
        mesh.stop().await?;
        eprintln!(
            "demo: the services were not ready within {} s; starting them again with more time",
            start_up.as_secs()
        );
    }
    anyhow::bail!("the services were not ready within {} s: is this machine busy?", START_UP[2].as_secs())
}

/// Requests pages through the ingress of Envoy for the length of a phase, whether or not earlier ones came.
async fn request_pages(mesh: &Mesh, phase: &Phase, rps: u32) -> anyhow::Result<LoadReport> {
    sleep_until(phase.start).await;
    let token = format!("Bearer {DEMO_TOKEN}");
    let rest = phase.end.saturating_duration_since(Instant::now());
    Load::http1(mesh.ingress())
        // A page takes well below a second, so a page that is due always finds a free one.
        .connections(rps as usize)
        .id_prefix(phase.name)
        .get_with("/users/7", &[("authorization", &token)])
        .patience(|_| Duration::from_secs(10))
        .open_loop(rps.into(), rest)
        .await
        .with_context(|| format!("no load in phase {}", phase.name))
}
