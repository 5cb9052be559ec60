//! The verdict on each expected outcome, once the mission is over (promise P10: nothing injected proves nothing).

use super::cell::{Cell, Trials};
use super::interval;
use super::record::Health;
use super::rules::{Rules, ScenarioRules, Signal};
use crate::wire::Bound;

/// What became of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Held,
    /// Chance alone does not explain it, or explains both.
    Inconclusive,
    Violated,
}

impl Verdict {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Inconclusive => "inconclusive",
            Self::Violated => "violated",
        }
    }
}

/// The verdict on one signal. Values are parts per million or microseconds, as the metric has it.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalVerdict {
    /// Its scenario's number in the plan.
    pub scenario: usize,
    pub signal: Signal,
    pub value: Option<f64>,
    /// Where the true value is, with 95 % confidence; `None`: nobody knows how large it may be.
    pub low: f64,
    pub high: Option<f64>,
    pub verdict: Verdict,
    /// What speaks for it, for people.
    pub why: String,
}

impl Health {
    /// The verdicts on all signals, from what has been seen so far.
    #[must_use]
    pub fn verdicts(&self, rules: &Rules) -> Vec<SignalVerdict> {
        let each = rules.observed.iter().zip(&self.watches);
        each.flat_map(|(rules, watch)| {
            let [_, inbound] = &self.inbound;
            let cell = if rules.signals_inbound { inbound } else { watch.treatment() };
            rules.signals.iter().map(move |signal| self.verdict(rules, *signal, cell))
        })
        .collect()
    }

    /// The verdict on the whole mission; `None`: it injected something, and nothing was expected of it.
    #[must_use]
    pub fn verdict_of_all(&self, rules: &Rules) -> Option<Verdict> {
        if self.ledgers.are_unused() {
            return Some(Verdict::Inconclusive);
        }
        self.verdicts(rules).iter().map(|verdict| verdict.verdict).max()
    }

    fn verdict(&self, rules: &ScenarioRules, signal: Signal, cell: &Cell) -> SignalVerdict {
        let (requests, value, low, high) = match signal.metric.quantile_ppm() {
            None => {
                let trials: Trials = cell.trials(false);
                let (low, high) = interval::of_rate(trials);
                (trials.requests, trials.rate().map(|rate| rate * 1e6), low * 1e6, Some(high * 1e6))
            }
            Some(ppm) => {
                let (low, high) = interval::of_quantile(&cell.latency, ppm);
                (cell.latency.total(), cell.latency.quantile(ppm), low, high)
            }
        };
        let limit = match signal.at_most {
            Bound::Share(ppm) => f64::from(ppm),
            Bound::Time(us) => us as f64,
        };
        let injected_nothing = self.ledgers.get(rules.scenario).is_none_or(|ledger| ledger.is_unused());
        let (verdict, why) = if injected_nothing {
            (Verdict::Inconclusive, "nothing was injected".to_owned())
        } else if requests == 0 && rules.signals_inbound {
            let why = "nothing was seen to come in: the filter has to be on the inbound listener too";
            (Verdict::Inconclusive, why.to_owned())
        } else if low > limit {
            (Verdict::Violated, format!("{requests} requests: above the limit with 95 % confidence"))
        } else if high.is_some_and(|high| high <= limit) {
            (Verdict::Held, format!("{requests} requests: within the limit with 95 % confidence"))
        } else {
            (Verdict::Inconclusive, format!("{requests} requests are too few to tell"))
        };
        SignalVerdict { scenario: rules.scenario, signal, value, low, high, verdict, why }
    }
}
