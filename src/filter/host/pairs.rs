//! The ABI's form of a header map: a count, the sizes, then names and values, each with a NUL behind it.

/// A header map as the host handed it over: read where it lies, because a copy of each name and value would cost more
/// than all that is asked of them.
pub struct HeaderMap(Vec<u8>);

impl HeaderMap {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The values of a header, in their order. Bytes that do not follow the form end the map: fewer headers match
    /// less, which is the safe side.
    pub fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        let bytes = self.0.as_slice();
        let count = number(bytes, 0).unwrap_or(0);
        let mut at = count.saturating_mul(8).saturating_add(4);
        let pairs = (0..count).map_while(move |index| {
            let sizes = index.saturating_mul(8).saturating_add(4);
            let (name_size, value_size) = number(bytes, sizes).zip(number(bytes, sizes.saturating_add(4)))?;
            Some((slice(bytes, &mut at, name_size)?, slice(bytes, &mut at, value_size)?))
        });
        pairs.filter(move |(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let end = at.checked_add(4)?;
    let raw = <[u8; 4]>::try_from(bytes.get(at..end)?).ok()?;
    usize::try_from(u32::from_le_bytes(raw)).ok()
}

fn slice<'b>(bytes: &'b [u8], at: &mut usize, size: usize) -> Option<&'b [u8]> {
    let end = at.checked_add(size)?;
    let slice = bytes.get(*at..end)?;
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
