//! The ABI's form of a header map: a count, the sizes, then names and values, each with a NUL behind it.

/// Reads a map. Bytes that do not follow the form end the list: a shorter list of headers matches less,
/// which is the safe side.
pub fn parse(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let count = number(bytes, 0).unwrap_or(0);
    let mut pairs = Vec::new();
    let mut at = count.saturating_mul(8).saturating_add(4);
    for index in 0..count {
        let sizes = index.saturating_mul(8).saturating_add(4);
        let pair = number(bytes, sizes).zip(number(bytes, sizes.saturating_add(4)));
        let Some((name, value)) = pair.and_then(|(name_size, value_size)| {
            let name = slice(bytes, &mut at, name_size)?;
            let value = slice(bytes, &mut at, value_size)?;
            Some((name, value))
        }) else {
            break;
        };
        pairs.push((name, value));
    }
    pairs
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let end = at.checked_add(4)?;
    let raw = <[u8; 4]>::try_from(bytes.get(at..end)?).ok()?;
    usize::try_from(u32::from_le_bytes(raw)).ok()
}

fn slice(bytes: &[u8], at: &mut usize, size: usize) -> Option<Vec<u8>> {
    let end = at.checked_add(size)?;
    let slice = bytes.get(*at..end)?.to_vec();
    *at = end.checked_add(1)?;
    Some(slice)
}

/// Writes a map.
pub fn serialize(pairs: &[(String, String)]) -> Vec<u8> {
    let size = |text: &String| u32::try_from(text.len()).unwrap_or(0).to_le_bytes();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&u32::try_from(pairs.len()).unwrap_or(0).to_le_bytes());
    for (name, value) in pairs {
        bytes.extend_from_slice(&size(name));
        bytes.extend_from_slice(&size(value));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}
