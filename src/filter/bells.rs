//! The bells of all VMs of the proxy that have a catalog: whoever orders, stops, halts or releases rings all of them.

use crate::{bell, host, record, stats};

const KEY: &str = "squall/bells";

/// Most bells, one for each worker of each machine that this Envoy has had: of older ones nothing is left by then.
const MOST: usize = 1024;

/// Registers this VM; gives its own bell. Whoever cannot be rung looks now and then all the same.
pub fn register() -> u32 {
    let own = bell::register();
    if own == 0 {
        return 0;
    }
    let known = record::exchange(KEY, &mut |bytes| {
        let mut bells = read(bytes);
        if bells.contains(&own) {
            return Ok(None);
        }
        bells.push(own);
        bells.drain(..bells.len().saturating_sub(MOST));
        Ok(Some(bells.iter().flat_map(|bell| bell.to_le_bytes()).collect()))
    });
    stats::count_host_errors(u32::from(known.is_err()));
    own
}

/// Wakes every VM, this one too.
pub fn ring_all() {
    let Ok(bytes) = host::shared_data(KEY) else { return stats::count_host_errors(1) };
    for bell in read(&bytes.unwrap_or_default().0) {
        bell::ring(bell);
    }
}

fn read(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|bell| u32::from_le_bytes(*bell)).collect()
}
