//! Caps (promise P4): the compare-and-swap around a scope's record in shared data, which all workers of the proxy
//! share. Without caps in the configuration nothing here calls the host.

use crate::armed::Armed;
use crate::host;
use crate::record;
use crate::stats;
use squall_policy::{Cap, Limits, Plan, Spared, Usage, Verdict};
use std::cell::RefCell;
use std::rc::Rc;

const NS_PER_S: u64 = 1_000_000_000;

thread_local! {
    /// What this VM has to give back and could not yet: a slot must not stay taken because a call failed.
    static PENDING: RefCell<Vec<(Rc<str>, GiveBack)>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy)]
enum GiveBack {
    /// The request is complete.
    Release,
    /// The request that was counted in this second gets no fault after all.
    Undo(u64),
}

struct Scope {
    key: Rc<str>,
    limits: Limits,
}

impl Scope {
    fn new(key: String, limits: Limits) -> Option<Self> {
        (!limits.is_none()).then(|| Self { key: key.into(), limits })
    }
}

/// The caps of a mission and of its scenarios, by their number.
#[derive(Default)]
pub struct Caps {
    mission: Option<Scope>,
    scenarios: Vec<Option<Scope>>,
    any: bool,
}

impl Caps {
    #[must_use]
    pub fn new(mission: &str, plan: &Plan) -> Self {
        // An id has no slash, so no scenario of one mission has the key of another.
        let scope = |name: &str, limits| Scope::new(format!("squall/caps/{mission}/{name}"), limits);
        let scenarios: Vec<_> = plan.scenarios().iter().map(|s| scope(&s.name, s.limits)).collect();
        let mission = Scope::new(format!("squall/caps/{mission}"), plan.limits);
        let any = mission.is_some() || scenarios.iter().any(Option::is_some);
        Self { mission, scenarios, any }
    }
}

/// What a request has to give back when it is complete: the scopes that count it as active.
pub type Held = Vec<Rc<str>>;

/// Counts the request in every scope that it is about to get faults of, and takes off what a full cap forbids.
pub fn acquire(armed: &Armed, verdict: &mut Verdict) -> Held {
    let caps = &armed.caps;
    if !caps.any || verdict.injection.is_none() {
        return Held::new();
    }
    flush();
    let mut taken = Vec::new();
    for number in verdict.faulting() {
        let Some(scope) = caps.scenarios.get(number).and_then(Option::as_ref) else { continue };
        match take(armed, scope) {
            Ok(second) => taken.push((scope, second)),
            Err(cap) => verdict.spare(number, Spared::Capped(cap)),
        }
    }
    if let Some(scope) = caps.mission.as_ref().filter(|_| verdict.injection.is_some()) {
        match take(armed, scope) {
            Ok(second) => taken.push((scope, second)),
            Err(cap) => {
                for number in verdict.faulting() {
                    verdict.spare(number, Spared::Capped(cap));
                }
                for (scope, second) in taken.drain(..) {
                    give_back(&scope.key, GiveBack::Undo(second));
                }
            }
        }
    }
    let held = taken.into_iter().filter(|(scope, _)| scope.limits.concurrent.is_some());
    held.map(|(scope, _)| Rc::clone(&scope.key)).collect()
}

/// The request is complete. Says whether something is left to be given back later.
pub fn release(held: &Held) -> bool {
    let mut left = false;
    for key in held {
        left |= !give_back(key, GiveBack::Release);
    }
    left
}

/// Gives back what could not be given back before. `true` when something is left.
pub fn flush() -> bool {
    let waiting = PENDING.with(|pending| pending.try_borrow_mut().map(|mut p| std::mem::take(&mut *p)));
    let waiting = waiting.unwrap_or_default();
    let mut left = false;
    for (key, what) in waiting {
        left |= !give_back(&key, what);
    }
    left
}

/// Counts one request in a scope, and says in which second; or says which cap is full.
fn take(armed: &Armed, scope: &Scope) -> Result<u64, Cap> {
    let counted = exchange(&scope.key, |usage| {
        // Between reading and writing: see `Usage::acquire`.
        let second = match scope.limits.per_second {
            Some(_) => armed.running_ns(host::monotonic_ns()?) / NS_PER_S,
            None => 0,
        };
        Ok(usage.acquire(&scope.limits, second).map(|usage| (usage, second)))
    });
    counted.unwrap_or_else(|_| {
        stats::count_host_errors(1);
        Err(Cap::Unknown)
    })
}

/// `false` when it has to be tried again; then it is remembered.
fn give_back(key: &Rc<str>, what: GiveBack) -> bool {
    let done = exchange(key, |usage| {
        Ok(Ok::<_, Cap>(match what {
            GiveBack::Release => (usage.release(), ()),
            GiveBack::Undo(second) => (usage.undo(second), ()),
        }))
    });
    if done.is_ok() {
        return true;
    }
    stats::count_host_errors(1);
    PENDING.with(|pending| {
        if let Ok(mut pending) = pending.try_borrow_mut() {
            pending.push((Rc::clone(key), what));
        }
    });
    false
}

/// Changes a scope's record. The inner error is the change's own: then nothing is written.
fn exchange<T, E>(
    key: &str,
    change: impl Fn(Usage) -> host::Result<Result<(Usage, T), E>>,
) -> host::Result<Result<T, E>> {
    let mut result = None;
    record::exchange(key, &mut |bytes| {
        let usage = Usage::read(bytes).ok_or(host::Status::UNREADABLE)?;
        Ok(match change(usage)? {
            Ok((usage, value)) => {
                result = Some(Ok(value));
                Some(usage.to_bytes())
            }
            Err(refused) => {
                result = Some(Err(refused));
                None
            }
        })
    })?;
    result.ok_or(host::Status::UNREADABLE)
}
