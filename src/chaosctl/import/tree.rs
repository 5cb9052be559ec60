//! Making trees of a catalog.

use squall_policy::{Entry, Node, Value};

pub fn object(entries: Vec<(&str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, value)| Entry { key: key.to_owned(), at: value.at, value });
    Value::Object(entries.collect()).into()
}

pub fn list(items: Vec<Node>) -> Node {
    Value::List(items).into()
}

pub fn text(text: impl Into<String>) -> Node {
    Value::Text(text.into()).into()
}

pub fn number(number: f64) -> Node {
    Value::Number(number).into()
}

pub fn flag(flag: bool) -> Node {
    Value::Bool(flag).into()
}
