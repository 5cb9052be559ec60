//! Members of W3C Baggage: `key=value;property, key=value`, values percent-encoded.

use super::Ignored;

/// The value of the first member of this name. What is wrong with other members is not looked at.
pub(super) fn member(baggage: &[u8], name: &[u8]) -> Option<Result<Vec<u8>, Ignored>> {
    let mut members = baggage.split(|byte| *byte == b',').filter_map(|member| {
        let at = member.iter().position(|byte| *byte == b'=')?;
        Some((member.get(..at)?.trim_ascii(), member.get(at.saturating_add(1)..)?))
    });
    let (_, value) = members.find(|(key, _)| *key == name)?;
    // Properties follow the value.
    let value = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    Some(decoded(value).ok_or(Ignored::Malformed))
}

/// Percent-decoded (RFC 3986 section 2.1).
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from((high << 4) | low).ok()?
            }
            other => *other,
        });
    }
    Some(bytes)
}
