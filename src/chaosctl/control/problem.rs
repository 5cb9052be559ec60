//! Problems of proxies (RFC 9457), as a person reads them.

use crate::findings;
use crate::inputs::locate;
use crate::source::Source;
use crate::terminal::{Paint, Style, shown};
use serde_json::Value;
use squall_policy::{Code, Diagnostic, Position, Report};

/// Why a proxy did not do it.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: u16,
    pub code: String,
    pub body: Value,
}

impl Problem {
    /// `None` for what is no problem.
    pub fn read(status: u16, body: Value) -> Option<Self> {
        let code = body.get("code")?.as_str()?.to_owned();
        Some(Self { status, code, body })
    }

    fn text(&self, key: &str) -> String {
        shown(self.body.get(key).and_then(Value::as_str).unwrap_or_default())
    }

    /// In a line.
    pub fn line(&self) -> String {
        let detail = self.text("detail");
        let words = if detail.is_empty() { self.text("title") } else { detail };
        format!("{words} ({}, status {})", shown(&self.code), self.status)
    }

    /// In full. `document` is what was sent, where a person wrote it.
    pub fn told(&self, proxy: &str, document: Option<&Source>, paint: Paint) -> String {
        let head = format!("refused[{}]", shown(&self.code));
        let title = format!(": {} (status {})", self.text("title"), self.status);
        let mut out = format!("{}{}\n", paint.paint(Style::Error, &head), paint.paint(Style::Strong, &title));
        out += &format!(" {} {}\n", paint.paint(Style::Place, "-->"), shown(proxy));
        let sign = paint.paint(Style::Place, "=");
        let found = self.findings();
        let detail = self.text("detail");
        if !detail.is_empty() && found.len() != 1 {
            out += &format!("  {sign} {detail}\n");
        }
        if let Some(hint) = hint(&self.code, proxy) {
            out += &format!("  {sign} help: {hint}\n");
        }
        out.push('\n');
        out + &text(&found, document, paint)
    }

    fn findings(&self) -> Vec<&Value> {
        self.body
            .get("findings")
            .and_then(Value::as_array)
            .map(|list| list.iter().collect())
            .unwrap_or_default()
    }
}

/// The findings as `chaosctl validate` shows them.
fn text(found: &[&Value], document: Option<&Source>, paint: Paint) -> String {
    let name = document.map_or("the request", |document| document.name.as_str());
    let mut source = Source::nothing(name);
    source.text = document.map(|document| document.text.clone()).unwrap_or_default();
    let mut report = Report::default();
    let mut others = String::new();
    for finding in found {
        let text = |key: &str| finding.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(code) = Code::ALL.iter().find(|code| code.slug() == text("code")) else {
            // Of a newer proxy.
            others += &format!(
                "{}: {}\n  = help: {}\n\n",
                shown(&text("code")),
                shown(&text("message")),
                shown(&text("hint"))
            );
            continue;
        };
        let path = text("at");
        let (path, at) = match document {
            Some(document) => place(document, &path, *code),
            None => (path, position(finding)),
        };
        report.findings.push(Diagnostic {
            code: *code,
            path,
            at,
            message: text("message"),
            hint: text("hint"),
        });
    }
    source.add(report);
    findings::text(&source, paint) + &others
}

/// A proxy counts the lines of what it was sent, which is not always the file as it was written: the key is looked up in the file.
fn place(document: &Source, path: &str, code: Code) -> (String, Option<Position>) {
    let path = path.strip_prefix("mission").unwrap_or(path);
    let path = path.strip_prefix('.').unwrap_or(path).to_owned();
    let first: String = path.chars().take_while(|c| !matches!(c, '.' | '[')).collect();
    let node = document.node.as_ref().filter(|node| path.is_empty() || node.get(&first).is_some());
    let at = node.and_then(|node| locate(node, &path, code));
    (path, at)
}

fn position(finding: &Value) -> Option<Position> {
    let number = |key: &str| finding.get(key)?.as_u64().and_then(|number| u32::try_from(number).ok());
    Some(Position { line: number("line")?, column: number("column")? })
}

/// The next command.
fn hint(code: &str, proxy: &str) -> Option<String> {
    Some(match code {
        "mission-runs" => {
            format!("`chaosctl status --proxy {proxy}` shows it, `chaosctl stop --proxy {proxy}` stops it")
        }
        "mission-ended" => "give the mission a new `id`, and sign it again where it was signed".to_owned(),
        "halted" => format!(
            "`chaosctl release --proxy {proxy}` once the reason is gone; `chaosctl status` tells who halted and why"
        ),
        "unknown-mission" => format!("`chaosctl status --proxy {proxy}` tells which one it has"),
        "foreign-host" => {
            "ask under an address, `localhost`, or a name of `control_hosts` in its configuration".to_owned()
        }
        "config-rejected" => {
            format!("`curl {proxy}/v1/events` tells what is wrong with it; a halt works all the same")
        }
        "too-many-requests" | "busy" | "contended" => "try again in a moment".to_owned(),
        _ => return None,
    })
}
