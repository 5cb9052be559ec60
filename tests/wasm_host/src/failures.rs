//! Failures of host functions on demand: the filter must survive any status of any call.

use std::collections::BTreeMap;

use crate::abi::Status;

#[derive(Clone, Copy)]
enum Rule {
    /// The call after this many others fails, and that one only.
    Once {
        after: u64,
        status: Status,
    },
    Always {
        status: Status,
    },
}

#[derive(Default)]
pub(crate) struct Failures {
    rules: BTreeMap<&'static str, Rule>,
    fired: BTreeMap<&'static str, u64>,
}

impl Failures {
    pub(crate) fn once(&mut self, name: &'static str, after: u64, status: Status) {
        self.rules.insert(name, Rule::Once { after, status });
    }

    pub(crate) fn always(&mut self, name: &'static str, status: Status) {
        self.rules.insert(name, Rule::Always { status });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn fired(&self, name: &str) -> u64 {
        self.fired.get(name).copied().unwrap_or(0)
    }

    /// The status to return in place of the function's work, if this call is to fail.
    pub(crate) fn next(&mut self, name: &'static str) -> Option<Status> {
        let status = match self.rules.get_mut(name)? {
            Rule::Always { status } => *status,
            Rule::Once { after, .. } if *after > 0 => {
                *after -= 1;
                return None;
            }
            Rule::Once { status, .. } => {
                let status = *status;
                self.rules.remove(name);
                status
            }
        };
        *self.fired.entry(name).or_default() += 1;
        Some(status)
    }
}
