//! Timers in virtual time: one per root context, as in Envoy.

use std::time::Duration;

use crate::contexts::{Context, RootId};
use crate::error::HostError;
use crate::vm::Vm;

impl Vm {
    /// Calls `proxy_on_tick` now, whether it is due or not, and re-arms the timer with the period that the
    /// filter has left.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn tick(&mut self, root: RootId) -> Result<(), HostError> {
        self.store.data().root(root.0).ok_or(HostError::NoContext(root.0))?;
        self.enter(root.0, "proxy_on_tick", &[root.0])?;
        let state = self.store.data_mut();
        let now = state.shared.clock().monotonic;
        if let Some(root) = state.root_mut(root.0) {
            let period = u64::from(root.tick_period) * 1_000_000;
            root.next_tick = (period > 0).then_some(now + period);
        }
        Ok(())
    }

    /// The period that the filter has set; `None` when the timer is off.
    pub fn tick_period(&self, root: RootId) -> Option<Duration> {
        let period = self.store.data().root(root.0)?.tick_period;
        (period > 0).then(|| Duration::from_millis(period.into()))
    }

    /// The monotonic time of the next tick in nanoseconds; `None` when the timer is off.
    pub fn next_tick(&self, root: RootId) -> Option<u64> {
        self.store.data().root(root.0)?.next_tick
    }

    /// Ticks every root whose time has come, once each, the earliest first. Returns how many.
    /// With several workers: [`crate::Shared::advance`], then this on each.
    ///
    /// # Errors
    /// [`HostError::Trap`], [`HostError::Dead`].
    pub fn run_due(&mut self) -> Result<usize, HostError> {
        let now = self.shared().clock().monotonic;
        let mut due: Vec<_> = self.timers().into_iter().filter(|(at, _)| *at <= now).collect();
        due.sort_unstable();
        for (_, root) in &due {
            self.tick(*root)?;
        }
        Ok(due.len())
    }

    /// Moves the proxy's clocks ahead and ticks each root exactly when its timer fires; calls of queues come before.
    ///
    /// # Errors
    /// [`HostError::Trap`], [`HostError::Dead`].
    pub fn advance(&mut self, by: Duration) -> Result<(), HostError> {
        let shared = self.shared();
        self.run_queues()?;
        let end = shared.clock().monotonic + u64::try_from(by.as_nanos()).unwrap_or(u64::MAX / 2);
        while let Some((at, _)) = self.timers().into_iter().min().filter(|(at, _)| *at <= end) {
            let now = shared.clock().monotonic;
            shared.advance(Duration::from_nanos(at.saturating_sub(now)));
            self.run_due()?;
            self.run_queues()?;
        }
        let now = shared.clock().monotonic;
        shared.advance(Duration::from_nanos(end.saturating_sub(now)));
        Ok(())
    }

    fn timers(&self) -> Vec<(u64, RootId)> {
        let contexts = self.store.data().contexts.iter();
        contexts
            .filter_map(|(id, context)| match context {
                Context::Root(root) => root.next_tick.map(|at| (at, RootId(*id))),
                Context::Stream(_) => None,
            })
            .collect()
    }
}
