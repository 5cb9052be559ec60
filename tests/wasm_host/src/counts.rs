//! Exact costs: what the filter called, what the host called, how many instructions ran.

use std::collections::BTreeMap;

/// Totals since the VM was created; [`Counts::since`] gives those of a part of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of host functions by the module, by name.
    pub host_calls: BTreeMap<String, u64>,
    /// Calls of the module by the host, by export, allocations (`malloc`) included.
    pub callbacks: BTreeMap<String, u64>,
    /// WebAssembly instructions, in wasmtime's fuel: one for each instruction, none for those that only
    /// give structure (`block`, `loop`, `else`, `end`) or do nothing (`nop`, `drop`).
    pub instructions: u64,
}

impl Counts {
    /// The calls of one host function.
    pub fn host_call(&self, name: &str) -> u64 {
        self.host_calls.get(name).copied().unwrap_or(0)
    }

    /// The calls of all host functions together.
    pub fn host_calls_total(&self) -> u64 {
        self.host_calls.values().sum()
    }

    /// What was added after `earlier`, without names that were not called since.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let less = |now: &BTreeMap<String, u64>, before: &BTreeMap<String, u64>| {
            now.iter()
                .map(|(name, count)| (name.clone(), count - before.get(name).copied().unwrap_or(0)))
                .filter(|(_, count)| *count > 0)
                .collect()
        };
        Counts {
            host_calls: less(&self.host_calls, &earlier.host_calls),
            callbacks: less(&self.callbacks, &earlier.callbacks),
            instructions: self.instructions - earlier.instructions,
        }
    }
}
