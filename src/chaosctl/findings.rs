//! How findings are shown: as a compiler shows them, or as JSON.

use crate::excerpt::Lines;
use crate::source::Source;
use crate::terminal::{Paint, Style, shown};
use serde::Serialize;
use squall_policy::{Diagnostic, Level, Position};

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
            out += &one(&source.name, &mut lines, &view(finding), paint);
        }
    }
    let all = source.count(Level::Error) + source.count(Level::Warning);
    if all > told {
        out += &format!("{}: and {} more findings\n\n", shown(&source.name), all - told);
    }
    out
}

/// One finding as a person is shown it.
pub struct View<'f> {
    pub style: Style,
    /// Level and code.
    pub head: String,
    pub path: &'f str,
    pub at: Option<Position>,
    pub message: &'f str,
    pub hint: &'f str,
}

fn view(finding: &Diagnostic) -> View<'_> {
    let level = finding.code.level();
    View {
        style: match level {
            Level::Error => Style::Error,
            Level::Warning => Style::Warning,
        },
        head: format!("{}[{}]", word(level), finding.code.slug()),
        path: &finding.path,
        at: finding.at,
        message: &finding.message,
        hint: &finding.hint,
    }
}

/// One finding with the line that it is about.
pub fn one(name: &str, lines: &mut Lines<'_>, finding: &View<'_>, paint: Paint) -> String {
    let mut out = format!(
        "{}{}\n",
        paint.paint(finding.style, &finding.head),
        paint.paint(Style::Strong, &format!(": {}", shown(finding.message)))
    );
    let name = shown(name);
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
        out += &format!("{margin} {bar} {}{}\n", excerpt.before, paint.paint(finding.style, &excerpt.carets));
    }
    out + &notes(finding, number.len(), paint)
}

fn notes(finding: &View<'_>, margin: usize, paint: Paint) -> String {
    let margin = " ".repeat(margin);
    let sign = paint.paint(Style::Place, "=");
    let key = match finding.path.is_empty() {
        true => String::new(),
        false => format!("{margin} {sign} key: {}\n", shown(finding.path)),
    };
    format!("{key}{margin} {sign} help: {}\n\n", shown(finding.hint))
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
