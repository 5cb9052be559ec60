//! When a scenario is on, within the running time of its mission.

use super::declare::{object, words};
use super::decode::{Decode, Kind, no_check, text};
use super::load::Load;
use super::scalar::{Span, Timestamp};
use crate::diagnostic::{Code, Report};
use crate::node::Node;

/// Longest period of `randomize`, in milliseconds: one day.
const LONGEST_PERIOD_MS: u64 = 24 * 3_600_000;
const MINUTES_OF_A_DAY: u32 = 24 * 60;

object! {
    /// When a scenario is on; all that is given has to hold. Absent: whenever the mission runs. A request that has its fault
    /// already keeps it.
    pub struct Trigger shape some_trigger, check no_check {
        /// Times of the wall clock.
        "window" => window: Window [optional],
        /// How busy the scope is.
        "load" => load: Load [optional],
        /// On by chance, for one span of each period.
        "randomize" => randomize: Randomize [optional],
    }
}

object! {
    /// Times of the wall clock; all that is given has to hold.
    pub struct Window shape some_time, check check_window {
        /// On from this moment.
        "start" => start: Timestamp [optional],
        /// Off from this moment.
        "end" => end: Timestamp [optional],
        /// Days of the week.
        "days" => days: Vec<Day> [optional],
        /// Hours of the day, such as `09:00-17:00`, the second one excluded. `22:00-06:00` passes midnight, and then belongs to
        /// the day on which it begins.
        "between" => between: Hours [optional],
        /// Offset from UTC of `days` and `between`, such as `+01:00`; it knows no summer time.
        "timezone" => timezone: Offset [default "+00:00" = Offset(0)],
    }
}

words! {
    /// Day of the week.
    pub enum Day { Mon = "mon", Tue = "tue", Wed = "wed", Thu = "thu", Fri = "fri", Sat = "sat", Sun = "sun" }
}

object! {
    /// On for one span of `active` in each `period` of the mission's running time. Where in the period it lies, is drawn from
    /// the seed, the scenario's name and the number of the period.
    pub struct Randomize check check_randomize {
        /// Length of a period.
        "period" => period: Span<1000, LONGEST_PERIOD_MS> [required],
        /// How long it is on in each; shorter than `period`.
        "active" => active: Span<100, LONGEST_PERIOD_MS> [required],
    }
}

/// A span of the day in minutes since midnight, the end excluded; the end before the beginning passes midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    pub from: u32,
    pub to: u32,
}

/// Minutes east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset(pub i32);

impl Window {
    /// Whether it has closed for ever.
    #[must_use]
    pub fn is_over(&self, wall_ms: u64) -> bool {
        self.end.is_some_and(|end| end.0 <= wall_ms)
    }
}

impl Decode for Hours {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = text(node, report)?;
        let hours = text.split_once('-').and_then(|(from, to)| {
            let (from, to) = (minutes(from)?, minutes(to)?);
            (from < MINUTES_OF_A_DAY && to <= MINUTES_OF_A_DAY && from != to).then_some(Self { from, to })
        });
        if hours.is_none() {
            bad(node, "a span of the day", "write it as 09:00-17:00, or 22:00-06:00", report);
        }
        hours
    }

    fn kind() -> Kind {
        Kind::plain("span of the day, `HH:MM-HH:MM`")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"), 64)
    }
}

impl Decode for Offset {
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let text = text(node, report)?;
        let offset = match text.split_at_checked(1) {
            Some(("Z", "")) => Some(0),
            Some((sign @ ("+" | "-"), offset)) => minutes(offset)
                .filter(|minutes| *minutes <= 14 * 60)
                .and_then(|minutes| i32::try_from(minutes).ok())
                .map(|minutes| if sign == "-" { minutes.saturating_neg() } else { minutes }),
            _ => None,
        };
        if offset.is_none() {
            bad(node, "an offset from UTC", "write it as +01:00 or -05:30, at most 14 hours", report);
        }
        offset.map(Self)
    }

    fn kind() -> Kind {
        Kind::plain("offset from UTC, `+HH:MM` or `-HH:MM`")
    }

    #[cfg(feature = "docs")]
    fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
        super::schema::text::<Self>(Some("^(Z|[+-][0-9]{2}:[0-9]{2})$"), 64)
    }
}

/// `HH:MM` as minutes; two digits each.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let minutes = number(minutes).filter(|minutes| *minutes < 60)?;
    Some(number(hours)?.saturating_mul(60).saturating_add(minutes))
}

fn bad(node: &Node, what: &str, hint: &str, report: &mut Report) {
    let shown: String = match &node.value {
        crate::node::Value::Text(text) => text.chars().take(80).collect(),
        _ => String::new(),
    };
    report.add(Code::BadFormat, node.at, format!("{shown:?} is not {what}"), hint);
}

fn some_trigger(node: &Node, all_known: bool, report: &mut Report) {
    if all_known && ["window", "load", "randomize"].iter().all(|key| node.get(key).is_none()) {
        let hint = "add `window`, `load` or `randomize`, or remove `trigger`";
        report.add(Code::NothingGiven, node.at, "a trigger without a condition", hint);
    }
}

fn some_time(node: &Node, all_known: bool, report: &mut Report) {
    let given = |key: &&str| node.get(key).is_some();
    if all_known && !["start", "end", "days", "between"].iter().any(given) {
        let hint = "add `start`, `end`, `days` or `between`";
        report.add(Code::NothingGiven, node.at, "a window that is always open", hint);
    } else if let (Some(timezone), false) = (node.get("timezone"), ["days", "between"].iter().any(given)) {
        let hint = "remove it: `start` and `end` are in UTC";
        let message = "`timezone` is for `days` and `between`";
        report.in_key("timezone", |r| r.add(Code::Conflict, timezone.at, message, hint));
    }
}

fn check_window(window: &Window, node: &Node, report: &mut Report) {
    if window.start.zip(window.end).is_some_and(|(start, end)| end <= start) {
        let at = node.get("end").and_then(|n| n.at);
        let message = "the window ends before it begins";
        report.in_key("end", |r| r.add(Code::Conflict, at, message, "give an `end` after `start`"));
    }
}

fn check_randomize(randomize: &Randomize, node: &Node, report: &mut Report) {
    if randomize.active.0 >= randomize.period.0 {
        let at = node.get("active").and_then(|n| n.at);
        let hint = "give less than `period`, or remove `randomize`";
        report.in_key("active", |r| r.add(Code::Conflict, at, "it would always be on", hint));
    }
}
