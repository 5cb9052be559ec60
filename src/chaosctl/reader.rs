//! From YAML or JSON text to a tree with the place of every key and value. JSON is read as the YAML it also is.
//!
//! A configuration is data: what lets YAML say less than it shows (anchors, aliases, merge keys, tags, several
//! documents) is refused, each with its place.

use crate::{excerpt, scalar};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use squall_policy::{Code, Entry, Node, Position, Report, Value};

/// Largest file that is read, in bytes.
pub const SIZE_LIMIT: usize = 10 * 1024 * 1024;
/// Deepest nesting of lists and objects.
const DEPTH_LIMIT: usize = 64;

/// Decodes the bytes of a file. A byte order mark at the beginning is dropped.
///
/// Text that cannot be decoded is a finding, with the place of its first bad byte.
pub fn decode(bytes: &[u8], report: &mut Report) -> String {
    if bytes.len() > SIZE_LIMIT {
        let message = format!("the file has {} bytes", bytes.len());
        report.add(Code::TooLarge, None, message, format!("keep it below {SIZE_LIMIT} bytes: split it"));
        return String::new();
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let at = end_of(&good);
            report.add(
                Code::Syntax,
                Some(at),
                "the text is not UTF-8 from here on",
                "save the file as UTF-8",
            );
            return String::from_utf8_lossy(bytes).into_owned();
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}');
    if let Some(index) = text.find(control) {
        let found = text.get(index..).and_then(|rest| rest.chars().next()).unwrap_or_default();
        let message = format!("a control character, U+{:04X}", u32::from(found));
        let at = end_of(text.get(..index).unwrap_or_default());
        report.add(Code::Syntax, Some(at), message, "remove it");
    }
    text.to_owned()
}

/// The place right after a text.
fn end_of(text: &str) -> Position {
    let lines = excerpt::lines(text);
    let column = lines.last().map_or(0, |line| line.chars().count()) + 1;
    position(lines.len(), column)
}

fn position(line: usize, column: usize) -> Position {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(line), column: number(column) }
}

fn place(mark: &Marker) -> Position {
    position(mark.line(), mark.col() + 1)
}

/// JSON writes a character beyond U+FFFF as two escapes (`\ud83d\ude00`), YAML as one (`\U0001F600`). What follows
/// on the same line is found two columns further left; such text is rare enough for that.
fn join_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(index) = rest.find('\\') {
        let (before, escape) = rest.split_at(index);
        out += before;
        let unit = |from: usize| {
            let digits = escape.get(from..from + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        let pair =
            unit(0).zip(unit(6)).map(|(high, low)| char::decode_utf16([high, low]).collect::<Vec<_>>());
        let length = match pair.as_deref() {
            Some([Ok(character)]) => {
                out += &format!("\\U{:08X}", u32::from(*character));
                12
            }
            // The escaped character goes along, so that `\\\\ud83d` stays what it is.
            _ => {
                let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
                out += escape.get(..length).unwrap_or_default();
                length
            }
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    out + rest
}

/// Reads the one document of a text, or reports why it cannot be read.
pub fn read(text: &str, report: &mut Report) -> Option<Node> {
    read_documents(text, false, report)?.pop()
}

/// Reads all documents of a text, which `---` parts.
pub fn read_all(text: &str, report: &mut Report) -> Option<Vec<Node>> {
    read_documents(text, true, report)
}

fn read_documents(text: &str, many: bool, report: &mut Report) -> Option<Vec<Node>> {
    let json = text.trim_start().starts_with('{') && text.contains("\\u");
    let joined = if json { join_surrogates(text) } else { String::new() };
    let text = if json { joined.as_str() } else { text };
    let before = report.findings.len();
    let mut builder = Builder { open: Vec::new(), roots: Vec::new(), documents: 0, many };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((event, span)) => {
                if !builder.take(event, place(&span.start), report) {
                    return None;
                }
            }
            Err(error) => {
                let hint = "check quotes, brackets and indentation; indent with blanks, not tabs";
                report.add(Code::Syntax, Some(place(error.marker())), error.info(), hint);
                return None;
            }
        }
    }
    if report.findings.len() > before {
        return None;
    }
    if builder.roots.is_empty() {
        let hint = "begin with `version: 1`; docs/catalog.md has every key";
        report.add(Code::Syntax, None, "there is nothing in the file", hint);
    }
    Some(builder.roots)
}

enum Open {
    List { at: Position, items: Vec<Node> },
    Object { at: Position, entries: Vec<Entry>, key: Option<(String, Position)> },
}

struct Builder {
    open: Vec<Open>,
    roots: Vec<Node>,
    documents: usize,
    /// Whether more than one is read.
    many: bool,
}

impl Builder {
    /// Takes one event; `false` when reading on makes no sense.
    fn take(&mut self, event: Event<'_>, at: Position, report: &mut Report) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 && !self.many {
                    let hint = "put each document into a file of its own";
                    report.add(Code::Syntax, Some(at), "a second document in one file", hint);
                    return false;
                }
            }
            Event::Alias(_) => {
                report.add(Code::Syntax, Some(at), "aliases (`*name`) are not read", "write the value out");
                self.put(Value::Null, at, report);
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), at, report);
                let is_key = matches!(self.open.last(), Some(Open::Object { key: None, .. }));
                if is_key && text == "<<" && style == ScalarStyle::Plain {
                    let hint = "write the keys out";
                    report.add(Code::Syntax, Some(at), "merge keys (`<<`) are not read", hint);
                }
                let plain = style == ScalarStyle::Plain && !is_key;
                let value = if plain { scalar::value(&text) } else { Value::Text(text.into_owned()) };
                self.put(value, at, report);
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), at, report);
                return self.open(Open::List { at, items: Vec::new() }, at, report);
            }
            Event::MappingStart(anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), at, report);
                return self.open(Open::Object { at, entries: Vec::new(), key: None }, at, report);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { at, items }) => self.put(Value::List(items), at, report),
                Some(Open::Object { at, entries, .. }) => self.put(Value::Object(entries), at, report),
                None => {}
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        true
    }

    fn open(&mut self, open: Open, at: Position, report: &mut Report) -> bool {
        if matches!(self.open.last(), Some(Open::Object { key: None, .. })) {
            report.add(Code::Syntax, Some(at), "a list or an object as a key", "keys are text");
            return false;
        }
        if self.open.len() >= DEPTH_LIMIT {
            let message = format!("nested deeper than {DEPTH_LIMIT} levels");
            report.add(Code::Syntax, Some(at), message, "no key of Squall needs this");
            return false;
        }
        self.open.push(open);
        true
    }

    fn put(&mut self, value: Value, at: Position, report: &mut Report) {
        let node = Node { value, at: Some(at) };
        match self.open.last_mut() {
            None => self.roots.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Object { entries, key, .. }) => match (key.take(), node.value) {
                (Some((key, key_at)), value) => {
                    entries.push(Entry { key, at: Some(key_at), value: Node { value, at: Some(at) } });
                }
                (None, Value::Text(text)) => *key = Some((text, at)),
                (None, _) => {
                    report.add(Code::Syntax, Some(at), "a key that is not text", "keys are text");
                    *key = Some((String::new(), at));
                }
            },
        }
    }
}

fn refuse_properties(anchor: usize, tag: bool, at: Position, report: &mut Report) {
    if anchor != 0 {
        report.add(Code::Syntax, Some(at), "anchors (`&name`) are not read", "remove it");
    }
    if tag {
        report.add(Code::Syntax, Some(at), "tags (`!name`) are not read", "remove it; quote what is text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_of_all_kinds_are_read() {
        let json = "{\"a\": \"\\ud83d\\ude00 \\u00e4 \\/ \\\\ud83d\\\\ude00 \\n\"}";
        let node = read(json, &mut Report::default()).expect("JSON");
        assert_eq!(
            node.get("a").map(|n| &n.value),
            Some(&Value::Text("\u{1f600} \u{e4} / \\ud83d\\ude00 \n".to_owned()))
        );
    }
}
