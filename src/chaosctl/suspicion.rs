//! What is no mistake by itself and still makes a mission do less than its author thinks.

use crate::source::Source;
use squall_policy::{Code, Node, Position, Report, Value, wire};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Adds warnings about a mission that has no mistakes.
pub fn check(catalog: &wire::Catalog, mission: &wire::Mission, file: &mut Source) {
    let places = file.node.clone();
    let mut report = Report::default();
    already_over(mission, places.as_ref(), &mut report);
    unreachable_scenarios(catalog, mission, places.as_ref(), &mut report);
    file.add(report);
}

/// Adds warnings about a catalog that has no mistakes.
pub fn check_catalog(catalog: &wire::Catalog, file: &mut Source) {
    let places = file.node.clone();
    let mut report = Report::default();
    for (index, scenario) in catalog.scenarios.iter().enumerate() {
        if scenario.severity >= wire::Severity::High
            || !takes_everything(scenario)
            || !always_aborts(scenario)
        {
            continue;
        }
        let place = item(places.as_ref(), index).and_then(|n| n.at);
        let severity = scenario.severity.word();
        let message = format!("`{}` is of severity {severity} and aborts every request", scenario.name.0);
        let hint = "give it a `scope` with a `match` or a `sample`; a real outage is of severity `high`";
        report.in_key("scenarios", |r| {
            r.in_item(index, |r| r.add(Code::TakesEverything, place, message, hint));
        });
    }
    file.add(report);
}

fn always_aborts(scenario: &wire::Scenario) -> bool {
    scenario.faults.iter().any(|f| f.abort.as_ref().is_some_and(|a| a.percent == wire::Percent::ALL))
}

/// An item of the list `scenarios`, which catalogs and missions have.
fn item(node: Option<&Node>, index: usize) -> Option<&Node> {
    match &node?.get("scenarios")?.value {
        Value::List(items) => items.get(index),
        _ => None,
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

fn unreachable_scenarios(
    catalog: &wire::Catalog,
    mission: &wire::Mission,
    node: Option<&Node>,
    report: &mut Report,
) {
    if mission.composition != wire::CompositionWord::FirstMatch {
        return;
    }
    let scenarios: Vec<&wire::Scenario> = mission
        .scenarios
        .iter()
        .filter_map(|name| catalog.scenarios.iter().find(|s| s.name == *name))
        .collect();
    for (index, scenario) in scenarios.iter().enumerate() {
        let Some(taker) = scenarios.iter().take(index).find(|earlier| takes_all_of(earlier, scenario)) else {
            continue;
        };
        let message = format!("no request reaches `{}`: `{}` takes them all", scenario.name.0, taker.name.0);
        let hint = "put it first, narrow the other's scope, or write `composition: independent`";
        report.in_key("scenarios", |r| {
            r.in_item(index, |r| {
                r.add(Code::Unreachable, item(node, index).and_then(|n| n.at), message, hint)
            });
        });
    }
}

/// Whether every request of `later` gets a fault of `earlier`, which asks first.
fn takes_all_of(earlier: &wire::Scenario, later: &wire::Scenario) -> bool {
    let all = wire::Percent::ALL;
    let always = earlier.faults.iter().any(|fault| {
        fault.delay.as_ref().is_some_and(|d| d.percent == all)
            || fault.abort.as_ref().is_some_and(|a| a.percent == all)
    });
    let direction =
        |s: &wire::Scenario| s.scope.as_ref().map_or(wire::DirectionWord::Any, |scope| scope.direction);
    let same_side = direction(earlier) == wire::DirectionWord::Any || direction(earlier) == direction(later);
    always && same_side && takes_everything(earlier)
}

/// Whether the scenario samples every request of its side of the proxy.
fn takes_everything(scenario: &wire::Scenario) -> bool {
    scenario.scope.as_ref().is_none_or(|scope| {
        let all = |s: &wire::Sample| s.percent == wire::Percent::ALL && s.by == wire::SampleBy::Request;
        scope.any_of.is_none() && scope.sample.as_ref().is_none_or(all)
    })
}
