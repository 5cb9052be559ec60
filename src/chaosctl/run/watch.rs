//! What Prometheus says of guardrails and signals, over the time of a run.

use super::condition::Condition;
use super::decide::Ending;
use super::prometheus::Evaluated;
use super::verdict::Tally;
use crate::journal::Role;
use std::time::{Duration, Instant};

/// For so long nobody may know whether a guardrail holds, be it without an answer or without data.
const BLIND: Duration = Duration::from_secs(30);

pub struct Watch {
    conditions: Vec<Condition>,
    guardrail_for: u32,
    /// By condition: how often it failed, one after another.
    failures: Vec<u32>,
    /// By condition: what was said of it last.
    said: Vec<String>,
    tallies: Vec<Tally>,
    answered: Instant,
    why: String,
    tripped: Option<String>,
}

impl Watch {
    pub fn new(conditions: Vec<Condition>, guardrail_for: u32) -> Self {
        let tally = |condition: &Condition| Tally {
            name: condition.name.clone(),
            expected: condition.expected(),
            ..Tally::default()
        };
        Self {
            tallies: conditions.iter().map(tally).collect(),
            failures: vec![0; conditions.len()],
            said: vec![String::new(); conditions.len()],
            conditions,
            guardrail_for,
            answered: Instant::now(),
            why: String::new(),
            tripped: None,
        }
    }

    /// Takes what was answered to each condition; gives what has to be said, which is said once.
    pub fn take(&mut self, all: &[Evaluated], injects: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let guards = || all.iter().filter(|one| one.line.role == Role::Guardrail);
        // One without data guards nothing, which is why none starts so.
        match guards().find(|one| one.line.ok.is_none()) {
            Some(silent) => self.why = format!("{}: {}", silent.line.name, silent.line.detail),
            None => self.answered = Instant::now(),
        }
        for (number, one) in all.iter().enumerate() {
            let Some(condition) = self.conditions.get(number) else { continue };
            let value = one.line.value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
            let told = format!("{} is {value}, expected {}", condition.name, condition.expected());
            let said = match one.line.ok {
                None => format!("{}: {}", condition.name, one.line.detail),
                Some(true) => String::new(),
                Some(false) => format!("{} does not hold", condition.name),
            };
            if self.said.get(number) != Some(&said) {
                let again = said.is_empty().then(|| format!("{} holds again", condition.name));
                lines.push(
                    again.unwrap_or_else(|| if one.line.ok.is_some() { told.clone() } else { said.clone() }),
                );
                self.said[number] = said;
            }
            match (condition.role, one.line.ok) {
                (_, None) => {}
                (Role::Guardrail, Some(ok)) => {
                    self.failures[number] = if ok { 0 } else { self.failures[number] + 1 };
                    if self.failures[number] >= self.guardrail_for && self.tripped.is_none() {
                        self.tripped = Some(told);
                    }
                }
                (Role::Signal, Some(ok)) if injects => {
                    let tally = &mut self.tallies[number];
                    tally.asked += 1;
                    tally.failed += u32::from(!ok);
                    tally.worst = condition.worst(tally.worst.into_iter().chain(one.line.value));
                }
                (Role::Signal, Some(_)) => {}
            }
        }
        lines
    }

    pub fn ending(&self) -> Option<Ending> {
        if let Some(tripped) = &self.tripped {
            return Some(Ending::Guardrail(tripped.clone()));
        }
        let guarded = self.conditions.iter().any(|condition| condition.role == Role::Guardrail);
        (guarded && self.answered.elapsed() >= BLIND).then(|| Ending::Blind(self.why.clone()))
    }

    /// Signals that do not hold now.
    pub fn failing(&self) -> Vec<String> {
        let signals =
            self.conditions.iter().zip(&self.said).filter(|(condition, _)| condition.role == Role::Signal);
        signals.filter(|(_, said)| said.ends_with("does not hold")).map(|(_, said)| said.clone()).collect()
    }

    /// What became of each signal.
    pub fn tallies(&self) -> Vec<Tally> {
        let all = self.conditions.iter().zip(&self.tallies);
        all.filter(|(condition, _)| condition.role == Role::Signal).map(|(_, tally)| tally.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Promql;

    fn condition(role: Role) -> Condition {
        Condition::read(role, "errors: x <= 5").expect("one")
    }

    fn evaluated(role: Role, value: Option<f64>, is_answered: bool) -> Evaluated {
        let detail = if is_answered { "no data" } else { "cannot be reached" }.to_owned();
        let condition = condition(role);
        let ok = value.map(|value| condition.holds(value));
        let line = Promql { name: "errors".to_owned(), role, expression: "x".to_owned(), value, ok, detail };
        Evaluated { line, is_answered }
    }

    #[test]
    fn a_guardrail_trips_at_so_many_failures_in_a_row() {
        let mut watch = Watch::new(vec![condition(Role::Guardrail)], 2);
        let mut take = |value: Option<f64>| {
            watch.take(&[evaluated(Role::Guardrail, value, true)], true);
            watch.ending()
        };
        assert_eq!([take(Some(6.0)), take(Some(5.0)), take(Some(6.0))], [None, None, None]);
        // No data is no failure, and is not good either.
        assert_eq!(take(None), None);
        assert_eq!(take(Some(7.0)), Some(Ending::Guardrail("errors is 7, expected <= 5".to_owned())));
    }

    #[test]
    fn what_changes_is_said_once() {
        let mut watch = Watch::new(vec![condition(Role::Signal)], 1);
        let mut take = |value, is_answered| watch.take(&[evaluated(Role::Signal, value, is_answered)], true);
        assert_eq!(take(Some(1.0), true), [""; 0]);
        assert_eq!(take(None, true), ["errors: no data"]);
        assert_eq!(take(None, true), [""; 0]);
        assert_eq!(take(None, false), ["errors: cannot be reached"]);
        assert_eq!(take(Some(6.0), true), ["errors is 6, expected <= 5"]);
        assert_eq!(take(Some(7.0), true), [""; 0]);
        assert_eq!(take(Some(1.0), true), ["errors holds again"]);
        assert_eq!(watch.ending(), None);
        assert_eq!(
            (watch.tallies()[0].asked, watch.tallies()[0].failed, watch.tallies()[0].worst),
            (4, 2, Some(7.0))
        );
    }

    #[test]
    fn a_guardrail_of_which_nothing_is_known_for_thirty_seconds_is_an_end() {
        let blind = |role, is_answered| {
            let mut watch = Watch::new(vec![condition(role)], 1);
            let long_ago = Instant::now().checked_sub(BLIND);
            watch.answered = long_ago.expect("a machine that has run for longer");
            watch.take(&[evaluated(role, None, is_answered)], true);
            watch.ending()
        };
        assert_eq!(
            blind(Role::Guardrail, false),
            Some(Ending::Blind("errors: cannot be reached".to_owned()))
        );
        assert_eq!(
            blind(Role::Guardrail, true),
            Some(Ending::Blind("errors: no data".to_owned())),
            "its series are gone"
        );
        assert_eq!(blind(Role::Signal, false), None);
    }
}
