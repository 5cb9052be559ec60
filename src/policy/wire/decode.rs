//! How a tree becomes typed values while every mistake is collected, and how the types describe themselves.

use crate::diagnostic::{Code, Report};
use crate::node::{Node, Plain, Value};

/// A type that can be read from a configuration.
pub trait Decode: Sized {
    /// Reads the node, or reports what is wrong with it and gives `None`.
    fn decode(node: &Node, report: &mut Report) -> Option<Self>;
    /// What the documentation says of this type.
    fn kind() -> Kind;
    /// What a JSON Schema says of it. A type that says nothing itself takes any value there.
    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"description": super::schema::label::<Self>()})
    }
}

/// How the documentation names a type, and the section about its keys where it has some.
#[derive(Debug, Clone)]
pub struct Kind {
    pub label: String,
    pub section: Option<fn() -> Section>,
}

impl Kind {
    pub fn plain(label: impl Into<String>) -> Self {
        Self { label: label.into(), section: None }
    }
}

/// The documentation of one object.
#[derive(Debug)]
pub struct Section {
    pub name: &'static str,
    pub doc: &'static str,
    pub keys: Vec<KeyDoc>,
}

/// The documentation of one key.
#[derive(Debug)]
pub struct KeyDoc {
    pub key: &'static str,
    pub kind: Kind,
    /// `required`, `optional`, or the default as it would be written.
    pub presence: String,
    pub doc: &'static str,
}

pub(crate) fn no_check<T>(_: &T, _: &Node, _: &mut Report) {}

pub(crate) fn entries<'n>(node: &'n Node, report: &mut Report) -> Option<&'n [crate::node::Entry]> {
    match &node.value {
        Value::Object(entries) => Some(entries),
        _ => {
            wrong_type(node, "an object", report);
            None
        }
    }
}

#[inline(never)]
pub(crate) fn text<'n>(node: &'n Node, report: &mut Report) -> Option<&'n str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => {
            wrong_type(node, "text", report);
            None
        }
    }
}

#[inline(never)]
pub(crate) fn number(node: &Node, report: &mut Report) -> Option<f64> {
    match node.value {
        Value::Number(number) => Some(number),
        _ => {
            wrong_type(node, "a number", report);
            None
        }
    }
}

#[inline(never)]
pub(crate) fn wrong_type(node: &Node, wanted: &str, report: &mut Report) {
    let hint = match (&node.value, wanted) {
        // From 2^53 on a number has lost digits that the file has.
        (Value::Number(n), "text") if n.abs() < 9_007_199_254_740_992.0 => {
            format!("put it in quotes: \"{}\"", Plain(*n))
        }
        (Value::Number(_), "text") => "put it in quotes, digit by digit as it stands".to_owned(),
        (Value::Bool(b), "text") => format!("put it in quotes: \"{b}\""),
        (Value::Text(t), "a number") if is_number(t.trim_end_matches('%')) => {
            format!("write it without quotes and unit: {}", t.trim_end_matches('%'))
        }
        (Value::Null, _) => "give it a value or remove the key".to_owned(),
        _ => format!("give {wanted}"),
    };
    report.add(Code::WrongType, node.at, format!("expected {wanted}, found {}", node.kind()), hint);
}

/// Whether a text is a number in JSON's sense. The parser of the standard library would bring 10 KiB into the module.
fn is_number(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(serde_json::Value::Number(_)))
}

/// Reports keys that nobody reads, and keys that stand twice. Says whether all keys are known: when one is not, it may
/// be a misspelt form of one that seems to be missing.
#[inline(never)]
pub(crate) fn check_keys(entries: &[crate::node::Entry], known: &[&str], report: &mut Report) -> bool {
    let mut all_known = true;
    for entry in entries {
        let key = entry.key.as_str();
        if !known.contains(&key) {
            all_known = false;
            let tell = || {
                let hint = match closest(key, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("keys here: {}", known.join(", ")),
                };
                (format!("unknown key `{key}`"), hint)
            };
            report.in_key(key, |r| r.add_lazy(Code::UnknownKey, entry.at, tell));
        }
    }
    check_twice(entries, report);
    all_known
}

/// Reports keys that stand twice.
pub(crate) fn check_twice(entries: &[crate::node::Entry], report: &mut Report) {
    let mut seen = crate::names::Names::default();
    for entry in entries {
        let key = entry.key.as_str();
        if !seen.add(key, 0) {
            report.in_key(key, |r| {
                r.add_lazy(Code::DuplicateKey, entry.at, || {
                    (format!("key `{key}` stands twice"), "remove one of them".to_owned())
                });
            });
        }
    }
}

pub(crate) fn required<T: Decode>(node: &Node, key: &str, report: &mut Report) -> Option<T> {
    match node.get(key) {
        Some(value) => report.in_key(key, |r| T::decode(value, r)),
        None => {
            missing(node, key, &T::kind().label, report);
            None
        }
    }
}

#[inline(never)]
fn missing(node: &Node, key: &str, kind: &str, report: &mut Report) {
    let hint = format!("add `{key}: ...` ({})", kind.replace('`', ""));
    report.in_key(key, |r| r.add(Code::MissingKey, node.at, format!("`{key}` is missing"), hint));
}

pub(crate) fn optional<T: Decode>(node: &Node, key: &str, report: &mut Report) -> Option<T> {
    node.get(key).and_then(|value| report.in_key(key, |r| T::decode(value, r)))
}

#[inline(never)]
pub(crate) fn unknown_word(word: &str, known: &[&str], node: &Node, report: &mut Report) {
    let hint = match closest(word, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", known.join(", ")),
    };
    report.add(Code::UnknownWord, node.at, format!("unknown word `{word}`"), hint);
}

/// Reports unless exactly one of the keys is there.
#[inline(never)]
pub(crate) fn exactly_one(keys: &[&str], node: &Node, all_known: bool, report: &mut Report) {
    let present = keys.iter().filter(|key| node.get(key).is_some()).count();
    if present > 1 || (present == 0 && all_known) {
        let found = if present == 0 { "none".to_owned() } else { present.to_string() };
        report.add(
            Code::ExactlyOne,
            node.at,
            format!("exactly one of {} is needed, found {found}", keys.join(", ")),
            format!("keep one of: {}", keys.join(", ")),
        );
    }
}

/// Longest list that is read anywhere.
const LONGEST_LIST: usize = 10_000;

/// Reads every item, also after a bad one: all mistakes at once. Says whether all are good. Out of line, for all lists.
#[inline(never)]
fn each(node: &Node, report: &mut Report, read: &mut dyn FnMut(&Node, &mut Report) -> bool) -> bool {
    let Value::List(items) = &node.value else {
        wrong_type(node, "a list", report);
        return false;
    };
    if items.is_empty() || items.len() > LONGEST_LIST {
        let message = format!("a list of 1 to {LONGEST_LIST} items is needed, found {}", items.len());
        report.add(Code::OutOfRange, node.at, message, "remove the key where it is not needed");
        return false;
    }
    let mut good = true;
    for (index, item) in items.iter().enumerate() {
        good &= report.in_item(index, |r| read(item, r));
    }
    good
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let mut read = Vec::new();
        each(node, report, &mut |item, r| T::decode(item, r).map(|item| read.push(item)).is_some())
            .then_some(read)
    }

    fn kind() -> Kind {
        let item = T::kind();
        Kind { label: format!("list of {}", item.label), section: item.section }
    }

    #[cfg(feature = "docs")]
    fn schema(definitions: &mut super::schema::Definitions) -> serde_json::Value {
        let items = T::schema(definitions);
        serde_json::json!({"type": "array", "minItems": 1, "maxItems": LONGEST_LIST, "items": items})
    }
}

impl Decode for bool {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value {
            Value::Bool(b) => Some(b),
            _ => {
                wrong_type(node, "a boolean", report);
                None
            }
        }
    }

    fn kind() -> Kind {
        Kind::plain("`true` \\| `false`")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        serde_json::json!({"type": "boolean"})
    }
}

/// The known word nearest to a misspelt one, when it is near enough to be meant.
#[must_use]
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(d, candidate)| *d <= 2 && *d < candidate.len())
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, for words short enough to be keys.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(x != *y);
            let cell = diagonal.saturating_add(cost).min(left.saturating_add(1)).min(above.saturating_add(1));
            diagonal = *above;
            left = cell;
            next.push(cell);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
