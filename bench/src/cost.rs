//! The cost table: worker CPU per request of every variant, in alternating rounds on one worker of one Envoy.
//!
//! All variants are listeners of the same process, so that they share its memory layout, its CPU and its history;
//! each Wasm variant has a VM of its own.

use std::time::Duration;

use serde::Serialize;
use squall_envoy_tests::{Envoy, EnvoyConfig, EnvoyOptions};

use crate::error::{Error, Result};
use crate::generator::{Connections, Limit, Seen};
use crate::machine::Cpus;
use crate::module::Modules;
use crate::options::Plan;
use crate::progress::progress;
use crate::spread::{Spread, paired_difference};
use crate::variant::Variant;
use crate::worker::Worker;

/// What every round measured of one variant, in the order of the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct CostRow {
    /// The variant.
    pub variant: Variant,
    /// CPU time of the worker per request in microseconds.
    pub cpu_us: Vec<f64>,
    /// Answers per second.
    pub rps: Vec<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Vec<f64>,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Vec<f64>,
}

/// All rows; the first one is bare Envoy.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// One row for each variant that could be measured.
    pub rows: Vec<CostRow>,
}

impl Cost {
    /// The row of a variant, if it was measured.
    pub fn row(&self, variant: Variant) -> Option<&CostRow> {
        self.rows.iter().find(|row| row.variant == variant)
    }

    /// What `variant` costs over `base` per request, in microseconds, round by round.
    pub fn over(&self, variant: Variant, base: Variant) -> Option<Spread> {
        Some(paired_difference(&self.row(variant)?.cpu_us, &self.row(base)?.cpu_us))
    }
}

/// One variant under load.
struct Lane {
    connections: Connections,
    row: CostRow,
}

/// Measures the variants of the plan.
///
/// # Errors
/// When Envoy does not start, or a variant answers with another status than its own.
pub async fn measure(plan: &Plan, modules: &Modules, cpus: &Cpus) -> Result<Cost> {
    progress(format!("cost: starting Envoy with {} variants", plan.variants.len()));
    let listeners = plan.variants.iter().filter_map(|variant| variant.listener(modules));
    let config = listeners.fold(EnvoyConfig::new(), EnvoyConfig::listener);
    // Counters are flushed by the main thread, which shares the CPU with the worker.
    let config = config.set("stats_flush_interval", serde_json::json!("5s"));
    // At this level Squall says which missions it has accepted; it logs nothing for a request.
    let options = EnvoyOptions::default().cpus(&cpus.envoy.to_string()).component_log_level("wasm:info");
    let envoy = options.start(config).await?;
    armed_as_intended(&plan.variants, &envoy.log())?;
    let worker = Worker::of(envoy.pid())?;
    let mut lanes = Vec::new();
    for variant in &plan.variants {
        match variant.listener(modules) {
            Some(_) => lanes.push(Lane::open(*variant, &envoy).await?),
            None => progress(format!("cost: `{}` is left out: wasm-link is not built", variant.name())),
        }
    }
    progress(format!("cost: warming {} variants up", lanes.len()));
    for lane in &mut lanes {
        // V8 compiles the module again, better, while it runs: not in a measured round.
        lane.run(Limit { requests: plan.cost_requests, time: plan.cost_time * 2 }).await?;
    }
    for round in 0..plan.cost_rounds as usize {
        progress(format!("cost: round {} of {}", round + 1, plan.cost_rounds));
        for position in order(lanes.len(), round) {
            lanes[position].measure(plan, &worker).await?;
        }
    }
    Ok(Cost { rows: lanes.into_iter().map(|lane| lane.row).collect() })
}

/// A rejected configuration or a mission that did not start would measure an idle filter under another name.
fn armed_as_intended(variants: &[Variant], log: &str) -> Result<()> {
    let refused = |variant: Variant, what: &str| {
        Err(Error::Answer { variant: variant.name().to_owned(), what: what.to_owned() })
    };
    if let Some(line) = log.lines().find(|line| line.contains("config.rejected")) {
        return refused(Variant::SquallIdle, line);
    }
    for variant in variants.iter().filter(|variant| variant.armed()) {
        let mission = format!(r#""mission":"{}""#, variant.name());
        if !log.lines().any(|line| line.contains("mission.accepted") && line.contains(&mission)) {
            return refused(*variant, "Envoy's log does not say that its mission was accepted");
        }
    }
    Ok(())
}

/// The order of a round: rotated by one from round to round, and every second round backwards, so that no
/// variant always follows the same one.
fn order(count: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.rotate_left(round % count.max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

impl Lane {
    async fn open(variant: Variant, envoy: &Envoy) -> Result<Self> {
        let address = envoy.addr(variant.name());
        let connections =
            Connections::open(address, variant.connections(), "/users/7", variant.status()).await?;
        let row =
            CostRow { variant, cpu_us: Vec::new(), rps: Vec::new(), p50_ms: Vec::new(), p99_ms: Vec::new() };
        Ok(Self { connections, row })
    }

    async fn measure(&mut self, plan: &Plan, worker: &Worker) -> Result<()> {
        // Caches, branch predictors and V8's tiers forget what the other variants did.
        let warm_up = Limit { requests: plan.cost_requests, time: plan.cost_time / 5 };
        self.run(warm_up).await?;
        idle().await;
        let before = worker.cpu()?;
        let seen = self.run(Limit { requests: plan.cost_requests, time: plan.cost_time }).await?;
        idle().await;
        let used = worker.cpu()?.saturating_sub(before);
        self.row.cpu_us.push(used.as_secs_f64() * 1e6 / seen.latencies.len() as f64);
        self.row.rps.push(seen.rps());
        let [p50, p99] = [0.5, 0.99].map(|share| crate::spread::quantile(&seen.latencies, share));
        self.row.p50_ms.push(p50);
        self.row.p99_ms.push(p99);
        Ok(())
    }

    async fn run(&mut self, limit: Limit) -> Result<Seen> {
        let variant = self.row.variant.name().to_owned();
        self.connections.run(limit).await.map_err(|what| Error::Answer { variant, what })
    }
}

/// Long enough for the worker to leave the CPU, which books its time.
async fn idle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_every_variant_once_and_no_fixed_first_one() {
        let rounds: Vec<Vec<usize>> = (0..4).map(|round| order(4, round)).collect();
        assert_eq!(rounds, [[0, 1, 2, 3], [0, 3, 2, 1], [2, 3, 0, 1], [2, 1, 0, 3]]);
        for mut round in rounds {
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3]);
        }
        assert!(order(0, 3).is_empty());
    }

    #[test]
    fn a_variant_whose_mission_did_not_start_is_not_measured() {
        let log = |mission: &str| format!("{{\"event\":\"mission.accepted\",\"mission\":\"{mission}\"}}\n");
        let variants = [Variant::Bare, Variant::SquallDisabled, Variant::SquallArmed1];
        assert!(armed_as_intended(&variants, &log("squall-armed-1")).is_ok());
        assert!(armed_as_intended(&variants, &log("squall-armed-1000")).is_err());
        assert!(armed_as_intended(&[Variant::Bare], "{\"event\":\"config.rejected\"}").is_err());
    }

    #[test]
    fn a_cost_is_compared_round_by_round() {
        let row = |variant, cpu_us: &[f64]| CostRow {
            variant,
            cpu_us: cpu_us.to_vec(),
            rps: vec![],
            p50_ms: vec![],
            p99_ms: vec![],
        };
        let cost = Cost { rows: vec![row(Variant::Bare, &[20.0, 40.0]), row(Variant::Empty, &[25.0, 44.0])] };
        assert_eq!(cost.over(Variant::Empty, Variant::Bare).map(|over| over.median), Some(4.5));
        assert_eq!(cost.over(Variant::SquallIdle, Variant::Bare), None);
    }
}
