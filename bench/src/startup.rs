//! What a module costs once: its size, the time it adds to Envoy's start, and the memory it keeps.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use squall_envoy_tests::{EnvoyConfig, EnvoyOptions, HttpFilter};

use crate::error::{Error, Result};
use crate::generator::{Connections, Limit};
use crate::machine::Cpus;
use crate::module::Modules;
use crate::options::Plan;
use crate::progress::progress;
use crate::variant::{idle_plugin, listener};

/// One module, or none.
#[derive(Clone, Debug, Serialize)]
pub struct StartRow {
    /// Its name in the table.
    pub title: &'static str,
    /// Its size in bytes; 0 for bare Envoy.
    pub bytes: u64,
    /// From the start of the process to all listeners serving, in milliseconds, one value for each start.
    pub ready_ms: Vec<f64>,
    /// Resident memory after 2,000 requests, in MiB, one value for each start.
    pub resident_mib: Vec<f64>,
}

/// All rows; the first is bare Envoy.
#[derive(Clone, Debug, Serialize)]
pub struct Startup {
    /// Bare Envoy, the empty filter, Squall.
    pub rows: Vec<StartRow>,
}

/// Starts Envoy with each module in turn, as often as the plan says.
///
/// # Errors
/// When Envoy does not start or answer.
pub async fn measure(plan: &Plan, modules: &Modules, cpus: &Cpus) -> Result<Startup> {
    let files: [(&str, Option<PathBuf>); 4] = [
        ("bare Envoy", None),
        ("empty SDK filter", Some(modules.empty.clone())),
        ("empty SDK filter, exports stripped", modules.stripped.clone()),
        ("Squall idle, no mission", Some(modules.squall.clone())),
    ];
    let mut rows = Vec::new();
    for (title, file) in &files {
        let bytes = file.as_ref().map_or(Ok(0), |path| std::fs::metadata(path).map(|data| data.len()))?;
        rows.push(StartRow { title, bytes, ready_ms: Vec::new(), resident_mib: Vec::new() });
    }
    for round in 0..plan.starts {
        progress(format!("startup: round {} of {}", round + 1, plan.starts));
        for ((_, file), row) in files.iter().zip(&mut rows) {
            let (ready, resident) = start(file.as_ref(), cpus).await?;
            row.ready_ms.push(ready.as_secs_f64() * 1e3);
            row.resident_mib.push(resident as f64 / (1 << 20) as f64);
        }
    }
    if modules.stripped.is_none() {
        rows.retain(|row| !row.title.ends_with("stripped"));
    }
    Ok(Startup { rows })
}

async fn start(module: Option<&PathBuf>, cpus: &Cpus) -> Result<(Duration, u64)> {
    let idle = idle_plugin().to_string();
    let filter = module.map(|path| HttpFilter::wasm("measured", path, &idle));
    let config = EnvoyConfig::new().listener(listener("ingress", filter));
    // V8 compiles on several threads: unlike in the other parts, Envoy may use the CPU of the load, which rests.
    let both = format!("{},{}", cpus.envoy, cpus.load);
    let begun = Instant::now();
    let envoy = EnvoyOptions::default().cpus(&both).start(config).await?;
    let ready = begun.elapsed();
    let mut connections = Connections::open(envoy.addr("ingress"), 16, "/users/7", 200).await?;
    let limit = Limit { requests: 2_000, time: Duration::from_secs(2) };
    let seen = connections.run(limit).await;
    seen.map_err(|what| Error::Answer { variant: "startup".to_owned(), what })?;
    Ok((ready, envoy.rss()?))
}
