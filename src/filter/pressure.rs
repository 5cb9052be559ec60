//! Pressure on the worker itself: time burnt in a callback, memory held in its VM.

use crate::armed::Armed;
use crate::host;
use crate::ledger;
use crate::stats::{self, Cause};
use squall_policy::wire::MOST_MEMORY;
use squall_policy::{Burn, Cap, Injected, Spared, Verdict, WorkerTime};
use std::cell::RefCell;
use std::hint::black_box;

const PAGE: usize = 4096;

/// Looks at the clock per microsecond that a burn takes at most: a clock that stands still must not hang the worker.
/// The work between two looks takes longer than an eighth of a microsecond.
const LOOKS_PER_US: u64 = 8;
const WORK_PER_LOOK: u64 = 200;

thread_local! {
    static TIME: RefCell<WorkerTime> = RefCell::new(WorkerTime::default());
    static HELD: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
    /// What earlier missions held. The memory of a VM never shrinks, so giving it back to the allocator would only let small things
    /// settle in it, and the next mission would grow the VM once more.
    static FREED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// What this VM holds for a scenario of a mission.
struct Block {
    mission: String,
    scenario: String,
    /// 0 when the memory was refused, so that not every request asks again.
    bytes: u64,
    memory: Option<Vec<u8>>,
}

/// Takes off the burns that this worker cannot afford. Before caps count the request.
pub fn admit(armed: &mut Armed, verdict: &mut Verdict, now_ns: u64) {
    let burns = verdict.injection.iter().flat_map(|injection| &injection.faults).filter_map(burn_of);
    let burns: Vec<(usize, Burn)> = burns.collect();
    let mut planned_ns: u64 = 0;
    for (scenario, burn) in burns {
        let wanted = planned_ns.saturating_add(burn.us.saturating_mul(1000));
        if time(|time| time.affords(burn.share_ppm, wanted, now_ns)) {
            planned_ns = wanted;
        } else {
            take_off(
                armed,
                verdict,
                scenario,
                Cap::CpuShare,
                |fault| !matches!(fault, Injected::Burn { scenario: s, .. } if *s == scenario),
            );
        }
    }
}

/// Holds memory and burns time. Gives the present afterwards.
pub fn apply(armed: &mut Armed, verdict: &mut Verdict, now_ns: u64) -> u64 {
    let faults = verdict.injection.iter().flat_map(|injection| &injection.faults);
    let faults: Vec<Injected> =
        faults.filter(|f| matches!(f, Injected::Burn { .. } | Injected::Hold { .. })).copied().collect();
    let mut now_ns = now_ns;
    for fault in faults {
        let done = match fault {
            Injected::Burn { burn: Burn { us, .. }, .. } => burn(us, &mut now_ns),
            Injected::Hold { scenario, bytes } => hold(armed, scenario, u64::from(bytes)),
            _ => continue,
        };
        let number = fault.scenario();
        if done {
            ledger::injected(armed, &fault);
        } else {
            stats::count_host_errors(1);
            take_off(armed, verdict, number, Cap::Unknown, |other| *other != fault);
        }
    }
    now_ns
}

/// The mission is over here.
pub fn free(mission: &str) {
    let freed = HELD.with(|held| {
        let Ok(mut held) = held.try_borrow_mut() else { return 0 };
        let before = sum(&held);
        let (over, kept) = held.drain(..).partition(|block| block.mission == mission);
        *held = kept;
        FREED.with(|freed| {
            let over: Vec<Block> = over;
            if let Ok(mut freed) = freed.try_borrow_mut() {
                freed.extend(over.into_iter().filter_map(|block| block.memory));
            }
        });
        before.saturating_sub(sum(&held))
    });
    count_held(i64::try_from(freed).unwrap_or_default().saturating_neg());
}

fn burn_of(fault: &Injected) -> Option<(usize, Burn)> {
    match fault {
        Injected::Burn { scenario, burn } => Some((*scenario, *burn)),
        _ => None,
    }
}

/// A scenario that is left without any fault was spared, which the ledger counts; else its cause is counted here.
fn take_off(
    armed: &mut Armed,
    verdict: &mut Verdict,
    scenario: usize,
    why: Cap,
    keep: impl Fn(&Injected) -> bool,
) {
    verdict.retain(keep);
    let left = verdict.injection.iter().flat_map(|injection| &injection.faults);
    if left.into_iter().any(|fault| fault.scenario() == scenario) {
        let cause = if why == Cap::CpuShare { Cause::CpuShare } else { Cause::HostError };
        ledger::suppress(armed, scenario, cause);
    } else {
        verdict.spare(scenario, Spared::Capped(why));
    }
}

fn time<T: Default>(act: impl FnOnce(&mut WorkerTime) -> T) -> T {
    TIME.with(|time| time.try_borrow_mut().map(|mut time| act(&mut time)).unwrap_or_default())
}

/// Keeps the worker busy. `false` when the clock does not run.
fn burn(us: u64, now_ns: &mut u64) -> bool {
    let Ok(begun) = host::monotonic_ns() else { return false };
    let until = begun.saturating_add(us.saturating_mul(1000));
    let mut looks = us.saturating_mul(LOOKS_PER_US);
    let mut state = begun;
    loop {
        for _ in 0..WORK_PER_LOOK {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        let Ok(now) = host::monotonic_ns() else { return false };
        looks = looks.saturating_sub(1);
        if now >= until || looks == 0 {
            // What it really took, which on a busy machine is more than asked for.
            time(|time| time.spend(now.saturating_sub(begun), now));
            *now_ns = now;
            return now >= until;
        }
    }
}

/// Holds memory for the scenario, if this VM does not do so already.
fn hold(armed: &mut Armed, scenario: usize, bytes: u64) -> bool {
    let Some(name) = armed.plan.scenario(scenario).map(|scenario| scenario.name.as_str()) else {
        return false;
    };
    let holds = HELD.with(|held| {
        let Ok(mut held) = held.try_borrow_mut() else { return false };
        let known = held.iter().find(|block| block.mission == armed.mission && block.scenario == name);
        if let Some(block) = known {
            return block.bytes > 0;
        }
        let fits = sum(&held).saturating_add(bytes) <= MOST_MEMORY;
        let memory = Some(bytes).filter(|_| fits).and_then(|bytes| freed(bytes).or_else(|| touched(bytes)));
        let bytes = if memory.is_some() { bytes } else { 0 };
        count_held(i64::try_from(bytes).unwrap_or_default());
        let (mission, scenario) = (armed.mission.clone(), name.to_owned());
        held.push(Block { mission, scenario, bytes, memory });
        bytes > 0
    });
    armed.holds_memory |= holds;
    holds
}

/// The smallest block of an earlier mission that is large enough. Where none is, all go back to the allocator.
fn freed(bytes: u64) -> Option<Vec<u8>> {
    let fits = |block: &Vec<u8>| u64::try_from(block.capacity()).is_ok_and(|capacity| capacity >= bytes);
    FREED.with(|freed| {
        let mut freed = freed.try_borrow_mut().ok()?;
        let best = freed
            .iter()
            .enumerate()
            .filter(|(_, block)| fits(block))
            .min_by_key(|(_, block)| block.capacity());
        match best.map(|(at, _)| at) {
            Some(at) => Some(freed.swap_remove(at)),
            None => {
                freed.clear();
                None
            }
        }
    })
}

/// Memory that really is there: the kernel gives a page when it is first written to.
fn touched(bytes: u64) -> Option<Vec<u8>> {
    let bytes = usize::try_from(bytes).ok()?;
    let mut memory: Vec<u8> = Vec::new();
    memory.try_reserve_exact(bytes).ok()?;
    for page in memory.spare_capacity_mut().chunks_mut(PAGE) {
        if let Some(byte) = page.first_mut() {
            byte.write(1);
        }
    }
    Some(black_box(memory))
}

fn sum(held: &[Block]) -> u64 {
    held.iter().fold(0, |sum, block| sum.saturating_add(block.bytes))
}

fn count_held(by: i64) {
    if by != 0 {
        stats::move_gauge("chaos_memory_held_bytes", by);
    }
}
