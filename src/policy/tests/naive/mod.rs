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
        && rule["query"].as_array().is_none_or(|all| all.iter().all(|wanted| query_meets(wanted, request)))
        && given("grpc").is_none_or(|wanted| path.is_some_and(|path| grpc_meets(wanted, path, request)))
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

/// Undoes `+` and `%XX`, in place and from the left.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let mut at = 0;
    while at + 3 <= bytes.len() {
        let hex = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap_or("-");
        let byte = u8::from_str_radix(hex, 16).ok().filter(|_| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(byte) = byte.filter(|_| bytes[at] == b'%') {
            bytes.splice(at..at + 3, [byte]);
        }
        at += 1;
    }
    bytes
}

fn query_meets(wanted: &Value, request: &Request) -> bool {
    let name = wanted["name"].as_str().expect("a query condition has a name").as_bytes();
    let path = request.get(&Fact::Path).unwrap_or_default();
    let whole = path.iter().position(|b| *b == b'#').map_or(path, |end| &path[..end]);
    let query = whole.iter().position(|b| *b == b'?').map_or(&b""[..], |start| &whole[start + 1..]);
    let pairs = query.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        (decoded(&pair[..equals]), decoded(pair.get(equals + 1..).unwrap_or_default()))
    });
    let values: Vec<Vec<u8>> = pairs.filter(|(n, _)| n == name).map(|(_, value)| value).collect();
    let holds = match wanted["present"].as_bool() {
        Some(present) => present != values.is_empty(),
        None => values.iter().any(|value| text_meets(wanted, value)),
    };
    holds != wanted["invert"].as_bool().unwrap_or(false)
}

fn grpc_meets(wanted: &Value, path: &[u8], request: &Request) -> bool {
    let (service, method) = (wanted["service"].as_str().expect("a service"), wanted["method"].as_str());
    let path = String::from_utf8_lossy(path);
    let mut parts = path.splitn(3, '/').skip(1);
    let named = parts.next() == Some(service)
        && parts.next().is_some_and(|found| method.is_none_or(|method| method == found));
    let kind = request.get(&Fact::Header("content-type".to_owned())).unwrap_or_default();
    let kind = String::from_utf8_lossy(kind);
    named
        && (kind == "application/grpc"
            || kind.starts_with("application/grpc+")
            || kind.starts_with("application/grpc;"))
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
