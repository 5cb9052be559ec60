//! What is no mistake by itself and still makes a mission do less than its author thinks.

use crate::overlap;
use crate::source::Source;
use squall_policy::{Code, Node, Position, Report, Value, wire};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Adds warnings about a mission that has no mistakes.
pub fn check(catalog: &wire::Catalog, mission: &wire::Mission, file: &mut Source) {
    let places = file.node.clone();
    let mut report = Report::default();
    already_over(mission, places.as_ref(), &mut report);
    windows_outside(catalog, mission, places.as_ref(), &mut report);
    let scenarios: Vec<&wire::Scenario> = mission
        .scenarios
        .iter()
        .filter_map(|name| catalog.scenarios.iter().find(|s| s.name == *name))
        .collect();
    unreachable_scenarios(&scenarios, mission, places.as_ref(), &mut report);
    union_rate(&scenarios, mission, places.as_ref(), &mut report);
    file.add(report);
}

/// Adds warnings about a catalog that has no mistakes.
pub fn check_catalog(catalog: &wire::Catalog, file: &mut Source) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let places = file.node.clone();
    let mut report = Report::default();
    for (index, scenario) in catalog.scenarios.iter().enumerate() {
        ends_everything(scenario, item(places.as_ref(), index), index, &mut report);
        let window = scenario.trigger.as_ref().and_then(|t| t.window.as_ref());
        let Some(end) = window.filter(|w| w.is_over(now_ms)).and_then(|w| w.end) else { continue };
        let place = item(places.as_ref(), index).and_then(|n| n.get("trigger")).and_then(|n| n.get("window"));
        let message = format!("the window of `{}` closed at {}", scenario.name.0, shown(end));
        let hint = "give a later `end`, or remove it";
        let in_window = |r: &mut Report| r.add(Code::AlreadyOver, at(place, "end"), message, hint);
        report.in_key("scenarios", |r| {
            r.in_item(index, |r| r.in_key("trigger", |r| r.in_key("window", |r| r.in_key("end", in_window))));
        });
    }
    file.add(report);
}

fn ends_everything(scenario: &wire::Scenario, node: Option<&Node>, index: usize, report: &mut Report) {
    let mild = scenario.severity < wire::Severity::High;
    if !mild || is_off_at_times(scenario) || !takes_everything(scenario) || !always_ends(scenario) {
        return;
    }
    let severity = scenario.severity.word();
    let message = format!("`{}` is of severity {severity} and answers no request", scenario.name.0);
    let hint = "give it a `scope` with a `match` or a `sample`; a real outage is of severity `high`";
    let place = node.and_then(|n| n.at);
    report.in_key("scenarios", |r| r.in_item(index, |r| r.add(Code::TakesEverything, place, message, hint)));
}

fn is_off_at_times(scenario: &wire::Scenario) -> bool {
    scenario.trigger.is_some() || scenario.burst.is_some()
}

fn always_ends(scenario: &wire::Scenario) -> bool {
    let all = wire::Percent::ALL;
    let ends = |drop: &wire::DropFault| drop.mode != wire::DropMode::Truncate && drop.percent == all;
    scenario.faults.iter().any(|f| {
        f.abort.as_ref().is_some_and(|abort| abort.percent == all) || f.drop.as_ref().is_some_and(ends)
    })
}

/// An item of the list `scenarios`, which catalogs and missions have.
fn item(file: Option<&Node>, index: usize) -> Option<&Node> {
    match &file?.get("scenarios")?.value {
        Value::List(items) => items.get(index),
        _ => None,
    }
}

fn shown(moment: wire::Timestamp) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(moment.0))
}

/// Scenarios whose window is closed for as long as the mission runs.
fn windows_outside(
    catalog: &wire::Catalog,
    mission: &wire::Mission,
    node: Option<&Node>,
    report: &mut Report,
) {
    let Some(start) = mission.start else { return };
    let end = start.0.saturating_add(mission.duration.millis());
    for (index, name) in mission.scenarios.iter().enumerate() {
        let scenario = catalog.scenarios.iter().find(|s| s.name == *name);
        let window = scenario.and_then(|s| s.trigger.as_ref()).and_then(|t| t.window.as_ref());
        let Some(window) = window else { continue };
        let message = match (window.start, window.end) {
            (Some(opens), _) if opens.0 >= end => {
                format!("the window of `{}` opens at {}", name.0, shown(opens))
            }
            (_, Some(closes)) if closes <= start => {
                format!("the window of `{}` closes at {}", name.0, shown(closes))
            }
            _ => continue,
        };
        let message = format!(
            "{message}, and the mission runs from {} to {}",
            shown(start),
            shown(wire::Timestamp(end))
        );
        let place = item(node, index).and_then(|n| n.at);
        let hint = "move the mission's `start` or the window";
        report.in_key("scenarios", |r| r.in_item(index, |r| r.add(Code::NeverFires, place, message, hint)));
    }
}

fn at(node: Option<&Node>, key: &str) -> Option<Position> {
    node?.get(key)?.at
}

fn already_over(mission: &wire::Mission, node: Option<&Node>, report: &mut Report) {
    let Some(start) = mission.start else { return };
    let end = UNIX_EPOCH + Duration::from_millis(start.0) + mission.duration.0;
    let Ok(since) = SystemTime::now().duration_since(end) else { return };
    let since = humantime::format_duration(Duration::from_secs(since.as_secs()));
    let message = format!("the mission ended {since} ago, at {}", humantime::format_rfc3339_seconds(end));
    report.in_key("start", |r| {
        r.add(
            Code::AlreadyOver,
            at(node, "start"),
            message,
            "give a later `start`, or remove it; and a new `id`",
        );
    });
}

/// More than half of the requests get a fault, and a tenth more than any scenario says.
const UNION: f64 = 0.5;
const ABOVE_ANY: f64 = 0.1;
/// Most scenarios that are named.
const NAMED: usize = 4;

fn union_rate(
    scenarios: &[&wire::Scenario],
    mission: &wire::Mission,
    node: Option<&Node>,
    report: &mut Report,
) {
    let Some(group) = overlap::worst(scenarios).filter(|g| g.union > UNION && g.excess() >= ABOVE_ANY) else {
        return;
    };
    let Some((last, _)) = group.members.last() else { return };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mut names: Vec<String> = group
        .members
        .iter()
        .take(NAMED)
        .filter_map(|(number, share)| {
            Some(format!("`{}` ({})", scenarios.get(*number)?.name.0, percent(*share)))
        })
        .collect();
    if let Some(more) = group.members.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    let message = format!(
        "{} may meet the same requests: together they fault {} of them",
        names.join(", "),
        percent(group.union)
    );
    let hint = match mission.composition {
        wire::CompositionWord::Independent => "narrow a scope, or lower a `percent`",
        wire::CompositionWord::FirstMatch => {
            "narrow a scope, or lower a `percent`; the later ones get only what the earlier ones leave"
        }
    };
    let place = item(node, *last).and_then(|n| n.at);
    report.in_key("scenarios", |r| r.in_item(*last, |r| r.add(Code::UnionRate, place, message, hint)));
}

fn unreachable_scenarios(
    scenarios: &[&wire::Scenario],
    mission: &wire::Mission,
    node: Option<&Node>,
    report: &mut Report,
) {
    if mission.composition != wire::CompositionWord::FirstMatch {
        return;
    }
    for (index, scenario) in scenarios.iter().enumerate() {
        let Some(taker) = scenarios.iter().take(index).find(|earlier| takes_all_of(earlier, scenario)) else {
            continue;
        };
        let item = item(node, index);
        let message = format!("no request reaches `{}`: `{}` takes them all", scenario.name.0, taker.name.0);
        let hint = "put it first, narrow the other's scope, or write `composition: independent`";
        report.in_key("scenarios", |r| {
            r.in_item(index, |r| r.add(Code::Unreachable, item.and_then(|n| n.at), message, hint));
        });
    }
}

/// Whether every request of `later` gets a fault of `earlier`, which asks first.
fn takes_all_of(earlier: &wire::Scenario, later: &wire::Scenario) -> bool {
    let all = wire::Percent::ALL;
    let drawn = |fault: &wire::Fault| {
        fault.alternatives().iter().all(|(_, fault)| fault.percent() == all && fault.requested.is_none())
    };
    let always = earlier.faults.iter().any(drawn);
    let direction =
        |s: &wire::Scenario| s.scope.as_ref().map_or(wire::DirectionWord::Any, |scope| scope.direction);
    let same_side = direction(earlier) == wire::DirectionWord::Any || direction(earlier) == direction(later);
    let lifts = |s: &wire::Scenario| s.scope.as_ref().is_some_and(|scope| scope.allow_protected);
    let spares_more = earlier.scope.as_ref().is_some_and(|scope| scope.protect.is_some())
        || (lifts(later) && !lifts(earlier));
    always && same_side && takes_everything(earlier) && !spares_more && !is_off_at_times(earlier)
}

/// Whether the scenario samples every request of its side of the proxy, protected ones aside.
fn takes_everything(scenario: &wire::Scenario) -> bool {
    scenario.scope.as_ref().is_none_or(|scope| {
        let all = |s: &wire::Sample| s.percent == wire::Percent::ALL && s.by == wire::SampleBy::Request;
        scope.any_of.is_none()
            && scope.service.is_none()
            && scope.labels.is_none()
            && scope.dependency.is_none()
            && scope.source.is_none()
            && scope.attempts.is_none()
            && scope.first.is_none()
            && scope.sample.as_ref().is_none_or(all)
    })
}
