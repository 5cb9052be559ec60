//! What a request leaves behind: marks for access logs and spans, and counts by scenario.

use crate::host;
use crate::root::Armed;
use crate::stats::{self, Cause, Group};
use squall_policy::{Cap, DelayPhase, Injected, Injection, Outcome, Spared, Verdict};
use std::borrow::Cow;

/// The filter state of a request that another instance of Squall has a fault for already: Istio can put the
/// filter into one chain twice, by a namespace's resource and the root namespace's.
pub fn is_marked() -> bool {
    matches!(host::property(&["chaos_mission"]), Ok(Some(_)))
}

/// What a mark says of a request: mission, scenario (of the first fault), faults.
pub fn marks<'a>(armed: &'a Armed, injection: &Injection) -> Option<[Cow<'a, str>; 3]> {
    let first = injection.faults.first()?;
    let name = armed.plan.scenario(first.scenario()).map_or("", |scenario| scenario.name.as_str());
    // An answer that the host refused or the deadline cut is none.
    let answered = injection.abort.is_some();
    let fault: Cow<'_, str> = match injection.faults[..] {
        [only] if answered || only.kind() != "abort" => only.kind().into(),
        _ => {
            let mut kinds = Vec::new();
            for kind in injection.faults.iter().map(Injected::kind) {
                if kind != "abort" && !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            kinds.extend(answered.then_some("abort"));
            if kinds.is_empty() {
                return None;
            }
            kinds.join(",").into()
        }
    };
    Some([armed.mission.as_str().into(), name.into(), fault])
}

/// Filter state for access logs and spans: `%FILTER_STATE(wasm.chaos_scenario:PLAIN)%`.
pub fn mark(armed: &Armed, injection: &Injection) {
    let Some(values) = marks(armed, injection) else { return };
    let failures = ["chaos_mission", "chaos_scenario", "chaos_fault"]
        .into_iter()
        .zip(values)
        .filter(|(key, value)| host::set_property(key, value).is_err())
        .count();
    stats::count_host_errors(u32::try_from(failures).unwrap_or(u32::MAX));
}

pub fn count_delays(armed: &mut Armed, injection: &Injection, when: DelayPhase) {
    for fault in &injection.faults {
        match fault {
            Injected::Delay { scenario, phase, us } if *phase == when => {
                if let Some(stats) = armed.stats.get_mut(*scenario) {
                    stats.injected_delay(*us);
                }
            }
            _ => {}
        }
    }
}

pub fn count_spared(armed: &mut Armed, verdict: &Verdict) {
    for outcome in &verdict.outcomes {
        match outcome.spared {
            Some(Spared::Preempted) => suppress(armed, outcome.scenario, Cause::Preempted),
            Some(Spared::NoSampleHeader) => suppress(armed, outcome.scenario, Cause::NoSampleHeader),
            Some(Spared::Capped(cap)) => suppress(armed, outcome.scenario, cause_of(cap)),
            // The control group, which the request counters show.
            Some(Spared::NotSampled | Spared::NoFaultDrawn) | None => {}
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
pub fn group(outcome: &Outcome, faulted: bool) -> Group {
    match (&outcome.spared, faulted) {
        (None, _) => Group::Treatment,
        // Another scenario's fault, or one that a cap forbade: matched, and no control for this one.
        (Some(Spared::Preempted | Spared::Capped(_)), _) | (Some(_), true) => Group::Other,
        (Some(_), false) => Group::Control,
    }
}

pub fn suppress_all(armed: &mut Armed, verdict: &Verdict, cause: Cause) {
    for outcome in verdict.outcomes.iter().filter(|o| o.spared.is_none()) {
        suppress(armed, outcome.scenario, cause);
    }
}

pub fn suppress_faults(armed: &mut Armed, injection: &Injection, cause: Cause) {
    for fault in &injection.faults {
        suppress(armed, fault.scenario(), cause);
    }
}

pub fn suppress_response_delays(armed: &mut Armed, injection: &Injection, cause: Cause) {
    for fault in &injection.faults {
        if let Injected::Delay { scenario, phase: DelayPhase::Response, .. } = fault {
            suppress(armed, *scenario, cause);
        }
    }
}

pub fn suppress(armed: &mut Armed, scenario: usize, cause: Cause) {
    if let Some(stats) = armed.stats.get_mut(scenario) {
        stats.suppressed(cause);
    }
}
