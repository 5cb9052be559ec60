//! The lateness table: by how much the answer of a delayed request comes later than its 20 ms, or earlier.
//!
//! The client measures, from before the first byte it writes to the last byte it reads: lateness includes the way
//! through Envoy and, with 1,000 requests in a loop, the queue before a saturated worker.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use squall_envoy_tests::{Envoy, EnvoyConfig, EnvoyOptions, HttpFilter, Load, eventually};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::generator::{Connections, Limit};
use crate::machine::Cpus;
use crate::module::Modules;
use crate::options::Plan;
use crate::progress::progress;
use crate::spread::quantile;
use crate::variant::{DELAY_MS, delay, listener, native_delay, on_path, plugin};

const HELD_PATH: &str = "/held";
const DELAYED_PATH: &str = "/delayed";
/// Longer than any round.
const HELD_MS: u64 = 600_000;

/// Envoy's clock behind its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Envoy's default: as coarse as the kernel's tick.
    Default,
    /// `EVENT_PRECISE_TIMER=1`.
    Precise,
}

/// Who delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Envoy's C++ fault filter.
    Native,
    /// Squall.
    Squall,
}

/// How many requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Connections that ask again as soon as they are answered.
    pub looping: usize,
    /// Requests that are held all the time.
    pub held: usize,
}

impl Waiting {
    /// Its name in the tables.
    pub fn title(self) -> String {
        match self {
            Self { looping: 1_000, held: 0 } => "1,000 in a loop".to_owned(),
            Self { looping, held: 0 } => format!("{looping} in a loop"),
            Self { looping, held } => format!("{looping} in a loop, {held} held"),
        }
    }
}

/// The counts of the table.
pub const WAITING: [Waiting; 4] = [
    Waiting { looping: 1, held: 0 },
    Waiting { looping: 64, held: 0 },
    Waiting { looping: 64, held: 936 },
    Waiting { looping: 1_000, held: 0 },
];

/// One line of the table; all times in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct LatenessRow {
    /// The clock of the timers.
    pub clock: Clock,
    /// Who delays.
    pub filter: Filter,
    /// How many wait.
    pub waiting: Waiting,
    /// How many requests were measured.
    pub requests: usize,
    /// The earliest answer; negative is too early.
    pub earliest_ms: f64,
    /// The median.
    pub median_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The latest answer.
    pub max_ms: f64,
}

/// All rows.
#[derive(Clone, Debug, Serialize)]
pub struct Lateness {
    /// By clock, then by count, the C++ filter before Squall.
    pub rows: Vec<LatenessRow>,
}

impl Lateness {
    /// The row of one case.
    pub fn row(&self, clock: Clock, filter: Filter, waiting: Waiting) -> Option<&LatenessRow> {
        self.rows.iter().find(|row| (row.clock, row.filter, row.waiting) == (clock, filter, waiting))
    }
}

/// Measures both clocks, one Envoy each, with the filters in alternating rounds.
///
/// # Errors
/// When Envoy does not start, or does not answer 200.
pub async fn measure(plan: &Plan, modules: &Modules, cpus: &Cpus) -> Result<Lateness> {
    let mut rows = Vec::new();
    for clock in [Clock::Default, Clock::Precise] {
        let options = EnvoyOptions::default().cpus(&cpus.envoy.to_string());
        let options = if clock == Clock::Precise { options.precise_timer() } else { options };
        let envoy = options.start(config(modules)).await?;
        for waiting in WAITING {
            progress(format!(
                "lateness: {} clock, {}, {} rounds",
                clock.title(),
                waiting.title(),
                plan.lateness_rounds
            ));
            let mut late = [Vec::new(), Vec::new()];
            for round in 0..plan.lateness_rounds as usize {
                for turn in 0..2 {
                    let which = (round + turn) % 2;
                    late[which]
                        .extend(lateness(&envoy, Filter::BOTH[which], waiting, plan.lateness_time).await?);
                }
            }
            rows.extend(
                Filter::BOTH
                    .into_iter()
                    .zip(late)
                    .map(|(filter, late)| LatenessRow::of(clock, filter, waiting, late)),
            );
        }
    }
    Ok(Lateness { rows })
}

impl Clock {
    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Precise => "precise",
        }
    }
}

impl Filter {
    /// Both, in the order of the table.
    pub const BOTH: [Self; 2] = [Self::Native, Self::Squall];

    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Native => "C++ fault filter",
            Self::Squall => "Squall",
        }
    }

    /// The name of its listener.
    pub fn listener_name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Squall => "squall",
        }
    }
}

impl LatenessRow {
    fn of(clock: Clock, filter: Filter, waiting: Waiting, mut late: Vec<f64>) -> Self {
        late.sort_unstable_by(f64::total_cmp);
        let [earliest_ms, median_ms, p99_ms, max_ms] =
            [0.0, 0.5, 0.99, 1.0].map(|share| quantile(&late, share));
        Self { clock, filter, waiting, requests: late.len(), earliest_ms, median_ms, p99_ms, max_ms }
    }
}

/// A listener for each filter; each delays one path by 20 ms and holds another.
pub fn config(modules: &Modules) -> EnvoyConfig {
    let scenarios =
        [on_path("delayed", DELAYED_PATH, delay(DELAY_MS)), on_path("held", HELD_PATH, delay(HELD_MS))];
    let squall =
        HttpFilter::wasm("squall", &modules.squall, &plugin("bench-lateness", &scenarios).to_string());
    let native = [native_delay(DELAY_MS, Some(DELAYED_PATH)), native_delay(HELD_MS, Some(HELD_PATH))];
    let many_streams = json!({"max_concurrent_streams": 100_000});
    let config = [
        listener(Filter::Native.listener_name(), native),
        listener(Filter::Squall.listener_name(), [squall]),
    ];
    config
        .into_iter()
        .map(|listener| listener.set_http("http2_protocol_options", many_streams.clone()))
        .map(|listener| listener.set_http("stream_idle_timeout", json!("0s")))
        .fold(EnvoyConfig::new(), EnvoyConfig::listener)
}

async fn lateness(envoy: &Envoy, filter: Filter, waiting: Waiting, time: Duration) -> Result<Vec<f64>> {
    let _held = Held::start(envoy, filter, waiting.held).await?;
    let address = envoy.addr(filter.listener_name());
    let mut connections = Connections::open(address, waiting.looping, DELAYED_PATH, 200).await?;
    // One request at a time gives few values for a percentile.
    let time = if waiting.looping == 1 { time * 2 } else { time };
    let seen = connections.run(Limit { requests: 200_000, time }).await;
    let seen =
        seen.map_err(|what| Error::Answer { variant: format!("delay by {}", filter.title()), what })?;
    Ok(seen.latencies.into_iter().map(|latency| latency - DELAY_MS as f64).collect())
}

/// Requests that wait in Envoy until this value is dropped.
pub struct Held {
    load: Option<JoinHandle<()>>,
}

impl Held {
    /// Sends `count` requests as HTTP/2 streams, at most 1,000 a connection, and waits until Envoy has them all.
    ///
    /// # Errors
    /// When Envoy does not have them within 30 s.
    pub async fn start(envoy: &Envoy, filter: Filter, count: usize) -> Result<Self> {
        if count == 0 {
            return Ok(Self { load: None });
        }
        let active = format!("http.{}.downstream_rq_active", filter.listener_name());
        let reaches = async |what: &str, enough: &dyn Fn(u64) -> bool| {
            eventually(what, Duration::from_secs(30), async || {
                envoy.stat(&active).await.ok().filter(|now| enough(*now))
            })
            .await
        };
        reaches("the end of the requests before", &|now| now == 0).await?;
        let connections = count.div_ceil(1_000);
        let load = Load::http2(envoy.addr(filter.listener_name()))
            .path(HELD_PATH)
            .connections(connections)
            .streams(count.div_ceil(connections))
            .patience(|_| Duration::from_millis(HELD_MS));
        // What the load reports does not matter: it ends by being left.
        let load = tokio::spawn(async move { drop(load.requests(count as u64).await) });
        let held = Self { load: Some(load) };
        reaches(&format!("{count} requests held"), &|now| now >= count as u64).await?;
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(load) = &self.load {
            load.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_early_from_late() {
        let late = vec![3.0, -0.4, 0.5, 1.0, 2.0];
        let row = LatenessRow::of(Clock::Precise, Filter::Squall, WAITING[0], late);
        assert_eq!((row.requests, row.earliest_ms, row.median_ms, row.max_ms), (5, -0.4, 1.0, 3.0));
        assert!((row.p99_ms - 2.96).abs() < 1e-9);
    }
}
