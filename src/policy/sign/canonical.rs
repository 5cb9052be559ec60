//! The digest of a tree: SHA-256 over its one canonical text, so that YAML, JSON and a protobuf `Struct` of the same scenario
//! have the same.
//!
//! The text is JSON without blanks, keys sorted by their bytes, numbers and texts as RFC 8785 writes them (numbers from 1e15 on
//! and those with an exponent as serde_json does).

use crate::node::{Entry, Node, Plain, Value};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

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
        Value::Null => hash.update("null"),
        Value::Bool(flag) => hash.update(if *flag { "true" } else { "false" }),
        Value::Number(number) => hash.update(Plain(*number).to_string()),
        Value::Text(text) => quoted(text, hash),
        Value::List(items) => {
            let mut before = "[";
            for item in items {
                hash.update(before);
                write(item, hash);
                before = ",";
            }
            hash.update(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(entries) => {
            // Only so much code as this needs: a sort of the standard library would be 4 KiB of the module.
            let mut sorted: BinaryHeap<Member<'_>> = BinaryHeap::with_capacity(entries.len());
            for entry in entries {
                sorted.push(Member(entry));
            }
            let mut before = "{";
            while let Some(Member(entry)) = sorted.pop() {
                hash.update(before);
                quoted(&entry.key, hash);
                hash.update(":");
                write(&entry.value, hash);
                before = ",";
            }
            hash.update(if entries.is_empty() { "{}" } else { "}" });
        }
    }
}

/// A member of an object; the one with the least key is the greatest, so that it comes first. No two have the same: that is a
/// mistake of its own.
struct Member<'n>(&'n Entry);

impl Ord for Member<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.key.cmp(&self.0.key)
    }
}

impl PartialOrd for Member<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Member<'_> {}

fn quoted(text: &str, hash: &mut Sha256) {
    // A text is always JSON.
    hash.update(serde_json::to_string(text).unwrap_or_default());
}
