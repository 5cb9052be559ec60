//! Pressure as the plan has it.

use super::{Fault, Injected, Injection, Shared, concurrency};
use crate::draw::PPM;
use crate::wire;

/// Burnt worker time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burn {
    pub us: u64,
    /// Most of a worker's time, in parts per million.
    pub share_ppm: u32,
}

/// `cpu`, `memory` and `concurrency` are faults of their own: each has its label and its counter.
pub(super) fn compile(fault: Option<&wire::PressureFault>, scenario: &str) -> impl Iterator<Item = Shared> {
    let cpu = fault.and_then(|f| f.cpu.as_ref());
    let cpu = cpu.map(|c| Fault::Burn(Burn { us: c.burn.micros(), share_ppm: c.max_share.0 }));
    let memory = fault.and_then(|f| f.memory.as_ref()).map(|m| Fault::Hold(m.hold.0));
    let slots = fault.and_then(|f| f.concurrency.as_ref()).map(|c| concurrency::compile(c, scenario));
    cpu.into_iter().chain(memory).chain(slots).map(|fault| Shared { ppm: PPM, fault, choice: None })
}

pub(super) fn add(scenario: usize, fault: &Fault, injection: &mut Option<Injection>) {
    let injected = match fault {
        Fault::Burn(burn) => Injected::Burn { scenario, burn: *burn },
        Fault::Hold(bytes) => Injected::Hold { scenario, bytes: *bytes },
        _ => return,
    };
    injection.get_or_insert_default().push(injected);
}
