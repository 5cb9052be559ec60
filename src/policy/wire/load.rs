//! How busy a scenario's scope has to be.

use super::declare::object;
use super::safety::Count;
use crate::diagnostic::{Code, Report};
use crate::node::Node;

object! {
    /// On while the scope is so busy; all bounds that are given have to hold. Measured are the requests that the scenario
    /// matches while the rest of its trigger holds, over all workers of a proxy. At least one key.
    pub struct Load shape some_bound, check check_bounds {
        /// At least so many requests in the last second.
        "min_rps" => min_rps: Count [optional],
        /// At most so many requests in the last second.
        "max_rps" => max_rps: Count [optional],
        /// At least so many requests under way, the present one included.
        "min_in_flight" => min_in_flight: Count [optional],
        /// At most so many requests under way, the present one included.
        "max_in_flight" => max_in_flight: Count [optional],
    }
}

fn some_bound(node: &Node, all_known: bool, report: &mut Report) {
    let keys = ["min_rps", "max_rps", "min_in_flight", "max_in_flight"];
    if all_known && keys.iter().all(|key| node.get(key).is_none()) {
        report.add(Code::NothingGiven, node.at, "any load will do", "add `min_rps: 5`, or remove `load`");
    }
}

fn check_bounds(load: &Load, node: &Node, report: &mut Report) {
    let pairs =
        [(load.min_rps, load.max_rps, "max_rps"), (load.min_in_flight, load.max_in_flight, "max_in_flight")];
    for (min, max, key) in pairs {
        if min.zip(max).is_some_and(|(min, max)| max.0 < min.0) {
            let at = node.get(key).and_then(|n| n.at);
            let message = "the most is less than the least";
            report.in_key(key, |r| r.add(Code::Conflict, at, message, "give at least the least"));
        }
    }
}
