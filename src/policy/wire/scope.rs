//! Which requests a scenario is about: direction, match rules, sample.

use super::declare::{object, words};
use super::decode::{Decode, Kind, exactly_one, no_check, text, wrong_type};
use super::form::{FieldName, Method, Template};
use super::scalar::{Percent, Regex, Text};
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

object! {
    /// Which requests a scenario is about. Absent: all of them.
    pub struct Scope check no_check {
        /// Side of the proxy (`traffic_direction` of the listener). A listener without one is matched by `any` only.
        "direction" => direction: DirectionWord [default "any" = DirectionWord::Any],
        /// Rules, of which any has to match.
        "match" => any_of: Vec<MatchRule> [optional],
        /// The share of the matched requests that gets a fault.
        "sample" => sample: Sample [optional],
    }
}

words! {
    /// Side of the proxy.
    pub enum DirectionWord { Inbound = "inbound", Outbound = "outbound", Any = "any" }
}

object! {
    /// One rule; all of its parts have to match.
    pub struct MatchRule shape some_condition, check no_check {
        /// Path without query and fragment, case-sensitive.
        "path" => path: PathMatch [optional],
        /// HTTP methods (RFC 9110 section 9), upper case; one of them has to be the request's.
        "methods" => methods: Vec<Method> [optional],
        /// Header conditions; all have to hold.
        "headers" => headers: Vec<HeaderMatch> [optional],
        /// `:authority` or `Host` as sent, with its port if it has one; case does not matter.
        "authority" => authority: TextMatch [optional],
        /// Name of the Envoy route (`route.name`); in Istio the name of the VirtualService's HTTP route.
        "route" => route: Text<1024> [optional],
        /// Name of the upstream cluster; in Istio `outbound|8080||profile-db.shop.svc.cluster.local`.
        "cluster" => cluster: Text<1024> [optional],
        /// Name of the Envoy virtual host; in Istio `profile-db.shop.svc.cluster.local:8080`.
        "virtual_host" => virtual_host: Text<1024> [optional],
    }
}

object! {
    /// A condition on the path; exactly one key.
    pub struct PathMatch shape one_path, check check_path {
        /// The whole path.
        "exact" => exact: Text<1024> [optional],
        /// How the path begins: `/api` matches `/api`, `/api/x` and `/apix`.
        "prefix" => prefix: Text<1024> [optional],
        /// Expression over the whole path.
        "regex" => regex: Regex [optional],
        /// Template such as `/users/{id}`; `{id}` stands for one segment that is not empty.
        "template" => template: Template [optional],
    }
}

object! {
    /// A condition on text; exactly one key.
    pub struct TextMatch shape one_text, check no_check {
        /// The whole value.
        "exact" => exact: Text<1024> [optional],
        /// How it begins.
        "prefix" => prefix: Text<1024> [optional],
        /// How it ends.
        "suffix" => suffix: Text<1024> [optional],
        /// What it contains.
        "contains" => contains: Text<1024> [optional],
        /// Expression over the whole value.
        "regex" => regex: Regex [optional],
    }
}

object! {
    /// A condition on a header; `name` and exactly one more key. Several values of one header are joined by a comma
    /// (RFC 9110 section 5.3), as Envoy's own matcher does.
    pub struct HeaderMatch shape one_header, check no_check {
        /// Name in lower case.
        "name" => name: FieldName [required],
        /// The whole value.
        "exact" => exact: Text<4096> [optional],
        /// How the value begins.
        "prefix" => prefix: Text<4096> [optional],
        /// How the value ends.
        "suffix" => suffix: Text<4096> [optional],
        /// What the value contains.
        "contains" => contains: Text<4096> [optional],
        /// Expression over the whole value.
        "regex" => regex: Regex [optional],
        /// Whether the header is there at all.
        "present" => present: bool [optional],
        /// Turns the condition round: an absent header matches an inverted condition on its value.
        "invert" => invert: bool [default "false" = false],
    }
}

object! {
    /// The share of the matched requests that gets a fault.
    pub struct Sample check no_check {
        /// Share of requests, or of values of the header.
        "percent" => percent: Percent [default "100" = Percent::ALL],
        /// What is sampled: each `request` for itself, or a `header`, so that one value is always treated alike.
        "by" => by: SampleBy [default "request" = SampleBy::Request],
    }
}

/// What a draw is keyed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleBy {
    Request,
    Header(FieldName),
}

object! {
    /// Sticky sampling.
    pub struct StickyHeader check no_check {
        /// Header whose value decides, such as `x-user-id`; requests without it are never sampled.
        "header" => header: FieldName [required],
    }
}

impl Decode for SampleBy {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Text(word) if word == "request" => Some(Self::Request),
            Value::Object(_) => StickyHeader::decode(node, report).map(|s| Self::Header(s.header)),
            Value::Text(_) => {
                let word = text(node, report)?;
                super::decode::unknown_word(word, &["request"], node, report);
                None
            }
            _ => {
                wrong_type(node, "`request` or {header: NAME}", report);
                None
            }
        }
    }

    fn kind() -> Kind {
        Kind::plain("`request` \\| `{header: NAME}`")
    }

    #[cfg(feature = "docs")]
    fn schema(definitions: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"anyOf": [{"const": "request"}, StickyHeader::schema(definitions)]})
    }
}

fn some_condition(node: &Node, _all_known: bool, report: &mut Report) {
    if matches!(&node.value, Value::Object(entries) if entries.is_empty()) {
        let hint = "add a condition, or remove `match` to take all requests";
        report.add(Code::NothingGiven, node.at, "a rule without conditions", hint);
    }
}

fn one_path(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["exact", "prefix", "regex", "template"], node, all_known, report);
}

fn one_text(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["exact", "prefix", "suffix", "contains", "regex"], node, all_known, report);
}

fn one_header(node: &Node, all_known: bool, report: &mut Report) {
    exactly_one(&["exact", "prefix", "suffix", "contains", "regex", "present"], node, all_known, report);
}

fn check_path(path: &PathMatch, node: &Node, report: &mut Report) {
    for (key, value) in [("exact", &path.exact), ("prefix", &path.prefix)] {
        let bad = |text: &&Text<1024>| !text.0.starts_with('/') || text.0.contains(['?', '#']);
        let Some(text) = value.as_ref().filter(bad) else { continue };
        let at = node.get(key).and_then(|n| n.at);
        let message = format!("{:?} is not a path", text.0);
        report
            .in_key(key, |r| r.add(Code::BadFormat, at, message, "begin with `/`; the query does not count"));
    }
}
