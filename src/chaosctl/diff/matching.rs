//! Which of two lists of rules matches more. Only what is plain to see is told; all else is unclear.

use super::change::{Verdict, equal};
use super::compare::Changes;
use squall_policy::{Node, Value};

pub fn scope(changes: &mut Changes, key: &str, old: Option<&Node>, new: Option<&Node>) {
    let of = |scope: Option<&Node>, name: &str| scope.and_then(|scope| scope.get(name)).cloned();
    let [a, b] = [of(old, "direction"), of(new, "direction")];
    let word = |node: &Option<Node>| node.as_ref().and_then(Node::text).unwrap_or("any").to_owned();
    if word(&a) != word(&b) {
        let (verdict, why) = match (word(&a).as_str(), word(&b).as_str()) {
            (_, "any") => (Verdict::Wider, "both sides of the proxy"),
            ("any", _) => (Verdict::Narrower, "one side of the proxy alone"),
            _ => (Verdict::Unclear, "the other side of the proxy"),
        };
        changes.add(verdict, &format!("{key}.direction"), (a.as_ref(), b.as_ref()), why);
    }
    let [a, b] = [of(old, "match"), of(new, "match")];
    if !equal(a.as_ref(), b.as_ref()) {
        let (verdict, why) = match (&a, &b) {
            (None, _) => (Verdict::Narrower, "only what the rules match, no longer all"),
            (_, None) => (Verdict::Wider, "all requests, no longer only what rules match"),
            (Some(a), Some(b)) => rules(a, b),
        };
        changes.add(verdict, &format!("{key}.match"), (a.as_ref(), b.as_ref()), why);
    }
    let [a, b] = [of(old, "protect"), of(new, "protect")];
    if !equal(a.as_ref(), b.as_ref()) {
        let empty = Node::from(Value::List(Vec::new()));
        let (verdict, _) = rules(a.as_ref().unwrap_or(&empty), b.as_ref().unwrap_or(&empty));
        let why = match verdict.opposite() {
            Verdict::Wider => "fewer requests are spared",
            Verdict::Narrower => "more requests are spared",
            _ => "other requests are spared",
        };
        changes.add(verdict.opposite(), &format!("{key}.protect"), (a.as_ref(), b.as_ref()), why);
    }
}

fn rules(old: &Node, new: &Node) -> (Verdict, &'static str) {
    let covered = |all: &Node, by: &Node| {
        let by = by.list().unwrap_or_default();
        all.list().unwrap_or_default().iter().all(|rule| by.iter().any(|wide| covers(wide, rule)))
    };
    match (covered(old, new), covered(new, old)) {
        (true, true) => (Verdict::Same, "the same requests, in other words"),
        (true, false) => (Verdict::Wider, "all that was matched, and more"),
        (false, true) => (Verdict::Narrower, "some of what was matched"),
        (false, false) => (Verdict::Unclear, "other requests; --log counts them"),
    }
}

/// Whether all that `narrow` matches is matched by `wide`: each condition of `wide` follows from one of `narrow`.
fn covers(wide: &Node, narrow: &Node) -> bool {
    let Value::Object(conditions) = &wide.value else { return false };
    conditions.iter().all(|condition| {
        let Some(other) = narrow.get(&condition.key) else { return false };
        if equal(Some(&condition.value), Some(other)) {
            return true;
        }
        match condition.key.as_str() {
            "path" | "authority" => begins(&condition.value, other),
            "methods" => each(other, &condition.value),
            // The more conditions, the fewer requests.
            "headers" | "query" => each(&condition.value, other),
            "grpc" => {
                condition.value.get("method").is_none()
                    && equal(condition.value.get("service"), other.get("service"))
            }
            _ => false,
        }
    })
}

/// Whether each item of the first list is in the second.
fn each(some: &Node, all: &Node) -> bool {
    let all = all.list().unwrap_or_default();
    some.list().unwrap_or_default().iter().all(|item| all.iter().any(|other| equal(Some(item), Some(other))))
}

/// A prefix takes every longer one, and whatever begins with it.
fn begins(wide: &Node, narrow: &Node) -> bool {
    let Some(prefix) = wide.get("prefix").and_then(Node::text) else { return false };
    let plain = ["exact", "prefix"].iter().find_map(|kind| narrow.get(kind)).and_then(Node::text);
    let template = narrow.get("template").and_then(Node::text).and_then(|text| text.split('{').next());
    plain.or(template).is_some_and(|text| text.starts_with(prefix))
}
