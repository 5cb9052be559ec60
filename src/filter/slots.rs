//! Pools of slots (the fault `concurrency`): the record of each in shared data, and the bells of those who are called
//! when it changes. What is in a record is the policy's matter.

use crate::bell;
use crate::host;
use crate::record;
use crate::stats;
use squall_policy::{Concurrency, Fault, Plan, Pool};
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    /// What this VM has to give back and could not yet.
    static PENDING: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// What a request has of a pool, and gives back once.
#[derive(Clone)]
pub enum Place {
    Inside(Rc<str>),
    Waits(Rc<str>, u64),
}

/// The pools of a mission: number of the scenario and of its fault, key of the record.
#[derive(Default)]
pub struct Pools(Vec<((usize, usize), Rc<str>)>);

impl Pools {
    #[must_use]
    pub fn new(mission: &str, plan: &Plan) -> Self {
        let mut pools = Vec::new();
        for (number, scenario) in plan.scenarios().iter().enumerate() {
            let mut faults = scenario.faults().enumerate();
            if let Some((fault, _)) = faults.find(|(_, fault)| matches!(fault, Fault::Concurrency(_))) {
                // A scenario has at most one, so its place among the faults may change while it is in use. An id and a
                // name have no slash, so no two pools have one key.
                let key = format!("squall/slots/{mission}/{}", scenario.name);
                pools.push(((number, fault), key.into()));
            }
        }
        Self(pools)
    }

    /// Gives pools that are in use the size that this configuration says.
    pub fn resize(&self, plan: &Plan) {
        for ((scenario, fault), key) in &self.0 {
            let fault = plan.scenario(*scenario).and_then(|scenario| scenario.fault(*fault));
            let Some(Fault::Concurrency(size)) = fault else { continue };
            let resized = change(key, |pool| {
                if pool.is_open() {
                    pool.resize(size.limit, size.queue);
                }
            });
            stats::count_host_errors(u32::from(resized.is_err()));
        }
    }

    #[must_use]
    pub fn key(&self, pool: (usize, usize)) -> Option<Rc<str>> {
        self.0.iter().find(|(known, _)| *known == pool).map(|(_, key)| Rc::clone(key))
    }
}

/// The size of a pool that nobody has used yet.
pub fn open(pool: &mut Pool, size: &Concurrency) {
    if !pool.is_open() {
        pool.resize(size.limit, size.queue);
    }
}

/// Changes the record of a pool, and rings for those that are called by it.
pub fn change<T: Default>(key: &str, mut act: impl FnMut(&mut Pool) -> T) -> host::Result<T> {
    let mut result = T::default();
    exchange(key, &mut |pool| result = act(pool))?;
    Ok(result)
}

/// Out of line, for all changes.
#[inline(never)]
fn exchange(key: &str, act: &mut dyn FnMut(&mut Pool)) -> host::Result<()> {
    let mut bells = Vec::new();
    record::exchange(key, &mut |bytes| {
        let before = Pool::read(bytes).ok_or(host::Status::UNREADABLE)?;
        let mut pool = before.clone();
        act(&mut pool);
        bells = pool.called_after(before.last_called());
        Ok((pool != before).then(|| pool.to_bytes()))
    })?;
    bells.into_iter().for_each(bell::ring);
    Ok(())
}

/// The request is complete, or goes on without the pool. Says whether something is left to be given back later.
pub fn give_back(place: Place) -> bool {
    let given = match &place {
        Place::Inside(key) => change(key, Pool::release),
        Place::Waits(key, ticket) => change(key, |pool| pool.withdraw(*ticket)),
    };
    if given.is_ok() {
        return false;
    }
    stats::count_host_errors(1);
    PENDING.with(|pending| {
        if let Ok(mut pending) = pending.try_borrow_mut() {
            pending.push(place);
        }
    });
    true
}

/// Gives back what could not be given back before. `true` when something is left.
pub fn flush() -> bool {
    let waiting = PENDING.with(|pending| pending.try_borrow_mut().map(|mut p| std::mem::take(&mut *p)));
    let mut left = false;
    for place in waiting.unwrap_or_default() {
        left |= give_back(place);
    }
    left
}
