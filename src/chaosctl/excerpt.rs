//! The line that a finding is about, as it is shown below the finding: a part of it where it is long, and carets.

use crate::terminal::{shown, width};

/// Longest part of a line that is shown, in characters.
const WIDTH: usize = 120;

/// A text by its lines. Findings come in the order of the file, so that a long line is walked through once.
pub struct Lines<'s> {
    lines: Vec<&'s str>,
    /// Line, column (both from 0) and byte in that line where the last excerpt began.
    last: (usize, usize, usize),
}

/// Three columns of what is printed.
pub struct Excerpt {
    pub line: String,
    /// As wide as the line up to the carets.
    pub before: String,
    pub carets: String,
}

impl<'s> Lines<'s> {
    pub fn new(text: &'s str) -> Self {
        Self { lines: lines(text), last: (0, 0, 0) }
    }

    /// The part of a line around a column; both are counted from 1, in characters.
    pub fn excerpt(&mut self, line: u32, column: u32) -> Option<Excerpt> {
        let number = usize::try_from(line).ok()?.saturating_sub(1);
        let column = usize::try_from(column).ok()?.saturating_sub(1);
        let line = *self.lines.get(number)?;
        // A line that fits is shown from its beginning.
        let fits = line.len() <= WIDTH || line.chars().nth(WIDTH).is_none();
        let wanted = if fits { 0 } else { column.saturating_sub(WIDTH / 2) };
        let (from, byte) = match self.last {
            (same, from, byte) if same == number && from <= wanted => (from, byte),
            _ => (0, 0),
        };
        let start = line
            .get(byte..)?
            .char_indices()
            .map(|(at, _)| byte + at)
            .chain([line.len()])
            .enumerate()
            .take(wanted - from + 1)
            .last();
        let (skipped, byte) = start?;
        let start = from + skipped;
        self.last = (number, start, byte);
        let rest = line.get(byte..)?;
        let part: String = rest.chars().take(WIDTH).collect();
        let more = rest.len() > part.len();
        let part: Vec<char> = shown(&part).chars().collect();
        let (head, tail) = part.split_at_checked(column.saturating_sub(start)).unwrap_or((&part, &[]));
        let cut = |cut: bool| if cut { "..." } else { "" };
        let blanks = |c: &char| if *c == '\t' { "\t".to_owned() } else { " ".repeat(width(*c)) };
        let marked = tail.get(..token(tail)).unwrap_or(tail);
        Some(Excerpt {
            line: format!("{}{}{}", cut(start > 0), part.iter().collect::<String>(), cut(more)),
            before: cut(start > 0).chars().map(|_| ' ').collect::<String>()
                + &head.iter().map(blanks).collect::<String>(),
            carets: "^".repeat(marked.iter().map(|c| width(*c)).sum::<usize>().max(1)),
        })
    }
}

/// The lines of a text as YAML breaks them: at a line feed, a carriage return, or both (YAML 1.2 section 5.4).
pub fn lines(text: &str) -> Vec<&str> {
    let feeds = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    feeds.flat_map(|line| line.split('\r')).collect()
}

/// Length of the word or quoted text that a line goes on with; at least 1.
fn token(rest: &[char]) -> usize {
    let quoted = rest.first().filter(|c| matches!(c, '"' | '\''));
    let length = match quoted {
        Some(quote) => rest.iter().skip(1).position(|c| c == quote).map(|n| n + 2),
        None => rest.iter().enumerate().position(|(i, c)| {
            let next = rest.get(i + 1).copied().unwrap_or(' ');
            matches!(c, ' ' | '\t' | ',' | ']' | '}') || (*c == ':' && next == ' ')
        }),
    };
    length.unwrap_or(rest.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, line: u32, column: u32) -> (String, String, String) {
        let excerpt = Lines::new(text).excerpt(line, column).expect("a line");
        (excerpt.line, excerpt.before, excerpt.carets)
    }

    #[test]
    fn carets_stand_below_what_they_mean() {
        let found =
            |line: &str, before: &str, carets: &str| (line.to_owned(), before.to_owned(), carets.to_owned());
        assert_eq!(of("a\nb: cd, e", 2, 4), found("b: cd, e", "   ", "^^"));
        assert_eq!(of("a\rb: cd\r\ne: f", 2, 4), found("b: cd", "   ", "^^"), "any line break");
        assert_eq!(of("a\rb: cd\r\ne: f", 3, 1), found("e: f", "", "^"));
        // Two columns each, and none for what is written over the character before it.
        assert_eq!(of("\u{540d}\u{524d}: x1", 1, 5), found("\u{540d}\u{524d}: x1", "      ", "^^"));
        assert_eq!(of("e\u{301}: \u{1f600}", 1, 5), found("e\u{301}: \u{1f600}", "   ", "^^"));
        assert_eq!(of("\tb: c", 1, 5), found("\tb: c", "\t   ", "^"));
        assert_eq!(of("a", 1, 9), found("a", " ", "^"), "past the end");
        assert!(Lines::new("a").excerpt(7, 1).is_none());
    }

    #[test]
    fn a_long_line_is_walked_through_once() {
        let text = "\u{e4}, ".repeat(1_000_000);
        let mut lines = Lines::new(&text);
        let begun = std::time::Instant::now();
        for n in 0..10_000 {
            let excerpt = lines.excerpt(1, 1 + n * 297).expect("a line");
            assert_eq!(excerpt.carets, "^", "{n}");
            let at = excerpt.before.chars().count();
            assert_eq!(excerpt.line.chars().nth(at), Some('\u{e4}'), "{n}");
        }
        // A square of the length took minutes.
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        assert!(lines.excerpt(1, 4).expect("a line").line.starts_with('\u{e4}'), "and back again");
    }
}
