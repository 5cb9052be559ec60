//! Whether a scenario concerns a request, worked out from the JSON as docs/catalog.md explains it: slowly, rule by
//! rule, and by other means than the policy's matcher.

use crate::request::Request;
use serde_json::Value;
use squall_policy::{Direction, Fact};

pub fn concerns(scenario: &Value, request: &Request) -> bool {
    let scope = &scenario["scope"];
    let side = match scope["direction"].as_str() {
        Some("inbound") => request.direction == Direction::Inbound,
        Some("outbound") => request.direction == Direction::Outbound,
        _ => true,
    };
    let rules = scope["match"].as_array();
    side && rules.is_none_or(|rules| rules.iter().any(|rule| meets(rule, request)))
}

fn meets(rule: &Value, request: &Request) -> bool {
    let path =
        request.get(&Fact::Path).map(|p| &p[..p.iter().position(|b| b"?#".contains(b)).unwrap_or(p.len())]);
    let method = request.get(&Fact::Method);
    let name = |key: &str, fact: Fact| {
        rule[key].as_str().is_none_or(|wanted| request.get(&fact) == Some(wanted.as_bytes()))
    };
    let given = |key: &str| rule.get(key).filter(|v| !v.is_null());
    given("path").is_none_or(|wanted| path.is_some_and(|path| path_meets(wanted, path)))
        && rule["methods"].as_array().is_none_or(|wanted| {
            wanted.iter().any(|m| m.as_str().map(str::as_bytes) == method && method.is_some())
        })
        && given("authority").is_none_or(|wanted| authority_meets(wanted, request.get(&Fact::Authority)))
        && rule["headers"].as_array().is_none_or(|all| all.iter().all(|wanted| header_meets(wanted, request)))
        && name("route", Fact::Route)
        && name("cluster", Fact::Cluster)
        && name("virtual_host", Fact::VirtualHost)
}

fn path_meets(wanted: &Value, path: &[u8]) -> bool {
    let Some(template) = wanted["template"].as_str() else { return text_meets(wanted, path) };
    let wanted: Vec<&[u8]> = template.as_bytes().split(|b| *b == b'/').collect();
    let found: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|(w, f)| if w.starts_with(b"{") { !f.is_empty() } else { w == f })
}

fn authority_meets(wanted: &Value, value: Option<&[u8]>) -> bool {
    let Some(value) = value else { return false };
    match wanted["exact"].as_str() {
        Some(text) => text.to_ascii_lowercase().as_bytes() == value.to_ascii_lowercase(),
        None => text_meets(wanted, value),
    }
}

fn header_meets(wanted: &Value, request: &Request) -> bool {
    let name = wanted["name"].as_str().expect("a header condition has a name");
    let value = request.get(&Fact::Header(name.to_owned()));
    let holds = match wanted["present"].as_bool() {
        Some(present) => value.is_some() == present,
        None => value.is_some_and(|value| text_meets(wanted, value)),
    };
    holds != wanted["invert"].as_bool().unwrap_or(false)
}

fn text_meets(wanted: &Value, value: &[u8]) -> bool {
    let text = |key: &str| wanted[key].as_str();
    if let Some(exact) = text("exact") {
        return value == exact.as_bytes();
    }
    if let Some(prefix) = text("prefix") {
        return value.get(..prefix.len()) == Some(prefix.as_bytes());
    }
    if let Some(suffix) = text("suffix") {
        return value.len() >= suffix.len() && &value[value.len() - suffix.len()..] == suffix.as_bytes();
    }
    // What is not UTF-8 contains no text and matches no expression.
    let Ok(value) = std::str::from_utf8(value) else { return false };
    if let Some(part) = text("contains") {
        return value.split(part).count() > 1;
    }
    // A match that spans the value: searched for leftmost with the ends pinned, each time anew.
    let source = text("regex").expect("a text condition has a kind");
    let regex =
        regex_lite::Regex::new(&format!("\\A(?:{source})\\z")).expect("an expression that was accepted");
    regex.is_match(value)
}
