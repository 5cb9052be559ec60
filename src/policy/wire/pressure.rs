//! The pressure fault: worker time, memory and slots.

use super::concurrency::ConcurrencyPressure;
use super::declare::object;
use super::decode::{Decode, Kind, no_check, text};
use super::scalar::Span;
use crate::diagnostic::{Code, Report};
use crate::node::Node;

/// Most memory that a worker holds, in bytes: V8 ends a module that wants more than 1 GiB.
pub const MOST_MEMORY: u64 = 256 << 20;

object! {
    /// Takes resources of the proxy itself: a worker that is busy or large, as beside a noisy neighbour. At least one key.
    pub struct PressureFault shape some_kind, check no_check {
        /// Burns worker time, before the request goes on and before a delay or an abort of its.
        "cpu" => cpu: CpuPressure [optional],
        /// Holds memory in each worker, from its first sampled request to the end of the mission.
        "memory" => memory: MemoryPressure [optional],
        /// A pool of slots that requests go through, after the two above and before a delay or an abort of theirs.
        "concurrency" => concurrency: ConcurrencyPressure [optional],
    }
}

object! {
    /// Burns worker time. Everything on that worker waits meanwhile, other listeners included.
    pub struct CpuPressure shape affordable, check no_check {
        /// How long for each request.
        "burn" => burn: Span<1, 100> [required],
        /// Most of its time that a worker burns, all scenarios together; who comes above it is spared.
        "max_share" => max_share: WorkerShare [default "25%" = WorkerShare(250_000)],
    }
}

object! {
    /// Holds memory.
    pub struct MemoryPressure check no_check {
        /// How much in each worker. One worker holds at most 256 MiB, all scenarios together.
        "hold" => hold: MemorySize [required],
    }
}

/// A share of a worker's time, text with its unit, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerShare(pub u32);

impl Decode for WorkerShare {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = text(node, report)?;
        let Some(percent) = text.strip_suffix('%').and_then(|n| n.trim_end().parse::<u32>().ok()) else {
            let shown: String = text.chars().take(80).collect();
            let message = format!("{shown:?} is not a share in whole percent");
            report.add(Code::BadFormat, node.at, message, "write it as 25%");
            return None;
        };
        if !(1..=50).contains(&percent) {
            report.add(Code::OutOfRange, node.at, format!("{text} is out of range"), "give 1% to 50%");
            return None;
        }
        Some(Self(percent.saturating_mul(10_000)))
    }

    fn kind() -> Kind {
        Kind::plain("text, `1%` to `50%`, whole percent")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^[0-9]+ *%$"), 64)
    }
}

/// A number of bytes, text with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySize(pub u32);

impl Decode for MemorySize {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = text(node, report)?;
        let bytes = [("KiB", 1_u64 << 10), ("MiB", 1 << 20)].into_iter().find_map(|(unit, factor)| {
            text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(factor)
        });
        let hint = "give 4KiB to 256MiB";
        let Some(bytes) = bytes else {
            let shown: String = text.chars().take(80).collect();
            let message = format!("{shown:?} is not a size in whole KiB or MiB");
            report.add(Code::BadFormat, node.at, message, hint);
            return None;
        };
        let size = u32::try_from(bytes).ok().filter(|_| (4096..=MOST_MEMORY).contains(&bytes));
        if size.is_none() {
            report.add(Code::OutOfRange, node.at, format!("{text} is out of range"), hint);
        }
        size.map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("text, `4KiB` to `256MiB`, in whole KiB or MiB")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^[0-9+]+ *(KiB|MiB)$"), 64)
    }
}

fn some_kind(node: &Node, all_known: bool, report: &mut Report) {
    if all_known && ["cpu", "memory", "concurrency"].iter().all(|key| node.get(key).is_none()) {
        let message = "neither `cpu` nor `memory` nor `concurrency` is given";
        report.add(Code::NothingGiven, node.at, message, "add `cpu: {burn: 2ms}`");
    }
}

/// A worker saves up for one second: a longer burn could never be paid.
fn affordable(node: &Node, _: bool, report: &mut Report) {
    let quiet = &mut Report::default();
    let burn = node.get("burn").and_then(|n| Span::<1, 100>::decode(n, quiet));
    let share = node.get("max_share").and_then(|n| WorkerShare::decode(n, quiet));
    if let (Some(burn), Some(share)) = (burn, share)
        && burn.micros() > u64::from(share.0)
    {
        let at = node.get("burn").and_then(|n| n.at);
        let message = "one burn is more than `max_share` of a second: it would never take place";
        report.in_key("burn", |r| r.add(Code::Conflict, at, message, "burn less, or raise `max_share`"));
    }
}
