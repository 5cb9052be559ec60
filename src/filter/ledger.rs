//! What a request leaves behind: marks for access logs and spans, and counts by scenario.

use crate::armed::Armed;
use crate::callers;
use crate::host;
use crate::stats::{self, Cause, FAULTS, Group};
use squall_policy::health::{self, Phase};
use squall_policy::{Cap, DelayPhase, Drop, Fault, Injected, Injection, Outcome, Plan, Spared, Verdict};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The filter state of a request that another instance of Squall has a fault for already: Istio can put the
/// filter into one chain twice, by a namespace's resource and the root namespace's.
pub fn is_marked() -> bool {
    matches!(host::property(&["chaos_mission"]), Ok(Some(_)))
}

/// What is said of a faulted request: the scenario of its first fault, the kinds of all of them and how much.
#[derive(Clone, Copy, Default)]
pub struct Marks {
    scenario: usize,
    /// A bit for each of [`FAULTS`].
    kinds: u16,
    /// Status of the answer that takes the upstream's place; 0 without one.
    status: u16,
    /// All delays together, milliseconds.
    delay_ms: u64,
    drop: &'static str,
}

/// The group of all that are marked.
const GROUP: &str = "treatment";

impl Marks {
    #[must_use]
    pub fn of(injection: Option<&Injection>, plan: &Plan) -> Self {
        let Some(injection) = injection else { return Self::default() };
        let mut marks =
            Self { scenario: injection.faults.first().map_or(0, Injected::scenario), ..Self::default() };
        let mut delays_us = 0_u64;
        for fault in &injection.faults {
            marks.kinds |= bit(fault.kind());
            match fault {
                Injected::Delay { us, .. } => delays_us = delays_us.saturating_add(*us),
                Injected::Drop { drop, .. } => marks.drop = drop_word(*drop),
                Injected::Abort { scenario, fault } => {
                    let fault = plan.scenario(*scenario).and_then(|scenario| scenario.fault(*fault));
                    marks.status = match fault {
                        Some(Fault::Abort(abort)) => abort.status,
                        // What the caller asked for.
                        _ => injection.answer.as_ref().map_or(0, |abort| abort.status),
                    };
                }
                _ => {}
            }
        }
        Self { delay_ms: delays_us.saturating_add(500) / 1000, ..marks }
    }

    /// Faults of this kind did not take place after all.
    pub fn forget(&mut self, kind: &str) {
        self.kinds &= !bit(kind);
    }

    /// Whether a response with this status is Squall's own: an answer, a cut, a change that makes it an error. `status` is that of
    /// the call, where gRPC says one: a changed call that the service fails is the service's failure.
    #[must_use]
    pub fn made(self, http: u64, status: u64) -> bool {
        let failed = |status: u64| !(100..500).contains(&status);
        let any = |kinds: &[&str]| kinds.iter().any(|kind| self.kinds & bit(kind) != 0);
        any(&["abort", "drop"]) || (failed(http) && any(&["mutate"])) || (failed(status) && any(&["stream"]))
    }

    /// Mission, scenario, faults, how much of each, and the group; nothing without a fault.
    pub fn values<'a>(self, armed: &'a Armed) -> Option<[Cow<'a, str>; 5]> {
        let name = armed.plan.scenario(self.scenario)?.name.as_str();
        let (mut faults, mut values) = (String::new(), String::new());
        for kind in FAULTS.into_iter().filter(|kind| self.kinds & bit(kind) != 0) {
            if !faults.is_empty() {
                faults.push(',');
                values.push(',');
            }
            faults.push_str(kind);
            // Writing to a string does not fail.
            let _ = match kind {
                "delay" => write!(values, "{}ms", self.delay_ms),
                "abort" if self.status > 0 => write!(values, "{}", self.status),
                "drop" => values.write_str(self.drop),
                _ => values.write_char('-'),
            };
        }
        let marked = !faults.is_empty();
        let values = [armed.mission.as_str().into(), name.into(), faults.into(), values.into(), GROUP.into()];
        marked.then_some(values)
    }
}

fn drop_word(drop: Drop) -> &'static str {
    match drop {
        Drop::Reset => "reset",
        Drop::Hang => "hang",
        Drop::Truncate(_) => "truncate",
    }
}

fn bit(kind: &str) -> u16 {
    let place = FAULTS.iter().position(|known| *known == kind).and_then(|place| u32::try_from(place).ok());
    place.and_then(|place| 1_u16.checked_shl(place)).unwrap_or(0)
}

/// Filter state for access logs and spans: `%FILTER_STATE(wasm.chaos_scenario:PLAIN)%`.
pub fn mark(armed: &Armed, marks: Marks) {
    let Some(values) = marks.values(armed) else { return };
    let failures = ["chaos_mission", "chaos_scenario", "chaos_fault", "chaos_value", "chaos_group"]
        .into_iter()
        .zip(values)
        .filter(|(key, value)| host::set_property(key, value).is_err())
        .count();
    stats::count_host_errors(u32::try_from(failures).unwrap_or(u32::MAX));
}

/// Takes the faults out that `wanted` picks: what is left has not had its turn yet.
pub fn take(injection: &mut Injection, wanted: impl Fn(&Injected) -> bool) -> Vec<Injected> {
    let (taken, left) = std::mem::take(&mut injection.faults).into_iter().partition(wanted);
    injection.faults = left;
    taken
}

/// The abort, the reset or the hang.
pub fn take_endings(injection: &mut Injection) -> Vec<Injected> {
    take(injection, |fault| fault.ending().is_some())
}

pub fn take_delays(injection: &mut Injection, when: DelayPhase) -> Vec<Injected> {
    take(injection, |fault| matches!(fault, Injected::Delay { phase, .. } if *phase == when))
}

/// Counts faults that have taken effect.
pub fn count(armed: &mut Armed, faults: &[Injected]) {
    for fault in faults {
        injected(armed, fault);
        let Some(stats) = armed.stats.get_mut(fault.scenario()) else { continue };
        if let Injected::Delay { us, .. } = fault {
            stats.injected_delay(*us);
        }
    }
}

/// Counts a fault that has taken effect.
pub fn injected(armed: &mut Armed, fault: &Injected) {
    if let Some(stats) = armed.stats.get_mut(fault.scenario()) {
        stats.injected(fault.kind());
    }
    if let Some(kind) = FAULTS.iter().position(|kind| *kind == fault.kind()) {
        armed.observer.injected(fault.scenario(), kind);
    }
}

pub fn count_spared(armed: &mut Armed, verdict: &Verdict) {
    for outcome in &verdict.outcomes {
        match outcome.spared {
            Some(Spared::Preempted) => suppress(armed, outcome.scenario, Cause::Preempted),
            Some(Spared::NoSampleHeader) => suppress(armed, outcome.scenario, Cause::NoSampleHeader),
            Some(Spared::Capped(cap)) => suppress(armed, outcome.scenario, cause_of(cap)),
            Some(Spared::Trigger) => suppress(armed, outcome.scenario, Cause::Trigger),
            Some(Spared::Burst) => suppress(armed, outcome.scenario, Cause::Burst),
            Some(Spared::NoKey) => suppress(armed, outcome.scenario, Cause::NoKey),
            Some(Spared::FirstDone) => suppress(armed, outcome.scenario, Cause::FirstDone),
            Some(Spared::FirstFull) => suppress(armed, outcome.scenario, Cause::FirstFull),
            Some(Spared::Attempt) => suppress(armed, outcome.scenario, Cause::Attempt),
            Some(Spared::Protected) => suppress(armed, outcome.scenario, Cause::Protected),
            Some(Spared::Ignored(why)) => suppress(armed, outcome.scenario, callers::cause(why)),
            // The control group, which the request counters show.
            Some(Spared::NotSampled | Spared::NoFaultDrawn | Spared::NotRequested) | None => {}
        }
    }
}

fn cause_of(cap: Cap) -> Cause {
    match cap {
        Cap::Concurrent => Cause::MaxConcurrent,
        Cap::PerSecond => Cause::MaxPerSecond,
        Cap::Total => Cause::MaxTotal,
        Cap::Unknown => Cause::HostError,
        Cap::CpuShare => Cause::CpuShare,
    }
}

/// What the request was for a scenario that matched it. `faulted`: it got some fault.
pub fn group(outcome: &Outcome, phase: Phase, faulted: bool) -> Group {
    match phase {
        Phase::Baseline => return Group::Baseline,
        Phase::Recovery => return Group::Recovery,
        Phase::Injecting(_) => {}
    }
    match part(outcome, faulted) {
        health::Group::Control => Group::Control,
        health::Group::Treatment => Group::Treatment,
        health::Group::Other => Group::Other,
    }
}

/// The same, whatever the phase.
pub fn part(outcome: &Outcome, faulted: bool) -> health::Group {
    match (&outcome.spared, faulted) {
        (None, _) => health::Group::Treatment,
        (Some(spared), false) if spared.is_control() && *spared != Spared::Preempted => {
            health::Group::Control
        }
        // Another scenario's fault, one that a cap forbade, or none is possible: matched, and no control for this one.
        (Some(_), _) => health::Group::Other,
    }
}

pub fn suppress_all(armed: &mut Armed, verdict: &Verdict, cause: Cause) {
    for outcome in verdict.outcomes.iter().filter(|o| o.spared.is_none()) {
        suppress(armed, outcome.scenario, cause);
    }
}

pub fn suppress_faults(armed: &mut Armed, faults: &[Injected], cause: Cause) {
    for fault in faults {
        suppress(armed, fault.scenario(), cause);
    }
}

pub fn suppress(armed: &mut Armed, scenario: usize, cause: Cause) {
    if let Some(stats) = armed.stats.get_mut(scenario) {
        stats.suppressed(cause);
    }
    armed.observer.suppressed(scenario, cause as usize);
}
