//! Faults that the caller asks for: what of a request's headers becomes faults of the scenario.

use super::decide::{LazyChance, add, add_delay, add_ending};
use super::matcher::without_query;
use super::{Abort, DelayPhase, Injected, Injection, Scenario, Spared, Throttle};
use crate::caller::{Asked, BAGGAGE_HEADER, Callers, Carried, FAULT_HEADER, Ignored, TOKEN_HEADER};
use crate::draw::{PPM, Seed};
use crate::facts::{Fact, Facts};
use crate::wire::{self, RequestedKind};

/// What callers may ask of one scenario.
#[derive(Debug)]
pub struct Requested {
    limits: wire::RequestedFault,
    scenario: String,
    fault: Fact,
    token: Fact,
    baggage: Fact,
}

impl Requested {
    #[must_use]
    pub(super) fn compile(fault: &wire::RequestedFault, scenario: &str) -> Self {
        let header = |name: &str| Fact::Header(name.to_owned());
        Self {
            limits: fault.clone(),
            scenario: scenario.to_owned(),
            fault: header(FAULT_HEADER),
            token: header(TOKEN_HEADER),
            baggage: header(BAGGAGE_HEADER),
        }
    }

    /// Whether the headers of a request go on to the upstream.
    #[must_use]
    pub fn forwards(&self) -> bool {
        self.limits.forward
    }

    /// The kinds of faults that may come of it.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.limits.allow.iter().map(|kind| kind.word())
    }

    /// What the request asks for and may have. `Ok(None)`: it asks for nothing.
    fn granted(&self, callers: &Callers, facts: &mut dyn Facts) -> Result<Option<Asked>, Ignored> {
        let Some(Carried { fault, token }) = self.carried(facts)? else { return Ok(None) };
        let token = token.ok_or(Ignored::Unsigned)?;
        let trusted = |name: &str| self.limits.keys.as_ref().is_none_or(|k| k.iter().any(|k| k.0 == name));
        // Nothing of the text is looked at before its signature.
        let expires = callers.verify(&token, &fault, trusted)?;
        let now = facts.moment().map(|moment| moment.wall_ms / 1000).ok_or(Ignored::Expired)?;
        let left = expires.checked_sub(now).filter(|left| *left > 0).ok_or(Ignored::Expired)?;
        if left > self.limits.max_age.0.as_secs() {
            return Err(Ignored::OverLimit);
        }
        let asked = Asked::parse(&fault).ok_or(Ignored::Malformed)?;
        if !is_target(&asked, facts) {
            return Err(Ignored::OtherTarget);
        }
        if self.is_over_limit(&asked) { Err(Ignored::OverLimit) } else { Ok(Some(asked)) }
    }

    /// The header is normally absent, and then nearly free to ask for; it counts before baggage.
    fn carried(&self, facts: &mut dyn Facts) -> Result<Option<Carried>, Ignored> {
        if let Some(fault) = facts.fact(&self.fault).map(<[u8]>::to_vec)
            && let Some(carried) = Carried::in_headers(&fault, facts.fact(&self.token))
        {
            return Ok(Some(carried));
        }
        facts.fact(&self.baggage).and_then(Carried::in_baggage).transpose()
    }

    fn is_over_limit(&self, asked: &Asked) -> bool {
        let limits = &self.limits;
        let forbidden = |kind: RequestedKind, asked: bool| asked && !limits.allow.contains(&kind);
        let listed = limits.statuses.is_some() || limits.grpc_statuses.is_some();
        let status = |status| limits.statuses.as_ref().is_some_and(|all| all.contains(&status));
        let grpc = |code| limits.grpc_statuses.as_ref().is_some_and(|all| all.contains(&code));
        forbidden(RequestedKind::Delay, asked.delay_us.is_some())
            || forbidden(RequestedKind::Abort, asked.aborts())
            || forbidden(RequestedKind::Throttle, asked.throttle.is_some())
            || asked.delay_us.is_some_and(|us| us > limits.max_delay.micros())
            || asked.throttle.is_some_and(|rate| rate < limits.min_rate.0)
            || (listed && asked.abort.is_some_and(|s| !status(s)))
            || (listed && asked.abort_grpc.is_some_and(|code| !grpc(code)))
    }

    /// The answer; the HTTP status wins where both are asked for.
    fn abort(&self, asked: &Asked) -> Abort {
        let fault = wire::AbortFault {
            status: asked.abort,
            grpc_status: asked.abort_grpc.filter(|_| asked.abort.is_none()),
            body: None,
            headers: None,
            message: None,
            percent: wire::Percent::ALL,
        };
        Abort::compile(&fault, &self.scenario)
    }
}

fn is_target(asked: &Asked, facts: &mut dyn Facts) -> bool {
    let authority = asked.authority.as_ref().is_none_or(|wanted| {
        facts.fact(&Fact::Authority).is_some_and(|own| own.eq_ignore_ascii_case(wanted.as_bytes()))
    });
    let path = asked.path.as_ref().is_none_or(|wanted| {
        let own = facts.fact(&Fact::Path).map(without_query);
        own.is_some_and(|own| own.starts_with(wanted.as_bytes()))
    });
    authority && path
}

/// Adds what the request asks for, each fault with at most the share that the scenario allows. Says why there is none.
#[inline(never)]
pub(super) fn judge(
    (number, scenario): (usize, &Scenario),
    (requested, most_ppm): (&Requested, u32),
    callers: &Callers,
    seed: &Seed,
    facts: &mut dyn Facts,
    injection: &mut Option<Injection>,
) -> Option<Spared> {
    let asked = match requested.granted(callers, facts) {
        Ok(Some(asked)) => asked,
        Ok(None) => return Some(Spared::NotRequested),
        Err(ignored) => return Some(Spared::Ignored(ignored)),
    };
    let before = injection.as_ref().map_or(0, |i| i.faults.len());
    let mut chance = LazyChance::default();
    let mut drawn = |asked_ppm: Option<u32>| {
        let ppm = asked_ppm.unwrap_or(PPM).min(most_ppm);
        ppm >= PPM || (ppm > 0 && chance.get(scenario, seed, facts).ppm() < ppm)
    };
    if let Some(us) = asked.delay_us.filter(|_| drawn(asked.delay_ppm)) {
        add_delay(number, DelayPhase::Request, us, injection);
    }
    if let Some(rate) = asked.throttle.filter(|_| drawn(asked.throttle_ppm)) {
        let rates = Throttle { request: None, response: Some(rate) };
        add(Injected::Throttle { scenario: number, rates }, injection);
    }
    let mut beaten = false;
    if asked.aborts() && drawn(asked.abort_ppm) {
        beaten = !add_ending(Injected::Abort { scenario: number, fault: 0 }, injection);
        if let Some(injection) = injection.as_mut().filter(|_| !beaten) {
            injection.answer = Some(Box::new(requested.abort(&asked)));
        }
    }
    let after = injection.as_ref().map_or(0, |i| i.faults.len());
    (after == before).then_some(if beaten { Spared::Preempted } else { Spared::NoFaultDrawn })
}
