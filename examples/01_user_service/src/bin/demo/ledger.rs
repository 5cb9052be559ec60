//! What was declared beside what was done, and whether each promise was kept.

use squall_envoy_tests::{FALSE_ALARM, Interval, Metrics, binomial_interval};

use crate::{
    experiment::{Declared, Experiment},
    observation::Observations,
};

/// One fault of one scenario.
pub struct Entry<'a> {
    pub declared: &'a Declared,
    /// Requests that the scenario matched while the mission ran.
    pub matched: u64,
    /// How many of them got the fault.
    pub injected: u64,
}

impl<'a> Entry<'a> {
    pub fn of(experiment: &'a Experiment, metrics: &Metrics) -> Vec<Self> {
        let entry = |declared: &'a Declared| {
            let scenario = ("scenario", declared.scenario.as_str());
            let matched = metrics.sum("chaos_requests_total", &[scenario]) as u64;
            let fault = ("fault", declared.fault);
            let injected = metrics.sum("chaos_faults_injected_total", &[scenario, fault]) as u64;
            Self { declared, matched, injected }
        };
        experiment.declared.iter().map(entry).collect()
    }

    /// Where the true share lies, exact binomial (Clopper-Pearson), but for one case in `1 / false_alarm`.
    /// `None` when the counts allow no judgement.
    pub fn interval(&self, false_alarm: f64) -> Option<Interval> {
        let countable = self.matched > 0 && self.injected <= self.matched;
        countable.then(|| binomial_interval(self.injected, self.matched, false_alarm))
    }

    /// Whether the counts agree with the declared share. A correct filter fails this once in a million runs.
    pub fn as_declared(&self) -> bool {
        self.interval(FALSE_ALARM).is_some_and(|interval| interval.contains(self.declared.share))
    }
}

/// A promise, and whether it was kept.
pub struct Promise {
    pub text: String,
    pub kept: bool,
}

/// The promises that this run can judge.
pub fn promises(experiment: &Experiment, observations: &Observations) -> Vec<Promise> {
    let end = &observations.at_end.metrics;
    let entries = Entry::of(experiment, end);
    let off = entries.iter().filter(|entry| !entry.as_declared()).count();
    let early = total_faults(&observations.at_start.metrics);
    let late = total_faults(end) - total_faults(&observations.after_deadline.metrics);
    let active = end.sum("chaos_active", &[]);
    let done = end.sum("chaos_missions_total", &[("result", "done")]);
    vec![
        Promise {
            text: format!("{off} of {} fault rates differ from the declared one", entries.len()),
            kept: off == 0,
        },
        Promise { text: format!("{early} faults before the mission began"), kept: early == 0 },
        Promise { text: format!("{late} faults later than 1 s after its deadline"), kept: late == 0 },
        Promise {
            text: format!("the mission ended by itself: chaos_active is {active}, missions done: {done}"),
            kept: active == 0.0 && done == 1.0,
        },
    ]
}

/// All faults that were injected so far.
pub fn total_faults(metrics: &Metrics) -> u64 {
    metrics.sum("chaos_faults_injected_total", &[]) as u64
}
