//! What a load run measured.

use std::time::{Duration, Instant};

use crate::percentile;

/// How one request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole response with this status came.
    Answered(u16),
    /// The client's patience ended first.
    Left,
    /// The connection or the stream broke; the text says how.
    Broken(String),
}

/// One request of a run.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its number, from 0; the request id is the prefix, `-`, and this number.
    pub index: u64,
    /// The number of its connection, from 0; one that broke or was left is replaced under the same number.
    pub connection: usize,
    /// When it was released, from the start of the run.
    pub sent_after: Duration,
    /// When a connection took it, from the start of the run: later than its release when all were busy.
    pub begun_after: Duration,
    /// From its release to the end of the response, or to the failure.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

impl Sample {
    /// The status of a whole response.
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered(status) => Some(status),
            Outcome::Left | Outcome::Broken(_) => None,
        }
    }
}

/// All requests of a run, in the order of their numbers.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// One entry for each request.
    pub samples: Vec<Sample>,
    /// From when [`Sample::sent_after`] counts.
    pub began: Instant,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    id_prefix: String,
    /// Latencies of the answered requests, ascending.
    ascending: Vec<Duration>,
}

impl LoadReport {
    pub(super) fn new(id_prefix: String, parts: Vec<Vec<Sample>>, began: Instant) -> Self {
        let elapsed = began.elapsed();
        let mut samples: Vec<Sample> = parts.into_iter().flatten().collect();
        samples.sort_unstable_by_key(|sample| sample.index);
        let mut ascending: Vec<Duration> =
            samples.iter().filter(|sample| sample.status().is_some()).map(|sample| sample.latency).collect();
        ascending.sort_unstable();
        Self { samples, began, elapsed, id_prefix, ascending }
    }

    /// The `x-request-id` of a sample.
    pub fn request_id(&self, sample: &Sample) -> String {
        format!("{}-{}", self.id_prefix, sample.index)
    }

    /// When a connection took a request.
    pub fn begun(&self, sample: &Sample) -> Instant {
        self.began + sample.begun_after
    }

    /// When its response was complete, or it failed.
    pub fn ended(&self, sample: &Sample) -> Instant {
        self.began + sample.sent_after + sample.latency
    }

    /// How many requests were sent.
    pub fn total(&self) -> u64 {
        self.samples.len() as u64
    }

    /// How many were answered with `status`.
    pub fn count(&self, status: u16) -> u64 {
        self.samples.iter().filter(|sample| sample.status() == Some(status)).count() as u64
    }

    /// How many connections or streams broke.
    pub fn broken(&self) -> u64 {
        self.samples.iter().filter(|sample| matches!(sample.outcome, Outcome::Broken(_))).count() as u64
    }

    /// How many requests the client left.
    pub fn left(&self) -> u64 {
        self.samples.iter().filter(|sample| sample.outcome == Outcome::Left).count() as u64
    }

    /// The share (0 to 1) of all requests that broke, were left, or were answered with 500 or above.
    pub fn error_rate(&self) -> f64 {
        let good =
            self.samples.iter().filter(|sample| sample.status().is_some_and(|status| status < 500)).count();
        1.0 - good as f64 / self.samples.len().max(1) as f64
    }

    /// Answered requests per second.
    pub fn rps(&self) -> f64 {
        self.ascending.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The `share` percentile (0 to 1) of the latency of answered requests; 1 is the maximum.
    pub fn percentile(&self, share: f64) -> Duration {
        percentile(&self.ascending, share)
    }

    /// The shortest latency of answered requests.
    pub fn fastest(&self) -> Duration {
        self.ascending.first().copied().unwrap_or_default()
    }

    /// Every latency of answered requests, ascending.
    pub fn latencies(&self) -> &[Duration] {
        &self.ascending
    }
}
