//! One VM, as each worker of Envoy has one: starting it, entering it, looking at it.

use std::collections::BTreeMap;

use wasmtime::{Instance, Store, Val};

use crate::abi::{HeaderMap, MapKind, Side, Status};
use crate::contexts::{Effect, StreamId};
use crate::counts::Counts;
use crate::error::HostError;
use crate::imports::known;
use crate::module::Module;
use crate::random::Random;
use crate::shared::Shared;
use crate::state::{Log, LogLevel, State};

/// Instructions that one callback may execute. A callback that needs more hangs.
const BUDGET: u64 = 20_000_000_000;

/// A running module.
pub struct Vm {
    pub(crate) store: Store<State>,
    instance: Instance,
    pub(crate) next_context: u32,
    dead: Option<String>,
}

impl Vm {
    /// Starts the module: `_initialize` if it has that export, else `_start`. No context exists yet.
    ///
    /// # Errors
    /// [`HostError::MissingExport`] without memory or allocator, [`HostError::Trap`].
    pub fn new(module: &Module, shared: &Shared) -> Result<Vm, HostError> {
        let mut store = Store::new(&module.engine, State::new(shared.clone()));
        let refuel = |store: &mut Store<State>| {
            store.set_fuel(BUDGET).map_err(|error| HostError::Instantiate(error.to_string()))
        };
        refuel(&mut store)?;
        let instance = module
            .prepared
            .instantiate(&mut store)
            .map_err(|error| HostError::Instantiate(format!("{error:?}")))?;
        let memory = instance.get_memory(&mut store, "memory").ok_or(HostError::MissingExport("memory"))?;
        let allocate = instance
            .get_func(&mut store, "malloc")
            .or_else(|| instance.get_func(&mut store, "proxy_on_memory_allocate"))
            .ok_or(HostError::MissingExport("malloc or proxy_on_memory_allocate"))?;
        store.data_mut().memory = Some(memory);
        store.data_mut().allocate = Some(allocate);
        let mut vm = Vm { store, instance, next_context: 1, dead: None };
        if vm.enter(0, "_initialize", &[])?.is_none() {
            vm.enter(0, "_start", &[])?;
        }
        Ok(vm)
    }

    /// Calls an export in the context; `None` if the module does not have it.
    pub(crate) fn enter(
        &mut self,
        context: u32,
        callback: &str,
        arguments: &[u32],
    ) -> Result<Option<u32>, HostError> {
        let arguments: Vec<_> = arguments.iter().map(|word| Val::I32(word.cast_signed())).collect();
        self.enter_with(context, callback, &arguments)
    }

    pub(crate) fn enter_with(
        &mut self,
        context: u32,
        callback: &str,
        arguments: &[Val],
    ) -> Result<Option<u32>, HostError> {
        if let Some(culprit) = &self.dead {
            return Err(HostError::Dead(culprit.clone()));
        }
        let Some(function) = self.instance.get_func(&mut self.store, callback) else { return Ok(None) };
        let state = self.store.data_mut();
        state.current = context;
        state.effective = None;
        state.stop = false;
        *state.counts.callbacks.entry(callback.into()).or_default() += 1;
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let outcome = self
            .store
            .set_fuel(BUDGET)
            .and_then(|()| function.call(&mut self.store, arguments, &mut results));
        let left = self.store.get_fuel().unwrap_or(0);
        let state = self.store.data_mut();
        state.counts.instructions += BUDGET - left;
        state.effective = None;
        match outcome {
            Ok(()) => Ok(Some(results.first().and_then(Val::i32).unwrap_or_default().cast_unsigned())),
            Err(error) => {
                self.dead = Some(callback.into());
                Err(HostError::Trap { callback: callback.into(), reason: format!("{error:?}") })
            }
        }
    }

    /// Whether a trap has ended it.
    pub fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    /// The proxy it is a worker of.
    pub fn shared(&self) -> Shared {
        self.store.data().shared.clone()
    }

    /// The totals so far.
    pub fn counts(&self) -> Counts {
        self.store.data().counts.clone()
    }

    /// Size of the module's memory in bytes; it never shrinks.
    pub fn memory_size(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// All log lines so far, in order.
    pub fn logs(&self) -> &[Log] {
        &self.store.data().logs
    }

    /// The level that `proxy_get_log_level` tells; lower lines are dropped. `Info` at first.
    pub fn set_log_level(&mut self, level: LogLevel) {
        self.store.data_mut().log_level = level;
    }

    /// What the filter did to streams since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.store.data_mut().effects)
    }

    /// On which side the filter holds the stream.
    pub fn held(&self, stream: StreamId) -> Option<Side> {
        self.store.data().stream(stream.0)?.held
    }

    /// Lets `proxy_get_header_map_pairs` return these bytes, well formed or not; `None` ends it.
    pub fn garble_pairs(&mut self, bytes: Option<Vec<u8>>) {
        self.store.data_mut().garbled_pairs = bytes;
    }

    /// Everything the filter did that crashes a real Envoy or acts on the wrong context.
    pub fn violations(&self) -> &[String] {
        &self.store.data().violations
    }

    /// Restarts `random_get` from a seed; at first the seed is the number of the worker, from 1.
    pub fn seed(&mut self, seed: u64) {
        self.store.data_mut().random = Random::seeded(seed);
    }

    /// Lets the next call of a host function return `status` without doing anything.
    ///
    /// # Panics
    /// If there is no host function of this name (`proxy_...` or the WASI name).
    pub fn fail_next(&mut self, name: &str, status: Status) {
        self.fail_nth(name, 1, status);
    }

    /// Lets the `nth` call from now, counted from 1, return `status`.
    ///
    /// # Panics
    /// As [`Vm::fail_next`].
    pub fn fail_nth(&mut self, name: &str, nth: u64, status: Status) {
        self.store.data_mut().failures.once(function(name), nth.saturating_sub(1), status);
    }

    /// Lets every call from now on return `status`.
    ///
    /// # Panics
    /// As [`Vm::fail_next`].
    pub fn fail_every(&mut self, name: &str, status: Status) {
        self.store.data_mut().failures.always(function(name), status);
    }

    /// Ends all injected failures.
    pub fn heal(&mut self) {
        self.store.data_mut().failures.clear();
    }

    /// How many calls of the function have failed by injection.
    pub fn failures_fired(&self, name: &str) -> u64 {
        self.store.data().failures.fired(name)
    }

    /// Names of all host functions, for tests that fail each in turn.
    pub fn host_functions() -> impl Iterator<Item = &'static str> {
        crate::imports::HOST_FUNCTIONS.iter().map(|function| function.name)
    }

    /// Sets a property that all contexts see, such as `xds.node.id`.
    pub fn set_node_property(&mut self, path: &[&str], value: &[u8]) {
        self.store.data_mut().node.insert(path.join("\0").into_bytes(), value.to_vec());
    }

    /// Sets a property of a stream, in Envoy's encoding: `xds.route_name` is one part of text, numbers are
    /// 8 bytes, little-endian. It can be set again or removed between callbacks, as Envoy does by phase.
    ///
    /// # Errors
    /// [`HostError::NoContext`].
    pub fn set_property(&mut self, stream: StreamId, path: &[&str], value: &[u8]) -> Result<(), HostError> {
        self.stream_mut(stream)?.properties.insert(path.join("\0").into_bytes(), value.to_vec());
        Ok(())
    }

    /// Removes a property of a stream.
    ///
    /// # Errors
    /// [`HostError::NoContext`].
    pub fn remove_property(&mut self, stream: StreamId, path: &[&str]) -> Result<(), HostError> {
        self.stream_mut(stream)?.properties.remove(path.join("\0").as_bytes());
        Ok(())
    }

    /// What the filter has set with `proxy_set_property`; Envoy keeps it as filter state `wasm.<path>`.
    ///
    /// # Errors
    /// [`HostError::NoContext`].
    pub fn filter_state(&mut self, stream: StreamId) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, HostError> {
        Ok(self.stream_mut(stream)?.filter_state.clone())
    }

    /// A header map as the filter has left it, whether or not the filter may still use it.
    ///
    /// # Errors
    /// [`HostError::NoContext`].
    pub fn headers(&mut self, stream: StreamId, kind: MapKind) -> Result<HeaderMap, HostError> {
        Ok(self.stream_mut(stream)?.map(kind).map(|map| map.pairs.clone()).unwrap_or_default())
    }

    pub(crate) fn stream_mut(&mut self, stream: StreamId) -> Result<&mut crate::contexts::Stream, HostError> {
        self.store.data_mut().stream_mut(stream.0).ok_or(HostError::NoContext(stream.0))
    }
}

fn function(name: &str) -> &'static str {
    match known(name) {
        Some(name) => name,
        None => panic!("there is no host function {name}"),
    }
}
