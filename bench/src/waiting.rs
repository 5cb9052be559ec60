//! The memory of a waiting request: how much Envoy grows while it holds 10,000 of them, by filter.

use std::time::Duration;

use serde::Serialize;
use squall_envoy_tests::EnvoyOptions;

use crate::error::{Error, Result};
use crate::generator::{Connections, Limit};
use crate::lateness::{self, Filter, Held};
use crate::machine::Cpus;
use crate::module::Modules;
use crate::options::Plan;
use crate::progress::progress;

/// How many requests wait.
pub const REQUESTS: usize = 10_000;

/// What one filter needed.
#[derive(Clone, Debug, Serialize)]
pub struct WaitingRow {
    /// Who holds the requests.
    pub filter: Filter,
    /// Growth of Envoy's resident memory by request, in bytes, one value for each weighing.
    pub bytes: Vec<f64>,
}

/// Both rows.
#[derive(Clone, Debug, Serialize)]
pub struct WaitingMemory {
    /// The C++ filter, then Squall.
    pub rows: [WaitingRow; 2],
}

/// Weighs both filters in turn, each time in a fresh Envoy.
///
/// # Errors
/// When Envoy does not start, or does not take the requests.
pub async fn measure(plan: &Plan, modules: &Modules, cpus: &Cpus) -> Result<WaitingMemory> {
    let mut rows = Filter::BOTH.map(|filter| WaitingRow { filter, bytes: Vec::new() });
    for round in 0..plan.weighings {
        for row in &mut rows {
            progress(format!(
                "waiting: {REQUESTS} requests held by {}, round {} of {}",
                row.filter.title(),
                round + 1,
                plan.weighings
            ));
            row.bytes.push(weigh(row.filter, modules, cpus).await?);
        }
    }
    Ok(WaitingMemory { rows })
}

async fn weigh(filter: Filter, modules: &Modules, cpus: &Cpus) -> Result<f64> {
    let options = EnvoyOptions::default().cpus(&cpus.envoy.to_string());
    let envoy = options.start(lateness::config(modules)).await?;
    let address = envoy.addr(filter.listener_name());
    let mut connections = Connections::open(address, 16, "/other", 200).await?;
    let warm_up = connections.run(Limit { requests: 2_000, time: Duration::from_secs(2) }).await;
    warm_up.map_err(|what| Error::Answer { variant: "waiting".to_owned(), what })?;
    let before = envoy.rss()?;
    let _held = Held::start(&envoy, filter, REQUESTS).await?;
    let grown = envoy.rss()? as f64 - before as f64;
    Ok(grown / REQUESTS as f64)
}
