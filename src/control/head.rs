//! The headers of a request, as far as they matter, and what is refused before a body is read.

use crate::problem::{Kind, Problem};
use crate::route::{self, Route};
use crate::{origin, path};

/// Largest body, in bytes.
pub const LARGEST_BODY: usize = 256 * 1024;

/// Gives all values of a header, in their order.
pub type Values<'v> = dyn Fn(&str) -> Vec<Vec<u8>> + 'v;

/// Reads what a request asks for.
///
/// # Errors
/// It is for somebody else, asks for nothing that there is, or may not change anything.
pub fn read(values: &Values<'_>, hosts: &[String]) -> Result<Route, Problem> {
    let authority = one(values, ":authority").unwrap_or_default();
    if !origin::is_own(&authority, hosts) {
        let detail =
            "ask for an address or `localhost`, or add the name to `control_hosts` of the configuration";
        return Err(Problem::new(Kind::ForeignHost, detail));
    }
    let target = values(":path").into_iter().next().unwrap_or_default();
    let method = values(":method").into_iter().next().unwrap_or_default();
    let route = route::find(&method, &path::read(&target)?)?;
    if route.changes() {
        check_origin(values, &authority)?;
        check_type(values)?;
        check_length(values)?;
    }
    Ok(route)
}

/// More than `LARGEST_BODY`.
#[must_use]
pub fn too_large() -> Problem {
    Problem::new(Kind::TooLarge, format!("at most {LARGEST_BODY} bytes are read"))
}

/// The value of a header that is there once, as text.
fn one(values: &Values<'_>, name: &str) -> Option<String> {
    match <[Vec<u8>; 1]>::try_from(values(name)) {
        Ok([value]) => String::from_utf8(value).ok(),
        Err(_) => None,
    }
}

fn check_origin(values: &Values<'_>, authority: &str) -> Result<(), Problem> {
    let same_site = values("sec-fetch-site").iter().all(|site| site == b"same-origin" || site == b"none");
    let same_origin = values("origin").is_empty()
        || one(values, "origin").is_some_and(|origin| origin::is_same(&origin, authority));
    if same_site && same_origin {
        return Ok(());
    }
    Err(Problem::new(
        Kind::ForeignOrigin,
        "only the page of this listener, and programs, may change something",
    ))
}

/// A form of another site can send other types without asking, but not this one.
fn check_type(values: &Values<'_>) -> Result<(), Problem> {
    let wrong = |detail: &str| Problem::new(Kind::WrongMediaType, detail);
    let content_type = one(values, "content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(wrong("send `content-type: application/json`, once")
            .with_header("accept-post", "application/json"));
    }
    let plain = values("content-encoding").iter().all(|coding| coding.eq_ignore_ascii_case(b"identity"));
    if plain {
        Ok(())
    } else {
        Err(wrong("send the body as it is").with_header("accept-encoding", "identity"))
    }
}

/// Envoy has checked that it is the length; bodies without one are counted.
fn check_length(values: &Values<'_>) -> Result<(), Problem> {
    let fits = |length: &Vec<u8>| {
        let number = std::str::from_utf8(length).ok().and_then(|text| text.parse::<usize>().ok());
        number.is_some_and(|length| length <= LARGEST_BODY)
    };
    if values("content-length").iter().all(fits) { Ok(()) } else { Err(too_large()) }
}
