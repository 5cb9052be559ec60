//! The digest of a tree: SHA-256 over its one canonical text, so that YAML, JSON and a protobuf `Struct` of the same scenario
//! have the same.
//!
//! The text is JSON without blanks, keys sorted by their bytes, numbers and texts as RFC 8785 writes them (numbers from 1e15 on
//! and those with an exponent as serde_json does).

use crate::node::{Entry, Node, Plain, Value};
use sha2::{Digest, Sha256};

/// The digest of a scenario or a mission.
#[must_use]
pub fn digest(node: &Node) -> [u8; 32] {
    let mut hash = Sha256::new();
    write(node, &mut hash);
    hash.finalize().into()
}

/// The same as a signed mission has it: `sha256:` and 64 digits.
#[must_use]
pub fn digest_text(node: &Node) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::from("sha256:");
    for byte in digest(node) {
        for digit in [byte >> 4, byte & 15] {
            text.extend(DIGITS.get(usize::from(digit)).copied().map(char::from));
        }
    }
    text
}

fn write(node: &Node, hash: &mut Sha256) {
    match &node.value {
        Value::Null => hash.update(b"null"),
        Value::Bool(true) => hash.update(b"true"),
        Value::Bool(false) => hash.update(b"false"),
        Value::Number(number) => hash.update(Plain(*number).to_string()),
        Value::Text(text) => quoted(text, hash),
        Value::List(items) => {
            hash.update(b"[");
            for (index, item) in items.iter().enumerate() {
                separate(index, hash);
                write(item, hash);
            }
            hash.update(b"]");
        }
        Value::Object(entries) => {
            let mut sorted: Vec<&Entry> = entries.iter().collect();
            sorted.sort_by(|a, b| a.key.cmp(&b.key));
            hash.update(b"{");
            for (index, entry) in sorted.into_iter().enumerate() {
                separate(index, hash);
                quoted(&entry.key, hash);
                hash.update(b":");
                write(&entry.value, hash);
            }
            hash.update(b"}");
        }
    }
}

fn separate(index: usize, hash: &mut Sha256) {
    if index > 0 {
        hash.update(b",");
    }
}

fn quoted(text: &str, hash: &mut Sha256) {
    // A text is always JSON.
    hash.update(serde_json::to_string(text).unwrap_or_default());
}
