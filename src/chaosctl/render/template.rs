//! Trees that are mostly the same every time: written as YAML, with `@NAME@` where something is put in.

use crate::reader;
use anyhow::bail;
use squall_policy::{Entry, Node, Report, Value};

/// What stands for the names of a template. `None` removes the key that has the name as its value.
pub type Fill<'f> = [(&'f str, Option<Node>)];

/// Reads a template and puts the values in.
///
/// # Errors
/// When the template is no YAML or has a name that nothing is given for: a mistake in this program.
pub fn render(template: &str, fill: &Fill<'_>) -> anyhow::Result<Node> {
    let mut report = Report::default();
    match reader::read(template, &mut report).map(|tree| put(tree, fill)) {
        Some(Some(tree)) => Ok(tree),
        _ => bail!("the built-in template cannot be filled: {:?}", report.findings),
    }
}

fn put(node: Node, fill: &Fill<'_>) -> Option<Node> {
    let value = match node.value {
        Value::Text(text) => match fill.iter().find(|(name, _)| text == format!("@{name}@")) {
            Some((_, value)) => return value.clone(),
            None => Value::Text(text),
        },
        Value::List(items) => Value::List(items.into_iter().filter_map(|item| put(item, fill)).collect()),
        Value::Object(entries) => Value::Object(
            entries
                .into_iter()
                .filter_map(|e| Some(Entry { value: put(e.value, fill)?, key: e.key, at: None }))
                .collect(),
        ),
        other => other,
    };
    Some(value.into())
}

pub fn text(text: impl Into<String>) -> Node {
    Value::Text(text.into()).into()
}

pub fn number(number: impl Into<f64>) -> Node {
    Value::Number(number.into()).into()
}

pub fn list(items: impl IntoIterator<Item = Node>) -> Node {
    Value::List(items.into_iter().collect()).into()
}

pub fn object<K: Into<String>>(entries: impl IntoIterator<Item = (K, Node)>) -> Node {
    let entry = |(key, value): (K, Node)| Entry { key: key.into(), at: None, value };
    Value::Object(entries.into_iter().map(entry).collect()).into()
}
