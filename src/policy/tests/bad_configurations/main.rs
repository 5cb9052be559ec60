//! Bad configurations, one mistake each: the code, the key and a way out are named, and nothing else is complained of.

mod bodies;
mod choices;
mod documents;
mod guardrails;
mod keys;
mod pressure;
mod safety;
mod schema;
mod scopes;
mod several;
mod stages;
mod streams;
mod triggers;
mod values;

use serde_json::{Value, json};
use squall_policy::{Code, Diagnostic, Level, Loaded, Report, load_plugin};

/// A mistake: what stands at a place of the good configuration instead, and what is said about it.
struct Mistake {
    /// JSON pointer; a key that is not there yet is added.
    at: &'static str,
    /// JSON; nothing removes the key.
    put: &'static str,
    code: Code,
    /// The key path of the finding; empty: the place itself.
    path: &'static str,
}

const fn mistake(at: &'static str, put: &'static str, code: Code) -> Mistake {
    Mistake { at, put, code, path: "" }
}

const fn mistake_in(at: &'static str, put: &'static str, code: Code, path: &'static str) -> Mistake {
    Mistake { at, put, code, path }
}

/// A configuration without a mistake that has something of everything.
fn good() -> Value {
    json!({
        "version": 1,
        "role": "filter",
        "release": "2026-12-01T08:00:00Z",
        "max_series": 100_000,
        "stat_labels": "built_in",
        "identity": {"service": "user-service", "namespace": "shop", "labels": {"app": "users"}},
        "catalog": {"version": 1, "scenarios": [
            {
                "name": "slow-db", "description": "latency of the database", "severity": "medium",
                "trigger": {
                    "window": {"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T17:00:00Z", "days": ["mon", "sun"],
                        "between": "22:00-06:00", "timezone": "-01:00"},
                    "randomize": {"period": "2m", "active": "30s"},
                    "load": {"min_rps": 5, "max_rps": 500, "min_in_flight": 1, "max_in_flight": 50},
                },
                "burst": {"good": "20s", "bad": "5s"},
                "scope": {
                    "service": "user-service", "labels": {"app": "users", "tier": "gold"},
                    "dependency": "profile-db", "source": {"principal": {"suffix": "/sa/web"}},
                    "direction": "outbound",
                    "match": [{
                        "path": {"prefix": "/users"}, "methods": ["GET", "POST"],
                        "headers": [{"name": "x-tenant", "exact": "a", "invert": true}],
                        "authority": {"exact": "db.shop"}, "route": "r", "cluster": "c", "virtual_host": "v",
                        "query": [{"name": "q", "contains": "a/b"}],
                    }, {"grpc": {"service": "shop.Users", "method": "Get"}}],
                    "attempts": [1, 2],
                    "first": {"requests": 2, "per": {"header": "x-order"}, "forget_after": "1m"},
                    "protect": [{"path": {"prefix": "/admin"}}], "allow_protected": false,
                    "sample": {"percent": 20, "by": {"header": "x-user"}},
                },
                "faults": [{"delay": {"fixed": "100ms", "phase": "request", "percent": 50}}],
            },
            {
                "name": "fail-auth",
                "faults": [{"abort": {"status": 503, "body": "no", "headers": {"x-why": "chaos"},
                    "grpc_status": "UNAVAILABLE", "message": "no", "percent": 1}},
                    {"one_of": [{"weight": 3, "delay": {"fixed": "1s"}}, {"weight": 1, "abort": {"status": 500}}]}],
            },
            {"name": "unused", "severity": "critical", "faults": [{"delay": {"uniform": {"min": "1ms", "max": "2ms"}}}]},
            {
                "name": "watched", "faults": [{"delay": {"fixed": "100ms"}}],
                "signals": {"latency_p95": "<= 350ms", "error_rate": "<= 0.5%", "watch": "inbound"},
                "safety": {"halt_when": [
                    {"metric": "error_rate", "group": "control", "above": "5%", "for": "2m", "min_requests": 50},
                    {"metric": "latency_p99", "watch": "inbound", "above": "2s", "for": "30s"},
                    {"metric": "error_rate", "above": "10%", "versus": "control", "confidence": "99.9%",
                        "count_injected": true},
                ]},
                "rollback": {"circuit_breaker": {"open_for": "60s", "half_open_intensity": "10%", "close_after": "20s"}},
            },
        ]},
        "mission": {"version": 1, "id": "run-1", "scenarios": ["slow-db", "fail-auth"], "namespace": "shop",
            "start": "2026-12-01T09:00:00Z", "duration": "15m", "baseline": "1m", "recovery": "2m", "lease": "30s",
            "stages": [{"for": "4m", "intensity": "10%"}, {"for": "5m", "intensity": "12.5 %"}, {"for": "5m", "intensity": "100%"}],
            "composition": "independent", "seed": "s",
            "enable": true},
    })
}

/// Loads the text as a proxy of namespace `shop` would.
fn load(text: &[u8]) -> (Option<Loaded>, Vec<Diagnostic>) {
    let mut report = Report::default();
    let loaded = load_plugin(text, Some("shop"), &mut report);
    (loaded, report.findings)
}

/// Replaces, adds or removes what a JSON pointer points to.
fn put(configuration: &mut Value, pointer: &str, value: &str) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let parent = configuration.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
    if value.is_empty() {
        let removed = parent.as_object_mut().and_then(|object| object.remove(key));
        assert!(removed.is_some(), "nothing to remove at {pointer}");
        return;
    }
    let value = serde_json::from_str(value).unwrap_or_else(|error| panic!("{value}: {error}"));
    match parent {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        Value::Object(object) => drop(object.insert(key.to_owned(), value)),
        _ => panic!("{pointer} has no parent"),
    }
}

/// A JSON pointer as findings write it: `catalog.scenarios[0].name`.
fn key_path(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{step}"),
    });
    steps.collect::<String>().trim_start_matches('.').to_owned()
}

fn errors(findings: &[Diagnostic]) -> Vec<&Diagnostic> {
    findings.iter().filter(|d| d.code.level() == Level::Error).collect()
}

/// Mistakes that the JSON Schema has to know as well: editors show them while somebody writes.
fn is_structural(code: Code) -> bool {
    matches!(
        code,
        Code::WrongType | Code::UnknownKey | Code::MissingKey | Code::UnknownWord | Code::UnsupportedVersion
    )
}

/// Every mistake of a table is refused with exactly its own finding.
fn check(mistakes: &[Mistake]) {
    let mut wrong = Vec::new();
    for mistake in mistakes {
        let mut configuration = good();
        put(&mut configuration, mistake.at, mistake.put);
        let (loaded, findings) = load(configuration.to_string().as_bytes());
        let path = if mistake.path.is_empty() { key_path(mistake.at) } else { mistake.path.to_owned() };
        let found = errors(&findings);
        let right = loaded.is_none()
            && matches!(found.as_slice(), [only] if only.code == mistake.code && only.path == path
                && !only.message.is_empty() && !only.hint.is_empty());
        if !right || (is_structural(mistake.code) && schema::plugin().is_valid(&configuration)) {
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{} = {}: expected {} at {path}, loaded {}, valid {}, found {findings:#?}",
                mistake.at,
                mistake.put,
                mistake.code.slug(),
                loaded.is_some(),
                schema::plugin().is_valid(&configuration),
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are not told right:\n{}",
        wrong.len(),
        mistakes.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_good_configuration_is_good() {
    let (loaded, findings) = load(good().to_string().as_bytes());
    assert_eq!(findings, []);
    let loaded = loaded.expect("it has no mistake");
    assert_eq!(loaded.plan.expect("it has a mission").scenarios().len(), 2);
}
