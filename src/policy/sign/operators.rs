//! The operators of a proxy, and how many of them a severity asks for.

use crate::diagnostic::{Code, Report};
use crate::node::Node;
use crate::plugin::valid;
use crate::wire::{Operator, Severity, SignOff};

/// Most operators of one configuration: each costs the arithmetic of a point of the curve.
const MOST: usize = 64;

/// The operators of a proxy.
#[derive(Debug, Clone, Default)]
pub struct Operators {
    operators: Vec<Operator>,
    /// `None`: the defaults.
    sign_off: Option<SignOff>,
}

impl Operators {
    /// From a plugin configuration, whose keys have been read: reports how they do not go together. `None`: they could not be
    /// read at all, which has been reported.
    pub(crate) fn read(plugin: &Node, report: &mut Report) -> Option<Self> {
        let sign_off = plugin.get("sign_off");
        let Some(list) = plugin.get("operators") else {
            if let Some(sign_off) = sign_off {
                let conflict = (Code::Conflict, sign_off.at);
                let message = "there are no operators who could sign";
                report.add_below("sign_off", None, conflict, message, "add `operators`, or remove it");
            }
            return Some(Self::default());
        };
        let operators = valid::<Vec<Operator>>(plugin, "operators")?;
        let errors = report.count(crate::Level::Error);
        check(list, &operators, report);
        let read = Self { operators, sign_off: sign_off.and_then(|_| valid(plugin, "sign_off")) };
        (report.count(crate::Level::Error) == errors).then_some(read)
    }

    /// Where there are none, nobody can be asked for a signature.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operators.is_empty()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Operator> {
        self.operators.iter().find(|operator| operator.name.0 == name)
    }

    /// How many have to sign. Without operators a mission of low or medium severity runs unsigned.
    #[must_use]
    pub fn needed(&self, severity: Severity) -> u32 {
        let [low, medium, high, critical] = match &self.sign_off {
            Some(rule) => [rule.low.0, rule.medium.0, rule.high.0, rule.critical.0],
            None if self.is_empty() => [0, 0, 2, 2],
            None => [0, 1, 2, 2],
        };
        // Never fewer than a lower severity needs.
        match severity {
            Severity::Low => low,
            Severity::Medium => medium.max(low),
            Severity::High => high.max(medium).max(low),
            Severity::Critical => critical.max(high).max(medium).max(low),
        }
    }

    /// Their names, for hints.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.operators.iter().map(|operator| operator.name.0.as_str()).collect();
        names.join(", ")
    }
}

fn check(list: &Node, operators: &[Operator], report: &mut Report) {
    if operators.len() > MOST {
        let message = format!("{} operators, where {MOST} are read", operators.len());
        let hint = "keep those who run experiments on this proxy";
        report.add_below("operators", None, (Code::OutOfRange, list.at), &message, hint);
        return;
    }
    for (index, operator) in operators.iter().enumerate() {
        for twin in operators.iter().take(index) {
            let name = &twin.name.0;
            let (code, message, hint) = if twin.key == operator.key {
                let message = format!("`{}` has the key of `{name}`", operator.name.0);
                (Code::SharedKey, message, "everybody needs a key pair of their own: `chaosctl keygen`")
            } else if twin.name == operator.name {
                let message = format!("an operator `{name}` stands further up already");
                (Code::DuplicateName, message, "rename one of them")
            } else {
                continue;
            };
            report.add_below("operators", Some(index), (code, None), &message, hint);
        }
    }
}
