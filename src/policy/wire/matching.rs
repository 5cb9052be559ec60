//! The conditions of a rule, each on another part of a request.

use super::declare::object;
use super::decode::{exactly_one, no_check};
use super::form::{GrpcMethod, GrpcService, Method, RequestField, Template};
use super::regex::Regex;
use super::scalar::Text;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};
use crate::protected;

object! {
    /// One rule; all of its parts have to match.
    pub struct MatchRule shape some_condition, check no_check {
        /// Path without query and fragment, case-sensitive.
        "path" => path: PathMatch [optional],
        /// HTTP methods (RFC 9110 section 9), upper case; one of them has to be the request's.
        "methods" => methods: Vec<Method> [optional],
        /// Conditions on query parameters; all have to hold.
        "query" => query: Vec<QueryMatch> [optional],
        /// A gRPC call: the path says which, and `content-type` that it is gRPC.
        "grpc" => grpc: GrpcMatch [optional],
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
    pub struct HeaderMatch shape one_value, check no_check {
        /// Name in lower case.
        "name" => name: RequestField [required],
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
    /// A condition on a query parameter; `name` and exactly one more key. Names and values are compared decoded: `%2F` is
    /// `/`, `+` is a blank. A parameter that stands there several times matches when any of its values does; one
    /// without `=` has an empty value.
    pub struct QueryMatch shape one_value, check no_check {
        /// Name, decoded; case matters.
        "name" => name: Text<256> [required],
        /// The whole value.
        "exact" => exact: Text<1024> [optional],
        /// How the value begins.
        "prefix" => prefix: Text<1024> [optional],
        /// How the value ends.
        "suffix" => suffix: Text<1024> [optional],
        /// What the value contains.
        "contains" => contains: Text<1024> [optional],
        /// Expression over the whole value.
        "regex" => regex: Regex [optional],
        /// Whether the parameter is there at all.
        "present" => present: bool [optional],
        /// Turns the condition round: an absent parameter matches an inverted condition on its value.
        "invert" => invert: bool [default "false" = false],
    }
}

object! {
    /// A gRPC call (`content-type: application/grpc`, also with `+proto` and the like; gRPC-Web is none).
    pub struct GrpcMatch check no_check {
        /// Service with its package, such as `shop.Profiles`.
        "service" => service: GrpcService [required],
        /// Method, such as `Get`. Absent: all of the service.
        "method" => method: GrpcMethod [optional],
    }
}

impl GrpcMatch {
    /// How the paths of all its calls begin.
    #[must_use]
    pub fn begins(&self) -> String {
        format!("/{}/", self.service.0)
    }
}

/// What of the built-in list protects all that a rule matches.
pub(super) fn protector(rule: &MatchRule) -> Option<&'static str> {
    let begins = |path: &PathMatch| {
        let text = path.exact.as_ref().or(path.prefix.as_ref()).map(|t| t.0.as_str());
        let text = text.or(path.template.as_ref().map(|t| t.0.as_str()))?;
        // A prefix of `/healthz` has other paths too; one below the gRPC service has not.
        protected::path(text.as_bytes()).filter(|by| path.exact.is_some() || by.ends_with('/'))
    };
    let agent = |header: &HeaderMatch| {
        let text = header.exact.as_ref().or(header.prefix.as_ref()).filter(|_| !header.invert)?;
        protected::agent(text.0.as_bytes()).filter(|_| header.name.0 == "user-agent")
    };
    let by_path = rule.path.as_ref().and_then(begins);
    let by_path = by_path.or_else(|| protected::path(rule.grpc.as_ref()?.begins().as_bytes()));
    by_path.or_else(|| rule.headers.iter().flatten().find_map(agent))
}

fn some_condition(node: &Node, _all_known: bool, report: &mut Report) {
    if let (Some(_), Some(grpc)) = (node.get("path"), node.get("grpc")) {
        let hint = "keep `grpc`, whose service and method are the path; or `path` with a header condition";
        report.in_key("grpc", |r| r.add(Code::Conflict, grpc.at, "`path` is given too", hint));
    }
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

fn one_value(node: &Node, all_known: bool, report: &mut Report) {
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
