//! Path and query of a request target, decoded piece by piece (RFC 3986): what is compared is what was meant.

use crate::problem::{Kind, Problem};

/// Longest target that is looked at, in bytes; ours have at most some 300, with every byte encoded.
const LONGEST: usize = 2048;

/// The decoded segments of a path, and its query.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Without the empty one before the first `/`.
    pub segments: Vec<String>,
    /// Names and values in their order.
    pub query: Vec<(String, String)>,
}

/// Reads a request target, `:path` as it came.
///
/// # Errors
/// What is no path with a query.
pub fn read(target: &[u8]) -> Result<Target, Problem> {
    let bad = |detail: &str| Problem::new(Kind::BadPath, detail);
    if target.len() > LONGEST {
        return Err(bad("it is longer than any path here"));
    }
    let text = std::str::from_utf8(target).map_err(|_| bad("it is no UTF-8"))?;
    // No client sends a fragment.
    if text.contains(|c: char| c.is_control() || c == '#' || c == '\\') {
        return Err(bad("it has a character that no path has"));
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = path.strip_prefix('/').ok_or_else(|| bad("it does not begin with `/`"))?;
    let segments = path.split('/').map(|segment| decode(segment, false));
    let segments = segments
        .collect::<Option<_>>()
        .ok_or_else(|| bad("a `%` has to be followed by two hexadecimal digits of a character of UTF-8"))?;
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name, true)?, decode(value, true)?))
    };
    let query = pairs.map(pair).collect::<Option<_>>();
    let query = query
        .ok_or_else(|| Problem::new(Kind::BadQuery, "a `%` has to be followed by two hexadecimal digits"))?;
    Ok(Target { segments, query })
}

/// Control characters are in nothing that is meant.
fn decode(text: &str, of_query: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)?.checked_mul(16)?.checked_add(hex(rest.next()?)?)?,
            b'+' if of_query => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}
