//! The record as the control API shows it: numbers with their unit in the key, at most three decimals.

use super::breaker::Standing;
use super::cell::{Cell, Trials};
use super::interval;
use super::ledger::Ledger;
use super::record::{Health, Trip};
use super::rules::{Condition, Guard, Rules};
use super::series::Summary;
use super::tally::Group;
use super::words::{CAUSES, FAULTS};
use crate::wire::Bound;
use serde_json::{Map, Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// What the view has to know beside the record.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Start of the mission, milliseconds since 1970.
    pub start_wall_ms: u64,
}

/// Three decimals; the formatter of the standard library would bring 17 KiB.
fn decimal(number: f64) -> Value {
    json!(libm::round(number * 1000.0) / 1000.0)
}

fn ms(us: Option<f64>) -> Value {
    us.map_or(Value::Null, |us| decimal(us / 1000.0))
}

fn percent(ppm: f64) -> Value {
    decimal(ppm / 10_000.0)
}

fn show(value: f64, like: Bound) -> Value {
    match like {
        Bound::Share(_) => percent(value),
        Bound::Time(_) => decimal(value / 1000.0),
    }
}

fn unit(like: Bound) -> &'static str {
    match like {
        Bound::Share(_) => "percent",
        Bound::Time(_) => "ms",
    }
}

impl Trip {
    /// The value that tripped it, as a number in the unit of the limit, and that unit.
    #[must_use]
    pub fn shown(&self) -> (Value, &'static str) {
        (show(self.value, self.above), unit(self.above))
    }
}

impl Clock {
    fn at(self, running_ms: u64) -> String {
        let since = Duration::from_millis(self.start_wall_ms.saturating_add(running_ms));
        UNIX_EPOCH
            .checked_add(since)
            .map_or_else(String::new, |at| humantime::format_rfc3339_seconds(at).to_string())
    }
}

impl Health {
    /// The members `health`, `ledger`, `guardrails`, `signals` and `remediation` of `/v1/status`.
    #[must_use]
    pub fn view(&self, rules: &Rules, clock: Clock) -> Map<String, Value> {
        let mut view = Map::new();
        let health = json!({
            "groups": self.groups(),
            "deltas": self.deltas(),
            "series": self.series.points().map(|point| json!({
                "at": clock.at(point.number.saturating_mul(self.series_ms)),
                "control": summary(&point.control),
                "treatment": summary(&point.treatment),
            })).collect::<Vec<_>>(),
        });
        view.insert("health".to_owned(), health);
        view.insert("ledger".to_owned(), self.ledger(rules));
        view.insert("guardrails".to_owned(), self.guardrails(rules));
        view.insert("signals".to_owned(), self.signals(rules));
        view.insert("remediation".to_owned(), self.remediation(rules, clock));
        view
    }

    fn groups(&self) -> Vec<Value> {
        let [_, inbound] = &self.inbound;
        let groups = [
            ("baseline", &self.baseline),
            ("control", self.group(Group::Control)),
            ("treatment", self.group(Group::Treatment)),
            ("recovery", &self.recovery),
            ("inbound", inbound),
        ];
        let seen = groups.into_iter().filter(|(_, cell)| cell.trials(true).requests > 0 || cell.left() > 0);
        seen.map(|(name, cell)| group(name, cell)).collect()
    }

    /// What treatment has more than baseline and than control.
    fn deltas(&self) -> Value {
        let treatment = self.group(Group::Treatment);
        let p95 = |cell: &Cell| cell.latency.quantile(950_000);
        let errors = |cell: &Cell| cell.trials(false).rate();
        let latency = |other: &Cell| ms(p95(treatment).zip(p95(other)).map(|(mine, other)| mine - other));
        let points = |other: &Cell| {
            let both = errors(treatment).zip(errors(other));
            both.map_or(Value::Null, |(mine, other)| decimal((mine - other) * 100.0))
        };
        let (baseline, control) = (&self.baseline, self.group(Group::Control));
        json!({
            "latency_p95_ms": {"baseline": latency(baseline), "control": latency(control)},
            "error_points": {"baseline": points(baseline), "control": points(control)},
        })
    }

    fn ledger(&self, rules: &Rules) -> Value {
        let names = rules.names.iter().enumerate();
        names.filter_map(|(scenario, name)| Some(ledger(name, self.ledgers.get(scenario)?))).collect()
    }

    fn guardrails(&self, rules: &Rules) -> Value {
        let mut shown = Vec::new();
        for (observed, scenario) in rules.observed.iter().enumerate() {
            for (place, guard) in scenario.guards.iter().enumerate() {
                shown.push(self.guardrail(rules, (observed, scenario.scenario), (place, guard)));
            }
        }
        Value::Array(shown)
    }

    fn guardrail(
        &self,
        rules: &Rules,
        (observed, scenario): (usize, usize),
        (place, guard): (usize, &Guard),
    ) -> Value {
        let look = self.standing_of(rules, observed, place);
        let tripped = self.watches.get(observed).is_some_and(|watch| watch.tripped_ms(place).is_some());
        let exceeding_ms = look.map_or(0, |look| look.exceeding_ms);
        let state = match exceeding_ms {
            _ if tripped => "tripped",
            0 => "watching",
            _ => "exceeding",
        };
        let for_s = match guard.condition {
            Condition::Lasting(ms) => decimal(ms as f64 / 1000.0),
            Condition::Versus(..) => Value::Null,
        };
        let limit = match guard.above {
            Bound::Share(ppm) => f64::from(ppm),
            Bound::Time(us) => us as f64,
        };
        json!({
            "scenario": rules.names.get(scenario),
            "rule": guard.text(),
            "value": look.and_then(|look| look.value).map(|value| show(value, guard.above)),
            "limit": show(limit, guard.above),
            "unit": unit(guard.above),
            "state": state,
            "for_s": for_s,
            "exceeding_s": decimal(exceeding_ms as f64 / 1000.0),
            "distance": decimal(self.distance(rules, observed, place)),
        })
    }

    /// How far each observed scenario is from the nearest of its guardrails, percent: 0 has tripped, 100 is as far as can be.
    #[must_use]
    pub fn distances(&self, rules: &Rules) -> Vec<(usize, u64)> {
        let mut distances = Vec::new();
        for (observed, scenario) in rules.observed.iter().enumerate() {
            let places = 0..scenario.guards.len();
            let percents = places.map(|place| (self.distance(rules, observed, place) * 100.0) as u64);
            distances.extend(percents.min().map(|nearest| (scenario.scenario, nearest)));
        }
        distances
    }

    /// From 1 down to 0.
    fn distance(&self, rules: &Rules, observed: usize, place: usize) -> f64 {
        let tripped = self.watches.get(observed).is_some_and(|watch| watch.tripped_ms(place).is_some());
        let look = self.standing_of(rules, observed, place).filter(|_| !tripped);
        look.map_or(if tripped { 0.0 } else { 1.0 }, |look| look.distance)
    }

    fn signals(&self, rules: &Rules) -> Value {
        let verdicts = self.verdicts(rules).into_iter();
        verdicts
            .map(|found| {
                let show = |value: f64| show(value, found.signal.at_most);
                json!({
                    "scenario": rules.names.get(found.scenario),
                    "rule": found.signal.text(),
                    "unit": unit(found.signal.at_most),
                    "value": found.value.map(show),
                    "low": show(found.low),
                    "high": found.high.map(show),
                    "verdict": found.verdict.word(),
                    "why": found.why,
                })
            })
            .collect()
    }

    /// The scenario whose guardrail acted last.
    fn remediation(&self, rules: &Rules, clock: Clock) -> Value {
        let each = rules.observed.iter().zip(&self.watches);
        let acted = each.filter_map(|(rules, watch)| {
            let tripped = (0..watch.guards.len()).filter_map(|place| watch.tripped_ms(place)).max();
            let breaker = (watch.breaker.opened > 0).then_some(watch.breaker.since_ms);
            let state = match watch.breaker.standing {
                _ if tripped.is_some() => "disabled",
                Standing::Closed => "closed",
                Standing::Open => "open",
                Standing::HalfOpen => "half_open",
            };
            Some((tripped.max(breaker)?, state, rules.scenario))
        });
        let last = acted.max_by_key(|(at, ..)| *at);
        last.map_or(Value::Null, |(at, state, scenario)| {
            json!({"state": state, "since": clock.at(at), "scenario": rules.names.get(scenario)})
        })
    }
}

fn group(name: &str, cell: &Cell) -> Value {
    let trials = cell.trials(false);
    let own = cell.trials(true).requests.saturating_sub(trials.requests);
    let latency = |ppm| ms(cell.latency.quantile(ppm));
    json!({
        "group": name,
        "requests": trials.requests,
        "errors": trials.hits,
        "error_percent": trials.rate().map(|rate| decimal(rate * 100.0)),
        "ended_by_squall": own,
        "left": cell.left(),
        "p50_ms": latency(500_000),
        "p95_ms": latency(950_000),
        "p99_ms": latency(990_000),
    })
}

fn summary(summary: &Summary) -> Value {
    let [p50, p95, p99] = summary.latency_us.map(|us| ms((summary.requests > 0).then_some(us as f64)));
    json!({"requests": summary.requests, "errors": summary.errors, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99})
}

fn ledger(name: &str, ledger: &Ledger) -> Value {
    let counted = |names: &[&str], counts: &[u64]| -> Map<String, Value> {
        let counted = names.iter().zip(counts).filter(|(_, count)| **count > 0);
        counted.map(|(name, count)| ((*name).to_owned(), json!(count))).collect()
    };
    let [control, treatment, _] = ledger.groups;
    let matched = ledger.matched();
    let trials = Trials { requests: matched, hits: treatment };
    let (low, high) = interval::of_rate(trials);
    let declared = (matched > 0).then(|| percent(ledger.declared_ppm as f64 / matched as f64));
    json!({
        "scenario": name,
        "matched": matched,
        "treatment": treatment,
        "control": control,
        "injected": counted(&FAULTS, &ledger.injected),
        "suppressed": counted(&CAUSES, &ledger.suppressed),
        "declared_percent": declared,
        "observed_percent": trials.rate().map(|rate| decimal(rate * 100.0)),
        "low_percent": decimal(low * 100.0),
        "high_percent": decimal(high * 100.0),
    })
}
