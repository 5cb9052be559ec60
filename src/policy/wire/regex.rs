//! Regular expressions: what is read, how large they may become, and on which values they are run.
//!
//! regex-lite walks, for every character of the value, all steps of the program that are active: an expression of
//! `n` steps costs up to `n` times the value's length. A client chooses that length, so the product has a bound.

use super::decode::{Decode, Kind, text};
use super::regex_size::{Size, measure};
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
/// Most steps of all expressions of one configuration. With the caches of their matches they are about 6 MiB of a VM's
/// memory (measured in Envoy), and twice that while an update is read; the VM ends at 1 GiB.
const ALL_STEPS: u32 = 65_536;
/// Most capturing groups: the cache of a match has steps times groups slots.
const MOST_GROUPS: u32 = 8;
/// Longest value that any expression is run on, in bytes.
const LONGEST_VALUE: usize = 8192;
/// Steps times bytes of one match: 5 ms in Envoy where all steps are active all the time.
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

    /// The text that every match of the expression begins with; empty when that is not plain to see.
    #[must_use]
    pub fn literal_prefix(&self) -> String {
        let meta = |c: char| "\\.+*?()|[]{}^$".contains(c);
        let source = self.source.strip_prefix('^').unwrap_or(&self.source);
        if source.contains('|') {
            return String::new();
        }
        let literal = source.split(meta).next().unwrap_or_default();
        let mut prefix = literal.to_owned();
        let next = source.chars().nth(literal.chars().count());
        // `ab*` may match "a", and so may `ab+*`: a repetition takes the last character back.
        if matches!(next, Some('*' | '?' | '+' | '{')) {
            prefix.pop();
        }
        prefix
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

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(None, LONGEST_REGEX)
    }
}
