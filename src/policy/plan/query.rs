//! The query of a path: its parameters, decoded as forms encode them (WHATWG URL, application/x-www-form-urlencoded).

use std::borrow::Cow;

/// The decoded values of a parameter, in their order; a parameter without `=` has an empty one.
pub(super) fn values<'p>(path: &'p [u8], name: &[u8]) -> impl Iterator<Item = Cow<'p, [u8]>> {
    query(path).split(|b| *b == b'&').filter(|pair| !pair.is_empty()).filter_map(move |pair| {
        let mut parts = pair.splitn(2, |b| *b == b'=');
        let found = parts.next().unwrap_or_default();
        (*decoded(found) == *name).then(|| decoded(parts.next().unwrap_or_default()))
    })
}

/// What stands between the first `?` and the fragment.
fn query(path: &[u8]) -> &[u8] {
    let target = path.split(|b| *b == b'#').next().unwrap_or_default();
    target.splitn(2, |b| *b == b'?').nth(1).unwrap_or_default()
}

/// `%2F` is `/` and `+` a blank; a `%` that begins no code stands for itself.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, code(after)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    Cow::Owned(bytes)
}

fn code(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
    u8::try_from(digit(0)?.wrapping_mul(16).wrapping_add(digit(1)?)).ok()
}
