//! Texts that are no configuration at all, and keys that stand twice, which no JSON value can hold.

use crate::{errors, good, load};
use squall_policy::{CONFIG_LIMIT, Code};

fn refused_as(text: &[u8], code: Code, path: &str) {
    let (loaded, findings) = load(text);
    let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
    assert!(loaded.is_none(), "{shown} is accepted");
    let found = errors(&findings);
    assert_eq!(found.len(), 1, "{shown}: {findings:?}");
    assert_eq!((found[0].code, found[0].path.as_str()), (code, path), "{shown}");
    assert!(!found[0].message.is_empty() && !found[0].hint.is_empty());
}

#[test]
fn syntax() {
    let good = good().to_string();
    let texts: &[&[u8]] = &[
        b"",
        b" \n",
        b"{",
        b"}",
        b"version: 1",
        b"{\"version\": 1,}",
        b"{'version': 1}",
        b"{\"version\": NaN}",
        b"{\"version\": Infinity}",
        b"{\"version\": 1e999}",
        b"{\"version\": 01}",
        b"{\"version\": 1} {}",
        b"\xef\xbb\xbf{\"version\": 1}",
        b"{\"version\": \"\xff\xfe\"}",
        b"{\"version\": \"\\ud800\"}",
        b"{\"version\": \"a\0b\"}",
        b"{\"version\": 1}\0",
    ];
    for text in texts {
        refused_as(text, Code::Syntax, "");
    }
    for end in [1, good.len() / 3, good.len() / 2, good.len() - 1] {
        refused_as(&good.as_bytes()[..end], Code::Syntax, "");
    }
    refused_as(
        [b"{\"a\":".repeat(128), b"1".to_vec(), b"}".repeat(128)].concat().as_slice(),
        Code::Syntax,
        "",
    );
    refused_as(&b"[".repeat(1_000_000), Code::Syntax, "");
}

#[test]
fn another_root() {
    for text in ["null", "1", "\"text\"", "[]", "true"] {
        refused_as(text.as_bytes(), Code::WrongType, "");
    }
}

#[test]
fn size() {
    let mut text = good().to_string().into_bytes();
    text.resize(CONFIG_LIMIT, b' ');
    assert!(load(&text).0.is_some(), "the limit itself is allowed");
    text.push(b' ');
    refused_as(&text, Code::TooLarge, "");
    let rule = "a".repeat(1025);
    let text = good().to_string();
    let expression = text.replace("{\"prefix\":\"/users\"}", &format!("{{\"regex\":\"{rule}\"}}"));
    refused_as(expression.as_bytes(), Code::BadRegex, "catalog.scenarios[0].scope.match[0].path.regex");
    let prefix = text.replace("\"/users\"", &format!("\"/{rule}\""));
    refused_as(prefix.as_bytes(), Code::OutOfRange, "catalog.scenarios[0].scope.match[0].path.prefix");
    let body = text.replace("\"body\":\"no\"", &format!("\"body\":\"{}\"", "a".repeat(16_385)));
    refused_as(body.as_bytes(), Code::OutOfRange, "catalog.scenarios[1].faults[0].abort.body");
    let header = text.replace("\"x-why\":\"chaos\"", &format!("\"x-why\":\"{}\"", "a".repeat(4_097)));
    refused_as(header.as_bytes(), Code::BadFormat, "catalog.scenarios[1].faults[0].abort.headers.x-why");
    let methods = vec!["\"GET\""; 10_001].join(",");
    let list = text.replace("[\"GET\",\"POST\"]", &format!("[{methods}]"));
    refused_as(list.as_bytes(), Code::OutOfRange, "catalog.scenarios[0].scope.match[0].methods");
}

#[test]
fn the_same_key_twice() {
    let good = good().to_string();
    for (once, twice, path) in [
        ("\"role\":\"filter\"", "\"role\":\"filter\",\"role\":\"filter\"", "role"),
        ("\"duration\":\"15m\"", "\"duration\":\"15m\",\"duration\":\"1h\"", "mission.duration"),
        ("\"status\":503", "\"status\":503,\"status\":429", "catalog.scenarios[1].faults[0].abort.status"),
        (
            "\"x-why\":\"chaos\"",
            "\"x-why\":\"a\",\"x-why\":\"b\"",
            "catalog.scenarios[1].faults[0].abort.headers.x-why",
        ),
        (
            "\"prefix\":\"/users\"",
            "\"prefix\":\"/a\",\"prefix\":\"/b\"",
            "catalog.scenarios[0].scope.match[0].path.prefix",
        ),
    ] {
        assert!(good.contains(once), "{once}");
        refused_as(good.replace(once, twice).as_bytes(), Code::DuplicateKey, path);
    }
}
