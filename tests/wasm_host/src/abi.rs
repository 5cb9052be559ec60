//! Types and encodings of proxy-wasm ABI 0.2.1.

/// A status of a host function, as the filter sees it. WASI functions return their errno through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u32);

impl Status {
    /// Done.
    pub const OK: Status = Status(0);
    /// No such header, property, key or metric.
    pub const NOT_FOUND: Status = Status(1);
    /// An argument is out of range or, for header maps, out of its phase.
    pub const BAD_ARGUMENT: Status = Status(2);
    /// A value could not be encoded.
    pub const SERIALIZATION_FAILURE: Status = Status(3);
    /// A value could not be decoded.
    pub const PARSE_FAILURE: Status = Status(4);
    /// A pointer outside the memory.
    pub const INVALID_MEMORY_ACCESS: Status = Status(6);
    /// An empty queue.
    pub const EMPTY: Status = Status(7);
    /// Somebody else has changed the value.
    pub const CAS_MISMATCH: Status = Status(8);
    /// Something else.
    pub const INTERNAL_FAILURE: Status = Status(10);
    /// The host does not have this function. The SDK's `Status` has no such variant.
    pub const UNIMPLEMENTED: Status = Status(12);
}

/// What the filter wants done with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Hold the stream until it is continued, answered or closed; in a body: buffer it for the filter.
    Pause,
    /// In a body: hold it back until the stream is continued, out of the filter's reach.
    Hold,
    /// In a body: drop it, because the filter has what it needs of it. Nobody else ever sees it.
    Forget,
}

/// The direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Towards the upstream.
    Request,
    /// Towards the client.
    Response,
}

/// A header map of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// Request headers.
    RequestHeaders,
    /// Response headers.
    ResponseHeaders,
    /// Response trailers.
    ResponseTrailers,
    /// Any other map of the ABI; never present in this host.
    Absent,
}

impl MapKind {
    /// The map with this number in the ABI; `None` above the last number, 7.
    pub(crate) fn from_abi(number: u32) -> Option<MapKind> {
        match number {
            0 => Some(MapKind::RequestHeaders),
            2 => Some(MapKind::ResponseHeaders),
            3 => Some(MapKind::ResponseTrailers),
            1 | 4..=7 => Some(MapKind::Absent),
            _ => None,
        }
    }
}

/// Header names (lower case) and values in order; values are bytes and need not be UTF-8.
pub type HeaderMap = Vec<(Vec<u8>, Vec<u8>)>;

/// Encodes a header map as the guest expects it. An empty map is an empty value.
pub(crate) fn encode_pairs(pairs: &HeaderMap) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let mut bytes = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        for part in [name, value] {
            bytes.extend(part);
            bytes.push(0);
        }
    }
    bytes
}

/// Decodes a header map that the guest has sent; like Envoy, a truncated one is empty.
pub(crate) fn decode_pairs(bytes: &[u8]) -> HeaderMap {
    try_decode(bytes).unwrap_or_default()
}

fn try_decode(bytes: &[u8]) -> Option<HeaderMap> {
    let number = |at: usize| -> Option<usize> {
        let word = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(word.try_into().ok()?) as usize)
    };
    let count = number(0)?;
    let mut text = count.checked_mul(8)?.checked_add(4)?;
    let mut take = |length: usize| -> Option<Vec<u8>> {
        let part = bytes.get(text..text.checked_add(length)?)?.to_vec();
        text += length + 1;
        Some(part)
    };
    let mut pairs = Vec::new();
    for entry in 0..count {
        let name = take(number(4 + entry * 8)?)?;
        let value = take(number(8 + entry * 8)?)?;
        pairs.push((name.to_ascii_lowercase(), value));
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::{decode_pairs, encode_pairs};

    #[test]
    fn pairs_survive_the_way_there_and_back_and_truncated_ones_are_empty() {
        let pairs = vec![(b":path".to_vec(), b"/".to_vec()), (b"x-bad".to_vec(), b"\xff\0\xfe".to_vec())];
        let bytes = encode_pairs(&pairs);
        assert_eq!(decode_pairs(&bytes), pairs);
        for length in 0..bytes.len() - 1 {
            assert!(decode_pairs(&bytes[..length]).is_empty(), "{length} bytes");
        }
    }
}
