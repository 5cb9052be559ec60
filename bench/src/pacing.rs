//! The pacing table: how near to its declared bandwidth a response comes, and how evenly, beside Envoy's own
//! `response_rate_limit`.
//!
//! The client reads as fast as it can and notes when how much has come. The upstream shares the client's CPU.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, HttpFilter, HttpUpstream, Listener, Route, VirtualHost,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::{Error, Result};
use crate::lateness::Filter;
use crate::machine::Cpus;
use crate::module::Modules;
use crate::options::Plan;
use crate::progress::progress;
use crate::variant::{everywhere, plugin};

const KIB: u64 = 1 << 10;

/// Pieces that come within so much of each other are one burst: Envoy's own limit sends one every 50 ms.
const BURST_GAP: Duration = Duration::from_millis(4);

/// Longer than any case by far.
const DEADLINE: Duration = Duration::from_secs(30);

/// A body and its bandwidth, both in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Size of the body.
    pub body_kib: u64,
    /// Bandwidth per second.
    pub rate_kib: u64,
    /// `per_connection_buffer_limit_bytes` of listener and cluster.
    pub buffer_kib: u64,
}

/// Envoy's default buffers, and those of Istio's sidecars.
pub const CASES: [Case; 4] = [
    Case { body_kib: 100, rate_kib: 50, buffer_kib: 1024 },
    Case { body_kib: 100, rate_kib: 50, buffer_kib: 32 },
    Case { body_kib: 5120, rate_kib: 1024, buffer_kib: 1024 },
    Case { body_kib: 5120, rate_kib: 1024, buffer_kib: 32 },
];

/// One line of the table, one value for each round.
#[derive(Clone, Debug, Serialize)]
pub struct PacingRow {
    /// What was asked for.
    pub case: Case,
    /// Who limits.
    pub filter: Filter,
    /// From the first byte of the request to the last byte of the body.
    pub seconds: Vec<f64>,
    /// Groups of bytes with a pause before them.
    pub bursts: Vec<f64>,
    /// The largest of them.
    pub largest_kib: Vec<f64>,
    /// The most that had come before its time.
    pub ahead_kib: Vec<f64>,
    /// The longest time without a byte.
    pub pause_ms: Vec<f64>,
}

/// All rows.
#[derive(Clone, Debug, Serialize)]
pub struct Pacing {
    /// By case, the C++ filter before Squall.
    pub rows: Vec<PacingRow>,
}

impl Case {
    /// Its name in the table.
    pub fn title(self) -> String {
        format!("{} KiB at {} KiB/s, buffers of {} KiB", self.body_kib, self.rate_kib, self.buffer_kib)
    }

    /// How long the body takes at its bandwidth.
    pub fn seconds(self) -> f64 {
        self.body_kib as f64 / self.rate_kib as f64
    }
}

impl PacingRow {
    fn new(case: Case, filter: Filter) -> Self {
        let none = Vec::new;
        Self {
            case,
            filter,
            seconds: none(),
            bursts: none(),
            largest_kib: none(),
            ahead_kib: none(),
            pause_ms: none(),
        }
    }

    /// How far the average bandwidth of each round is from the declared one, in percent.
    pub fn off_percent(&self) -> Vec<f64> {
        self.seconds.iter().map(|seconds| (self.case.seconds() / seconds - 1.0) * 100.0).collect()
    }

    fn add(&mut self, arrivals: &[Arrival]) {
        let rate = self.case.rate_kib as f64;
        let (mut bursts, mut largest, mut burst) = (0_u32, 0.0_f64, 0.0);
        let (mut ahead, mut pause, mut sum) = (0.0_f64, 0.0_f64, 0.0);
        let mut last = Duration::ZERO;
        for arrival in arrivals {
            let kib = arrival.bytes as f64 / KIB as f64;
            let gap = arrival.at.saturating_sub(last);
            if bursts == 0 || gap > BURST_GAP {
                bursts += 1;
                burst = 0.0;
            }
            burst += kib;
            sum += kib;
            largest = largest.max(burst);
            ahead = ahead.max(sum - rate * arrival.at.as_secs_f64());
            pause = pause.max(gap.as_secs_f64() * 1_000.0);
            last = arrival.at;
        }
        self.seconds.push(last.as_secs_f64());
        self.bursts.push(f64::from(bursts));
        self.largest_kib.push(largest);
        self.ahead_kib.push(ahead);
        self.pause_ms.push(pause);
    }
}

/// Bytes of a body, and when they came after the request.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Duration,
    bytes: usize,
}

/// Measures both filters in alternating rounds, each case in an Envoy of its own.
///
/// # Errors
/// When Envoy does not start, or does not answer with the whole body.
pub async fn measure(plan: &Plan, modules: &Modules, cpus: &Cpus) -> Result<Pacing> {
    let upstream = HttpUpstream::start().await?;
    let mut rows = Vec::new();
    for case in CASES {
        progress(format!("pacing: {}, {} rounds", case.title(), plan.pacing_rounds));
        let options = EnvoyOptions::default().cpus(&cpus.envoy.to_string());
        let envoy = options.start(config(case, modules, upstream.addr())).await?;
        let mut both = Filter::BOTH.map(|filter| PacingRow::new(case, filter));
        for round in 0..plan.pacing_rounds as usize {
            for turn in 0..2 {
                let row = &mut both[(round + turn) % 2];
                row.add(&read(&envoy, row.filter, case).await?);
            }
        }
        rows.extend(both);
    }
    Ok(Pacing { rows })
}

fn config(case: Case, modules: &Modules, upstream: SocketAddr) -> EnvoyConfig {
    let rate = case.rate_kib;
    let throttle = json!({"throttle": {"response": format!("{rate}KiB/s")}});
    let squall = HttpFilter::wasm(
        "squall",
        &modules.squall,
        &plugin("bench-pacing", &[everywhere(throttle)]).to_string(),
    );
    let native = HttpFilter::native_fault(json!({
        "response_rate_limit": {"fixed_limit": {"limit_kbps": rate}, "percentage": {"numerator": 100}}
    }));
    let limit = json!(case.buffer_kib * KIB);
    let listener = |filter: Filter, http: HttpFilter| {
        Listener::new(filter.listener_name())
            .filter(http)
            .without_access_log()
            .set("per_connection_buffer_limit_bytes", limit.clone())
            .virtual_host(VirtualHost::any("any").route(Route::prefix("/").to("upstream")))
    };
    let cluster =
        Cluster::http1("upstream", upstream).set("per_connection_buffer_limit_bytes", limit.clone());
    EnvoyConfig::new()
        .listener(listener(Filter::Native, native))
        .listener(listener(Filter::Squall, squall))
        .cluster(cluster)
}

/// One response, as it comes.
async fn read(envoy: &Envoy, filter: Filter, case: Case) -> Result<Vec<Arrival>> {
    let address = envoy.addr(filter.listener_name());
    let wrong = |what: String| Error::Answer { variant: format!("pacing, {}", filter.title()), what };
    let size = usize::try_from(case.body_kib * KIB).unwrap_or(usize::MAX);
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let begun = Instant::now();
        let request = format!("GET /size/{size} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let (mut head, mut arrivals, mut sum) = (Some(Vec::new()), Vec::new(), 0_usize);
        let mut buffer = vec![0; 256 << 10];
        while sum < size {
            let count = stream.read(&mut buffer).await?;
            let at = begun.elapsed();
            if count == 0 {
                return Ok::<_, Error>(Err(format!("the body ended after {sum} of {size} bytes")));
            }
            let mut bytes = count;
            if let Some(mut before) = head.take() {
                before.extend_from_slice(&buffer[..count]);
                let end = before.windows(4).position(|four| four == b"\r\n\r\n");
                match end {
                    Some(_) if !before.starts_with(b"HTTP/1.1 200") => {
                        return Ok(Err("no answer 200".to_owned()));
                    }
                    Some(end) => bytes = before.len() - end - 4,
                    None => {
                        head = Some(before);
                        continue;
                    }
                }
            }
            if bytes > 0 {
                sum += bytes;
                arrivals.push(Arrival { at, bytes });
            }
        }
        Ok(Ok(arrivals))
    };
    match tokio::time::timeout(DEADLINE, exchange).await {
        Ok(arrivals) => arrivals?.map_err(wrong),
        Err(_) => Err(wrong(format!("the body did not come within {DEADLINE:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_pauses_and_what_came_too_early_are_told_apart() {
        let mut row = PacingRow::new(Case { body_kib: 4, rate_kib: 2, buffer_kib: 1 }, Filter::Squall);
        let arrivals = [(0, 1024), (2, 1024), (1_000, 1024), (2_000, 1024)]
            .map(|(ms, bytes)| Arrival { at: Duration::from_millis(ms), bytes });
        row.add(&arrivals);
        assert_eq!((row.bursts[0], row.largest_kib[0], row.seconds[0]), (3.0, 2.0, 2.0));
        assert!(
            (row.ahead_kib[0] - 1.996).abs() < 1e-9 && (row.pause_ms[0] - 1_000.0).abs() < 1e-9,
            "{row:?}"
        );
        assert!(row.off_percent()[0].abs() < 1e-9);
    }
}
