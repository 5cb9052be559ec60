//! The digest of a scenario: the same for the same scenario however it is written, another one for any other.

use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use squall_policy::{Node, digest, digest_text};

fn node(text: &str) -> Node {
    serde_json::from_str(text).expect("JSON")
}

fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[test]
fn the_canonical_text_is_the_one_of_the_documentation() {
    let written =
        "{ \"b\": [1.0, 2.50, -0, true, null],\n \"a\": {\"z\": \"\\u00e4\\n\\/\\\"\", \"B\": 1e2} }";
    let canonical = "{\"a\":{\"B\":100,\"z\":\"ä\\n/\\\"\"},\"b\":[1,2.5,0,true,null]}";
    assert_eq!(digest(&node(written)), sha256(canonical));
    assert_eq!(
        digest_text(&node("{}")),
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}

#[test]
fn what_differs_has_another_digest() {
    let texts = [
        "1",
        "\"1\"",
        "[1]",
        "[[1]]",
        "[1,1]",
        "{\"1\":1}",
        "{\"1\":[1]}",
        "true",
        "null",
        "\"\"",
        "[]",
        "{}",
        "\"null\"",
        "{\"a\":1,\"b\":2}",
        "{\"a\":2,\"b\":1}",
        "[\"a\",\"b\"]",
        "[\"a,b\"]",
        "[\"b\",\"a\"]",
        "\"a\"",
        "\"A\"",
        "\"a \"",
        "0.1",
        "0.10000000000000002",
        "12345678901234567",
        "1e300",
        "-1",
        "{\"a\":{}}",
        "{\"a\":{\"b\":{}}}",
    ];
    for (index, one) in texts.iter().enumerate() {
        for other in &texts[..index] {
            assert_ne!(digest(&node(one)), digest(&node(other)), "{one} and {other}");
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("\\PC{0,8}", inner), 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// With the members of all objects the other way round, and blanks between everything.
fn reversed(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[ {} ]", items.iter().map(reversed).collect::<Vec<_>>().join(" ,\n")),
        Value::Object(members) => {
            let members =
                members.iter().rev().map(|(key, value)| format!("{} : {}", json!(key), reversed(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(" , "))
        }
        leaf => leaf.to_string(),
    }
}

proptest! {
    #[test]
    fn the_order_of_keys_and_blanks_do_not_matter(value in any_value()) {
        prop_assert_eq!(digest(&node(&value.to_string())), digest(&node(&reversed(&value))));
    }

    /// Without numbers, whose text is tested above, it is what serde_json writes with sorted keys.
    #[test]
    fn the_canonical_text_is_plain_json(text in "\\PC{0,16}", flag in any::<bool>(), number in any::<i32>()) {
        let value = json!({"k": [text, flag, number, {text.clone(): null}]});
        prop_assert_eq!(digest(&node(&value.to_string())), sha256(&value.to_string()));
    }
}
