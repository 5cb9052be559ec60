//! What a VM's host functions work on.

use std::collections::BTreeMap;

use wasmtime::{Func, Memory};

use crate::contexts::{Context, Effect, Root, Stream};
use crate::counts::Counts;
use crate::failures::Failures;
use crate::metrics::MetricIds;
use crate::random::Random;
use crate::shared::Shared;

/// Levels of the log, in the ABI's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// 0
    Trace,
    /// 1
    Debug,
    /// 2
    Info,
    /// 3
    Warn,
    /// 4
    Error,
    /// 5
    Critical,
}

impl LogLevel {
    pub(crate) fn from_abi(number: u32) -> Option<LogLevel> {
        use LogLevel::{Critical, Debug, Error, Info, Trace, Warn};
        [Trace, Debug, Info, Warn, Error, Critical].get(number as usize).copied()
    }
}

/// A line of the log, at or above the VM's level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How bad it is.
    pub level: LogLevel,
    /// The context that was effective.
    pub context: u32,
    /// The text; bytes that are no UTF-8 are replaced.
    pub message: String,
}

pub(crate) struct State {
    pub(crate) shared: Shared,
    /// Its number among the workers of the proxy, from 1.
    pub(crate) worker: u64,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<Func>,
    pub(crate) contexts: BTreeMap<u32, Context>,
    /// The context of the running callback.
    pub(crate) current: u32,
    /// Set by `proxy_set_effective_context` until the callback returns.
    pub(crate) effective: Option<u32>,
    /// A local response or a reset was asked for in this callback: its stream stops whatever it returns.
    pub(crate) stop: bool,
    pub(crate) node: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) metric_ids: MetricIds,
    pub(crate) random: Random,
    pub(crate) failures: Failures,
    pub(crate) garbled_pairs: Option<Vec<u8>>,
    pub(crate) counts: Counts,
    pub(crate) log_level: LogLevel,
    pub(crate) logs: Vec<Log>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) violations: Vec<String>,
}

impl State {
    pub(crate) fn new(shared: Shared) -> State {
        let worker = {
            let mut inside = shared.lock();
            inside.workers += 1;
            inside.workers
        };
        State {
            shared,
            worker,
            memory: None,
            allocate: None,
            contexts: BTreeMap::new(),
            current: 0,
            effective: None,
            stop: false,
            node: BTreeMap::new(),
            metric_ids: MetricIds::default(),
            random: Random::seeded(worker),
            failures: Failures::default(),
            garbled_pairs: None,
            counts: Counts::default(),
            log_level: LogLevel::Info,
            logs: Vec::new(),
            effects: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// The context that host functions act on.
    pub(crate) fn acting(&self) -> u32 {
        self.effective.unwrap_or(self.current)
    }

    pub(crate) fn stream(&self, id: u32) -> Option<&Stream> {
        match self.contexts.get(&id) {
            Some(Context::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub(crate) fn stream_mut(&mut self, id: u32) -> Option<&mut Stream> {
        match self.contexts.get_mut(&id) {
            Some(Context::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub(crate) fn root(&self, id: u32) -> Option<&Root> {
        match self.contexts.get(&id) {
            Some(Context::Root(root)) => Some(root),
            _ => None,
        }
    }

    pub(crate) fn root_mut(&mut self, id: u32) -> Option<&mut Root> {
        match self.contexts.get_mut(&id) {
            Some(Context::Root(root)) => Some(root),
            _ => None,
        }
    }

    /// The root context that a context belongs to, itself included.
    pub(crate) fn root_of(&self, id: u32) -> u32 {
        self.stream(id).map_or(id, |stream| stream.root)
    }
}
