//! Whether a request meets a rule, and which condition it fails if not.

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
    test: Test,
    invert: bool,
}

#[derive(Debug)]
enum Test {
    Exact(Vec<u8>),
    /// As `Exact`, but ASCII case does not matter; the text is lower-case.
    ExactAnyCase(Vec<u8>),
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Contains(String),
    /// With the text that every match begins with.
    Regex(wire::Regex, String),
    Template(Vec<Segment>),
    OneOf(Vec<Vec<u8>>),
    Present(bool),
}

#[derive(Debug)]
enum Segment {
    Literal(Vec<u8>),
    Any,
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
        let mut add = |fact, test, invert| conditions.push(Condition { fact, test, invert });
        if let Some(test) = rule.path.as_ref().and_then(path_test) {
            add(Fact::Path, test, false);
        }
        if let Some(methods) = &rule.methods {
            add(Fact::Method, Test::OneOf(methods.iter().map(|m| m.0.clone().into_bytes()).collect()), false);
        }
        if let Some(test) = rule.authority.as_ref().and_then(authority_test) {
            add(Fact::Authority, test, false);
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

    pub(super) fn matches(&self, facts: &mut impl Facts) -> bool {
        self.conditions.iter().all(|c| c.holds(facts))
    }

    /// The first condition that fails, told for a person.
    pub(super) fn mismatch(&self, facts: &mut impl Facts) -> Option<Mismatch> {
        let failed = self.conditions.iter().find(|c| !c.holds(facts))?;
        let found = facts.fact(&failed.fact).map(|v| String::from_utf8_lossy(v).into_owned());
        let mut condition = match &failed.fact {
            Fact::Header(name) => format!("header {name}"),
            Fact::Path => "path".to_owned(),
            Fact::Method => "methods".to_owned(),
            Fact::Authority => "authority".to_owned(),
            Fact::Route => "route".to_owned(),
            Fact::Cluster => "cluster".to_owned(),
            Fact::VirtualHost => "virtual_host".to_owned(),
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
        let anchors = || self.conditions.iter().filter(|c| !c.invert);
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
    fn holds(&self, facts: &mut impl Facts) -> bool {
        let value = facts.fact(&self.fact);
        let value = match self.fact {
            Fact::Path => value.map(without_query),
            _ => value,
        };
        self.test.holds(value) != self.invert
    }
}

impl Test {
    fn holds(&self, value: Option<&[u8]>) -> bool {
        let Some(value) = value else {
            return matches!(self, Self::Present(false));
        };
        match self {
            Self::Exact(text) => value == text.as_slice(),
            Self::ExactAnyCase(text) => value.eq_ignore_ascii_case(text),
            Self::Prefix(text) => value.starts_with(text),
            Self::Suffix(text) => value.ends_with(text),
            // A value that is not UTF-8 contains no text.
            Self::Contains(text) => std::str::from_utf8(value).is_ok_and(|v| v.contains(text.as_str())),
            Self::Regex(regex, _) => regex.matches(value),
            Self::Template(segments) => template_holds(segments, value),
            Self::OneOf(words) => words.iter().any(|word| value == word.as_slice()),
            Self::Present(wanted) => *wanted,
        }
    }
}

/// A path ends where its query or fragment begins (RFC 3986 section 3.3).
pub(super) fn without_query(path: &[u8]) -> &[u8] {
    path.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or(path)
}

fn path_test(path: &wire::PathMatch) -> Option<Test> {
    if let Some(text) = &path.exact {
        return Some(Test::Exact(text.0.clone().into_bytes()));
    }
    if let Some(text) = &path.prefix {
        return Some(Test::Prefix(text.0.clone().into_bytes()));
    }
    if let Some(regex) = &path.regex {
        return Some(regex_test(regex));
    }
    path.template.as_ref().map(|template| Test::Template(segments(&template.0)))
}

fn authority_test(text: &wire::TextMatch) -> Option<Test> {
    // Host names have no case (RFC 3986 section 3.2.2).
    if let Some(text) = &text.exact {
        return Some(Test::ExactAnyCase(text.0.to_ascii_lowercase().into_bytes()));
    }
    text_test(
        None,
        text.prefix.as_ref().map(|t| &t.0),
        text.suffix.as_ref().map(|t| &t.0),
        text.contains.as_ref().map(|t| &t.0),
        text.regex.as_ref(),
    )
}

fn header_test(header: &wire::HeaderMatch) -> Option<Test> {
    if let Some(present) = header.present {
        return Some(Test::Present(present));
    }
    text_test(
        header.exact.as_ref().map(|t| &t.0),
        header.prefix.as_ref().map(|t| &t.0),
        header.suffix.as_ref().map(|t| &t.0),
        header.contains.as_ref().map(|t| &t.0),
        header.regex.as_ref(),
    )
}

fn text_test(
    exact: Option<&String>,
    prefix: Option<&String>,
    suffix: Option<&String>,
    contains: Option<&String>,
    regex: Option<&wire::Regex>,
) -> Option<Test> {
    let bytes = |text: &String| text.clone().into_bytes();
    exact
        .map(|t| Test::Exact(bytes(t)))
        .or_else(|| prefix.map(|t| Test::Prefix(bytes(t))))
        .or_else(|| suffix.map(|t| Test::Suffix(bytes(t))))
        .or_else(|| contains.map(|t| Test::Contains(t.clone())))
        .or_else(|| regex.map(regex_test))
}

fn regex_test(regex: &wire::Regex) -> Test {
    Test::Regex(regex.clone(), regex.literal_prefix())
}

/// A template as literals and wildcards, the slashes being part of the literals: `/users/`, any, `/orders`.
fn segments(template: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    for part in template.split('/').skip(1) {
        literal.push('/');
        if part.starts_with('{') {
            segments.push(Segment::Literal(std::mem::take(&mut literal).into_bytes()));
            segments.push(Segment::Any);
        } else {
            literal.push_str(part);
        }
    }
    if !literal.is_empty() {
        segments.push(Segment::Literal(literal.into_bytes()));
    }
    segments
}

fn template_holds(segments: &[Segment], path: &[u8]) -> bool {
    let mut rest = path;
    for segment in segments {
        match segment {
            Segment::Literal(text) => match rest.strip_prefix(text.as_slice()) {
                Some(after) => rest = after,
                None => return false,
            },
            Segment::Any => {
                let length = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
                if length == 0 {
                    return false;
                }
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }
    rest.is_empty()
}

/// Whether a scenario's side of the proxy is the request's.
pub(super) fn direction_matches(wanted: wire::DirectionWord, facts: &mut impl Facts) -> bool {
    match wanted {
        wire::DirectionWord::Any => true,
        wire::DirectionWord::Inbound => facts.direction() == Direction::Inbound,
        wire::DirectionWord::Outbound => facts.direction() == Direction::Outbound,
    }
}
