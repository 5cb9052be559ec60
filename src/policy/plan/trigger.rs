//! Whether a scenario is on at a moment of its mission.

use super::load::Load;
use crate::draw::Seed;
use crate::facts::{Facts, Moment};
use crate::wire;

const MS_OF_A_MINUTE: u64 = 60_000;
const MINUTES_OF_A_DAY: i64 = 24 * 60;
/// 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
const FIRST_DAY: i64 = 3;

/// The conditions that are given; all have to hold.
#[derive(Debug)]
pub(super) struct Trigger {
    window: Option<wire::Window>,
    randomize: Option<Randomize>,
    load: Option<Load>,
}

#[derive(Debug)]
struct Randomize {
    period_ns: u64,
    active_ns: u64,
}

impl Trigger {
    pub(super) fn compile(trigger: &wire::Trigger, mission: &str, scenario: &str) -> Self {
        let ns = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            window: trigger.window.clone(),
            randomize: trigger
                .randomize
                .as_ref()
                .map(|r| Randomize { period_ns: ns(r.period.0), active_ns: ns(r.active.0) }),
            load: trigger.load.as_ref().map(|load| Load::compile(load, mission, scenario)),
        }
    }

    /// Whether its window has closed for ever.
    pub(super) fn is_over(&self, wall_ms: u64) -> bool {
        self.window.as_ref().is_some_and(|window| window.is_over(wall_ms))
    }

    /// Without a clock nothing is on that depends on the time. Load is measured last: only while the rest holds.
    pub(super) fn is_on(&self, facts: &mut dyn Facts, seed: &Seed, scenario: &str) -> bool {
        let timed = self.window.is_some() || self.randomize.is_some();
        if timed && !facts.moment().is_some_and(|moment| self.is_time(moment, seed, scenario)) {
            return false;
        }
        self.load.as_ref().is_none_or(|load| load.holds(facts))
    }

    fn is_time(&self, moment: Moment, seed: &Seed, scenario: &str) -> bool {
        self.window.as_ref().is_none_or(|window| is_open(window, moment.wall_ms))
            && self.randomize.as_ref().is_none_or(|r| r.is_on(moment.running_ns, seed, scenario))
    }
}

impl Randomize {
    fn is_on(&self, running_ns: u64, seed: &Seed, scenario: &str) -> bool {
        let number = running_ns.checked_div(self.period_ns).unwrap_or(0);
        let within = running_ns.checked_rem(self.period_ns).unwrap_or(0);
        let room = self.period_ns.saturating_sub(self.active_ns);
        let mut chance = seed.chance("randomize", &number.to_le_bytes(), scenario);
        let begins = (chance.unit() * room as f64) as u64;
        (begins..begins.saturating_add(self.active_ns)).contains(&within)
    }
}

fn is_open(window: &wire::Window, wall_ms: u64) -> bool {
    let begun = window.start.is_none_or(|start| start.0 <= wall_ms);
    if !begun || window.is_over(wall_ms) {
        return false;
    }
    let utc = i64::try_from(wall_ms / MS_OF_A_MINUTE).unwrap_or(i64::MAX);
    let local = utc.saturating_add(i64::from(window.timezone.0));
    let today = local.div_euclid(MINUTES_OF_A_DAY);
    let on_day = |day: i64| {
        let weekday = day.saturating_add(FIRST_DAY).rem_euclid(7);
        window.days.as_ref().is_none_or(|days| days.iter().any(|d| *d as i64 == weekday))
    };
    let Some(hours) = window.between else { return on_day(today) };
    let minute = local.rem_euclid(MINUTES_OF_A_DAY);
    let (from, to) = (i64::from(hours.from), i64::from(hours.to));
    if from < to {
        return (from..to).contains(&minute) && on_day(today);
    }
    // Past midnight it is still yesterday's.
    (minute >= from && on_day(today)) || (minute < to && on_day(today.saturating_sub(1)))
}
