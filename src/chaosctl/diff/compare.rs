//! Two trees side by side, key by key.

use super::change::{Change, Verdict, equal, quantity, shown};
use super::curve;
use super::keys::{Absent, Rule, rule};
use squall_policy::{Node, Value};
use std::collections::BTreeSet;

/// All differences so far.
#[derive(Default)]
pub struct Changes(pub Vec<Change>);

impl Changes {
    pub fn add(
        &mut self,
        verdict: Verdict,
        key: &str,
        (old, new): (Option<&Node>, Option<&Node>),
        why: impl Into<String>,
    ) {
        self.0.push(Change {
            verdict,
            key: key.to_owned(),
            old: shown(old),
            new: shown(new),
            why: why.into(),
        });
    }

    /// Compares the keys of two objects. `skip` are compared by somebody else.
    pub fn keys(&mut self, pattern: &str, key: &str, old: Option<&Node>, new: Option<&Node>, skip: &[&str]) {
        let mut names = BTreeSet::new();
        let mut order = Vec::new();
        for node in [old, new].into_iter().flatten() {
            if let Value::Object(entries) = &node.value {
                order.extend(entries.iter().map(|e| e.key.as_str()).filter(|name| names.insert(*name)));
            }
        }
        for name in order.into_iter().filter(|name| !skip.contains(name)) {
            let of = |node: Option<&Node>| node.and_then(|node| node.get(name)).cloned();
            let path = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
            self.key(&format!("{pattern}.{name}"), &path, of(old).as_ref(), of(new).as_ref());
        }
    }

    /// Compares one key.
    pub fn key(&mut self, pattern: &str, key: &str, old: Option<&Node>, new: Option<&Node>) {
        if equal(old, new) {
            return;
        }
        let both = (old, new);
        let (verdict, why) = match rule(pattern) {
            Some(Rule::Keys) => return self.keys(pattern, key, old, new, &[]),
            Some(Rule::Part { .. }) if old.is_some() && new.is_some() => {
                return self.keys(pattern, key, old, new, &[]);
            }
            Some(Rule::Part { comes } | Rule::Whole { comes }) => present(both, comes),
            Some(Rule::Choice) if names(old) == names(new) => return self.keys(pattern, key, old, new, &[]),
            Some(Rule::Choice) => (Verdict::Unclear, "another kind, which cannot be compared".to_owned()),
            Some(Rule::Table) => curve::percentiles(both),
            Some(Rule::Doubtful { absent }) => match amount(both, absent, Verdict::Wider) {
                (Verdict::Narrower, _) => (Verdict::Unclear, "sooner, and from fewer requests".to_owned()),
                told => told,
            },
            Some(Rule::Amount { absent, more }) => amount(both, absent, more),
            Some(Rule::Rank { words, absent, more }) => rank(both, words, absent, more),
            Some(Rule::Flag { absent, on }) => flag(both, absent, on),
            Some(Rule::Words { absent, more }) => listed(both, absent, more),
            Some(Rule::Nothing(why)) => (Verdict::Same, why.to_owned()),
            None => (Verdict::Unclear, "another value, which hits or does something else".to_owned()),
        };
        if !why.is_empty() {
            self.add(verdict, key, both, why);
        }
    }
}

fn names(node: Option<&Node>) -> BTreeSet<&str> {
    match node.map(|node| &node.value) {
        Some(Value::Object(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => BTreeSet::new(),
    }
}

pub type Both<'n> = (Option<&'n Node>, Option<&'n Node>);

fn present((old, new): Both<'_>, comes: Verdict) -> (Verdict, String) {
    let what = if comes == Verdict::Narrower { "a condition" } else { "one more thing that is done" };
    match (old, new) {
        (None, _) => (comes, format!("{what} is added")),
        (_, None) => (comes.opposite(), format!("{what} is taken away")),
        _ => (Verdict::Unclear, "another value, which hits or does something else".to_owned()),
    }
}

fn amount((old, new): Both<'_>, absent: f64, more: Verdict) -> (Verdict, String) {
    let of = |node: Option<&Node>| node.map_or(Some(absent), quantity);
    match (of(old), of(new)) {
        // Written in another way, such as 60s and 1m.
        (Some(a), Some(b)) if a == b => (Verdict::Same, String::new()),
        (_, Some(b)) if b == f64::INFINITY => (more, "a bound is taken away".to_owned()),
        (Some(a), _) if a == f64::INFINITY => (more.opposite(), "a bound is added".to_owned()),
        (Some(a), Some(b)) if b > a => (more, "more than before".to_owned()),
        (Some(_), Some(_)) => (more.opposite(), "less than before".to_owned()),
        _ => (Verdict::Unclear, "values that cannot be compared".to_owned()),
    }
}

fn rank((old, new): Both<'_>, words: &[&str], absent: &str, more: Verdict) -> (Verdict, String) {
    let of = |node: Option<&Node>| {
        let word = node.map_or(Some(absent), Node::text)?;
        words.iter().position(|known| *known == word)
    };
    match (of(old), of(new)) {
        (Some(a), Some(b)) if a == b => (Verdict::Same, String::new()),
        (Some(a), Some(b)) if b > a => (more, "raised".to_owned()),
        (Some(_), Some(_)) => (more.opposite(), "lowered".to_owned()),
        _ => (Verdict::Unclear, "words that are not known here".to_owned()),
    }
}

fn flag((old, new): Both<'_>, absent: bool, on: Verdict) -> (Verdict, String) {
    let of = |node: Option<&Node>| node.map_or(absent, |node| node.value == Value::Bool(true));
    match (of(old), of(new)) {
        (false, true) => (on, "switched on".to_owned()),
        (true, false) => (on.opposite(), "switched off".to_owned()),
        _ => (Verdict::Same, String::new()),
    }
}

pub fn listed((old, new): Both<'_>, absent: Absent, more: Verdict) -> (Verdict, String) {
    let of = |node: Option<&Node>| -> BTreeSet<String> {
        match (node, absent) {
            (None, Absent::These(words)) => words.iter().map(|word| (*word).to_owned()).collect(),
            _ => {
                node.and_then(Node::list).into_iter().flatten().filter_map(|item| shown(Some(item))).collect()
            }
        }
    };
    if matches!(absent, Absent::All) && (old.is_none() || new.is_none()) {
        return match old {
            None => (more.opposite(), "only these from now on".to_owned()),
            Some(_) => (more, "all from now on".to_owned()),
        };
    }
    let (a, b) = (of(old), of(new));
    if a == b {
        (Verdict::Same, String::new())
    } else if b.is_superset(&a) {
        (more, "more of them".to_owned())
    } else if a.is_superset(&b) {
        (more.opposite(), "fewer of them".to_owned())
    } else {
        (Verdict::Unclear, "some came and some went".to_owned())
    }
}
