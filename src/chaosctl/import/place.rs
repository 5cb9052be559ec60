//! Walking through a foreign tree so that no key is forgotten: what nobody takes is named at the end.

use super::told::{Code, Told};
use squall_policy::{Entry, Node, Position, Value};

/// A value with its key path.
#[derive(Clone)]
pub struct Place<'n> {
    pub node: &'n Node,
    pub path: String,
    /// Of its key, where it has one: what a message about the whole points to.
    pub key_at: Option<Position>,
}

impl<'n> Place<'n> {
    pub fn root(node: &'n Node) -> Self {
        Self { node, path: String::new(), key_at: node.at }
    }

    /// Where it is, for a finding.
    pub fn here(&self) -> (&str, Option<Position>) {
        (&self.path, self.node.at)
    }

    /// Where its key is.
    pub fn key(&self) -> (&str, Option<Position>) {
        (&self.path, self.key_at)
    }

    fn wrong<T>(&self, wanted: &str, told: &Told) -> Option<T> {
        let message = format!("{wanted} is needed, found {}", self.node.kind());
        told.add(Code::BadValue, self.here(), message, "correct it, and import again");
        None
    }

    pub fn bad(&self, told: &Told, message: impl Into<String>, hint: impl Into<String>) {
        told.add(Code::BadValue, self.here(), message, hint);
    }

    pub fn fields(&self, told: &Told) -> Option<Fields<'n>> {
        match &self.node.value {
            Value::Object(entries) => {
                let open = entries.iter().map(|entry| (snake(&entry.key), entry)).collect();
                Some(Fields { open, path: self.path.clone() })
            }
            _ => self.wrong("an object", told),
        }
    }

    pub fn items(&self, told: &Told) -> Vec<Self> {
        self.list(told).unwrap_or_default()
    }

    /// Where what is no list must not become an empty one.
    pub fn list(&self, told: &Told) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::List(items) => {
                let item = |(n, node)| Self { node, path: format!("{}[{n}]", self.path), key_at: node.at };
                Some(items.iter().enumerate().map(item).collect())
            }
            _ => self.wrong("a list", told),
        }
    }

    /// The entries of an object whose keys are names.
    pub fn named(&self, told: &Told) -> Vec<(&'n str, Self)> {
        self.map(told).unwrap_or_default()
    }

    /// Where what is no object must not become an empty one.
    pub fn map(&self, told: &Told) -> Option<Vec<(&'n str, Self)>> {
        match &self.node.value {
            Value::Object(entries) => {
                Some(entries.iter().map(|entry| (entry.key.as_str(), below(&self.path, entry))).collect())
            }
            _ => self.wrong("an object", told),
        }
    }

    pub fn text(&self, told: &Told) -> Option<&'n str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => self.wrong("text", told),
        }
    }

    pub fn number(&self, told: &Told) -> Option<f64> {
        match &self.node.value {
            Value::Number(number) => Some(*number),
            _ => self.wrong("a number", told),
        }
    }

    pub fn bool(&self, told: &Told) -> Option<bool> {
        match &self.node.value {
            Value::Bool(bool) => Some(*bool),
            _ => self.wrong("true or false", told),
        }
    }

    /// A copy of the value, which keeps its place.
    pub fn copy(&self) -> Node {
        self.node.clone()
    }

    /// Another value in its place.
    pub fn put(&self, value: Value) -> Node {
        Node { value, at: self.node.at }
    }

    pub fn put_text(&self, text: impl Into<String>) -> Node {
        self.put(Value::Text(text.into()))
    }
}

fn below<'n>(path: &str, entry: &'n Entry) -> Place<'n> {
    let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
    Place { node: &entry.value, path, key_at: entry.at }
}

/// `fixedDelay` and `fixed_delay` are one key, as in the JSON form of Protocol Buffers.
fn snake(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The keys of one object that nobody has taken yet.
pub struct Fields<'n> {
    open: Vec<(String, &'n Entry)>,
    pub path: String,
}

impl<'n> Fields<'n> {
    /// Of an object that is not there.
    pub fn none(path: &str) -> Self {
        Self { open: Vec::new(), path: path.to_owned() }
    }

    /// Takes a key. A value of `null` is none, as in the JSON form of Protocol Buffers.
    pub fn take(&mut self, key: &str) -> Option<Place<'n>> {
        let wanted = snake(key);
        let index = self.open.iter().position(|(open, _)| *open == wanted)?;
        let (_, entry) = self.open.remove(index);
        (entry.value.value != Value::Null).then(|| below(&self.path, entry))
    }

    /// Takes the first of several keys that is there.
    pub fn take_any(&mut self, keys: &[&str]) -> Option<Place<'n>> {
        keys.iter().find_map(|key| self.take(key))
    }

    pub fn text(&mut self, key: &str, told: &Told) -> Option<&'n str> {
        self.take(key)?.text(told)
    }

    /// Takes keys that mean the same to the reader; each that is there is told.
    pub fn tell(&mut self, keys: &[&str], code: Code, told: &Told, message: &str, hint: &str) {
        for key in keys {
            if let Some(place) = self.take(key) {
                told.add(code, place.key(), format!("`{key}` {message}"), hint);
            }
        }
    }

    /// Whether every key was taken.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Names all that is left. Whether there was nothing: what is left of a condition may narrow it.
    pub fn finish(self, told: &Told, known: &str) -> bool {
        for (index, (key, entry)) in self.open.iter().enumerate() {
            let place = below(&self.path, entry);
            if self.open.iter().take(index).any(|(other, _)| other == key) {
                continue;
            }
            let message = format!("`{}` is no key that is known here", entry.key);
            told.add(Code::UnknownKey, place.key(), message, format!("known are {known}"));
        }
        self.open.is_empty()
    }

    /// Names keys that stand there twice: which one was meant?
    pub fn refuse_twins(&self, told: &Told) {
        for (index, (key, entry)) in self.open.iter().enumerate() {
            if self.open.iter().take(index).any(|(other, _)| other == key) {
                let place = below(&self.path, entry);
                let message = format!("`{}` stands there twice, and the first one was read", entry.key);
                told.add(Code::DuplicateKey, place.key(), message, "remove one of them");
            }
        }
    }
}
