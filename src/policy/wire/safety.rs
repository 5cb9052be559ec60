//! Safety rules: how long, and how many requests at most.

use super::declare::object;
use super::decode::{Decode, Kind, no_check, number};
use super::guardrail::Guardrail;
use super::mission::LONGEST_MISSION_MS;
use super::scalar::Span;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain};

/// Largest cap: above it a counter would not be exact in JSON.
const LARGEST: u64 = 1_000_000_000;

/// A whole number of requests, 1 to 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl Decode for Count {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let value = number(node, report)?;
        if !(1.0..=LARGEST as f64).contains(&value) || libm::trunc(value) != value {
            let message = format!("{} is not a whole number from 1 to {LARGEST}", Plain(value));
            let hint = "give a number of requests; to inject nothing, use `enable: false`";
            report.add(Code::OutOfRange, node.at, message, hint);
            return None;
        }
        Some(Self(value as u64))
    }

    fn kind() -> Kind {
        Kind::plain(format!("whole number, 1 to {LARGEST}"))
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::number::<Self>("integer", 1.0, LARGEST as f64)
    }
}

object! {
    /// What one scenario may do at most; at least one key. Caps count requests that get faults of this scenario, exactly,
    /// over all workers of a proxy. A request that a cap spares passes without them and is counted with its cause.
    pub struct Safety shape some_safety, check no_check {
        /// Longest mission that may run this scenario; a longer one is refused.
        "max_duration" => max_duration: Span<1000, LONGEST_MISSION_MS> [optional],
        /// Requests that have faults of this scenario in hand at the same time, from the decision to their end.
        "max_concurrent" => max_concurrent: Count [optional],
        /// Requests per second: within each whole second of the mission's running time.
        "max_per_second" => max_per_second: Count [optional],
        /// Requests in the whole mission.
        "max_total" => max_total: Count [optional],
        /// Guardrails: conditions on observed health that stop the faults. At most 8.
        "halt_when" => halt_when: Vec<Guardrail> [optional],
    }
}

object! {
    /// What all scenarios of a mission may do together; at least one key. A request with faults of several scenarios
    /// counts once.
    pub struct MissionSafety shape some_rule, check no_check {
        /// Requests that have faults in hand at the same time, from the decision to their end.
        "max_concurrent" => max_concurrent: Count [optional],
        /// Requests per second: within each whole second of the mission's running time.
        "max_per_second" => max_per_second: Count [optional],
        /// Requests in the whole mission.
        "max_total" => max_total: Count [optional],
    }
}

fn some_safety(node: &Node, all_known: bool, report: &mut Report) {
    some_rule(node, all_known && node.get("halt_when").is_none(), report);
}

fn some_rule(node: &Node, all_known: bool, report: &mut Report) {
    let keys = ["max_duration", "max_concurrent", "max_per_second", "max_total"];
    if all_known && keys.iter().all(|key| node.get(key).is_none()) {
        report.add(Code::NothingGiven, node.at, "no rule is given", "add `max_concurrent: 50`, or remove it");
    }
}
