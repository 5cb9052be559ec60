//! The promises on a real Envoy with four workers, under load and under what breaks things: clients and upstreams that die, clocks
//! that are set, updates without end, records that everybody writes, a flood of events, and attacks.

#[allow(dead_code, reason = "shared with the tests of the configuration, which sign whole plugins")]
#[path = "../../../signing.rs"]
mod signing;

mod attacks;
mod clocks;
mod deaths;
mod disputes;
mod halts;
mod proxy;
mod trapping;
mod tripping;
mod updates;

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// The bound of promises P1 and P2.
const BOUND: Duration = Duration::from_secs(1);

/// One test at a time: each of them measures, on a machine that may have two cores.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
