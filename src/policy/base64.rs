//! Base64 (RFC 4648): secrets come in either alphabet, tokens in the one for URLs, without padding.

const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// In the alphabet for URLs, without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        // 8, 16 or 24 bits, filled up to 12, 18 or 24.
        let (word, digits) = match group.len() {
            1 => (word << 4, 2_u32),
            2 => (word << 2, 3),
            _ => (word, 4),
        };
        for place in (0..digits).rev() {
            let digit = (word >> place.saturating_mul(6)) & 63;
            text.extend(URL.get(digit as usize).copied().map(char::from));
        }
    }
    text
}

/// From either alphabet, with padding or without. `None` for anything else, also for bits that are left over.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let padded = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len().checked_sub(padded)?).filter(|_| padded <= 2)?;
    let (mut word, mut bits) = (0_u32, 0_u32);
    let mut bytes = Vec::new();
    for digit in digits {
        word = ((word << 6) | value(*digit)?) & 0xfff;
        bits = bits.saturating_add(6);
        if let Some(left) = bits.checked_sub(8) {
            bits = left;
            bytes.push(((word >> bits) & 0xff) as u8);
        }
    }
    let left_over = word & 1_u32.checked_shl(bits)?.saturating_sub(1);
    (bits < 6 && left_over == 0).then_some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let from = |first: u8, offset: u32| u32::from(digit.saturating_sub(first)).saturating_add(offset);
    Some(match digit {
        b'A'..=b'Z' => from(b'A', 0),
        b'a'..=b'z' => from(b'a', 26),
        b'0'..=b'9' => from(b'0', 52),
        b'-' | b'+' => 62,
        b'_' | b'/' => 63,
        _ => return None,
    })
}
