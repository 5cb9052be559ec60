//! What one value of a request is compared with.

use crate::wire;

#[derive(Debug)]
pub(super) enum Test {
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
    /// A cluster that leads to this host.
    Dependency(Vec<u8>),
    /// A `content-type` of gRPC.
    Grpc,
}

#[derive(Debug)]
pub(super) enum Segment {
    Literal(Vec<u8>),
    Any,
}

impl Test {
    pub(super) fn holds(&self, value: Option<&[u8]>) -> bool {
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
            Self::Dependency(name) => leads_to(value, name),
            Self::Grpc => is_grpc(value),
        }
    }
}

/// Whether a cluster has this name, or is Istio's `outbound|PORT|SUBSET|HOST` for this host, whole or up to a dot.
fn leads_to(cluster: &[u8], name: &[u8]) -> bool {
    let mut parts = cluster.split(|b| *b == b'|');
    let host = if parts.next() == Some(b"outbound") { parts.nth(2) } else { None };
    let rest = host.and_then(|host| host.strip_prefix(name));
    cluster == name || rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
}

/// Whether a `content-type` is gRPC's, as Envoy sees it: `application/grpc`, also with a suffix such as `+proto`; not
/// `application/grpc-web`, and not with a parameter.
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    let rest = content_type.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

/// The test of an object with the keys `exact`, `prefix`, `suffix`, `contains` and `regex`, of which it has one.
macro_rules! text_test {
    ($text:ident) => {
        match $text {
            t if t.exact.is_some() => t.exact.as_ref().map(|t| Test::Exact(t.0.clone().into_bytes())),
            t if t.prefix.is_some() => t.prefix.as_ref().map(|t| Test::Prefix(t.0.clone().into_bytes())),
            t if t.suffix.is_some() => t.suffix.as_ref().map(|t| Test::Suffix(t.0.clone().into_bytes())),
            t if t.contains.is_some() => t.contains.as_ref().map(|t| Test::Contains(t.0.clone())),
            t => t.regex.as_ref().map(regex_test),
        }
    };
}

pub(super) fn path_test(path: &wire::PathMatch) -> Option<Test> {
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

pub(super) fn authority_test(text: &wire::TextMatch) -> Option<Test> {
    // Host names have no case (RFC 3986 section 3.2.2).
    if let Some(text) = &text.exact {
        return Some(Test::ExactAnyCase(text.0.to_ascii_lowercase().into_bytes()));
    }
    text_test!(text)
}

pub(super) fn text_test(text: &wire::TextMatch) -> Option<Test> {
    text_test!(text)
}

pub(super) fn header_test(header: &wire::HeaderMatch) -> Option<Test> {
    header.present.map(Test::Present).or_else(|| text_test!(header))
}

pub(super) fn query_test(query: &wire::QueryMatch) -> Option<Test> {
    query.present.map(Test::Present).or_else(|| text_test!(query))
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
