//! `explain`: what a mission does to one request, and why. It asks the same `Plan::decide` as the filter.

use crate::arguments::{Explain, Output};
use crate::explanation::{Answer, Effect, Outcome as Reason, Told};
use crate::inputs::{Identity, Inputs};
use crate::request::Request;
use crate::terminal::{self, Paint};
use crate::{Outcome, emit, words};
use anyhow::bail;
use squall_policy::{DelayPhase, Explanation, Fault, Injected, Plan, Seed, Spared, Verdict, wire};

/// # Errors
/// When a file cannot be read, or a draw is needed and there is no seed.
pub fn run(arguments: &Explain, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    let loaded = Inputs::load(&arguments.catalog, Some(&arguments.mission), &Identity::default(), err)?;
    let Some(Inputs { catalog, mission: Some(mission), .. }) = loaded else { return Ok(Outcome::Finding) };
    let mut request = Request::new(arguments)?;
    let told = tell(&catalog, &mission, arguments.seed.as_deref(), &mut request)?;
    terminal::print(&match arguments.output {
        Output::Text => told.text(out),
        output => emit::structured(&told, output)?,
    })?;
    Ok(Outcome::Fine)
}

/// Asks the policy. Without a request id nothing that depends on one is told.
fn tell(
    catalog: &wire::Catalog,
    mission: &wire::Mission,
    seed: Option<&str>,
    request: &mut Request,
) -> anyhow::Result<Told> {
    let plan = Plan::compile(catalog, mission);
    let seed = seed.or(mission.seed.as_ref().map(|s| s.0.as_str()));
    let key = Seed::from_text(seed.unwrap_or_default());
    let verdict = plan.decide(&key, request);
    let explanations = plan.explain(&key, request);
    let by_chance = request.asked_for_id && request.id().is_none();
    let drawn =
        explanations.iter().any(|e| e.draw_ppm.is_some() && (!by_chance || by_header(catalog, mission, e)));
    if seed.is_none() && (drawn || (request.asked_for_id && !by_chance)) {
        bail!(
            "a draw is needed, and there is no seed: give --seed TEXT, write `seed` into the mission, or take the \
             one that the filter logged (event mission.accepted)"
        );
    }
    let scenarios = explanations
        .iter()
        .filter_map(|e| Some((e, plan.scenario(e.scenario)?, named(catalog, mission, e.scenario)?)))
        .map(|(e, scenario, wire)| {
            let hidden = by_chance && !sticky(wire);
            let matched = e.mismatches.is_empty() && !e.wrong_direction;
            let outcome = outcome(e, &verdict, matched, by_chance, hidden);
            crate::explanation::Scenario {
                name: scenario.name.clone(),
                matched,
                outcome,
                mismatches: reasons(e, wire),
                draw_ppm: e.draw_ppm.filter(|_| !hidden),
                sample_ppm: e.sample_ppm,
                faults: if by_chance { Vec::new() } else { effects(&plan, &verdict, e.scenario) },
                declared: words::faults(wire),
            }
        })
        .collect();
    let rate = rate_ppm(catalog, mission, &explanations, &verdict);
    Ok(Told::new(mission, seed, request.id(), scenarios, answer(&plan, &verdict, by_chance, rate), rate))
}

fn named<'c>(
    catalog: &'c wire::Catalog,
    mission: &wire::Mission,
    number: usize,
) -> Option<&'c wire::Scenario> {
    let name = mission.scenarios.get(number)?;
    catalog.scenarios.iter().find(|s| s.name == *name)
}

fn sticky(scenario: &wire::Scenario) -> bool {
    let sample = scenario.scope.as_ref().and_then(|s| s.sample.as_ref());
    sample.is_some_and(|s| matches!(s.by, wire::SampleBy::Header(_)))
}

fn by_header(catalog: &wire::Catalog, mission: &wire::Mission, explanation: &Explanation) -> bool {
    named(catalog, mission, explanation.scenario).is_some_and(sticky)
}

fn reasons(explanation: &Explanation, scenario: &wire::Scenario) -> Vec<String> {
    let wanted = scenario.scope.as_ref().map_or("any", |s| s.direction.word());
    let direction = explanation.wrong_direction.then(|| format!("direction is not {wanted}"));
    direction.into_iter().chain(explanation.mismatches.iter().map(ToString::to_string)).collect()
}

fn outcome(e: &Explanation, verdict: &Verdict, matched: bool, by_chance: bool, hidden: bool) -> Reason {
    if !matched {
        return Reason::NotMatched;
    }
    let spared = verdict.outcomes.iter().find(|o| o.scenario == e.scenario).map(|o| o.spared);
    match spared {
        Some(Some(Spared::NoSampleHeader)) => Reason::NoSampleHeader,
        Some(Some(Spared::NotSampled)) if !hidden || e.sample_ppm == 0 => Reason::NotSampled,
        _ if by_chance => Reason::ByChance,
        Some(None) => Reason::Faulted,
        Some(Some(Spared::NoFaultDrawn)) => Reason::NoFaultDrawn,
        Some(Some(Spared::Preempted)) => Reason::Preempted,
        Some(Some(Spared::NotSampled)) | None => Reason::NotSampled,
    }
}

fn effects(plan: &Plan, verdict: &Verdict, scenario: usize) -> Vec<Effect> {
    let faults = verdict.injection.iter().flat_map(|i| &i.faults).filter(|f| f.scenario() == scenario);
    faults.filter_map(|fault| effect(plan, fault)).collect()
}

fn effect(plan: &Plan, fault: &Injected) -> Option<Effect> {
    match fault {
        Injected::Delay { phase, us, .. } => Some(Effect::Delay {
            phase: match phase {
                DelayPhase::Request => "request",
                DelayPhase::Response => "response",
            },
            us: *us,
        }),
        Injected::Abort { scenario, fault } => match plan.scenario(*scenario)?.fault(*fault)? {
            Fault::Abort(abort) => Some(Effect::Abort {
                status: abort.status,
                grpc_status: abort.grpc.as_ref().map(|g| g.status),
                details: abort.details.clone(),
            }),
            Fault::Delay(_) => None,
        },
    }
}

fn answer(plan: &Plan, verdict: &Verdict, by_chance: bool, rate_ppm: u32) -> Answer {
    if by_chance {
        return Answer::ByChance { rate_ppm };
    }
    match &verdict.injection {
        None => Answer::Pass,
        Some(injection) => Answer::Inject {
            request_delay_us: injection.request_delay_us,
            response_delay_us: injection.response_delay_us,
            abort: injection
                .abort
                .and_then(|(scenario, fault)| effect(plan, &Injected::Abort { scenario, fault })),
        },
    }
}

/// The share of requests like this one that gets at least one fault: only the request id varies.
fn rate_ppm(
    catalog: &wire::Catalog,
    mission: &wire::Mission,
    explanations: &[Explanation],
    verdict: &Verdict,
) -> u32 {
    let mut untouched = 1.0;
    for outcome in &verdict.outcomes {
        let Some(scenario) = named(catalog, mission, outcome.scenario) else { continue };
        let Some(explanation) = explanations.iter().find(|e| e.scenario == outcome.scenario) else {
            continue;
        };
        let sampled = match explanation.draw_ppm {
            _ if outcome.spared == Some(Spared::NoSampleHeader) => 0.0,
            // The header's value, and so its draw, is the same for all of them.
            Some(draw) if sticky(scenario) => f64::from(u8::from(draw < explanation.sample_ppm)),
            _ => f64::from(explanation.sample_ppm) / 1e6,
        };
        let shares = scenario
            .faults
            .iter()
            .flat_map(|f| [f.delay.as_ref().map(|d| d.percent.0), f.abort.as_ref().map(|a| a.percent.0)]);
        let none: f64 = shares.flatten().map(|ppm| 1.0 - f64::from(ppm) / 1e6).product();
        untouched *= 1.0 - sampled * (1.0 - none);
    }
    ((1.0 - untouched) * 1e6).round() as u32
}
