//! How large the program of a regular expression becomes, told from its text: regex-lite does not say, and its own
//! limit counts bytes, which are twice as many natively as in wasm.

/// An expression's size, the same wherever it is read; `u32::MAX` when it cannot be told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub steps: u32,
    pub groups: u32,
}

/// Counts the steps of the program, never too few: one per character or class, once more for each time that a counted
/// repetition repeats it, and a few per group, alternative and repetition. The expression need not be right.
pub(super) fn measure(source: &str) -> Size {
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
        /// the most steps that are read stay below the largest program and the same expressions are read natively and in wasm.
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
