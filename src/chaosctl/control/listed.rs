//! Which control listeners a command line means: `--proxy`, files of them, the context of the configuration file.

use super::address::Address;
use crate::arguments::Proxies;
use crate::settings;
use crate::terminal::shown;
use anyhow::{Context, bail};
use std::io::Read;
use std::path::Path;

/// Where a control listener is when nothing says so.
const USUAL: &str = "http://127.0.0.1:9902";
/// Largest file of them that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Each once: a second `start` on the same would be refused.
///
/// # Errors
/// With every bad address of every file at once.
pub fn addresses(proxies: &Proxies) -> anyhow::Result<Vec<Address>> {
    let mut all = All::default();
    for given in &proxies.proxy {
        match given.strip_prefix('@') {
            Some(file) => all.file(Path::new(file))?,
            None => all.one(given, ""),
        }
    }
    for file in &proxies.proxies {
        all.file(file)?;
    }
    if all.is_untouched() {
        for given in settings::usual_proxies() {
            match given.strip_prefix('@') {
                Some(file) => all.file(Path::new(file))?,
                None => all.one(given, ""),
            }
        }
    }
    if all.is_untouched() {
        all.one(USUAL, "");
    }
    if !all.wrong.is_empty() {
        bail!("{}", all.wrong.join("\n"));
    }
    Ok(all.found)
}

#[derive(Default)]
struct All {
    found: Vec<Address>,
    wrong: Vec<String>,
}

impl All {
    fn is_untouched(&self) -> bool {
        self.found.is_empty() && self.wrong.is_empty()
    }

    /// `place` is where it stands, when that is a file.
    fn one(&mut self, given: &str, place: &str) {
        match Address::read(given) {
            Ok(address) if self.found.contains(&address) => {}
            Ok(address) => self.found.push(address),
            Err(error) if place.is_empty() => self.wrong.push(format!("{error:#}")),
            Err(error) => {
                let told = format!("{error:#}");
                self.wrong.push(format!("{place}: {}", told.strip_prefix("--proxy ").unwrap_or(&told)));
            }
        }
    }

    /// One address a line; `#` begins a comment, and blank lines say nothing.
    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let (name, text) = read(path)?;
        let before = (self.found.len(), self.wrong.len());
        let mut lines = 0;
        for (number, line) in text.lines().enumerate() {
            let code = match line.find('#') {
                // An address has no `#`, so one inside a word is a mistake to tell, and no comment.
                Some(at)
                    if line.get(..at).is_none_or(|head| head.is_empty() || head.ends_with([' ', '\t'])) =>
                {
                    line.get(..at).unwrap_or_default()
                }
                _ => line,
            };
            let word = code.trim();
            if !word.is_empty() {
                lines += 1;
                let column = code.chars().take_while(|c| c.is_whitespace()).count() + 1;
                self.one(word, &format!("{name}:{}:{column}", number + 1));
            }
        }
        if lines == 0 && before == (self.found.len(), self.wrong.len()) {
            self.wrong.push(format!("{name} has no proxy: write one address a line, such as {USUAL}"));
        }
        Ok(())
    }
}

fn read(path: &Path) -> anyhow::Result<(String, String)> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(LARGEST)
            .read_to_string(&mut text)
            .context("cannot read proxies from standard input")?;
        return Ok(("<stdin>".to_owned(), text));
    }
    let name = shown(&path.display().to_string());
    let file = std::fs::File::open(path)
        .with_context(|| format!("cannot open {name}, which should have proxies"))?;
    file.take(LARGEST).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    Ok((name, text))
}
