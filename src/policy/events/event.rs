//! One event as a line of JSON: its name, its moment, then what it is about.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

/// Longest line, in bytes. A key that would make it longer is left out, and the line says `"cut":true`.
pub const LONGEST_LINE: usize = 4096;
/// Longest text of one key, in bytes; the rest of it is left out.
const LONGEST_TEXT: usize = 1024;
/// Most items of a list; the rest is left out.
const MOST_ITEMS: usize = 32;
/// What the end of a line may still need: `,"cut":true}`.
const TAIL: usize = 12;
/// Bytes before the name: `{"event":"`.
const START: usize = 10;
/// The end of the year 9999: RFC 3339 has no later moment.
const LAST_MS: u64 = 253_402_300_799_999;

macro_rules! names {
    ($( $variant:ident = $word:literal ),+ $(,)?) => {
        /// The events there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Name { $( $variant ),+ }

        impl Name {
            pub const ALL: &'static [Self] = &[$( Self::$variant ),+];

            /// As the lines have it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }
    };
}

names! {
    MissionAccepted = "mission.accepted",
    MissionRefused = "mission.refused",
    StageStarted = "stage.started",
    MissionDone = "mission.done",
    MissionJudged = "mission.judged",
    GuardrailTripped = "guardrail.tripped",
    MissionHalted = "mission.halted",
    MissionStopped = "mission.stopped",
    MissionRenewed = "mission.renewed",
    RollbackDone = "rollback.done",
    HaltReleased = "halt.released",
    ConfigRejected = "config.rejected",
    RequestRefused = "request.refused",
}

/// A moment in UTC with milliseconds: `2026-12-01T09:00:00.000Z`.
#[must_use]
pub fn rfc3339(wall_ms: u64) -> String {
    let since = Duration::from_millis(wall_ms.min(LAST_MS));
    let moment = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(moment).to_string()
}

/// A line that is being written. Every text is escaped, so that no client writes lines of its own.
#[derive(Clone, Debug)]
#[must_use]
pub struct Event {
    at_ms: u64,
    line: String,
    /// Where the moment ends and what it is about begins.
    rest: usize,
    name: Name,
    cut: bool,
}

impl Event {
    /// `wall_ms`: when it happened, milliseconds since 1970.
    pub fn new(name: Name, wall_ms: u64) -> Self {
        let line = format!("{{\"event\":\"{}\",\"at\":\"{}\"", name.word(), rfc3339(wall_ms));
        Self { at_ms: wall_ms, rest: line.len(), line, name, cut: false }
    }

    /// Adds a text; of a long one its beginning.
    pub fn text(self, key: &str, value: &str) -> Self {
        let value = quoted(value);
        self.add(key, &value)
    }

    /// Adds a text where there is one.
    pub fn text_if(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    pub fn number(self, key: &str, value: u64) -> Self {
        self.add(key, &value.to_string())
    }

    /// Adds a number with up to three decimals, given in thousandths.
    pub fn thousandths(self, key: &str, value: i64) -> Self {
        let sign = if value < 0 { "-" } else { "" };
        let (whole, part) = (value.unsigned_abs() / 1000, value.unsigned_abs() % 1000);
        let digits = format!("{part:03}");
        let digits = digits.trim_end_matches('0');
        let dot = if digits.is_empty() { "" } else { "." };
        self.add(key, &format!("{sign}{whole}{dot}{digits}"))
    }

    pub fn flag(self, key: &str, value: bool) -> Self {
        self.add(key, if value { "true" } else { "false" })
    }

    /// Adds a list of texts; of a long one its beginning.
    pub fn texts(self, key: &str, values: &[&str]) -> Self {
        let mut list = String::from("[");
        for (number, value) in values.iter().take(MOST_ITEMS).enumerate() {
            if number > 0 {
                list.push(',');
            }
            list.push_str(&quoted(value));
        }
        list.push(']');
        self.add(key, &list)
    }

    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// The line, without a line break.
    #[must_use]
    pub fn line(&self) -> String {
        let end = if self.cut { ",\"cut\":true}" } else { "}" };
        [self.line.as_str(), end].concat()
    }

    /// Whether a line says the same, whenever it was.
    pub(super) fn is_said_by(&self, line: &str) -> bool {
        let own = self.line();
        // Moments are all of one length.
        let name = self.name.word();
        line.get(..self.rest).is_some_and(|head| head.get(START..).is_some_and(|head| head.starts_with(name)))
            && line.get(self.rest..) == own.get(self.rest..)
    }

    fn add(mut self, key: &str, value: &str) -> Self {
        let before = self.line.len();
        // Writing to a string does not fail.
        let _ = write!(self.line, ",{}:{value}", quoted(key));
        if self.line.len().saturating_add(TAIL) > LONGEST_LINE {
            self.line.truncate(before);
            self.cut = true;
        }
        self
    }
}

/// A JSON text of the beginning of a text.
fn quoted(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_TEXT);
    let shown = text.get(..end).unwrap_or_default();
    let whole = if end == text.len() { shown.to_owned() } else { format!("{shown}…") };
    let mut quoted = serde_json::Value::from(whole).to_string();
    // JSON lets DEL and the second set of control characters stand, and a terminal obeys them.
    if quoted.contains(char::is_control) {
        quoted = quoted.chars().fold(String::new(), |mut text, c| {
            let _ = if c.is_control() { write!(text, "\\u{:04x}", u32::from(c)) } else { text.write_char(c) };
            text
        });
    }
    quoted
}
