//! Standard output and error: colours only where a person sees them, and nobody listening any more is no panic.

use std::io::{IsTerminal, Write};

/// Whether to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// The choice before anything else is parsed: mistakes in the command line are shown with it already.
    pub fn from_command_line(words: impl Iterator<Item = String>) -> Self {
        let words: Vec<String> = words.collect();
        let after = |word: &String| words.iter().skip_while(|w| *w != word).nth(1).cloned();
        let value = words.iter().find_map(|word| match word.strip_prefix("--color") {
            Some("") => after(word),
            Some(rest) => rest.strip_prefix('=').map(ToOwned::to_owned),
            None => None,
        });
        match value.as_deref() {
            Some("always") => Self::Always,
            Some("never") => Self::Never,
            _ => Self::Auto,
        }
    }
}

/// The styles in use.
#[derive(Clone, Copy)]
pub enum Style {
    Error,
    Warning,
    Place,
    Good,
    Strong,
}

/// Paints text, or leaves it.
#[derive(Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    pub fn new(color: Color, stream: &impl IsTerminal) -> Self {
        let variable = |name| std::env::var_os(name).and_then(|value| value.into_string().ok());
        Self::decide(
            color,
            variable("NO_COLOR").as_deref(),
            variable("TERM").as_deref(),
            stream.is_terminal(),
        )
    }

    /// An empty NO_COLOR says nothing (no-color.org).
    fn decide(color: Color, no_color: Option<&str>, term: Option<&str>, is_terminal: bool) -> Self {
        let refused = no_color.is_some_and(|value| !value.is_empty()) || term == Some("dumb");
        Self(match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !refused,
        })
    }

    pub fn is_on(self) -> bool {
        self.0
    }

    pub fn paint(self, style: Style, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let code = match style {
            Style::Error => "1;31",
            Style::Warning => "1;33",
            Style::Place => "1;34",
            Style::Good => "1;32",
            Style::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Text from a file, safe to show: its control characters could steer the terminal.
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The same of something that may be very long, cut.
pub fn brief(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    shown(&cut)
}

/// How many columns a character takes: two in the wide scripts and for emoji, none for what is written over the
/// character before it (Unicode Standard Annex 11, in coarse ranges).
pub fn width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f | 0xe0100..=0xe01ef => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Writes to standard output. A reader who has gone (`| head`) is fine.
///
/// # Errors
/// When the output cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes to standard error; there is nobody left to tell when that fails.
pub fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_and_a_dumb_terminal_keep_colours_away_unless_somebody_asks_for_them() {
        let paints = |color, no_color, term, terminal| Paint::decide(color, no_color, term, terminal).0;
        for (color, no_color, term, terminal, wanted) in [
            (Color::Auto, None, Some("xterm"), true, true),
            (Color::Auto, None, None, true, true),
            (Color::Auto, None, Some("xterm"), false, false),
            (Color::Auto, Some("1"), Some("xterm"), true, false),
            (Color::Auto, Some("0"), Some("xterm"), true, false),
            (Color::Auto, Some(""), Some("xterm"), true, true),
            (Color::Auto, None, Some("dumb"), true, false),
            (Color::Always, Some("1"), Some("dumb"), false, true),
            (Color::Never, None, Some("xterm"), true, false),
        ] {
            assert_eq!(
                paints(color, no_color, term, terminal),
                wanted,
                "{color:?} {no_color:?} {term:?} {terminal}"
            );
        }
    }
}
