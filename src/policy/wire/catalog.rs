//! The catalog file and its scenarios.

use super::declare::{object, words};
use super::decode::no_check;
use super::faults::Fault;
use super::form::Name;
use super::safety::Safety;
use super::scalar::{FormatVersion, Text};
use super::scope::Scope;
use super::stream::check_scenario;
use super::trigger::Trigger;

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
    pub struct Scenario check check_scenario {
        /// Unique in the catalog; the label of all metrics.
        "name" => name: Name [required],
        /// What happens and what should hold, for the people who read the report.
        "description" => description: Text<1024> [optional],
        /// How bad it can get. `high` and `critical` need signatures before any proxy runs them.
        "severity" => severity: Severity [default "low" = Severity::Low],
        /// When, within the mission's running time.
        "trigger" => trigger: Trigger [optional],
        /// Which requests.
        "scope" => scope: Scope [optional],
        /// What is done to them. Delays come before an abort, whatever the order here.
        "faults" => faults: Vec<Fault> [required],
        /// What it may do at most.
        "safety" => safety: Safety [optional],
    }
}

words! {
    /// How bad it can get.
    pub enum Severity { Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}
