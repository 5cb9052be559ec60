//! Writes a journal: one `write` per line, so that a run that is killed loses at most the line it was at.

use super::record::{Entry, Record};
use anyhow::{Context, bail};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

pub struct Writer {
    file: File,
    path: PathBuf,
    begun: Instant,
}

impl Writer {
    /// Begins a journal. The run's time counts from here.
    ///
    /// # Errors
    /// When there is such a file already: it is the record of another run.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        match OpenOptions::new().append(true).create_new(true).open(path) {
            Ok(file) => Ok(Self { file, path: path.to_owned(), begun: Instant::now() }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!(
                    "{shown} is there already, and a journal is never overwritten: give another `--journal FILE`"
                )
            }
            Err(error) => {
                Err(error).with_context(|| format!("{shown} cannot be made: give `--journal FILE`"))
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When it cannot be written, such as to a full disk.
    pub fn write(&mut self, entry: Entry) -> anyhow::Result<Record> {
        let t_ms = u64::try_from(self.begun.elapsed().as_millis())?;
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let record = Record { at, t_ms, entry };
        let line = record.line()?;
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .with_context(|| format!("{} cannot be written", self.path.display()))?;
        Ok(record)
    }
}

impl Record {
    /// With the end of the line. Time stands first: a journal is read by people too.
    ///
    /// # Errors
    /// None for an entry that is an object, which all are.
    pub fn line(&self) -> anyhow::Result<String> {
        let entry = serde_json::to_string(&self.entry)?;
        let rest = entry.strip_prefix('{').context("an entry is an object")?;
        let at = serde_json::to_string(&self.at)?;
        Ok(format!("{{\"at\":{at},\"t_ms\":{},{rest}\n", self.t_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Interrupted;
    use super::*;

    fn interrupted(count: u32) -> Entry {
        Entry::Interrupted(Interrupted { by: "SIGINT".to_owned(), count })
    }

    #[test]
    fn a_line_is_there_as_soon_as_it_is_written_with_its_time_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.jsonl");
        let mut writer = Writer::create(&path).expect("a journal");
        for count in 1..3 {
            let record = writer.write(interrupted(count)).expect("written");
            let text = std::fs::read_to_string(&path).expect("readable");
            assert_eq!(text.lines().count(), count as usize);
            assert_eq!(text.lines().last(), record.line().expect("a line").strip_suffix('\n'));
        }
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.starts_with("{\"at\":\"20"), "{text}");
        assert!(text.contains(",\"t_ms\":"), "{text}");
        assert!(text.ends_with("\"kind\":\"interrupted\",\"by\":\"SIGINT\",\"count\":2}\n"), "{text}");
    }

    #[test]
    fn the_journal_of_another_run_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, "mine").expect("written");
        let error = Writer::create(&path).err().expect("refused").to_string();
        assert!(error.contains("never overwritten"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), "mine");
        let nowhere = folder.path().join("none/run.jsonl");
        assert!(Writer::create(&nowhere).err().expect("refused").to_string().contains("--journal FILE"));
    }
}
