//! What was expected, beside what came of it.

use super::course::Looks;
use crate::journal::{Journal, Judged, Word};
use crate::observed::{Signal, safe};
use serde::Serialize;

/// One expected signal.
#[derive(Serialize)]
pub struct Part {
    /// Empty for a signal of the command line.
    pub scenario: String,
    pub signal: String,
    pub expected: String,
    pub unit: &'static str,
    /// `held`, `violated`, `inconclusive`, or `unknown`.
    pub verdict: String,
    pub value: Option<f64>,
    /// The 95 % interval.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// What each proxy, or Prometheus, said.
    pub sources: Vec<Source>,
}

#[derive(Serialize)]
pub struct Source {
    pub source: String,
    pub verdict: String,
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

#[must_use]
pub fn hypothesis(journal: &Journal, looks: &Looks) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for expected in &journal.started.hypothesis {
        parts.push(part(&expected.scenario, &expected.signal, &expected.expected));
    }
    match journal.verdict() {
        Some(verdict) => verdict.signals.iter().for_each(|judged| judge(&mut parts, judged)),
        None => look(&mut parts, looks),
    }
    parts.iter_mut().for_each(Part::sum_up);
    parts
}

fn part(scenario: &str, signal: &str, expected: &str) -> Part {
    let unit = match signal {
        signal if signal.starts_with("latency") => "ms",
        "error_rate" => "%",
        _ => "",
    };
    Part {
        scenario: safe(scenario),
        signal: safe(signal),
        expected: safe(expected),
        unit,
        verdict: "unknown".to_owned(),
        value: None,
        low: None,
        high: None,
        sources: Vec::new(),
    }
}

fn judge(parts: &mut Vec<Part>, judged: &Judged) {
    let (scenario, signal) = (safe(&judged.scenario), safe(&judged.signal));
    let place = parts.iter().position(|part| part.scenario == scenario && part.signal == signal);
    let place = place.unwrap_or_else(|| {
        parts.push(part(&judged.scenario, &judged.signal, &judged.expected));
        parts.len() - 1
    });
    let verdict = match judged.verdict {
        Word::Held => "held",
        Word::Violated => "violated",
        Word::Inconclusive => "inconclusive",
    };
    let Judged { value, low, high, .. } = *judged;
    let source = Source { source: safe(&judged.source), verdict: verdict.to_owned(), value, low, high };
    if let Some(part) = parts.get_mut(place) {
        part.sources.push(source);
    }
}

/// Where there is no verdict: what the proxies said last.
fn look(parts: &mut [Part], looks: &Looks) {
    for (proxy, last) in looks.iter().filter_map(|(proxy, looks)| Some((proxy, looks.last()?))) {
        for part in parts.iter_mut() {
            // A proxy writes its rule as `latency_p95 <= 350 ms`.
            let is_it = |signal: &&Signal| {
                signal.scenario == part.scenario
                    && signal.rule.split(' ').next() == Some(part.signal.as_str())
            };
            let Some(signal) = last.observed.signals.iter().find(is_it) else { continue };
            let Signal { value, low, high, .. } = *signal;
            part.sources.push(Source {
                source: safe(proxy),
                verdict: signal.verdict.clone(),
                value,
                low,
                high,
            });
        }
    }
}

impl Part {
    /// Goes by what is said over all proxies, or else by the worst.
    fn sum_up(&mut self) {
        let badness = |source: &&Source| match source.verdict.as_str() {
            _ if source.source == "all proxies" => 9,
            "violated" => 3,
            "inconclusive" => 2,
            "held" => 1,
            _ => 0,
        };
        let Some(source) = self.sources.iter().max_by_key(badness) else { return };
        let Source { value, low, high, .. } = *source;
        (self.verdict, self.value, self.low, self.high) = (source.verdict.clone(), value, low, high);
    }
}
