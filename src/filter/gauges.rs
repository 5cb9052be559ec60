//! The gauges by scenario that a configuration shows, written down so that another VM can set them to 0: one that takes this one's
//! place may never be told that it is gone.

use crate::armed::Armed;
use crate::stats;

/// Behind the name of a scenario that has a breaker; no name ends so.
const BREAKER: char = '*';

#[derive(Default)]
pub struct Gauges {
    /// Whether their labels are written for the patterns of every istio-proxy.
    pub built_in: bool,
    /// A line for the namespace, then one for each scenario.
    pub lines: String,
}

impl Gauges {
    pub fn of(armed: &Armed) -> Self {
        let mut lines = armed.namespace.clone();
        for (number, scenario) in armed.plan.scenarios().iter().enumerate() {
            lines.push('\n');
            lines.push_str(&scenario.name);
            if armed.observer.breakers().iter().any(|(known, _)| *known == number) {
                lines.push(BREAKER);
            }
        }
        Self { built_in: stats::writes_built_in(), lines }
    }

    /// Sets to 0 what is not among those of a newer configuration.
    pub fn hide_but(&self, kept: &Self) {
        let mut lines = self.lines.lines();
        let Some(namespace) = lines.next() else { return };
        let is_here = kept.lines.lines().next() == Some(namespace);
        for line in lines {
            let name = line.trim_end_matches(BREAKER);
            let mut others = kept.lines.lines().skip(1).filter(|_| kept.built_in == self.built_in);
            let other = others.find(|other| other.trim_end_matches(BREAKER) == name);
            let scenario = ("scenario", name);
            if other.is_none() {
                self.hide("chaos_declared_rate_ppm", &[scenario]);
            }
            let labels = [scenario, ("namespace", namespace)];
            let other = other.filter(|_| is_here);
            if other.is_none() {
                self.hide("chaos_active", &labels);
            }
            if line.ends_with(BREAKER) && other != Some(line) {
                self.hide("chaos_breaker", &labels);
            }
        }
    }
    fn hide(&self, gauge: &str, labels: &[(&str, &str)]) {
        stats::set_gauge_as(self.built_in, gauge, labels, 0);
    }
}
