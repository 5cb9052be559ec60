//! When a scenario is on, in words.

use crate::words::span;
use squall_policy::wire;
use std::time::Duration;

/// When a scenario is on, where that is not all the time.
pub fn trigger(scenario: &wire::Scenario) -> Vec<String> {
    let trigger = scenario.trigger.as_ref();
    let randomize = trigger.and_then(|t| t.randomize.as_ref());
    let randomize =
        randomize.map(|r| format!("for a random {} of every {}", span(r.active.0), span(r.period.0)));
    let load = trigger.and_then(|t| t.load.as_ref()).map(load);
    let burst = scenario.burst.as_ref();
    let burst =
        burst.map(|b| format!("in bursts of about {} with about {} between", span(b.bad.0), span(b.good.0)));
    trigger
        .and_then(|t| t.window.as_ref())
        .map(window)
        .into_iter()
        .chain(load)
        .chain(randomize)
        .chain(burst)
        .collect()
}

/// What `explain` and `simulate` cannot know, where a scenario depends on it.
pub fn unknown_load(scenario: &wire::Scenario) -> Option<String> {
    let load = load(scenario.trigger.as_ref()?.load.as_ref()?);
    Some(format!("{}: on {load}, which is not known here: told as if it held", scenario.name.0))
}

fn load(load: &wire::Load) -> String {
    let bounds = |min: Option<u64>, max: Option<u64>, of: &str| match (min, max) {
        (Some(min), Some(max)) => Some(format!("{min} to {max} {of}")),
        (Some(min), None) => Some(format!("at least {min} {of}")),
        (None, Some(max)) => Some(format!("at most {max} {of}")),
        (None, None) => None,
    };
    let bounds = [
        bounds(load.min_rps.map(|n| n.0), load.max_rps.map(|n| n.0), "requests per second"),
        bounds(load.min_in_flight.map(|n| n.0), load.max_in_flight.map(|n| n.0), "requests under way"),
    ];
    format!("at a load of {}", bounds.into_iter().flatten().collect::<Vec<_>>().join(" and "))
}

fn window(window: &wire::Window) -> String {
    let moment = |t: wire::Timestamp| {
        humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_millis(t.0)).to_string()
    };
    let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let days =
        window.days.as_ref().map(|days| days.iter().map(|day| day.word()).collect::<Vec<_>>().join(", "));
    let hours = window.between.map(|h| format!("{} to {}", clock(h.from), clock(h.to)));
    let (sign, offset) = (if window.timezone.0 < 0 { '-' } else { '+' }, window.timezone.0.unsigned_abs());
    let local = days.is_some() || hours.is_some();
    let zone = local.then(|| format!("(UTC{sign}{})", clock(offset)));
    let start = window.start.map(|t| format!("from {}", moment(t)));
    let end = window.end.map(|t| format!("until {}", moment(t)));
    [start, end, days, hours, zone].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
