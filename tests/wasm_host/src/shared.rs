//! What the workers of one proxy share: clocks, shared data, queues, the values of metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::abi::Status;
use crate::clock::Clock;
use crate::metrics::{Metric, Metrics};
use crate::queues::Queues;

/// One proxy. Clones are the same proxy; give one to each [`crate::Vm`], Envoy's workers.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Inside>>);

#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) workers: u64,
    pub(crate) queues: Queues,
    /// How far each look at the monotonic clock moves both clocks.
    pub(crate) per_look: Duration,
    /// Environment of the VMs, `NAME=value` each.
    pub(crate) environment: Vec<String>,
    data: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
}

impl Shared {
    /// A proxy without data, at [`Clock::default`].
    pub fn new() -> Shared {
        Shared::default()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clocks as they are.
    pub fn clock(&self) -> Clock {
        self.lock().clock
    }

    /// Sets both clocks.
    pub fn set_clock(&self, clock: Clock) {
        self.lock().clock = clock;
    }

    /// Steps the wall clock (Unix time in nanoseconds) and leaves the monotonic one alone.
    pub fn set_wall(&self, nanoseconds: u64) {
        self.lock().clock.wall = nanoseconds;
    }

    /// From now on time passes while the module looks at the monotonic clock: so much with each look.
    pub fn run_clock(&self, per_look: Duration) {
        self.lock().per_look = per_look;
    }

    /// Moves both clocks ahead. Timers fire in [`crate::Vm::run_due`] or [`crate::Vm::advance`].
    pub fn advance(&self, by: Duration) {
        self.lock().clock.advance(by);
    }

    /// Gives the VMs an environment variable (`vm_config.environment_variables`).
    pub fn set_variable(&self, name: &str, value: &str) {
        self.lock().environment.push(format!("{name}={value}"));
    }

    /// A metric by its full name; `None` if no worker has defined it.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        self.lock().metrics.get(name).cloned()
    }

    /// All metrics by name.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.lock().metrics.clone()
    }

    /// A value of the shared data.
    pub fn data(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.lock().get(key).ok().map(|(value, _)| value)
    }

    /// All keys of the shared data, sorted.
    pub fn data_keys(&self) -> Vec<Vec<u8>> {
        self.lock().data.keys().cloned().collect()
    }

    /// Sets a value of the shared data, whatever it was.
    pub fn set_data(&self, key: &[u8], value: &[u8]) {
        // Without a CAS number a write always succeeds.
        let _ = self.lock().set(key, value, 0);
    }

    /// Puts a value into a queue by its token, as another VM of the proxy does; one that is not there swallows it.
    pub fn enqueue(&self, token: u32, value: &[u8]) {
        let _ = self.lock().queues.enqueue(token, value.to_vec());
    }
}

impl Inside {
    pub(crate) fn get(&self, key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
        self.data.get(key).cloned().ok_or(Status::NOT_FOUND)
    }

    /// Envoy's rule: the number counts only for a key that exists; 0 means unconditionally.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        if let Some((_, current)) = self.data.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(Status::CAS_MISMATCH);
        }
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        self.data.insert(key.to_vec(), (value.to_vec(), self.last_cas));
        Ok(())
    }
}
