//! One of several faults, by weight.

use super::decode::{Decode, Kind, entries, required};
use super::faults::Fault;
use super::whole::Whole;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

/// One alternative of `one_of`: its weight, and a fault as everywhere else.
#[derive(Debug, Clone)]
pub struct Choice {
    pub weight: Whole<1, 1000>,
    pub fault: Fault,
}

impl Decode for Choice {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let entries = entries(node, report)?;
        if let Some(inner) = node.get("one_of") {
            let hint = "list its alternatives here, with weights that fit";
            report.in_key("one_of", |r| r.add(Code::Conflict, inner.at, "a choice within a choice", hint));
            return None;
        }
        if let Some(inner) = node.get("requested") {
            let hint = "give it a scenario of its own";
            report.in_key("requested", |r| {
                r.add(Code::Conflict, inner.at, "callers choose for themselves", hint)
            });
            return None;
        }
        let rest = entries.iter().filter(|entry| entry.key != "weight").cloned().collect();
        let before = report.findings.len();
        let fault = Fault::decode(&Node { value: Value::Object(rest), at: node.at }, report);
        // A key that is unknown may be the weight, misspelt.
        let mut new = report.findings.iter().skip(before);
        if node.get("weight").is_none() && new.any(|finding| finding.code == Code::UnknownKey) {
            return None;
        }
        let weight = required(node, "weight", report);
        Some(Self { weight: weight?, fault: fault? })
    }

    fn kind() -> Kind {
        Kind::plain("object of `weight` (whole number, 1 to 1000) and one fault")
    }

    #[cfg(feature = "docs")]
    fn schema(definitions: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::extended(
            "Choice",
            "Fault",
            "one_of",
            ("weight", Whole::<1, 1000>::schema(definitions)),
            definitions,
        )
    }
}

impl Fault {
    /// The faults that this may become, each with its share of the requests that get here, 0 to 1.
    #[must_use]
    pub fn alternatives(&self) -> Vec<(f64, &Self)> {
        let Some(choices) = &self.one_of else { return vec![(1.0, self)] };
        let total: f64 = choices.iter().map(|choice| f64::from(choice.weight.0)).sum();
        choices.iter().map(|choice| (f64::from(choice.weight.0) / total, &choice.fault)).collect()
    }
}
