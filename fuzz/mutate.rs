//! Mutated inputs from a fixed seed, for the tests of ring 1; a fuzzer mutates better, and differently every time.

/// A sequence of numbers (xorshift64*): the same on every machine.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

/// Texts that parsers trip over.
const TOKENS: [&[u8]; 28] = [
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\\",
    b"\0",
    b"null",
    b"true",
    b"1e999",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"\"99999999999h\"",
    b"\xff",
    "\u{feff}".as_bytes(),
    "\u{1f600}".as_bytes(),
    b"\\ud83d",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!int ",
    b"---\n",
    b"# ",
];

/// Changes a few places of an input.
pub fn mutate(input: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + 1 + numbers.below(12)).min(bytes.len()).max(at);
        match numbers.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len() + 1);
                drop(bytes.splice(to..to, piece));
            }
            2 => {
                let token = TOKENS[numbers.below(TOKENS.len())];
                drop(bytes.splice(at..at, token.iter().copied()));
            }
            3 => {
                let token = TOKENS[numbers.below(TOKENS.len())];
                drop(bytes.splice(at..end, token.iter().copied()));
            }
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            // Digits are what ranges are made of.
            _ => {
                let digits = bytes.iter().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(i, _)| i);
                let digits: Vec<usize> = digits.collect();
                if !digits.is_empty() {
                    bytes[digits[numbers.below(digits.len())]] = b'0' + numbers.below(10) as u8;
                }
            }
        }
    }
    bytes
}
