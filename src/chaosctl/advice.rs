//! What the reader of `explain` should know beside the verdict.

use crate::explanation::Outcome;
use crate::keys::Key;
use crate::request::Request;
use crate::terminal::shown;
use crate::{when, words};
use squall_policy::{
    BAGGAGE_HEADER, FAULT_HEADER, Fact, Facts, Ignored, Moment, Spared, TOKEN_HEADER, Verdict, wire,
};

/// About the scenarios of a verdict, in its order. `named` finds one in the catalog.
pub fn of_scenarios<'c>(
    verdict: &Verdict,
    named: impl Fn(usize) -> Option<&'c wire::Scenario>,
    keys: &[Key],
    request: &mut Request,
) -> Vec<String> {
    let firsts = verdict.faulting().into_iter().filter_map(&named);
    let firsts = firsts.filter(|s| s.scope.as_ref().is_some_and(|s| s.first.is_some())).map(|scenario| {
        let limit = words::spares(scenario).join("; ");
        format!(
            "{}: {limit}. This tells of one of the first; requests before it are not known here",
            scenario.name.0
        )
    });
    let loads = verdict.outcomes.iter().filter_map(|outcome| named(outcome.scenario));
    let mut notes: Vec<String> = firsts.chain(loads.filter_map(when::unknown_load)).collect();
    let unsigned = Some(Spared::Ignored(Ignored::BadSignature));
    for outcome in verdict.outcomes.iter().filter(|outcome| outcome.spared == unsigned) {
        let Some(scenario) = named(outcome.scenario) else { continue };
        notes.extend(signer(request).and_then(|name| distrust(&name, scenario, keys)));
    }
    notes.dedup();
    notes
}

/// Why a signature of this key counts for nothing, unless it is wrong itself.
fn distrust(name: &str, scenario: &wire::Scenario, keys: &[Key]) -> Option<String> {
    let name = shown(name);
    if keys.iter().all(|key| key.name() != name) {
        return Some(format!("no key `{name}` was given: `--caller-key {name}=FILE`"));
    }
    let trusted = scenario.faults.iter().find_map(|fault| fault.requested.as_ref()?.keys.as_ref())?;
    let others: Vec<&str> = trusted.iter().map(|key| key.0.as_str()).collect();
    (!others.contains(&name.as_str()))
        .then(|| format!("{}: key `{name}` is none of its `keys`: {}", scenario.name.0, others.join(", ")))
}

/// The name in the request's token.
fn signer(request: &mut Request) -> Option<String> {
    let mut header = |name: &str| {
        let value = request.fact(&Fact::Header(name.to_owned()))?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let token = match header(FAULT_HEADER).and_then(|_| header(TOKEN_HEADER)) {
        Some(token) => token,
        None => {
            let baggage = header(BAGGAGE_HEADER)?;
            let mut members = baggage.split(',').filter_map(|member| member.split_once('='));
            members.find(|(name, _)| name.trim() == "chaos-token")?.1.to_owned()
        }
    };
    token.split('.').nth(1).map(ToOwned::to_owned)
}

/// Whether the mission is over when the request comes.
pub fn of_end(mission: &wire::Mission, moment: Moment) -> Option<String> {
    let over = u128::from(moment.running_ns) >= mission.duration.0.as_nanos();
    over.then(|| "the mission has ended by then; the filter injects nothing".to_owned())
}

/// The header without which a request gets no fault, and what it is for.
pub fn of_header(scenario: &wire::Scenario, outcome: Outcome) -> Option<String> {
    let scope = scenario.scope.as_ref()?;
    match (outcome, &scope.first, &scope.sample) {
        (Outcome::NoKey, Some(first), _) => Some(format!(
            "`{}` header; faults are for the first {} of each",
            first.per.header.0,
            words::many_requests(first.requests.0)
        )),
        (Outcome::NoSampleHeader, _, Some(wire::Sample { by: wire::SampleBy::Header(name), .. })) => {
            Some(format!("`{}` header, which is sampled by", name.0))
        }
        _ => None,
    }
}
