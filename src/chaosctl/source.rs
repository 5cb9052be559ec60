//! Files and standard input, each with the findings about it.

use crate::reader;
use anyhow::{Context, bail};
use squall_policy::{Diagnostic, Level, Node, Report};
use std::io::Read;
use std::path::{Path, PathBuf};

/// One file, read.
pub struct Source {
    /// As given on the command line; `<stdin>` for `-`.
    pub name: String,
    pub text: String,
    /// The file as it is: what Envoy would hand to the filter.
    pub bytes: Vec<u8>,
    /// `None` when the text could not be read; a finding says why.
    pub node: Option<Node>,
    pub findings: Vec<Diagnostic>,
    /// Errors and warnings that are counted and not kept.
    left_out: [usize; 2],
}

impl Source {
    /// What stands for no file.
    pub fn nothing(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            bytes: Vec::new(),
            node: None,
            findings: Vec::new(),
            left_out: [0; 2],
        }
    }

    /// Reads a file, or standard input for `-`.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut source = Self::bare(path)?;
        let mut report = Report::default();
        if source.findings.is_empty() {
            source.node = reader::read(&source.text, &mut report);
        }
        source.add(report);
        Ok(source)
    }

    /// Reads a file without looking at what its text says.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn bare(path: &Path) -> anyhow::Result<Self> {
        let stdin = path.as_os_str() == "-";
        let name = if stdin { "<stdin>".to_owned() } else { path.display().to_string() };
        let limit = u64::try_from(reader::SIZE_LIMIT)?.saturating_add(1);
        let mut bytes = Vec::new();
        if stdin {
            std::io::stdin()
                .lock()
                .take(limit)
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
        } else {
            let file = std::fs::File::open(path).with_context(|| format!("cannot open {name}"))?;
            file.take(limit).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        }
        let mut report = Report::default();
        let text = reader::decode(&bytes, &mut report);
        let mut source = Self { text, bytes, ..Self::nothing(&name) };
        source.add(report);
        Ok(source)
    }

    /// Runs a check on the tree; its findings are kept. `None` when there was no tree or a mistake.
    pub fn check<T>(&mut self, check: impl FnOnce(&Node, &mut Report) -> Option<T>) -> Option<T> {
        let node = self.node.as_ref()?;
        let mut report = Report::default();
        let result = check(node, &mut report);
        self.add(report);
        result
    }

    /// Keeps findings, in the order of the file.
    pub fn add(&mut self, report: Report) {
        for (sum, level) in self.left_out.iter_mut().zip([Level::Error, Level::Warning]) {
            *sum += report.left_out(level);
        }
        self.findings.extend(report.findings);
        self.findings.sort_by_key(|finding| finding.at);
    }

    pub fn count(&self, level: Level) -> usize {
        let [errors, warnings] = self.left_out;
        let left_out = if level == Level::Error { errors } else { warnings };
        self.findings.iter().filter(|f| f.code.level() == level).count() + left_out
    }
}

/// Replaces each folder by the `*.yaml`, `*.yml` and `*.json` files below it, in the order of their names.
///
/// # Errors
/// When a folder cannot be read, or has no such file.
pub fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, &mut files)?;
        if files.len() == before {
            bail!("{} has no *.yaml, *.yml or *.json file", path.display());
        }
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Of a linked folder only the files are read where it really is: a link may lead round in a circle.
        if entry.file_type()?.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") && path.is_file()
        {
            // Pipes would block for ever, and a link to nowhere is nobody's catalog.
            files.push(path);
        }
    }
    Ok(())
}
