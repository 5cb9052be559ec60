//! The parts of a mission's running time.

use super::bound::Share;
use super::declare::object;
use super::decode::no_check;
use super::mission::{LONGEST_MISSION_MS, Mission};
use super::scalar::Span;
use crate::diagnostic::{Code, Report};
use crate::node::{Node, Value};

/// Most stages of a mission: all of them stand in its record, which every worker reads several times a second.
pub(crate) const MOST_STAGES: usize = 100;

object! {
    /// A part of a mission's time with an intensity of its own.
    pub struct Stage check no_check {
        /// How long it lasts. Only the last stage may leave it out: it lasts until the deadline. Where all stages have it, baseline and
        /// stages have to fill the duration exactly.
        "for" => lasts: Span<1000, LONGEST_MISSION_MS> [optional],
        /// What the sampling rate of every scenario is multiplied with. A request that is sampled at one intensity is sampled at
        /// every higher one too.
        "intensity" => intensity: Share<1, 1_000_000> [required],
    }
}

/// Whether baseline and stages fit into the duration.
pub(super) fn check_stages(mission: &Mission, node: &Node, report: &mut Report) {
    let duration = mission.duration.millis();
    let baseline = mission.baseline.map_or(0, Span::millis);
    if baseline >= duration {
        let hint = "give a `duration` that is longer: the baseline is part of it";
        conflict(node, "baseline", "the baseline leaves no time to inject".to_owned(), hint, report);
        return;
    }
    let Some(stages) = &mission.stages else { return };
    if stages.len() > MOST_STAGES {
        let message = format!("{} stages", stages.len());
        let at = node.get("stages").and_then(|n| n.at);
        let hint = format!("give at most {MOST_STAGES}");
        report.in_key("stages", |r| r.add(Code::OutOfRange, at, message, hint));
        return;
    }
    let open = stages.iter().position(|stage| stage.lasts.is_none());
    if let Some(open) = open.filter(|open| open.saturating_add(1) < stages.len()) {
        let at = item(node, open).and_then(|stage| stage.at);
        let hint = "add `for`: only the last stage lasts until the deadline";
        report.in_key("stages", |r| {
            r.in_item(open, |r| {
                r.in_key("for", |r| r.add(Code::Conflict, at, "it has no end, and more stages follow", hint));
            });
        });
        return;
    }
    let sum = stages.iter().filter_map(|stage| stage.lasts).map(Span::millis);
    let sum = sum.fold(baseline, u64::saturating_add);
    let show = |ms: u64| humantime::format_duration(std::time::Duration::from_millis(ms)).to_string();
    let (filled, hint) = match open {
        Some(_) => (sum < duration, "shorten them, or give a longer `duration`".to_owned()),
        None => {
            (sum == duration, format!("leave `for` out of the last one, or give `duration: {}`", show(sum)))
        }
    };
    if !filled {
        let message =
            format!("baseline and stages take {}, and the duration is {}", show(sum), show(duration));
        conflict(node, "stages", message, &hint, report);
    }
}

fn conflict(node: &Node, key: &str, message: String, hint: &str, report: &mut Report) {
    let at = node.get(key).and_then(|n| n.at);
    report.in_key(key, |r| r.add(Code::Conflict, at, message, hint));
}

fn item(node: &Node, number: usize) -> Option<&Node> {
    match &node.get("stages")?.value {
        Value::List(items) => items.get(number),
        _ => None,
    }
}
