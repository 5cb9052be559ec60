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
        Output::Text | Output::Json => format!("{json}\n"),
    })
}

/// A tree as YAML in block style.
pub fn yaml(node: &Node, comments: &Comments<'_>) -> String {
    let mut writer = Writer { out: String::new(), comments };
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
    comments: &'c Comments<'c>,
}

impl Writer<'_> {
    fn comment(&mut self, path: &str, indent: usize) {
        for (_, text) in self.comments.iter().filter(|(p, _)| *p == path) {
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
                let mut inner = Writer { out: String::new(), comments: self.comments };
                inner.block(node, indent + 2, path);
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
        && text
            .chars()
            .all(|c| c == '\n' || (!c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}'))
        && text.lines().all(|line| !line.ends_with([' ', '\t']))
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
            '\u{2028}' | '\u{2029}' | '\u{feff}' => out += &format!("\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}
