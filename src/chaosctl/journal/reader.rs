//! Reads a journal, also one whose run was killed or still goes on.

use super::VERSION;
use super::record::{Entry, Record, Started, Verdict};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;

/// What a file tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    pub started: Started,
    /// All lines in their order, the first one included.
    pub records: Vec<Record>,
    /// Lines of kinds that this chaosctl does not know.
    pub skipped: usize,
    /// Whether the last line was left unfinished.
    pub is_torn: bool,
}

impl Journal {
    /// Absent where the run did not come to its end.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.records.iter().rev().find_map(|record| match &record.entry {
            Entry::Verdict(verdict) => Some(verdict),
            _ => None,
        })
    }
}

/// # Errors
/// When the file cannot be read, or is no journal; with the line.
pub fn read(path: &Path) -> anyhow::Result<Journal> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&bytes).with_context(|| format!("{} is no journal of `chaosctl run`", path.display()))
}

/// # Errors
/// With the number of the first line that is none of a journal. Only the last one may be torn.
pub fn parse(bytes: &[u8]) -> anyhow::Result<Journal> {
    let (mut records, mut skipped, mut is_torn) = (Vec::new(), 0, false);
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        // What follows the last end of a line, if anything does, is a line that was being written.
        let is_last = lines.peek().is_none();
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match record(line).with_context(|| format!("line {}", number + 1)) {
            Ok(Some(record)) => records.push(record),
            Ok(None) => skipped += 1,
            Err(_) if is_last => is_torn = true,
            Err(error) => return Err(error),
        }
    }
    let Some(Entry::Started(started)) = records.first().map(|record| record.entry.clone()) else {
        anyhow::bail!("line 1: a journal begins with `run.started`");
    };
    let version = started.version;
    ensure!(version == VERSION, "line 1: version {version}, and this chaosctl reads version {VERSION}");
    Ok(Journal { started, records, skipped, is_torn })
}

/// `None` for a kind that is not known.
fn record(line: &[u8]) -> anyhow::Result<Option<Record>> {
    let value: Value = serde_json::from_slice(line)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let at = text("at").context("no `at`")?;
    let t_ms = value.get("t_ms").and_then(Value::as_u64).context("no `t_ms`")?;
    let kind = text("kind").context("no `kind`")?;
    if !KINDS.contains(&kind.as_str()) {
        return Ok(None);
    }
    let entry = serde_json::from_value(value).with_context(|| format!("kind `{kind}`"))?;
    Ok(Some(Record { at, t_ms, entry }))
}

const KINDS: [&str; 10] = [
    "run.started",
    "preflight",
    "action",
    "phase",
    "sample",
    "event",
    "proxy",
    "promql",
    "interrupted",
    "verdict",
];

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::super::record::*;
    use super::*;
    use serde_json::json;

    fn started() -> Entry {
        Entry::Started(Started {
            version: VERSION,
            chaosctl: "0.1.0".to_owned(),
            run: "run-1".to_owned(),
            mission: json!({"id": "run-1"}),
            scenarios: vec![json!({"name": "cut"})],
            proxies: vec!["http://a".to_owned()],
            prometheus: None,
            options: serde_json::Map::new(),
            hypothesis: vec![Expected {
                scenario: "cut".to_owned(),
                signal: "latency_p95".to_owned(),
                expected: "<= 350ms".to_owned(),
            }],
        })
    }

    /// One of each kind.
    fn all() -> Vec<Entry> {
        let text = |text: &str| text.to_owned();
        let stage = Some(Stage { number: 1, of: 2, intensity_percent: 12.5 });
        vec![
            started(),
            Entry::Preflight(Preflight {
                check: text("clock"),
                proxy: Some(text("http://a")),
                ok: Some(true),
                detail: text("fine"),
            }),
            Entry::Action(Action {
                what: What::Renew,
                proxy: text("http://a"),
                ok: false,
                detail: text("late"),
            }),
            Entry::Phase(Phase { phase: PhaseName::Injecting, stage }),
            Entry::Sample(Sample { proxy: text("http://a"), status: json!({"state": "idle"}) }),
            Entry::Event(Event { proxy: text("http://a"), event: json!({"event": "mission.accepted"}) }),
            Entry::Proxy(Proxy {
                proxy: text("http://a"),
                state: ProxyState::Lost,
                detail: text("no answer\nat all"),
            }),
            Entry::Promql(Promql {
                name: text("errors"),
                role: Role::Guardrail,
                expression: text("up"),
                value: None,
                ok: None,
                detail: text("no data"),
            }),
            Entry::Interrupted(Interrupted { by: text("SIGTERM"), count: 1 }),
            Entry::Verdict(Verdict {
                verdict: Word::Inconclusive,
                reasons: vec![text("nothing was injected")],
                signals: vec![Judged {
                    scenario: text("cut"),
                    signal: text("latency_p95"),
                    expected: text("<= 350ms"),
                    verdict: Word::Held,
                    value: Some(1.5),
                    low: None,
                    high: None,
                    source: text("all proxies"),
                }],
                proxies: vec![Fate {
                    proxy: text("http://a"),
                    state: text("done"),
                    injected: 1,
                    matched: 2,
                    how: text("done"),
                }],
                halts: vec![],
                mission_id: text("run-1"),
                seed: None,
            }),
        ]
    }

    fn lines(entries: &[Entry]) -> String {
        let record = |entry: &Entry| Record {
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            t_ms: 7,
            entry: entry.clone(),
        };
        entries.iter().map(|entry| record(entry).line().expect("a line")).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.jsonl");
        let mut writer = Writer::create(&path).expect("a journal");
        let written: Vec<Record> =
            all().into_iter().map(|entry| writer.write(entry).expect("written")).collect();
        let read = read(&path).expect("a journal");
        assert_eq!((read.records.len(), read.skipped, read.is_torn), (KINDS.len(), 0, false));
        assert_eq!(read.verdict().map(|verdict| verdict.verdict), Some(Word::Inconclusive));
        assert_eq!(read.records, written);
    }

    #[test]
    fn a_run_that_was_killed_leaves_a_journal_that_is_read_up_to_the_torn_line() {
        let whole = lines(&all());
        let last = whole.trim_end().rfind('\n').expect("lines") + 1;
        for cut in [last + 1, last + 20, whole.len() - 2] {
            let read = parse(&whole.as_bytes()[..cut]).expect("a journal");
            assert_eq!(
                (read.records.len(), read.is_torn, read.verdict()),
                (KINDS.len() - 1, true, None),
                "{cut}"
            );
        }
        // Also in the middle of a character.
        let torn = [lines(&all()[..1]).as_bytes(), b"{\"at\": \"\xc3"].concat();
        assert!(parse(&torn).expect("a journal").is_torn);
        // Nothing but the end of the line is missing.
        let read = parse(whole.trim_end().as_bytes()).expect("a journal");
        assert_eq!((read.records.len(), read.is_torn), (KINDS.len(), false));
    }

    #[test]
    fn kinds_and_keys_of_later_versions_are_left_out() {
        let later = "{\"at\": \"2026\", \"t_ms\": 1, \"kind\": \"weather\", \"sky\": \"blue\"}\n\n\
            {\"at\": \"2026\", \"t_ms\": 1, \"kind\": \"interrupted\", \"by\": \"SIGINT\", \"count\": 1, \"mood\": 3}\n";
        let read = parse(format!("{}{later}", lines(&[started()])).as_bytes()).expect("a journal");
        assert_eq!((read.records.len(), read.skipped), (2, 1));
    }

    #[test]
    fn what_is_no_journal_is_told_with_its_line() {
        let first = lines(&[started()]);
        let other = first.replace("\"version\":1", "\"version\":2");
        let end = "{\"at\": \"2026\", \"t_ms\": 1, \"kind\": \"weather\"}\n";
        for (text, told) in [
            (String::new(), "begins with `run.started`"),
            ("hello\nworld\n".to_owned(), "line 1"),
            (format!("{first}hello\n{end}"), "line 2"),
            // Finished by its end of line, so not torn.
            (format!("{first}{{\"at\": \n"), "line 2"),
            (format!("{first}{{\"t_ms\": 1, \"kind\": \"phase\"}}\n"), "line 2: no `at`"),
            (
                format!("{first}{{\"at\": \"\", \"t_ms\": 1, \"kind\": \"phase\", \"phase\": \"x\"}}\n"),
                "line 2: kind `phase`",
            ),
            (other, "version 2"),
        ] {
            let error = format!("{:#}", parse(text.as_bytes()).expect_err(&text));
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
