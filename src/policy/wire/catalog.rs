//! The catalog file and its scenarios.

use super::burst::Burst;
use super::declare::{object, words};
use super::decode::no_check;
use super::faults::Fault;
use super::form::Name;
use super::guardrail::{Rollback, Signals, check_guardrails};
use super::safety::Safety;
use super::scalar::{FormatVersion, Text};
use super::scope::Scope;
use super::stream::check_scenario;
use super::trigger::Trigger;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

object! {
    /// A versioned collection of fault scenarios, kept beside the code it tests.
    pub struct Catalog check no_check {
        /// Format of this file.
        "version" => version: FormatVersion [required],
        /// The fault recipes.
        "scenarios" => scenarios: Vec<Scenario> [required],
    }
}

object! {
    /// A named fault recipe.
    pub struct Scenario shape belongs_together, check check_scenario {
        /// Unique in the catalog; the label of all metrics.
        "name" => name: Name [required],
        /// What happens and what should hold, for the people who read the report.
        "description" => description: Text<1024> [optional],
        /// How bad it can get. `high` and `critical` need signatures before any proxy runs them.
        "severity" => severity: Severity [default "low" = Severity::Low],
        /// When, within the mission's running time.
        "trigger" => trigger: Trigger [optional],
        /// On and off by turns of random length.
        "burst" => burst: Burst [optional],
        /// Which requests.
        "scope" => scope: Scope [optional],
        /// What is done to them. Delays come before an abort, whatever the order here.
        "faults" => faults: Vec<Fault> [required],
        /// What should hold meanwhile.
        "signals" => signals: Signals [optional],
        /// What it may do at most, and when it is stopped.
        "safety" => safety: Safety [optional],
        /// What happens when a guardrail trips; without it the mission halts.
        "rollback" => rollback: Rollback [optional],
    }
}

words! {
    /// How bad it can get.
    pub enum Severity { Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}

fn belongs_together(node: &Node, _all_known: bool, report: &mut Report) {
    requested_alone(node, report);
    check_guardrails(node, report);
}

/// A request that asks for nothing is one without faults, and counted as such: no other fault may come beside it.
fn requested_alone(node: &Node, report: &mut Report) {
    let Some(Value::List(faults)) = node.get("faults").map(|n| &n.value) else { return };
    let Some(requested) = faults.iter().find_map(|fault| fault.get("requested")) else { return };
    if let Some(first) = node.get("scope").and_then(|scope| scope.get("first")) {
        let message = "`first` would count requests that ask for nothing";
        let hint = "remove it; how many requests get faults says `safety.max_total`";
        report.in_key("scope", |r| r.in_key("first", |r| r.add(Code::Conflict, first.at, message, hint)));
    }
    if faults.len() > 1 {
        let hint = "give it a scenario of its own";
        let message = "`requested` is the only fault of its scenario";
        report.in_key("faults", |r| r.add(Code::Conflict, requested.at, message, hint));
    }
}
