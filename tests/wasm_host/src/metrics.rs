//! Metrics: values shared by all workers, ids of each worker's own, as in Envoy.

use std::collections::BTreeMap;

use crate::abi::Status;

/// The value of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Only grows.
    Counter(u64),
    /// Set, or moved up and down; below zero it wraps around, as Envoy's does.
    Gauge(u64),
    /// Every sample in the order of recording.
    Histogram(Vec<u64>),
}

impl Metric {
    /// The value of a counter or gauge, the number of samples of a histogram.
    pub fn value(&self) -> u64 {
        match self {
            Metric::Counter(value) | Metric::Gauge(value) => *value,
            Metric::Histogram(samples) => samples.len() as u64,
        }
    }
}

pub(crate) type Metrics = BTreeMap<String, Metric>;

/// The kind is part of the id, in its two lowest bits.
const KIND_MASK: u32 = 3;
const STEP: u32 = 4;

/// The ids that one VM has been given.
pub(crate) struct MetricIds {
    next: [u32; 3],
    names: BTreeMap<u32, String>,
}

impl Default for MetricIds {
    fn default() -> Self {
        MetricIds { next: [0, 1, 2], names: BTreeMap::new() }
    }
}

impl MetricIds {
    /// A new id, also for a name that has one already. Envoy keeps metrics of one name and different
    /// kinds apart; this host refuses the second kind, for no filter means to do that.
    pub(crate) fn define(&mut self, metrics: &mut Metrics, kind: u32, name: &str) -> Result<u32, Status> {
        let fresh = match kind {
            0 => Metric::Counter(0),
            1 => Metric::Gauge(0),
            2 => Metric::Histogram(Vec::new()),
            _ => return Err(Status::BAD_ARGUMENT),
        };
        let known = metrics.entry(name.to_owned()).or_insert_with(|| fresh.clone());
        if std::mem::discriminant(known) != std::mem::discriminant(&fresh) {
            return Err(Status::BAD_ARGUMENT);
        }
        let next = &mut self.next[kind as usize];
        *next += STEP;
        self.names.insert(*next, name.to_owned());
        Ok(*next)
    }

    fn find<'a>(&self, metrics: &'a mut Metrics, id: u32) -> Result<&'a mut Metric, Status> {
        let name = self.names.get(&id).ok_or(Status::NOT_FOUND)?;
        metrics.get_mut(name).ok_or(Status::NOT_FOUND)
    }

    pub(crate) fn increment(&self, metrics: &mut Metrics, id: u32, offset: i64) -> Result<(), Status> {
        if id & KIND_MASK > 1 {
            return Err(Status::BAD_ARGUMENT);
        }
        match self.find(metrics, id)? {
            Metric::Counter(value) if offset > 0 => *value = value.wrapping_add(offset.unsigned_abs()),
            Metric::Gauge(value) => *value = value.wrapping_add_signed(offset),
            Metric::Counter(_) | Metric::Histogram(_) => return Err(Status::BAD_ARGUMENT),
        }
        Ok(())
    }

    pub(crate) fn record(&self, metrics: &mut Metrics, id: u32, sample: u64) -> Result<(), Status> {
        match self.find(metrics, id)? {
            Metric::Counter(value) => *value = value.wrapping_add(sample),
            Metric::Gauge(value) => *value = sample,
            Metric::Histogram(samples) => samples.push(sample),
        }
        Ok(())
    }

    pub(crate) fn get(&self, metrics: &mut Metrics, id: u32) -> Result<u64, Status> {
        if id & KIND_MASK > 1 {
            return Err(Status::BAD_ARGUMENT);
        }
        Ok(self.find(metrics, id)?.value())
    }
}
