//! What a request leaves behind: marks for access logs and spans, and counts by scenario.

use crate::host;
use crate::root::Armed;
use crate::stats::{self, Cause, FAULTS};
use squall_policy::{DelayPhase, Injected, Injection, Spared, Verdict};

/// The filter state of a request that another instance of Squall has a fault for already: Istio can put the
/// filter into one chain twice, by a namespace's resource and the root namespace's.
pub fn is_marked() -> bool {
    matches!(host::property(&["chaos_mission"]), Ok(Some(_)))
}

/// Filter state for access logs and spans: `%FILTER_STATE(wasm.chaos_scenario:PLAIN)%`.
pub fn mark(armed: &Armed, injection: &Injection) {
    let Some(first) = injection.faults.first() else { return };
    let name = armed.plan.scenario(first.scenario()).map_or("", |scenario| scenario.name.as_str());
    let has = |kind: &str| injection.faults.iter().any(|fault| fault.kind() == kind);
    let kinds: Vec<&str> = FAULTS.into_iter().filter(|kind| has(kind)).collect();
    let fault = kinds.join(",");
    let failures = [
        ("chaos_mission", armed.mission.as_str()),
        ("chaos_scenario", name),
        ("chaos_fault", fault.as_str()),
    ]
    .into_iter()
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

/// The abort, the reset or the hang of a request that has no other kind of drop.
pub fn take_endings(injection: &mut Injection) -> Vec<Injected> {
    take(injection, |fault| matches!(fault, Injected::Abort { .. } | Injected::Drop { .. }))
}

pub fn take_delays(injection: &mut Injection, when: DelayPhase) -> Vec<Injected> {
    take(injection, |fault| matches!(fault, Injected::Delay { phase, .. } if *phase == when))
}

/// Counts faults that have taken effect.
pub fn count(armed: &mut Armed, faults: &[Injected]) {
    for fault in faults {
        let Some(stats) = armed.stats.get_mut(fault.scenario()) else { continue };
        stats.injected(fault.kind());
        if let Injected::Delay { us, .. } = fault {
            stats.injected_delay(*us);
        }
    }
}

pub fn count_spared(armed: &mut Armed, verdict: &Verdict) {
    for outcome in &verdict.outcomes {
        match outcome.spared {
            Some(Spared::Preempted) => suppress(armed, outcome.scenario, Cause::Preempted),
            Some(Spared::NoSampleHeader) => suppress(armed, outcome.scenario, Cause::NoSampleHeader),
            Some(Spared::Trigger) => suppress(armed, outcome.scenario, Cause::Trigger),
            Some(Spared::Attempt) => suppress(armed, outcome.scenario, Cause::Attempt),
            Some(Spared::Protected) => suppress(armed, outcome.scenario, Cause::Protected),
            // The control group, which the request counters show.
            Some(Spared::NotSampled | Spared::NoFaultDrawn) | None => {}
        }
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
}
