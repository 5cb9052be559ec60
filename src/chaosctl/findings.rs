//! How findings are shown: as a compiler shows them, or as JSON.

use crate::source::Source;
use crate::terminal::{Paint, Style, shown};
use serde::Serialize;
use squall_policy::{Diagnostic, Level};

/// A source line longer than this is shown in part.
const WIDTH: usize = 120;

/// One finding, for programs.
#[derive(Serialize)]
pub struct Record<'s> {
    file: &'s str,
    code: &'static str,
    level: &'static str,
    /// Key path from the root of the file; empty for the root.
    key: &'s str,
    line: Option<u32>,
    column: Option<u32>,
    message: &'s str,
    hint: &'s str,
}

pub fn records(sources: &[Source]) -> Vec<Record<'_>> {
    sources.iter().flat_map(|source| source.findings.iter().map(|finding| record(source, finding))).collect()
}

fn record<'s>(source: &'s Source, finding: &'s Diagnostic) -> Record<'s> {
    Record {
        file: &source.name,
        code: finding.code.slug(),
        level: word(finding.code.level()),
        key: &finding.path,
        line: finding.at.map(|at| at.line),
        column: finding.at.map(|at| at.column),
        message: &finding.message,
        hint: &finding.hint,
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// All findings about a file, for a person.
pub fn text(source: &Source, paint: Paint) -> String {
    let lines: Vec<&str> = source.text.lines().collect();
    source.findings.iter().map(|finding| one(source, &lines, finding, paint)).collect()
}

fn one(source: &Source, lines: &[&str], finding: &Diagnostic, paint: Paint) -> String {
    let style = match finding.code.level() {
        Level::Error => Style::Error,
        Level::Warning => Style::Warning,
    };
    let head = format!("{}[{}]", word(finding.code.level()), finding.code.slug());
    let mut out = format!(
        "{}{}\n",
        paint.paint(style, &head),
        paint.paint(Style::Strong, &format!(": {}", shown(&finding.message)))
    );
    let Some(at) = finding.at else {
        out += &format!(" {} {}\n", paint.paint(Style::Place, "-->"), source.name);
        return out + &notes(finding, 1, paint);
    };
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let bar = paint.paint(Style::Place, "|");
    let arrow = paint.paint(Style::Place, "-->");
    out += &format!("{margin}{arrow} {}:{}:{}\n", source.name, at.line, at.column);
    let line = usize::try_from(at.line).ok().and_then(|n| lines.get(n.saturating_sub(1)));
    if let Some(line) = line {
        let column = usize::try_from(at.column).unwrap_or(1).saturating_sub(1);
        let (excerpt, before, carets) = excerpt(line, column);
        out += &format!("{margin} {bar}\n");
        out += &format!("{} {bar} {excerpt}\n", paint.paint(Style::Place, &number));
        out += &format!("{margin} {bar} {before}{}\n", paint.paint(style, &carets));
    }
    out + &notes(finding, number.len(), paint)
}

fn notes(finding: &Diagnostic, margin: usize, paint: Paint) -> String {
    let margin = " ".repeat(margin);
    let sign = paint.paint(Style::Place, "=");
    let key = match finding.path.is_empty() {
        true => String::new(),
        false => format!("{margin} {sign} key: {}\n", shown(&finding.path)),
    };
    format!("{key}{margin} {sign} help: {}\n\n", shown(&finding.hint))
}

/// The part of a line around a column (from 0), the blanks up to that column, and the carets.
fn excerpt(line: &str, column: usize) -> (String, String, String) {
    let chars: Vec<char> = shown(line).chars().collect();
    let column = column.min(chars.len());
    let start = if chars.len() <= WIDTH { 0 } else { column.saturating_sub(WIDTH / 2) };
    let end = chars.len().min(start + WIDTH);
    let cut = |more: bool| if more { "..." } else { "" };
    let part: String = chars.get(start..end).unwrap_or_default().iter().collect();
    let excerpt = format!("{}{part}{}", cut(start > 0), cut(end < chars.len()));
    let blank = |c: &char| if *c == '\t' { '\t' } else { ' ' };
    let before: String = chars.get(start..column).unwrap_or_default().iter().map(blank).collect();
    let width = token(chars.get(column..end).unwrap_or_default());
    (excerpt, format!("{}{before}", " ".repeat(cut(start > 0).len())), "^".repeat(width))
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

/// `2 errors, 1 warning`.
pub fn tally(errors: usize, warnings: usize) -> String {
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let parts: Vec<String> =
        [count(errors, "error"), count(warnings, "warning")].into_iter().flatten().collect();
    if parts.is_empty() { "no mistakes".to_owned() } else { parts.join(", ") }
}
