//! Regular expressions: what is read, how large they may become, and on which values they are run.
//!
//! regex-lite walks, for every character of the value, all steps of the program that are active: an expression of
//! `n` steps costs up to `n` times the value's length. A client chooses that length, so the product has a bound.

use super::decode::{Decode, Kind, text};
use crate::diagnostic::{Code, Report};
use crate::node::Node;

/// A regular expression that has to match the whole value; no backtracking, so its time is linear.
#[derive(Debug, Clone)]
pub struct Regex {
    pub source: String,
    compiled: regex_lite::Regex,
    steps: u32,
}

/// Longest expression that is read, in bytes.
const LONGEST_REGEX: usize = 1024;
/// Most steps of one expression.
const MOST_STEPS: u32 = 512;
/// Most steps of all expressions of one configuration. With their caches they are 12 MiB of a VM's memory, and at
/// most twice that while an update is read; the VM ends at 1 GiB.
const ALL_STEPS: u32 = 65_536;
/// Most capturing groups: the cache of a match has steps times groups slots.
const MOST_GROUPS: u32 = 8;
/// Longest value that any expression is run on, in bytes.
const LONGEST_VALUE: usize = 8192;
/// Steps times bytes of one match.
const MOST_WORK: usize = 262_144;
/// The same in bytes of the compiled program, as regex-lite counts them: a second bound, should `measure` be wrong.
/// The steps above stay below it both natively and in wasm, where a program is half as large.
const LARGEST_PROGRAM: usize = 64 * 1024;

impl Regex {
    /// Whether the whole value matches. A value that is not UTF-8, or too long, matches no expression.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        !self.is_too_long(value) && std::str::from_utf8(value).is_ok_and(|v| self.compiled.is_match(v))
    }

    /// Whether the expression is not run on the value at all.
    #[must_use]
    pub fn is_too_long(&self, value: &[u8]) -> bool {
        let steps = usize::try_from(self.steps).unwrap_or(usize::MAX);
        value.len() > LONGEST_VALUE || value.len().saturating_mul(steps) > MOST_WORK
    }

    /// What the documentation says about the limits.
    #[must_use]
    pub fn limits() -> String {
        format!(
            "a regular expression counts its steps: one per character or class, again for each time that `{{n,m}}` repeats \
             it, and a few per group, alternative and repetition. One has at most {MOST_STEPS}, all of one plugin \
             configuration together at most {ALL_STEPS}, whether the mission uses them or not. A value longer than \
             {LONGEST_VALUE} bytes, or than {MOST_WORK} divided by the steps, matches no expression: clients choose the length \
             of a path, and a match may cost its steps times that length. Prefer `exact`, `prefix` and `template`."
        )
    }

    fn build(source: &str) -> Result<Self, String> {
        let Size { steps, groups } = measure(source);
        if steps > MOST_STEPS || groups > MOST_GROUPS {
            return Err(format!(
                "the expression has {steps} steps and {groups} groups, at most {MOST_STEPS} and {MOST_GROUPS} are read"
            ));
        }
        let build = |text: &str| regex_lite::RegexBuilder::new(text).size_limit(LARGEST_PROGRAM).build();
        // By itself first: `a)|(?:b` is no expression, and inside the group it would leave the group.
        let compiled = build(source)
            .and_then(|_| build(&format!("^(?:{source})$")))
            .map_err(|error| format!("the expression does not compile: {error}"))?;
        Ok(Self { source: source.to_owned(), compiled, steps })
    }
}

impl Decode for Regex {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let source = text(node, report)?;
        if source.is_empty() || source.len() > LONGEST_REGEX {
            let message =
                format!("an expression of 1 to {LONGEST_REGEX} bytes is needed, found {}", source.len());
            report.add(Code::BadRegex, node.at, message, "use prefix, or several match rules");
            return None;
        }
        match Self::build(source) {
            Ok(regex) => {
                let before = report.regex_steps;
                report.regex_steps = before.saturating_add(regex.steps);
                if before <= ALL_STEPS && report.regex_steps > ALL_STEPS {
                    let message =
                        format!("from here on, all expressions together have more than {ALL_STEPS} steps");
                    let hint = "use exact, prefix or template where they do, or split the catalog";
                    report.add(Code::RegexBudget, node.at, message, hint);
                }
                // What is beyond the budget was checked, and is not kept.
                (report.regex_steps <= ALL_STEPS).then_some(regex)
            }
            Err(message) => {
                let hint = "RE2's syntax without look-around, back references and (?x); ASCII classes; write long \
                            repetitions as several rules, and (?:...) for groups";
                report.add(Code::BadRegex, node.at, message, hint);
                None
            }
        }
    }

    fn kind() -> Kind {
        Kind::plain(format!(
            "regular expression over the whole value, at most {LONGEST_REGEX} bytes, {MOST_STEPS} steps and \
             {MOST_GROUPS} capturing groups"
        ))
    }
}

/// An expression's size, the same wherever it is read; `u32::MAX` when it cannot be told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Size {
    steps: u32,
    groups: u32,
}

/// Counts the steps of the program, never too few: one per character or class, once more for each time that a counted
/// repetition repeats it, and a few per group, alternative and repetition. The expression need not be right.
fn measure(source: &str) -> Size {
    let mut rest = source.chars();
    // Steps before the last atom, and those of the last atom: what a repetition repeats.
    let (mut before, mut last) = (4_u32, 0_u32);
    let mut open = Vec::new();
    let mut groups = 0_u32;
    while let Some(c) = rest.next() {
        let atom = match c {
            '*' | '+' | '?' => {
                last = last.saturating_add(3);
                continue;
            }
            '{' => {
                let times = upto(&mut rest, '}').split(',').map(str::trim).filter(|n| !n.is_empty());
                let most = times.map(|n| n.parse().unwrap_or(u32::MAX)).max().unwrap_or(1);
                last = last.saturating_add(2).saturating_mul(most.max(1)).saturating_add(2);
                continue;
            }
            '|' => 3,
            '(' => {
                let named = ["?P<", "?<"].iter().find_map(|head| rest.as_str().strip_prefix(head));
                if named.is_some() || !rest.as_str().starts_with('?') {
                    groups = groups.saturating_add(1);
                    if named.is_some() {
                        upto(&mut rest, '>');
                    }
                } else {
                    let flags = upto_any(&mut rest, &[':', ')']);
                    // White space and comments would have to be told from the rest. (Look-around has its own mistake.)
                    if flags.contains('x') && !flags.contains(['=', '!']) {
                        return Size { steps: u32::MAX, groups };
                    }
                    // `a(?i)*` repeats the `a`.
                    if flags.ends_with(')') {
                        continue;
                    }
                }
                open.push(before.saturating_add(last));
                (before, last) = (3, 0);
                continue;
            }
            ')' => {
                let inner = before.saturating_add(last);
                before = open.pop().unwrap_or(0);
                last = 0;
                inner
            }
            '[' => class(&mut rest),
            '\\' => escape(&mut rest),
            _ => 1,
        };
        before = before.saturating_add(last);
        last = atom;
    }
    // Groups that are not closed are a mistake that compiling tells.
    let steps = open.iter().fold(before.saturating_add(last), |sum, more| sum.saturating_add(*more));
    Size { steps, groups }
}

/// What stands up to a character, with it.
fn upto<'s>(rest: &mut std::str::Chars<'s>, end: char) -> &'s str {
    upto_any(rest, &[end]).trim_end_matches(end)
}

fn upto_any<'s>(rest: &mut std::str::Chars<'s>, ends: &[char]) -> &'s str {
    let text = rest.as_str();
    let length = text.find(ends).map_or(text.len(), |at| at.saturating_add(1));
    let (head, tail) = text.split_at_checked(length).unwrap_or((text, ""));
    *rest = tail.chars();
    head
}

/// The rest of an escape: `\.`, `\d`, `\x{7f}`, `\b{start}`.
fn escape(rest: &mut std::str::Chars<'_>) -> u32 {
    let c = rest.next();
    let braces = rest.as_str().strip_prefix('{');
    let number = braces.is_some_and(|b| b.trim_start().starts_with(|c: char| c.is_ascii_digit()));
    let named = match c {
        Some('x' | 'u' | 'U') => braces.is_some(),
        Some('b' | 'B') => braces.is_some() && !number,
        _ => false,
    };
    if named {
        upto(rest, '}');
    }
    2
}

/// The rest of a class: a step, and one for every four of its items, which are compared one after the other.
fn class(rest: &mut std::str::Chars<'_>) -> u32 {
    let mut items = 0_u32;
    let mut first = true;
    while let Some(c) = rest.next() {
        match c {
            '^' if first => continue,
            ']' if !first => break,
            '[' if rest.as_str().starts_with(':') => {
                upto(rest, ']');
                items = items.saturating_add(4);
            }
            '\\' => {
                escape(rest);
                items = items.saturating_add(4);
            }
            _ => items = items.saturating_add(1),
        }
        first = false;
    }
    items.div_ceil(4).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expression() -> impl Strategy<Value = String> {
        let atom = prop::sample::select(vec![
            "a",
            "/",
            "é",
            ".",
            "^",
            "$",
            "\\d",
            "\\W",
            "\\.",
            "\\x61",
            "\\x{61}",
            "\\b",
            "\\b{start}",
            "[a-z]",
            "[^]a]",
            "[-a]",
            "[[:word:]x]",
            "[\\]\\w]",
            "(?i)k",
            "()",
            "(?:)",
            "(?i-s:b)",
            "(|b)",
        ]);
        let times =
            || prop::sample::select(vec!["", "", "*", "+", "?", "*?", "??", "{0}", "{3}", "{ 2, 5}", "{2,}"]);
        let leaf = (atom, times()).prop_map(|(atom, times)| format!("{atom}{times}"));
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let heads = prop::sample::select(vec!["(", "(?:", "(?i:", "("]);
            (heads, prop::collection::vec(inner, 1..4), prop::sample::select(vec!["", "|"]), times())
                .prop_map(|(head, inner, between, times)| format!("{head}{}){times}", inner.join(between)))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        /// A step is at most 96 bytes of a native program (its state, and eight ranges of a class), so that
        /// `MOST_STEPS` stay below `LARGEST_PROGRAM` and the same expressions are read natively and in wasm.
        #[test]
        fn steps_are_never_too_few(source in expression()) {
            prop_assume!(regex_lite::Regex::new(&source).is_ok());
            let steps = usize::try_from(measure(&source).steps).unwrap();
            let limit = steps.saturating_mul(96);
            let built = regex_lite::RegexBuilder::new(&format!("^(?:{source})$")).size_limit(limit).build();
            prop_assert!(built.is_ok(), "{source}: {steps} steps");
            let groups = regex_lite::Regex::new(&source).map_or(0, |r| r.captures_len() - 1);
            // `(a){0}` has none.
            prop_assert!(usize::try_from(measure(&source).groups).unwrap() >= groups, "{source}");
        }

        #[test]
        fn any_text_is_measured(source in ".{0,40}|[\\[\\]\\\\(){}?:<>,0-9xab|*+^-]{0,40}") {
            let steps = usize::try_from(measure(&source).steps).unwrap();
            let built = regex_lite::RegexBuilder::new(&source).size_limit(steps.saturating_mul(96)).build();
            prop_assert_eq!(built.is_ok(), regex_lite::Regex::new(&source).is_ok(), "{}: {} steps", source, steps);
        }
    }

    #[test]
    fn usual_expressions_are_far_from_the_limits() {
        for (source, steps) in [
            ("/users/[0-9]+/orders", 23),
            ("/(users|orders|carts)(/.*)?", 41),
            ("(?i)/api/v\\d+/.*", 20),
            ("/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", 196),
        ] {
            assert_eq!(measure(source).steps, steps, "{source}");
        }
        assert_eq!(measure("(?x) a").steps, u32::MAX);
        assert_eq!(measure("a{4294967296}").steps, u32::MAX);
    }
}
