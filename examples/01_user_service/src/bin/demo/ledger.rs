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
    let as_declared = entries.iter().filter(|entry| entry.as_declared()).count();
    let early = total_faults(&observations.before_start.metrics);
    let late = total_faults(end) - total_faults(&observations.after_deadline.metrics);
    let active = end.sum("chaos_active", &[]);
    let done = end.sum("chaos_missions_total", &[("result", "done")]);
    let promise = |kept, text| Promise { text, kept };
    vec![
        promise(early == 0, format!("nothing happened before the mission: {early} faults")),
        promise(
            as_declared == entries.len(),
            format!("{as_declared} of {} fault rates are the declared ones", entries.len()),
        ),
        promise(late == 0, format!("nothing happened later than 1 s after its deadline: {late} faults")),
        promise(
            active == 0.0 && done == 1.0,
            format!(
                "the mission ended by itself: chaos_active {active}, chaos_missions_total{{result=\"done\"}} {done}"
            ),
        ),
    ]
}

/// All faults that were injected so far.
pub fn total_faults(metrics: &Metrics) -> u64 {
    metrics.sum("chaos_faults_injected_total", &[]) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(matched: u64, injected: u64) -> bool {
        let declared = Declared { scenario: "auth-random-aborts".into(), fault: "abort", share: 0.2 };
        Entry { declared: &declared, matched, injected }.as_declared()
    }

    #[test]
    fn a_rate_is_judged_by_its_interval() {
        assert!(judged(1400, 280));
        assert!(judged(1400, 310), "chance explains 22 %");
        assert!(!judged(1400, 420), "chance does not explain 30 %");
        assert!(!judged(1400, 140), "chance does not explain 10 %");
    }

    #[test]
    fn a_scenario_that_matched_nothing_is_not_as_declared() {
        assert!(!judged(0, 0));
    }
}
