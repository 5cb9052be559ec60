//! What the counters said at three moments: just before the mission, when it was over, and at the end.

use std::time::Duration;

use squall_envoy_tests::Metrics;
use tokio::time::{Instant, sleep_until};
use user_service_example::call_stats::CallStats;

use crate::{experiment::Experiment, mesh::Mesh};

/// Promise: no fault later than this after the deadline.
const DEADLINE_BOUND: Duration = Duration::from_secs(1);
/// How long before the mission the counters are read: no fault may be in them.
const LEAD: Duration = Duration::from_millis(200);
/// For the last answers, and for the counters of Envoy's workers to be merged.
const SETTLING: Duration = Duration::from_secs(1);

/// The counters at one moment.
pub struct Snapshot {
    /// What the user-service counts.
    pub calls: CallStats,
    /// What Squall counts.
    pub metrics: Metrics,
}

/// The counters of the whole experiment.
pub struct Observations {
    /// Just before the mission began.
    pub before_start: Snapshot,
    /// One second after its deadline.
    pub after_deadline: Snapshot,
    /// When all load was over.
    pub at_end: Snapshot,
}

impl Observations {
    /// Waits for each of the moments.
    pub async fn collect(mesh: &Mesh, experiment: &Experiment) -> anyhow::Result<Self> {
        let [_, during, after] = &experiment.phases;
        Ok(Self {
            before_start: Snapshot::take(mesh, during.start - LEAD).await?,
            after_deadline: Snapshot::take(mesh, during.end + DEADLINE_BOUND).await?,
            at_end: Snapshot::take(mesh, after.end + SETTLING).await?,
        })
    }
}

impl Snapshot {
    async fn take(mesh: &Mesh, moment: Instant) -> anyhow::Result<Self> {
        sleep_until(moment).await;
        Ok(Self { calls: mesh.call_stats().await?, metrics: mesh.metrics().await? })
    }
}
