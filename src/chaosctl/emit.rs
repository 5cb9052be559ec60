//! Writing trees as YAML and JSON.
//!
//! YAML is written here and not by a library because the rendered files carry comments, and because every text
//! that any reader of YAML 1.1 or 1.2 could take for something else (`no`, `on`, `1_000`, `12:30`) has to be
//! quoted: kubectl reads YAML 1.1.

use crate::arguments::{Format, Output};
use serde::Serialize;
use squall_policy::{Node, Value};

/// Comments of a rendered file: key path (`spec.phase`) and text. The empty path is the head of the file.
pub type Comments<'c> = [(&'c str, &'c str)];

/// A rendered file.
///
/// # Errors
/// Only when a number has no JSON form, which none here has.
pub fn file(node: &Node, format: Format, comments: &Comments<'_>) -> anyhow::Result<String> {
    Ok(match format {
        Format::Yaml => yaml(node, comments),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(node)?),
    })
}

/// A result for programs.
///
/// # Errors
/// As [`file`].
pub fn structured(value: &impl Serialize, output: Output) -> anyhow::Result<String> {
    let json = serde_json::to_string_pretty(value)?;
    Ok(match output {
        Output::Yaml => yaml(&serde_json::from_str(&json)?, &[]),
        Output::Text | Output::Wide | Output::Json => format!("{json}\n"),
    })
}

/// A tree as YAML in block style.
pub fn yaml(node: &Node, comments: &Comments<'_>) -> String {
    let mut writer = Writer { out: String::new(), comments: comments.to_vec() };
    writer.comment("", 0);
    match &node.value {
        Value::Object(entries) if !entries.is_empty() => writer.block(node, 0, ""),
        Value::List(items) if !items.is_empty() => writer.block(node, 0, ""),
        _ => {
            writer.out += &scalar(node);
            writer.out.push('\n');
        }
    }
    writer.out
}

struct Writer<'c> {
    out: String,
    /// Those that are still to be written: of keys that come more than once, the first has it.
    comments: Vec<(&'c str, &'c str)>,
}

impl Writer<'_> {
    fn comment(&mut self, path: &str, indent: usize) {
        let here: Vec<_> = self.comments.extract_if(.., |(p, _)| *p == path).collect();
        for (_, text) in here {
            for line in text.lines() {
                let line = format!("{:indent$}# {line}", "");
                self.out += line.trim_end();
                self.out.push('\n');
            }
        }
    }

    /// Writes an object or a list that is not empty; the position is the beginning of a line.
    fn block(&mut self, node: &Node, indent: usize, path: &str) {
        match &node.value {
            Value::Object(entries) => {
                for entry in entries {
                    let path =
                        if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                    self.comment(&path, indent);
                    self.out += &format!("{:indent$}{}:", "", text(&entry.key));
                    self.value(&entry.value, indent, &path);
                }
            }
            Value::List(items) => {
                for item in items {
                    self.out += &format!("{:indent$}-", "");
                    self.item(item, indent, path);
                }
            }
            _ => {}
        }
    }

    /// Writes what stands after `key:`.
    fn value(&mut self, node: &Node, indent: usize, path: &str) {
        match &node.value {
            Value::Object(entries) if !entries.is_empty() => {
                self.out.push('\n');
                self.block(node, indent + 2, path);
            }
            Value::List(items) if !items.is_empty() => {
                self.out.push('\n');
                self.block(node, indent, path);
            }
            Value::Text(text) if literal(text) => {
                self.out += if text.ends_with('\n') { " |\n" } else { " |-\n" };
                for line in text.lines() {
                    self.out += &format!("{:width$}{line}\n", "", width = indent + 2);
                }
            }
            _ => {
                self.out += &format!(" {}\n", scalar(node));
            }
        }
    }

    /// Writes what stands after `-`.
    fn item(&mut self, node: &Node, indent: usize, path: &str) {
        match &node.value {
            Value::Object(entries) if !entries.is_empty() => {
                // The first key stands on the line of the dash: written as a block, and its indent cut off.
                let comments = std::mem::take(&mut self.comments);
                let mut inner = Writer { out: String::new(), comments };
                inner.block(node, indent + 2, path);
                self.comments = inner.comments;
                self.out.push(' ');
                self.out += inner.out.get(indent + 2..).unwrap_or_default();
            }
            Value::List(items) if !items.is_empty() => {
                self.out.push('\n');
                self.block(node, indent + 2, path);
            }
            _ => self.out += &format!(" {}\n", scalar(node)),
        }
    }
}

/// Text of several lines that a literal block (`|`) carries unchanged.
fn literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && !text.ends_with("\n\n")
        && text.chars().all(|c| c == '\n' || (!c.is_control() && !unprintable(c)))
        && text.lines().all(|line| !line.ends_with([' ', '\t']))
}

/// What YAML wants escaped beside control characters (section 5.1), or breaks lines at.
fn unprintable(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}')
}

fn scalar(node: &Node) -> String {
    match &node.value {
        Value::Text(t) => text(t),
        Value::List(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            serde_json::to_string(node).unwrap_or_else(|_| "null".to_owned())
        }
    }
}

/// Words that some YAML reader takes for a boolean or for nothing.
const WORDS: [&str; 9] = ["y", "yes", "n", "no", "on", "off", "true", "false", "null"];

fn text(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_'));
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./ ,;()%{}=+".contains(c));
    // Braces, commas and the like are only markup in flow style, which is never written here.
    let plain = first && rest && !text.ends_with(' ') && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c if u32::from(c) < 0x100 && c.is_control() => out += &format!("\\x{:02X}", u32::from(c)),
            c if unprintable(c) => out += &format!("\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader;
    use squall_policy::{Entry, Report};

    /// Reads YAML back, without the places.
    fn read(yaml: &str) -> Node {
        let mut report = Report::default();
        let node = reader::read(yaml, &mut report).unwrap_or_else(|| panic!("{yaml}\n{:?}", report.findings));
        serde_json::from_str(&serde_json::to_string(&node).unwrap_or_default())
            .unwrap_or_else(|e| panic!("{e}"))
    }

    fn entry(key: &str, value: Value) -> Entry {
        Entry { key: key.to_owned(), at: None, value: value.into() }
    }

    const TEXTS: [&str; 28] = [
        "",
        " ",
        "a b",
        "no",
        "ON",
        "y",
        "null",
        "~",
        "1_000",
        "12:30",
        "0x1f",
        "1e3",
        "100ms",
        "2026-12-01",
        "- a",
        "a: b",
        "a #b",
        "%x",
        "@x",
        "*x",
        "{a}",
        "two\nlines",
        "ends\n",
        "ends twice\n\n",
        " leads\nx",
        "tab\there\u{7}\u{85}",
        "no character: \u{fffe}\u{ffff}",
        "none\u{fffe}\nin two lines",
    ];

    #[test]
    fn what_is_written_is_read_back() {
        let texts = || TEXTS.iter().map(|t| Value::Text((*t).to_owned()));
        let list = Value::List(texts().map(Node::from).collect());
        let object = Value::Object(TEXTS.iter().zip(texts()).map(|(k, v)| entry(k, v)).collect());
        let nested = Value::List(vec![
            list.clone().into(),
            object.clone().into(),
            Value::List(vec![]).into(),
            Value::Object(vec![
                entry("a", Value::Object(vec![])),
                entry("b", Value::List(vec![object.clone().into()])),
            ])
            .into(),
            Value::Number(0.05).into(),
            Value::Bool(true).into(),
            Value::Null.into(),
        ]);
        for value in [list, object, nested] {
            let node = Node::from(value);
            let written = yaml(&node, &[("", "a head"), ("a", "a comment")]);
            assert_eq!(read(&written), node, "{written}");
            assert!(!written.contains(unprintable), "{written}");
        }
    }

    #[test]
    fn words_that_other_readers_take_for_something_else_are_quoted() {
        for word in [
            "no", "No", "ON", "off", "y", "N", "yes", "true", "null", "1_000", "12:30", "0o7", ".5", "1e3",
            "~",
        ] {
            assert_eq!(scalar(&Value::Text(word.to_owned()).into()), format!("\"{word}\""));
        }
        assert_eq!(scalar(&Value::Text("FAIL_OPEN".to_owned()).into()), "FAIL_OPEN");
    }
}
