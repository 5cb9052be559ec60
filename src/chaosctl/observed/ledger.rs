//! What a scenario did: matched, injected, spared, and whether its rate is the declared one.

use super::read::{count, counts, number, text};
use serde_json::Value;
use squall_policy::health::{Trials, of_rate};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    pub scenario: String,
    pub matched: u64,
    pub treatment: u64,
    pub control: u64,
    /// By kind of fault.
    pub injected: Vec<(String, u64)>,
    /// By cause.
    pub suppressed: Vec<(String, u64)>,
    pub declared_percent: Option<f64>,
}

impl Ledger {
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            scenario: text(value, "/scenario")?,
            matched: count(value, "/matched").unwrap_or(0),
            treatment: count(value, "/treatment").unwrap_or(0),
            control: count(value, "/control").unwrap_or(0),
            injected: counts(value, "injected"),
            suppressed: counts(value, "suppressed"),
            declared_percent: number(value, "/declared_percent"),
        })
    }

    #[must_use]
    pub fn injected_in_all(&self) -> u64 {
        self.injected.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    fn trials(&self) -> Trials {
        Trials { requests: self.matched, hits: self.treatment.min(self.matched) }
    }

    #[must_use]
    pub fn observed_percent(&self) -> Option<f64> {
        let Trials { requests, hits } = self.trials();
        (requests > 0).then(|| hits as f64 * 100.0 / requests as f64)
    }

    /// The 95 % interval of the observed rate, as the proxies compute it.
    #[must_use]
    pub fn interval_percent(&self) -> Option<(f64, f64)> {
        let (low, high) = of_rate(self.trials());
        (self.matched > 0).then_some((low * 100.0, high * 100.0))
    }

    /// Whether the declared rate lies within the interval; `None` while nothing tells.
    #[must_use]
    pub fn is_as_declared(&self) -> Option<bool> {
        let ((low, high), declared) = self.interval_percent().zip(self.declared_percent)?;
        Some(low <= declared && declared <= high)
    }

    fn add(&mut self, other: &Self) {
        let (mine, theirs) = (self.matched as f64, other.matched as f64);
        // Each proxy declares the mean over its own requests.
        self.declared_percent = match (self.declared_percent, other.declared_percent) {
            (Some(a), Some(b)) if mine + theirs > 0.0 => Some((a * mine + b * theirs) / (mine + theirs)),
            (a, b) => a.or(b),
        };
        self.matched = self.matched.saturating_add(other.matched);
        self.treatment = self.treatment.saturating_add(other.treatment);
        self.control = self.control.saturating_add(other.control);
        add_counts(&mut self.injected, &other.injected);
        add_counts(&mut self.suppressed, &other.suppressed);
    }
}

fn add_counts(mine: &mut Vec<(String, u64)>, other: &[(String, u64)]) {
    for (name, count) in other {
        match mine.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(*count),
            None => mine.push((name.clone(), *count)),
        }
    }
    mine.sort();
}

/// The ledgers of several proxies, scenario by scenario.
#[must_use]
pub fn added<'l>(all: impl Iterator<Item = &'l Ledger>) -> Vec<Ledger> {
    let mut sums: Vec<Ledger> = Vec::new();
    for ledger in all {
        match sums.iter_mut().find(|sum| sum.scenario == ledger.scenario) {
            Some(sum) => sum.add(ledger),
            None => sums.push(ledger.clone()),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ledgers_of_proxies_add_up_with_one_interval_over_all() {
        let ledger = |matched: u64, treatment: u64, declared: f64| {
            Ledger::read(&json!({"scenario": "slow", "matched": matched, "treatment": treatment,
                "injected": {"delay": treatment}, "suppressed": {"caps": 1}, "declared_percent": declared}))
            .expect("a ledger")
        };
        let all = [ledger(100, 12, 10.0), ledger(300, 60, 20.0)];
        let sum = added(all.iter()).remove(0);
        assert_eq!((sum.matched, sum.treatment, sum.injected_in_all()), (400, 72, 72));
        assert_eq!((sum.declared_percent, sum.observed_percent()), (Some(17.5), Some(18.0)));
        assert_eq!(sum.suppressed, [("caps".to_owned(), 2)]);
        let (low, high) = sum.interval_percent().expect("an interval");
        assert!(low > 14.0 && high < 22.5 && sum.is_as_declared() == Some(true), "{low} {high}");
        let off = Ledger { declared_percent: Some(50.0), ..sum };
        assert_eq!(off.is_as_declared(), Some(false));
        assert_eq!(Ledger::default().is_as_declared(), None);
    }
}
