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
    let All { found, wrong } = All::of(proxies);
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(found)
}

/// Those that are known, and what is wrong with the others: whoever stops faults waits for no correction of a file.
///
/// # Errors
/// When none is known.
pub fn known(proxies: &Proxies) -> anyhow::Result<(Vec<Address>, Vec<String>)> {
    let All { found, wrong } = All::of(proxies);
    if found.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok((found, wrong))
}

#[derive(Default)]
struct All {
    found: Vec<Address>,
    wrong: Vec<String>,
}

impl All {
    fn of(proxies: &Proxies) -> Self {
        let mut all = Self::default();
        all.given(&proxies.proxy);
        for file in &proxies.proxies {
            all.file(file);
        }
        if all.is_untouched() {
            all.given(settings::usual_proxies());
        }
        if all.is_untouched() {
            all.one(USUAL, "");
        }
        all
    }

    fn given(&mut self, words: &[String]) {
        for word in words {
            match word.strip_prefix('@') {
                Some(file) => self.file(Path::new(file)),
                None => self.one(word, ""),
            }
        }
    }

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
    fn file(&mut self, path: &Path) {
        let Text { name, text, is_cut } = match read(path) {
            Ok(text) => text,
            Err(error) => return self.wrong.push(format!("{error:#}")),
        };
        if is_cut {
            self.wrong.push(format!("{name} has more than 1 MiB, which is no list of proxies"));
        }
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
        if lines == 0 && !is_cut && before == (self.found.len(), self.wrong.len()) {
            self.wrong.push(format!("{name} has no proxy: write one address a line, such as {USUAL}"));
        }
    }
}

/// What is read of a file, and what it is called.
struct Text {
    name: String,
    /// Bytes that are no text make a bad address of their line, and of no other.
    text: String,
    is_cut: bool,
}

fn read(path: &Path) -> anyhow::Result<Text> {
    let mut bytes = Vec::new();
    let name = if path.as_os_str() == "-" {
        let read = std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes);
        read.context("cannot read proxies from standard input")?;
        "<stdin>".to_owned()
    } else {
        let name = shown(&path.display().to_string());
        let file = std::fs::File::open(path)
            .with_context(|| format!("cannot open {name}, which should have proxies"))?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        name
    };
    let is_cut = bytes.len() as u64 > LARGEST;
    if is_cut {
        // Half a line is no address.
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0));
    }
    Ok(Text { name, text: String::from_utf8_lossy(&bytes).into_owned(), is_cut })
}
