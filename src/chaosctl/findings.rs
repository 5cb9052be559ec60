//! How findings are shown: as a compiler shows them, or as JSON.

use crate::excerpt::Lines;
use crate::source::Source;
use crate::terminal::{Paint, Style, shown};
use serde::Serialize;
use squall_policy::{Diagnostic, Level};

/// Most findings about one file that a person is shown.
const MOST: usize = 200;

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

/// The findings about a file, for a person: of very many the first, and errors before warnings.
pub fn text(source: &Source, paint: Paint) -> String {
    let mut lines = Lines::new(&source.text);
    let errors = source.findings.iter().filter(|f| f.code.level() == Level::Error).count();
    let (mut errors, mut warnings) = (errors.min(MOST), MOST.saturating_sub(errors));
    let mut out = String::new();
    let mut told = 0;
    for finding in &source.findings {
        let room = match finding.code.level() {
            Level::Error => &mut errors,
            Level::Warning => &mut warnings,
        };
        if let Some(less) = room.checked_sub(1) {
            *room = less;
            told += 1;
            out += &one(source, &mut lines, finding, paint);
        }
    }
    let all = source.count(Level::Error) + source.count(Level::Warning);
    if all > told {
        out += &format!("{}: and {} more findings\n\n", shown(&source.name), all - told);
    }
    out
}

fn one(source: &Source, lines: &mut Lines<'_>, finding: &Diagnostic, paint: Paint) -> String {
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
    let name = shown(&source.name);
    let Some(at) = finding.at else {
        out += &format!(" {} {name}\n", paint.paint(Style::Place, "-->"));
        return out + &notes(finding, 1, paint);
    };
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let bar = paint.paint(Style::Place, "|");
    let arrow = paint.paint(Style::Place, "-->");
    out += &format!("{margin}{arrow} {name}:{}:{}\n", at.line, at.column);
    if let Some(excerpt) = lines.excerpt(at.line, at.column) {
        out += &format!("{margin} {bar}\n");
        out += &format!("{} {bar} {}\n", paint.paint(Style::Place, &number), excerpt.line);
        out += &format!("{margin} {bar} {}{}\n", excerpt.before, paint.paint(style, &excerpt.carets));
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
