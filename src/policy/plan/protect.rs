//! Which matched requests a scenario has to spare, and what protects them (promise P7).

use super::matcher::{Rule, without_query};
use crate::facts::{Fact, Facts};
use crate::{protected, wire};
use std::fmt;

/// What protects a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protector {
    /// Its path is in the built-in list, or begins as that does.
    Path(&'static str),
    /// Its user agent begins as one of the built-in list.
    UserAgent(&'static str),
    /// A rule of `scope.protect`, by its number.
    Rule(usize),
}

impl fmt::Display for Protector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "path {path}"),
            Self::UserAgent(agent) => write!(f, "user-agent {agent}"),
            Self::Rule(number) => write!(f, "scope.protect[{number}]"),
        }
    }
}

/// The protection that one scenario respects.
#[derive(Debug)]
pub(super) struct Protection {
    built_in: bool,
    rules: Vec<Rule>,
    user_agent: Fact,
}

impl Protection {
    pub(super) fn compile(scope: Option<&wire::Scope>) -> Self {
        let rules = scope.and_then(|s| s.protect.as_ref());
        Self {
            built_in: !scope.is_some_and(|s| s.allow_protected),
            rules: rules.map_or_else(Vec::new, |rules| rules.iter().map(Rule::compile).collect()),
            user_agent: Fact::Header("user-agent".to_owned()),
        }
    }

    /// Asks for the path first: it is known already where a rule has looked at it.
    pub(super) fn of(&self, facts: &mut dyn Facts) -> Option<Protector> {
        if self.built_in {
            if let Some(path) = facts.fact(&Fact::Path).map(without_query).and_then(protected::path) {
                return Some(Protector::Path(path));
            }
            if let Some(agent) = facts.fact(&self.user_agent).and_then(protected::agent) {
                return Some(Protector::UserAgent(agent));
            }
        }
        self.rules.iter().position(|rule| rule.matches(facts)).map(Protector::Rule)
    }
}
