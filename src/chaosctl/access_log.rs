//! The keys of an access log that `render envoy` writes and `simulate` reads: one table for both.

use squall_policy::{Direction, Fact, wire};
use std::collections::BTreeSet;

/// A key of a log line with the operator of Envoy that fills it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub name: String,
    pub operator: String,
}

/// When a request began.
pub const TIME: &str = "time";
/// Why a request was answered as it was; tells requests that no filter has seen.
pub const DETAILS: &str = "details";
/// Before the name of a header.
pub const HEADERS: &str = "headers.";

/// `null` where no request was understood.
pub const METHOD: &str = "method";

/// The keys that `simulate` reads, beside those of headers.
const READ: [&str; 11] = [
    TIME,
    DETAILS,
    METHOD,
    "request_id",
    "path",
    "authority",
    "route",
    "cluster",
    "virtual_host",
    "direction",
    "principal",
];

/// Whether anything is decided by this key.
pub fn is_read(key: &str) -> bool {
    READ.contains(&key) || key.starts_with(HEADERS)
}

fn key(name: &str, operator: &str) -> Key {
    Key { name: name.to_owned(), operator: operator.to_owned() }
}

/// Where a line has a fact, and what writes it there. Routes may rewrite the path and the host after the filter has seen
/// them: the operators prefer what Envoy kept of the original.
pub fn of_fact(fact: &Fact) -> Key {
    match fact {
        Fact::Path => key("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
        Fact::Method => key(METHOD, "%REQ(:METHOD)%"),
        Fact::Authority => key("authority", "%REQ(X-ENVOY-ORIGINAL-HOST?:AUTHORITY)%"),
        Fact::Header(name) => Key {
            name: format!("{HEADERS}{name}"),
            operator: format!("%REQ({})%", name.to_ascii_uppercase()),
        },
        Fact::Route => key("route", "%ROUTE_NAME%"),
        // `%UPSTREAM_CLUSTER%` is its alternative name for statistics where it has one.
        Fact::Cluster => key("cluster", "%UPSTREAM_CLUSTER_RAW%"),
        Fact::VirtualHost => key("virtual_host", "%CEL(xds.virtual_host_name)%"),
        // `%DOWNSTREAM_PEER_URI_SAN%` has all of them.
        Fact::Principal => key("principal", "%CEL(connection.uri_san_peer_certificate)%"),
        Fact::RequestId => key("request_id", "%REQ(X-REQUEST-ID)%"),
    }
}

/// Where a line has the moment that triggers ask for.
pub fn of_moment() -> Key {
    key(TIME, "%START_TIME%")
}

/// Where a line has the side of the proxy.
pub fn of_direction() -> Key {
    key("direction", "%CEL(xds.listener_direction)%")
}

/// The side of the proxy as a line has it: Envoy's number, or a word.
pub fn direction(text: &str) -> Direction {
    match text.to_ascii_lowercase().as_str() {
        "1" | "inbound" => Direction::Inbound,
        "2" | "outbound" => Direction::Outbound,
        _ => Direction::Unspecified,
    }
}

fn rules_of(scope: Option<&wire::Scope>) -> impl Iterator<Item = &wire::MatchRule> {
    scope.into_iter().flat_map(|s| s.any_of.iter().chain(&s.protect)).flatten()
}

/// The headers that are asked for by name, and those that stand behind other keys of a scope.
fn headers_of(scope: Option<&wire::Scope>) -> Vec<&str> {
    let rules = || rules_of(scope);
    let mut names: Vec<&str> =
        rules().flat_map(|r| r.headers.iter().flatten()).map(|h| h.name.0.as_str()).collect();
    if let Some(wire::SampleBy::Header(name)) = scope.and_then(|s| s.sample.as_ref()).map(|sample| &sample.by)
    {
        names.push(&name.0);
    }
    if rules().any(|rule| rule.grpc.is_some()) {
        names.push("content-type");
    }
    if scope.is_some_and(|s| s.attempts.is_some()) {
        names.extend(["x-envoy-attempt-count", "grpc-previous-rpc-attempts"]);
    }
    names.extend(scope.and_then(|s| s.first.as_ref()).map(|first| first.per.header.0.as_str()));
    if !scope.is_some_and(|s| s.allow_protected) {
        names.push("user-agent");
    }
    names
}

/// The keys of a log that a catalog needs beyond those of every log. They cost the proxy something, and so are written
/// only where a scenario asks.
pub fn asked_by(catalog: &wire::Catalog) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for scenario in &catalog.scenarios {
        let scope = scenario.scope.as_ref();
        let direction = scope.map_or(wire::DirectionWord::Any, |s| s.direction);
        if direction != wire::DirectionWord::Any {
            keys.insert(of_direction());
        }
        if scope.is_some_and(|s| s.source.is_some()) {
            keys.insert(of_fact(&Fact::Principal));
        }
        keys.extend(headers_of(scope).into_iter().map(|name| of_fact(&Fact::Header(name.to_owned()))));
        if rules_of(scope).any(|rule| rule.virtual_host.is_some()) {
            keys.insert(of_fact(&Fact::VirtualHost));
        }
    }
    keys
}

/// The whole format: key and operator, in the order of a line.
pub fn format(catalog: &wire::Catalog) -> Vec<Key> {
    let about_the_request =
        [Fact::RequestId, Fact::Method, Fact::Path, Fact::Authority, Fact::Route, Fact::Cluster];
    let mut keys = vec![of_moment()];
    keys.extend(about_the_request.iter().map(of_fact));
    keys.extend(asked_by(catalog));
    keys.extend([
        key("status", "%RESPONSE_CODE%"),
        key(DETAILS, "%RESPONSE_CODE_DETAILS%"),
        key("flags", "%RESPONSE_FLAGS%"),
        key("duration_ms", "%DURATION%"),
        key("chaos_mission", "%FILTER_STATE(wasm.chaos_mission:PLAIN)%"),
        key("chaos_scenario", "%FILTER_STATE(wasm.chaos_scenario:PLAIN)%"),
        key("chaos_fault", "%FILTER_STATE(wasm.chaos_fault:PLAIN)%"),
        key("chaos_value", "%FILTER_STATE(wasm.chaos_value:PLAIN)%"),
        key("chaos_group", "%FILTER_STATE(wasm.chaos_group:PLAIN)%"),
    ]);
    keys
}
