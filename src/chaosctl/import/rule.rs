//! Conditions of other formats as the rules of a scenario's `match`.

use super::place::Place;
use super::told::{Code, Told};
use super::tree::{flag, list, object, text};
use squall_policy::{Node, Value};

/// What happens to a condition that cannot be written here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The rule says who is hit: without one of its conditions it would hit more, so it is left out.
    Hit,
    /// The rule says who is spared: without one of its conditions it spares more, so only the condition is left out.
    Spare,
}

/// A condition on text.
pub struct Condition {
    /// `exact`, `prefix`, `suffix`, `contains`, `regex` or `present`.
    pub kind: &'static str,
    pub value: Node,
    pub inverted: bool,
    /// An inverted condition on the value which an absent one does not fulfil.
    pub has_to_be_there: bool,
}

impl Condition {
    pub fn new(kind: &'static str, value: Node) -> Self {
        Self { kind, value, inverted: false, has_to_be_there: false }
    }

    /// The same whatever the case of the letters.
    pub fn ignoring_case(self, told: &Told, place: &Place<'_>) -> Option<Self> {
        let Some(value) = self.value.text() else { return Some(self) };
        let escaped = escaped(value);
        let source = match self.kind {
            "exact" => format!("(?i){escaped}"),
            "prefix" => format!("(?i){escaped}.*"),
            "suffix" => format!("(?i).*{escaped}"),
            "contains" => format!("(?i).*{escaped}.*"),
            // Neither Envoy nor Istio leaves the case of an expression out of account.
            "regex" => return Some(self),
            _ => {
                place.bad(told, "case has no meaning here", "remove it");
                return None;
            }
        };
        let value = Node { value: Value::Text(source), at: self.value.at };
        Some(Self { kind: "regex", value, ..self })
    }

    fn entries(&self) -> Vec<(&'static str, Node)> {
        let mut entries = vec![(self.kind, self.value.clone())];
        if self.inverted {
            entries.push(("invert", flag(true)));
        }
        entries
    }
}

/// Text as an expression that matches it alone.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$#&-~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether two trees are the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && same(&a.value, &b.value))
        }
        (a, b) => a == b,
    }
}

/// One rule in the making.
#[derive(Clone, Default)]
pub struct Rule {
    path: Option<Node>,
    methods: Vec<Node>,
    query: Vec<Node>,
    headers: Vec<Node>,
    authority: Option<Node>,
    names: Vec<(&'static str, Node)>,
    broken: bool,
    /// Whether a finding says that what it narrows is left out.
    is_told: bool,
}

impl Rule {
    /// By names alone: `route`, `cluster` or `virtual_host`.
    pub fn named(names: Vec<(&'static str, Node)>) -> Self {
        Self { names, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.path.is_none()
            && self.methods.is_empty()
            && self.query.is_empty()
            && self.headers.is_empty()
            && self.authority.is_none()
            && self.names.is_empty()
    }

    /// Whether it still says all that it should.
    pub fn is_whole(&self) -> bool {
        !self.broken
    }

    /// The same; where it is not, a finding says that this takes what it narrows along.
    pub fn is_whole_or_told(&self, place: &Place<'_>, told: &Told) -> bool {
        if self.broken && !self.is_told {
            let message = "a condition of it could not be read: what it narrows is left out";
            told.add(Code::ConditionLost, place.key(), message, "correct the condition, and import again");
        }
        !self.broken
    }

    /// A condition could not be written.
    pub fn lose(&mut self, place: &Place<'_>, purpose: Purpose, why: &str, told: &Told) {
        let (code, hint) = match purpose {
            Purpose::Hit => {
                self.broken = true;
                self.is_told = true;
                (
                    Code::ConditionLost,
                    "what it narrows is left out, for it would hit more requests without it; write it by hand",
                )
            }
            Purpose::Spare => (Code::Changed, "without it more requests are spared than there"),
        };
        told.add(code, place.key(), why, hint);
    }

    /// Both conditions on one part of a request would have to hold, and a rule has one.
    fn second(&mut self, what: &str, place: &Place<'_>, purpose: Purpose, told: &Told) {
        let why = format!("a second condition on the {what} cannot be written beside the first");
        self.lose(place, purpose, &why, told);
    }

    pub fn exact_authority(&self) -> Option<&str> {
        self.authority.as_ref()?.get("exact")?.text()
    }

    /// A condition is not there because it could not be read, which was told.
    pub fn lack(&mut self, purpose: Purpose) {
        self.broken |= purpose == Purpose::Hit;
    }

    pub fn path(&mut self, condition: &Condition, place: &Place<'_>, purpose: Purpose, told: &Told) {
        let path = object(condition.entries());
        match &self.path {
            Some(there) if !same(there, &path) => self.second("path", place, purpose, told),
            _ => self.path = Some(path),
        }
    }

    /// `route`, `cluster` or `virtual_host`.
    pub fn name(&mut self, kind: &'static str, name: Node, place: &Place<'_>, told: &Told) {
        match self.names.iter().find(|(other, _)| *other == kind) {
            Some((_, there)) if same(there, &name) => {}
            Some(_) => self.second(kind, place, Purpose::Hit, told),
            None => self.names.push((kind, name)),
        }
    }

    pub fn query(&mut self, name: &str, condition: &Condition) {
        let mut entries = vec![("name", text(name))];
        entries.extend(condition.entries());
        self.query.push(object(entries));
    }

    /// A condition on a header, or on what HTTP/2 writes like one.
    pub fn header(
        &mut self,
        name: &str,
        condition: &Condition,
        place: &Place<'_>,
        purpose: Purpose,
        told: &Told,
    ) {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            ":method" => self.method(condition, place, purpose, told),
            ":authority" | "host" => self.authority(condition, place, purpose, told),
            ":path" if !condition.inverted && matches!(condition.kind, "exact" | "prefix" | "regex") => {
                let hint = "here a path has no query: what follows a `?` does not count";
                told.add(Code::Changed, place.key(), "`:path` has the query there", hint);
                self.path(condition, place, purpose, told);
            }
            pseudo if pseudo.starts_with(':') => {
                self.lose(place, purpose, &format!("a condition on `{name}` cannot be written here"), told);
            }
            _ => {
                let named = |condition: &Condition| {
                    let mut entries =
                        vec![("name", Node { value: Value::Text(name.clone()), at: place.key_at })];
                    entries.extend(condition.entries());
                    object(entries)
                };
                self.headers.push(named(condition));
                if condition.inverted && condition.has_to_be_there {
                    self.headers.push(named(&Condition::new("present", flag(true))));
                }
            }
        }
    }

    pub fn authority(&mut self, condition: &Condition, place: &Place<'_>, purpose: Purpose, told: &Told) {
        if condition.inverted || condition.kind == "present" {
            self.lose(
                place,
                purpose,
                "a condition that an authority is not there, or another one, cannot be written here",
                told,
            );
        } else {
            let authority = object(condition.entries());
            match &self.authority {
                Some(there) if !same(there, &authority) => self.second("authority", place, purpose, told),
                _ => self.authority = Some(authority),
            }
        }
    }

    /// A method, or several as an expression such as `GET|POST`.
    pub fn method(&mut self, condition: &Condition, place: &Place<'_>, purpose: Purpose, told: &Told) {
        let names = condition.value.text().filter(|_| !condition.inverted).map(|text| match condition.kind {
            "exact" => vec![text],
            "regex" => text.trim_matches(['^', '$', '(', ')']).split('|').collect(),
            _ => Vec::new(),
        });
        let known =
            |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '-');
        match names {
            Some(names) if !names.is_empty() && names.iter().all(known) => {
                let named =
                    |name: &&str| Node { value: Value::Text((*name).to_owned()), at: condition.value.at };
                let methods: Vec<Node> = names.iter().map(named).collect();
                if self.methods.is_empty() {
                    self.methods = methods;
                    return;
                }
                // Both have to hold: the methods that both name.
                self.methods.retain(|there| methods.iter().any(|method| same(there, method)));
                if self.methods.is_empty() {
                    // No request has two methods: it hits nothing, and spares nothing.
                    self.broken = true;
                    self.is_told = true;
                    let message = "no request fulfils both conditions on the method";
                    told.add(Code::NeverFires, place.key(), message, "correct one of them, and import again");
                }
            }
            _ => self.lose(
                place,
                purpose,
                "methods can only be named here, one by one and in upper case",
                told,
            ),
        }
    }

    pub fn node(&self) -> Node {
        let mut entries = Vec::new();
        entries.extend(self.path.clone().map(|path| ("path", path)));
        for (key, items) in [("methods", &self.methods), ("query", &self.query), ("headers", &self.headers)] {
            if !items.is_empty() {
                entries.push((key, list(items.clone())));
            }
        }
        entries.extend(self.authority.clone().map(|authority| ("authority", authority)));
        entries.extend(self.names.clone());
        object(entries)
    }
}
