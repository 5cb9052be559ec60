//! Whom a request is for and which page sent it, so that no web site that somebody visits reaches the listener through the browser.
//!
//! A site whose name leads to the loopback address (DNS rebinding) sends its own name as the host: only addresses,
//! `localhost` and configured names are answered. A form or script of another site can post only with media types that need no
//! leave, or has to ask for it first, which is not given; and it sends its origin.

use std::net::{IpAddr, Ipv6Addr};

/// Whether a host, with or without a port, is one that this listener is asked under. `hosts`: configured names.
#[must_use]
pub fn is_own(authority: &str, hosts: &[String]) -> bool {
    let Some((host, _)) = split(authority) else { return false };
    let host = host.to_ascii_lowercase();
    is_address(&host)
        || host == "localhost"
        || host.strip_suffix(".localhost").is_some_and(|name| !name.is_empty())
        || hosts.contains(&host)
}

/// Whether an `Origin` is that of this very host, name and port.
#[must_use]
pub fn is_same(origin: &str, authority: &str) -> bool {
    let (rest, default) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(rest), _) => (rest, 80),
        (_, Some(rest)) => (rest, 443),
        _ => return false,
    };
    let with_port =
        |authority| split(authority).map(|(host, port)| (host.to_ascii_lowercase(), port.unwrap_or(default)));
    with_port(rest).is_some_and(|own| with_port(authority) == Some(own))
}

fn is_address(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => matches!(host.parse::<IpAddr>(), Ok(IpAddr::V4(_))),
    }
}

/// Host and port.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')?.checked_add(1)?
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at_checked(end)?;
    let named = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    named.then_some((host, port))
}
