//! What a mission watches: the guardrails, signals and breakers of its scenarios, compiled once.

use super::breaker::BreakerRules;
use super::window::Demand;
use crate::plan::Plan;
use crate::wire::{self, Bound, GuardGroup, MOST_OBSERVED, Metric, Versus};
use std::time::Duration;

/// `for` and `confidence` where a rule does not say.
const LASTING_MS: u64 = 10_000;
const MISTAKES_PPM: u32 = 1_000;

/// Whom a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    Group(GuardGroup),
    Inbound,
}

/// When a guardrail trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Above the limit for so long, milliseconds.
    Lasting(u64),
    /// Another group, and how many false alarms in a million missions are fine.
    Versus(Versus, u32),
}

/// One guardrail.
#[derive(Debug, Clone)]
pub struct Guard {
    pub metric: Metric,
    pub watched: Watched,
    pub above: Bound,
    pub condition: Condition,
    pub min_requests: u64,
    pub count_injected: bool,
}

impl Guard {
    fn compile(rule: &wire::Guardrail) -> Self {
        let watched = match rule.watch {
            Some(wire::WatchWord::Inbound) => Watched::Inbound,
            None => Watched::Group(rule.group),
        };
        let mistakes = rule.confidence.map_or(MISTAKES_PPM, |sure| 1_000_000_u32.saturating_sub(sure.0));
        let condition = match rule.versus {
            Some(versus) => Condition::Versus(versus, mistakes),
            None => Condition::Lasting(rule.lasting.map_or(LASTING_MS, |span| span.millis())),
        };
        Self {
            metric: rule.metric,
            watched,
            above: rule.above,
            condition,
            min_requests: rule.min_requests.0,
            count_injected: rule.count_injected,
        }
    }

    /// What its window counts: errors, or latencies above the limit.
    pub(super) fn demand(&self, for_ms: u64) -> Demand {
        let limit_ppm = match (self.metric.quantile_ppm(), self.above) {
            (Some(quantile), _) => 1_000_000_u32.saturating_sub(quantile),
            (None, Bound::Share(ppm)) => ppm,
            (None, Bound::Time(_)) => 0,
        };
        Demand { limit_ppm, for_ms, min_requests: self.min_requests }
    }

    /// Whether it compares error rates of the same time.
    pub(super) fn races(&self) -> bool {
        self.metric.quantile_ppm().is_none()
            && matches!(self.condition, Condition::Versus(Versus::Control, _))
    }

    /// Whether it compares latencies, which takes all of them and not only a count.
    pub(super) fn compares_latencies(&self) -> bool {
        self.metric.quantile_ppm().is_some() && matches!(self.condition, Condition::Versus(..))
    }

    /// As a person would say it: `error_rate of control above 5 % for 2m`.
    #[must_use]
    pub fn text(&self) -> String {
        let whose = match self.watched {
            Watched::Inbound => "inbound",
            Watched::Group(group) => group.word(),
        };
        let (metric, above) = (self.metric.word(), self.above.show());
        match self.condition {
            Condition::Lasting(ms) => {
                let lasting = humantime::format_duration(Duration::from_millis(ms));
                format!("{metric} of {whose} above {above} for {lasting}")
            }
            Condition::Versus(with, mistakes) => {
                let sure = wire::show_share(1_000_000_u32.saturating_sub(mistakes));
                format!("{metric} of {whose} more than {above} above {} ({sure} sure)", with.word())
            }
        }
    }
}

/// One expected outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    pub metric: Metric,
    pub at_most: Bound,
}

impl Signal {
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} <= {}", self.metric.word(), self.at_most.show())
    }
}

/// What one scenario says about health.
#[derive(Debug, Clone)]
pub struct ScenarioRules {
    /// Its number in the plan.
    pub scenario: usize,
    pub guards: Vec<Guard>,
    pub signals: Vec<Signal>,
    /// The signals are about what comes in.
    pub signals_inbound: bool,
    /// `None`: a guardrail that trips halts the mission.
    pub breaker: Option<BreakerRules>,
}

impl ScenarioRules {
    /// `None` when it says nothing.
    pub(crate) fn compile(scenario: &wire::Scenario) -> Option<Box<Self>> {
        let rules = scenario.safety.as_ref().and_then(|safety| safety.halt_when.as_deref());
        if rules.is_none() && scenario.signals.is_none() {
            return None;
        }
        let signals = scenario.signals.as_ref();
        let breaker = scenario.rollback.as_ref().and_then(|rollback| rollback.circuit_breaker.as_ref());
        Some(Box::new(Self {
            scenario: 0,
            guards: rules.unwrap_or_default().iter().map(Guard::compile).collect(),
            signals: signals.map_or_else(Vec::new, |signals| {
                signals.bounds().map(|(metric, at_most)| Signal { metric, at_most }).collect()
            }),
            signals_inbound: signals.is_some_and(|signals| signals.watch.is_some()),
            breaker: breaker.map(BreakerRules::compile),
        }))
    }

    fn watches_inbound(&self) -> bool {
        self.signals_inbound || self.guards.iter().any(|guard| guard.watched == Watched::Inbound)
    }
}

/// What a mission watches.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// At most eight.
    pub observed: Vec<ScenarioRules>,
    /// Names of the plan's scenarios, for people.
    pub names: Vec<String>,
    /// Between two points of the series, milliseconds.
    pub(super) series_ms: u64,
    pub(super) watches_inbound: bool,
}

impl Rules {
    /// `total_ms`: from the mission's start to its end, baseline and recovery included.
    #[must_use]
    pub fn of(plan: &Plan, total_ms: u64) -> Self {
        let observed: Vec<ScenarioRules> = plan
            .scenarios()
            .iter()
            .enumerate()
            .filter_map(|(scenario, s)| Some(ScenarioRules { scenario, ..s.health.as_deref()?.clone() }))
            .take(MOST_OBSERVED)
            .collect();
        Self {
            watches_inbound: observed.iter().any(ScenarioRules::watches_inbound),
            observed,
            names: plan.scenarios().iter().map(|s| s.name.clone()).collect(),
            series_ms: (total_ms / 120).clamp(1_000, 60_000),
        }
    }

    /// Whether some rule asks for what comes in on the inbound side.
    #[must_use]
    pub fn watches_inbound(&self) -> bool {
        self.watches_inbound
    }

    /// Whether somebody has to look at the clock for it although no request comes.
    #[must_use]
    pub fn has_breakers(&self) -> bool {
        self.observed.iter().any(|rules| rules.breaker.is_some())
    }

    /// The key of the record in shared data. Instances that do not watch the same have a record each, so that none undoes
    /// what the other has counted.
    #[must_use]
    pub fn key(&self, mission: &str) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |text: &str| {
            // FNV-1a: the same in every VM.
            for byte in text.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        self.names.iter().for_each(|name| add(name));
        for rules in &self.observed {
            add(&rules.scenario.to_string());
            rules.guards.iter().for_each(|guard| add(&guard.text()));
            rules.signals.iter().for_each(|signal| add(&signal.text()));
        }
        format!("squall/health/{mission}/{hash:016x}")
    }

    /// Place of a scenario among those that are observed.
    pub(super) fn place(&self, scenario: usize) -> Option<usize> {
        self.observed.iter().position(|rules| rules.scenario == scenario)
    }
}
