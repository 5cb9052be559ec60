//! Whether a request meets a rule, and which condition it fails if not.

use super::query;
use super::test::{Segment, Test, authority_test, header_test, path_test, query_test, text_test};
use crate::facts::{Direction, Fact, Facts};
use crate::wire;
use std::fmt;

/// The first condition that a request does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The key of the condition, such as `path` or `headers[0] x-tenant`.
    pub condition: String,
    /// What the request has there; `None` when it has nothing.
    pub found: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{} does not match {found:?}", self.condition),
            None => write!(f, "{} does not match: the request has none", self.condition),
        }
    }
}

/// One rule of a scope: all of its conditions have to hold.
#[derive(Debug)]
pub(super) struct Rule {
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    fact: Fact,
    /// The parameter of the path's query that is looked at, instead of the whole.
    query: Option<Vec<u8>>,
    test: Test,
    invert: bool,
}

/// What an index can look a rule up by.
pub(super) enum Anchor<'r> {
    Exact(&'r Fact, &'r [u8]),
    PathPrefix(&'r [u8]),
    Nothing,
}

impl Rule {
    /// Conditions are kept in the order in which their facts get dearer.
    pub(super) fn compile(rule: &wire::MatchRule) -> Self {
        let mut conditions = Vec::new();
        let queries = rule.query.iter().flatten().filter_map(|query| {
            let name = Some(query.name.0.clone().into_bytes());
            Some(Condition { fact: Fact::Path, query: name, test: query_test(query)?, invert: query.invert })
        });
        let mut add = |fact, test, invert| conditions.push(Condition { fact, query: None, test, invert });
        if let Some(test) = rule.path.as_ref().and_then(path_test) {
            add(Fact::Path, test, false);
        }
        if let Some(grpc) = &rule.grpc {
            let path = grpc.begins();
            let test = match &grpc.method {
                Some(method) => Test::Exact((path + &method.0).into_bytes()),
                None => Test::Prefix(path.into_bytes()),
            };
            add(Fact::Path, test, false);
        }
        conditions.extend(queries);
        let mut add = |fact, test, invert| conditions.push(Condition { fact, query: None, test, invert });
        if let Some(methods) = &rule.methods {
            add(Fact::Method, Test::OneOf(methods.iter().map(|m| m.0.clone().into_bytes()).collect()), false);
        }
        if let Some(test) = rule.authority.as_ref().and_then(authority_test) {
            add(Fact::Authority, test, false);
        }
        if rule.grpc.is_some() {
            add(Fact::Header("content-type".to_owned()), Test::Grpc, false);
        }
        for header in rule.headers.iter().flatten() {
            if let Some(test) = header_test(header) {
                add(Fact::Header(header.name.0.clone()), test, header.invert);
            }
        }
        for (fact, name) in [
            (Fact::Route, &rule.route),
            (Fact::Cluster, &rule.cluster),
            (Fact::VirtualHost, &rule.virtual_host),
        ] {
            if let Some(name) = name {
                add(fact, Test::Exact(name.0.clone().into_bytes()), false);
            }
        }
        Self { conditions }
    }

    /// The conditions of a scope that hold beside its rules.
    pub(super) fn of_scope(scope: Option<&wire::Scope>) -> Self {
        let on = |fact, test| Condition { fact, query: None, test, invert: false };
        let dependency = scope.and_then(|s| s.dependency.as_ref());
        let dependency = dependency.map(|d| on(Fact::Cluster, Test::Dependency(d.0.clone().into_bytes())));
        let principal = scope.and_then(|s| s.source.as_ref()).and_then(|s| text_test(&s.principal));
        let principal = principal.map(|test| on(Fact::Principal, test));
        Self { conditions: dependency.into_iter().chain(principal).collect() }
    }

    pub(super) fn matches(&self, facts: &mut (impl Facts + ?Sized)) -> bool {
        self.conditions.iter().all(|c| c.holds(facts))
    }

    /// The first condition that fails, told for a person.
    pub(super) fn mismatch(&self, facts: &mut (impl Facts + ?Sized)) -> Option<Mismatch> {
        let failed = self.conditions.iter().find(|c| !c.holds(facts))?;
        let found = facts.fact(&failed.fact).map(|v| match &failed.query {
            Some(name) => query::values(v, name).map(|v| String::from_utf8_lossy(&v).into_owned()).collect(),
            None => vec![String::from_utf8_lossy(v).into_owned()],
        });
        let found = found.filter(|values| !values.is_empty()).map(|values| values.join(", "));
        let mut condition = match &failed.fact {
            Fact::Path if failed.query.is_some() => {
                format!("query {}", String::from_utf8_lossy(failed.query.as_deref().unwrap_or_default()))
            }
            Fact::Header(name) => format!("header {name}"),
            Fact::Path => "path".to_owned(),
            Fact::Method => "methods".to_owned(),
            Fact::Authority => "authority".to_owned(),
            Fact::Route => "route".to_owned(),
            Fact::Cluster if matches!(failed.test, Test::Dependency(_)) => "dependency".to_owned(),
            Fact::Cluster => "cluster".to_owned(),
            Fact::VirtualHost => "virtual_host".to_owned(),
            Fact::Principal => "source.principal".to_owned(),
            Fact::RequestId => "request id".to_owned(),
        };
        if let (Test::Regex(regex, _), Some(value)) = (&failed.test, &found)
            && regex.is_too_long(value.as_bytes())
        {
            condition.push_str(" (longer than its expression is run on)");
        }
        Some(Mismatch { condition, found })
    }

    /// The condition that an index finds this rule by: the one that sorts out most requests at least cost.
    pub(super) fn anchor(&self) -> Anchor<'_> {
        let anchors = || self.conditions.iter().filter(|c| !c.invert && c.query.is_none());
        for condition in anchors() {
            match (&condition.fact, &condition.test) {
                (Fact::Path, Test::Template(segments)) => {
                    if let Some(Segment::Literal(prefix)) = segments.first() {
                        return Anchor::PathPrefix(prefix);
                    }
                }
                (Fact::Path, Test::Prefix(prefix)) if prefix.len() > 1 => return Anchor::PathPrefix(prefix),
                (Fact::Path, Test::Regex(_, prefix)) if prefix.len() > 1 => {
                    return Anchor::PathPrefix(prefix.as_bytes());
                }
                (fact, Test::Exact(text)) => return Anchor::Exact(fact, text),
                _ => {}
            }
        }
        Anchor::Nothing
    }
}

impl Condition {
    fn holds(&self, facts: &mut (impl Facts + ?Sized)) -> bool {
        let value = facts.fact(&self.fact);
        let holds = match (&self.fact, &self.query) {
            (_, Some(name)) => {
                let mut values = query::values(value.unwrap_or_default(), name).peekable();
                match values.peek() {
                    Some(_) => values.any(|value| self.test.holds(Some(&value))),
                    None => self.test.holds(None),
                }
            }
            (Fact::Path, None) => self.test.holds(value.map(without_query)),
            _ => self.test.holds(value),
        };
        holds != self.invert
    }
}

/// A path ends where its query or fragment begins (RFC 3986 section 3.3).
pub(super) fn without_query(path: &[u8]) -> &[u8] {
    path.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or(path)
}

/// Whether a scenario's side of the proxy is the request's.
pub(super) fn direction_matches(wanted: wire::DirectionWord, facts: &mut (impl Facts + ?Sized)) -> bool {
    match wanted {
        wire::DirectionWord::Any => true,
        wire::DirectionWord::Inbound => facts.direction() == Direction::Inbound,
        wire::DirectionWord::Outbound => facts.direction() == Direction::Outbound,
    }
}
