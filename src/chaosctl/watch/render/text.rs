//! Words and numbers, cut to the columns that are there.

pub use crate::observed::number;
use crate::terminal::width;
use std::time::Duration;

/// How many columns a text takes.
pub fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// At most so many columns, with `…` where something is cut off.
pub fn cut(text: &str, columns: usize) -> String {
    if self::columns(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut out = String::new();
    for c in text.chars() {
        let takes = width(c);
        if takes > left {
            break;
        }
        left -= takes;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Exactly so many columns.
pub fn fit(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let missing = columns.saturating_sub(self::columns(&text));
    text + &" ".repeat(missing)
}

pub const NOTHING: &str = "-";

pub fn maybe(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{} {unit}", number(value)))
}

pub fn seconds(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// `1 proxy`, `3 proxies`.
pub fn proxies(count: usize) -> String {
    if count == 1 { "1 proxy".to_owned() } else { format!("{count} proxies") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns_and_not_within_a_wide_character() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!((cut("abc", 0), fit("日本", 3)), (String::new(), "日…".to_owned()));
        assert_eq!(fit("ab", 4), "ab  ");
    }
}
