//! What an import has to tell: every key that did not come over as it was, with its place and a way out.

use crate::arguments::Output;
use crate::excerpt::Lines;
use crate::findings::{self, View};
use crate::source::Source;
use crate::terminal::{Paint, Style};
use serde::Serialize;
use squall_policy::Position;
use std::cell::RefCell;

/// Codes are stable: scripts may rely on them. docs/import.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The value has the wrong type or form: it was not read.
    BadValue,
    /// The same key stands twice in one object.
    DuplicateKey,
    /// A key that the format does not have, or that this import does not know.
    UnknownKey,
    /// Squall has nothing like it.
    NoCounterpart,
    /// A condition that cannot be written here; what it narrows is left out, for without it more requests would be hit.
    ConditionLost,
    /// What came of it is refused by a catalog.
    NotValid,
    /// It never injects, there as here.
    NeverFires,
    /// A document or resource of another kind.
    OtherKind,
    /// It came over, with a difference.
    Changed,
    /// It belongs into the mission, or into the place where the filter is installed.
    Elsewhere,
    /// No fault: it stays where it is.
    StaysThere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Lost,
    Changed,
    Note,
}

impl Code {
    pub fn slug(self) -> &'static str {
        match self {
            Self::BadValue => "bad-value",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::NoCounterpart => "no-counterpart",
            Self::ConditionLost => "condition-lost",
            Self::NotValid => "not-valid",
            Self::NeverFires => "never-fires",
            Self::OtherKind => "other-kind",
            Self::Changed => "changed",
            Self::Elsewhere => "elsewhere",
            Self::StaysThere => "stays-there",
        }
    }

    pub fn level(self) -> Level {
        match self {
            Self::BadValue | Self::DuplicateKey => Level::Error,
            Self::UnknownKey
            | Self::NoCounterpart
            | Self::ConditionLost
            | Self::NotValid
            | Self::NeverFires
            | Self::OtherKind => Level::Lost,
            Self::Changed => Level::Changed,
            Self::Elsewhere | Self::StaysThere => Level::Note,
        }
    }
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Lost => "lost",
            Self::Changed => "changed",
            Self::Note => "note",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Error | Self::Lost => Style::Error,
            Self::Changed => Style::Warning,
            Self::Note => Style::Place,
        }
    }
}

/// One thing to tell about a file.
pub struct Finding {
    pub code: Code,
    pub path: String,
    pub at: Option<Position>,
    pub message: String,
    pub hint: String,
}

/// All that is to be told about one file. Readers of every part add to it while they walk.
#[derive(Default)]
pub struct Told(RefCell<Vec<Finding>>);

impl Told {
    pub fn add(
        &self,
        code: Code,
        (path, at): (&str, Option<Position>),
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let finding = Finding { code, path: path.to_owned(), at, message: message.into(), hint: hint.into() };
        self.0.borrow_mut().push(finding);
    }

    /// In the order of the file.
    pub fn take(&self) -> Vec<Finding> {
        let mut all = std::mem::take(&mut *self.0.borrow_mut());
        all.sort_by_key(|finding| finding.at);
        all
    }
}

#[derive(Serialize)]
struct Record<'f> {
    file: &'f str,
    code: &'static str,
    level: &'static str,
    key: &'f str,
    line: Option<u32>,
    column: Option<u32>,
    message: &'f str,
    hint: &'f str,
}

/// All findings of all files, for a person or a program.
///
/// # Errors
/// As [`crate::emit::structured`].
pub fn shown(files: &[(Source, Vec<Finding>)], output: Output, paint: Paint) -> anyhow::Result<String> {
    if output != Output::Text {
        let records: Vec<Record<'_>> = files
            .iter()
            .flat_map(|(source, findings)| findings.iter().map(|finding| record(&source.name, finding)))
            .collect();
        return crate::emit::structured(&records, output);
    }
    let mut out = String::new();
    for (source, findings) in files {
        let mut lines = Lines::new(&source.text);
        for finding in findings {
            let level = finding.code.level();
            let view = View {
                style: level.style(),
                head: format!("{}[{}]", level.word(), finding.code.slug()),
                path: &finding.path,
                at: finding.at,
                message: &finding.message,
                hint: &finding.hint,
            };
            out += &findings::one(&source.name, &mut lines, &view, paint);
        }
    }
    Ok(out)
}

fn record<'f>(file: &'f str, finding: &'f Finding) -> Record<'f> {
    Record {
        file,
        code: finding.code.slug(),
        level: finding.code.level().word(),
        key: &finding.path,
        line: finding.at.map(|at| at.line),
        column: finding.at.map(|at| at.column),
        message: &finding.message,
        hint: &finding.hint,
    }
}
