//! `report`: from the journal of a run to a page and a Markdown file, and two runs side by side.

mod compare;
mod course;
mod hypothesis;
mod pages;
mod plot;
mod remains;
mod replay;
mod rows;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;

use crate::arguments::{Output, Report};
use crate::terminal::{self, Paint, Style, shown};
use crate::{Outcome, emit, journal};
use anyhow::{Context, bail};
use compare::Comparison;
use pages::Form;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use summary::{Run, Summary};

/// # Errors
/// When a journal cannot be read, or a page not written.
pub fn run(arguments: &Report, paint: Paint) -> anyhow::Result<Outcome> {
    let read = |path: &Path| -> anyhow::Result<Run> { Ok(Run::of(journal::read(path)?, path)) };
    let files = files(arguments);
    apart(&files, arguments)?;
    let later = read(&arguments.journal)?;
    let earlier = arguments.compare.as_deref().map(read).transpose()?;
    let compared = earlier.as_ref().map(|earlier| Comparison::of(earlier, &later));
    let html_name =
        files.iter().find(|(form, _)| matches!(form, Form::Html)).and_then(|(_, path)| path.file_name());
    let html_name = html_name.map(|name| crate::observed::safe(&name.to_string_lossy()));
    let mut pages = Vec::new();
    for (form, path) in files {
        let text = match (&earlier, &compared) {
            (Some(earlier), Some(compared)) => pages::comparison([earlier, &later], compared, form)?,
            _ => pages::report(&later, form, html_name.as_deref())?,
        };
        pages.push((path, text));
    }
    write(&pages, arguments.force)?;
    if arguments.output == Output::Text {
        terminal::print(&told(&later.summary, earlier.as_ref().map(|run| &run.summary), &pages, paint))?;
    } else {
        let record = match (&earlier, &compared) {
            (Some(earlier), Some(compared)) => {
                json!({"earlier": earlier.summary, "later": later.summary, "compared": compared})
            }
            _ => json!(later.summary),
        };
        terminal::print(&emit::structured(&record, arguments.output)?)?;
    }
    Ok(if later.summary.verdict == Some("held") { Outcome::Fine } else { Outcome::Finding })
}

/// Which pages are wanted, and where.
fn files(arguments: &Report) -> Vec<(Form, PathBuf)> {
    let ending = if arguments.compare.is_some() { "compare." } else { "" };
    let beside = |form: &str| arguments.journal.with_extension(format!("{ending}{form}"));
    match (&arguments.html, &arguments.markdown) {
        (None, None) if arguments.output != Output::Text => Vec::new(),
        (None, None) => vec![(Form::Html, beside("html")), (Form::Markdown, beside("md"))],
        (html, markdown) => {
            let html = html.iter().map(|path| (Form::Html, path.clone()));
            html.chain(markdown.iter().map(|path| (Form::Markdown, path.clone()))).collect()
        }
    }
}

/// No page takes the place of a journal, which cannot be made again, or of another page.
fn apart(files: &[(Form, PathBuf)], arguments: &Report) -> anyhow::Result<()> {
    let journals = || std::iter::once(&arguments.journal).chain(&arguments.compare);
    for (number, (_, path)) in files.iter().enumerate() {
        if let Some(journal) = journals().find(|journal| is_same(journal, path)) {
            bail!(
                "{} is the journal {} itself, which is never overwritten: `--html` and `--markdown` name other files",
                path.display(),
                journal.display()
            );
        }
        if files.iter().take(number).any(|(_, other)| is_same(other, path)) {
            bail!("{} can hold one page, not two", path.display());
        }
    }
    Ok(())
}

/// Whether two paths lead to one file, be it by links.
fn is_same(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let canonical = |path: &Path| path.canonicalize().ok();
    let file = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    a == b
        || canonical(a).zip(canonical(b)).is_some_and(|(a, b)| a == b)
        || file(a).zip(file(b)).is_some_and(|(a, b)| a == b)
}

/// Writes all or none, as far as can be told beforehand.
fn write(pages: &[(PathBuf, String)], force: bool) -> anyhow::Result<()> {
    for (path, _) in pages {
        if !force && path.symlink_metadata().is_ok() {
            bail!(
                "{} is there already: `--force` overwrites it, `--html` and `--markdown` name other files",
                path.display()
            );
        }
    }
    for (path, text) in pages {
        let mut options = OpenOptions::new();
        options.write(true);
        let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
        let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{} is there already: `--force` overwrites it", path.display())
            }
            written => written.with_context(|| format!("{} cannot be written", path.display()))?,
        }
    }
    Ok(())
}

fn told(later: &Summary, earlier: Option<&Summary>, pages: &[(PathBuf, String)], paint: Paint) -> String {
    let verdict = |summary: &Summary| {
        let style = if summary.verdict == Some("held") { Style::Good } else { Style::Error };
        paint.paint(style, summary.verdict.unwrap_or("no verdict"))
    };
    let mut out = format!("{}  {}\n", paint.paint(Style::Strong, &later.mission.id), verdict(later));
    if let Some(earlier) = earlier {
        out +=
            &format!("compared with {} of {}  {}\n", earlier.mission.id, earlier.began_at, verdict(earlier));
    }
    for line in later.reasons.iter().chain(&later.missing) {
        out += &format!("  {line}\n");
    }
    for (path, _) in pages {
        out += &format!("wrote {}\n", shown(&path.to_string_lossy()));
    }
    out
}
