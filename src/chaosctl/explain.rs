//! `explain`: what a mission does to one request, and why. It asks the same `Plan::decide` as the filter.

use crate::arguments::{Explain, Output};
use crate::explanation::{Answer, Effect, Outcome as Reason, Scenario, Told};
use crate::inputs::{Identity, Inputs};
use crate::keys::Key;
use crate::request::Request;
use crate::terminal::{self, Paint};
use crate::{Outcome, advice, emit, keys, whose, words};
use anyhow::bail;
use squall_policy::{
    BAGGAGE_HEADER, DelayPhase, Explanation, FAULT_HEADER, Fact, Facts, Fault, Injected, Moment, Plan, Seed,
    Spared, Verdict, wire,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// # Errors
/// When a file cannot be read, or a draw is needed and there is no seed.
pub fn run(arguments: &Explain, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    let loaded = Inputs::load(&arguments.catalog, Some(&arguments.mission), &Identity::default(), err)?;
    let Some(Inputs { catalog, mission: Some(mission), .. }) = loaded else { return Ok(Outcome::Finding) };
    let moment = moment(&mission, arguments);
    let mut request = Request::new(arguments, moment)?;
    let mut plan = whose::plan(&catalog, &mission, arguments)?;
    let keys = keys::read(&arguments.caller_key)?;
    plan.trust(keys::callers(&keys)?);
    if arguments.running.is_none()
        && mission.start.is_none()
        && is_on_at_random(&plan, &catalog, &mut request)
    {
        bail!(
            "a scenario that this request matches is on at random times of the mission (`randomize`, `burst`), and the \
             mission has no `start`: say with --running 90s how long it has run"
        );
    }
    let told = tell((&plan, &keys), &catalog, &mission, arguments.seed.as_deref(), &mut request)?;
    let told = told.noting(advice::of_end(&mission, moment).into_iter());
    terminal::print(&match arguments.output {
        Output::Text => told.text(out),
        output => emit::structured(&told, output)?,
    })?;
    Ok(Outcome::Fine)
}

/// Whether the request matches a scenario that depends on how long the mission has run.
fn is_on_at_random(plan: &Plan, catalog: &wire::Catalog, request: &mut Request) -> bool {
    let randomized =
        |s: &wire::Scenario| s.burst.is_some() || s.trigger.as_ref().is_some_and(|t| t.randomize.is_some());
    plan.explain(&Seed::from_text(""), request).iter().any(|explanation| {
        let matched = explanation.mismatches.is_empty() && !explanation.wrong_direction;
        matched && named(catalog, plan, explanation.scenario).is_some_and(randomized)
    })
}

/// When the request comes.
fn moment(mission: &wire::Mission, arguments: &Explain) -> Moment {
    let at = arguments.at.map_or_else(SystemTime::now, SystemTime::from);
    let since = |start: u64| at.duration_since(UNIX_EPOCH + Duration::from_millis(start)).unwrap_or_default();
    let running = arguments.running.map(Duration::from).or(mission.start.map(|start| since(start.0)));
    Moment {
        wall_ms: u64::try_from(since(0).as_millis()).unwrap_or(u64::MAX),
        running_ns: u64::try_from(running.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX),
    }
}

/// Asks the policy. Without a request id nothing that depends on one is told.
fn tell(
    (plan, keys): (&Plan, &[Key]),
    catalog: &wire::Catalog,
    mission: &wire::Mission,
    seed: Option<&str>,
    request: &mut Request,
) -> anyhow::Result<Told> {
    let seed = seed.or(mission.seed.as_ref().map(|s| s.0.as_str()));
    let key = Seed::from_text(seed.unwrap_or_default());
    let verdict = plan.decide(&key, request);
    let explanations = plan.explain(&key, request);
    let by_chance = request.asked_for_id && request.id().is_none();
    let drawn =
        explanations.iter().any(|e| e.draw_ppm.is_some() && (!by_chance || by_header(catalog, plan, e)));
    if seed.is_none() && (drawn || (request.asked_for_id && !by_chance)) {
        bail!(
            "a draw is needed, and there is no seed: give --seed TEXT, write `seed` into the mission, or take the \
             one that the filter logged (event mission.accepted)"
        );
    }
    let scenarios = explanations
        .iter()
        .filter_map(|e| Some((e, plan.scenario(e.scenario)?, named(catalog, plan, e.scenario)?)))
        .map(|(e, scenario, wire)| {
            let hidden = by_chance && !sticky(wire);
            let matched = e.mismatches.is_empty() && !e.wrong_direction;
            let outcome = outcome(e, &verdict, matched, by_chance, hidden);
            Scenario {
                name: scenario.name.clone(),
                matched,
                outcome,
                mismatches: reasons(e, wire),
                protected_by: e.protected.map(|by| by.to_string()),
                draw_ppm: e.draw_ppm.filter(|_| !hidden),
                sample_ppm: e.sample_ppm,
                faults: if by_chance { Vec::new() } else { effects(plan, &verdict, e.scenario) },
                declared: words::faults(wire),
                lacks: advice::of_header(wire, outcome),
            }
        })
        .collect::<Vec<_>>();
    let rate = rate_ppm(catalog, plan, &explanations, &verdict, asks(request));
    let scenarios = in_order(scenarios, plan, mission);
    let answer = answer(plan, &verdict, by_chance, rate);
    let notes = advice::of_scenarios(&verdict, |number| named(catalog, plan, number), keys, request);
    Ok(Told::new(mission, seed, request.id(), scenarios, answer, rate).noting(notes.into_iter()))
}

/// Those of other proxies among them, in the mission's order.
fn in_order(scenarios: Vec<Scenario>, plan: &Plan, mission: &wire::Mission) -> Vec<Scenario> {
    let dormant = plan.dormant().iter().map(|d| Scenario {
        name: d.scenario.clone(),
        matched: false,
        outcome: Reason::Dormant,
        mismatches: vec![d.because.clone()],
        protected_by: None,
        draw_ppm: None,
        sample_ppm: 0,
        faults: Vec::new(),
        declared: Vec::new(),
        lacks: None,
    });
    let mut all: Vec<Scenario> = scenarios.into_iter().chain(dormant).collect();
    all.sort_by_key(|s| mission.scenarios.iter().position(|name| name.0 == s.name));
    all
}

fn named<'c>(catalog: &'c wire::Catalog, plan: &Plan, number: usize) -> Option<&'c wire::Scenario> {
    let name = &plan.scenario(number)?.name;
    catalog.scenarios.iter().find(|s| s.name.0 == *name)
}

fn sticky(scenario: &wire::Scenario) -> bool {
    let sample = scenario.scope.as_ref().and_then(|s| s.sample.as_ref());
    sample.is_some_and(|s| matches!(s.by, wire::SampleBy::Header(_)))
}

fn by_header(catalog: &wire::Catalog, plan: &Plan, explanation: &Explanation) -> bool {
    named(catalog, plan, explanation.scenario).is_some_and(sticky)
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
        Some(Some(Spared::Trigger)) => Reason::Trigger,
        Some(Some(Spared::Burst)) => Reason::Burst,
        Some(Some(Spared::Attempt)) => Reason::Attempt,
        Some(Some(Spared::NotRequested)) => Reason::NotRequested,
        Some(Some(Spared::Ignored(why))) => Reason::Ignored(why.word()),
        Some(Some(Spared::Protected)) => Reason::Protected,
        Some(Some(Spared::NoSampleHeader)) => Reason::NoSampleHeader,
        Some(Some(Spared::NoKey)) => Reason::NoKey,
        Some(Some(Spared::NotSampled)) if !hidden || e.sample_ppm == 0 => Reason::NotSampled,
        _ if by_chance => Reason::ByChance,
        Some(None) => Reason::Faulted,
        Some(Some(Spared::NoFaultDrawn)) => Reason::NoFaultDrawn,
        Some(Some(Spared::Preempted)) => Reason::Preempted,
        // Caps and turns depend on the other requests; a decision about one alone knows none.
        Some(Some(Spared::NotSampled | Spared::Capped(_) | Spared::FirstDone | Spared::FirstFull)) | None => {
            Reason::NotSampled
        }
    }
}

fn effects(plan: &Plan, verdict: &Verdict, scenario: usize) -> Vec<Effect> {
    let faults = verdict.injection.iter().flat_map(|i| &i.faults).filter(|f| f.scenario() == scenario);
    faults.filter_map(|fault| effect(plan, verdict, fault)).collect()
}

fn effect(plan: &Plan, verdict: &Verdict, fault: &Injected) -> Option<Effect> {
    match fault {
        Injected::Delay { phase, us, .. } => Some(Effect::Delay {
            phase: match phase {
                DelayPhase::Request => "request",
                DelayPhase::Response => "response",
            },
            us: *us,
        }),
        Injected::Drop { drop, .. } => Some(Effect::drop(*drop)),
        Injected::Throttle { rates, .. } => Some(Effect::Throttle {
            request_bytes_per_s: rates.request,
            response_bytes_per_s: rates.response,
        }),
        Injected::Abort { scenario, fault }
        | Injected::Mutate { scenario, fault }
        | Injected::Stream { scenario, fault }
        | Injected::Concurrency { scenario, fault } => match plan.scenario(*scenario)?.fault(*fault)? {
            Fault::Abort(abort) => Some(Effect::abort(abort)),
            Fault::Requested(_) => verdict.injection.as_ref()?.answer.as_ref().map(|a| Effect::abort(a)),
            Fault::Mutate(change) => Some(Effect::Mutate {
                request: change.request.is_some(),
                response: change.response.as_ref().is_some_and(|headers| !headers.is_empty()),
                body: change.body.is_some(),
            }),
            Fault::Concurrency(pool) => Some(Effect::Concurrency {
                limit: pool.limit,
                queue: pool.queue,
                queue_timeout_us: pool.timeout_us,
            }),
            Fault::Stream(stream) => Some(Effect::stream(stream)),
            _ => None,
        },
        Injected::Burn { burn, .. } => Some(Effect::Burn { us: burn.us }),
        Injected::Hold { bytes, .. } => Some(Effect::Hold { bytes: *bytes }),
    }
}

fn is_pressure(fault: &Injected) -> bool {
    matches!(fault, Injected::Burn { .. } | Injected::Hold { .. } | Injected::Concurrency { .. })
}

fn answer(plan: &Plan, verdict: &Verdict, by_chance: bool, rate_ppm: u32) -> Answer {
    if by_chance {
        return Answer::ByChance { rate_ppm };
    }
    match &verdict.injection {
        None => Answer::Pass,
        Some(injection) => Answer::Inject {
            pressure: injection
                .faults
                .iter()
                .filter(|fault| is_pressure(fault))
                .filter_map(|fault| effect(plan, verdict, fault))
                .collect(),
            request_delay_us: injection.request_delay_us,
            response_delay_us: injection.response_delay_us,
            abort: injection
                .ending
                .and_then(|(scenario, fault)| effect(plan, verdict, &Injected::Abort { scenario, fault }))
                .filter(|effect| matches!(effect, Effect::Abort { .. })),
            others: injection
                .faults
                .iter()
                .filter(|fault| {
                    let told = matches!(fault, Injected::Delay { .. } | Injected::Abort { .. });
                    !told && !is_pressure(fault)
                })
                .filter_map(|fault| effect(plan, verdict, fault))
                .collect(),
        },
    }
}

/// The share of the sampled requests that a fault is drawn for.
fn share(fault: &wire::Fault) -> f64 {
    let drawn = |f: &wire::Fault| f64::from(f.percent().0) / 1e6;
    fault.alternatives().into_iter().map(|(weight, alternative)| weight * drawn(alternative)).sum()
}

/// Whether the request has a header that may ask for a fault.
fn asks(request: &mut Request) -> bool {
    [FAULT_HEADER, BAGGAGE_HEADER]
        .iter()
        .any(|name| request.fact(&Fact::Header((*name).to_owned())).is_some())
}

/// The share of requests like this one that gets at least one fault: only the request id varies.
fn rate_ppm(
    catalog: &wire::Catalog,
    plan: &Plan,
    explanations: &[Explanation],
    verdict: &Verdict,
    asks: bool,
) -> u32 {
    let mut untouched = 1.0;
    for outcome in &verdict.outcomes {
        let Some(scenario) = named(catalog, plan, outcome.scenario) else { continue };
        let Some(explanation) = explanations.iter().find(|e| e.scenario == outcome.scenario) else {
            continue;
        };
        let requested = scenario.faults.iter().any(|fault| fault.requested.is_some());
        let sampled = match explanation.draw_ppm {
            _ if matches!(outcome.spared, Some(Spared::NoSampleHeader | Spared::NotRequested)) => 0.0,
            // Not sampled, and so not looked at.
            _ if requested && !asks => 0.0,
            _ if outcome.spared.is_some_and(|spared| !spared.is_control()) => 0.0,
            // The header's value, and so its draw, is the same for all of them.
            Some(draw) if sticky(scenario) => f64::from(u8::from(draw < explanation.sample_ppm)),
            _ => f64::from(explanation.sample_ppm) / 1e6,
        };
        let none: f64 = scenario.faults.iter().map(|fault| 1.0 - share(fault)).product();
        untouched *= 1.0 - sampled * (1.0 - none);
    }
    ((1.0 - untouched) * 1e6).round() as u32
}
