//! How busy the scopes of scenarios with a load trigger are: their records in shared data.
//! Nothing here calls the host for other scenarios.

use crate::host;
use crate::record;
use crate::stats;
use squall_policy::{Busy, Traffic};
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::default());
}

/// This VM.
#[derive(Default)]
struct Worker {
    /// Tells it from the others; drawn when first needed.
    id: Option<u64>,
    /// Requests under way, by scope. What is in shared data follows it.
    in_flight: Vec<(Rc<str>, u64)>,
}

/// The scopes in which a request is under way; it has left when this is dropped.
#[derive(Default)]
pub struct Arrivals(Vec<Rc<str>>);

impl Arrivals {
    /// The request has come to a scope.
    pub fn arrive(&mut self, scope: &str) -> host::Result<Busy> {
        let key: Rc<str> = ["squall/load/", scope].concat().into();
        let worker = change(&key, true).ok_or(host::Status::UNREADABLE)?;
        // From now on it has to leave again, whatever becomes of the call.
        self.0.push(Rc::clone(&key));
        exchange(&key, worker, true)
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        for key in self.0.drain(..) {
            let Some(worker) = change(&key, false) else { continue };
            // Should this fail, the next request of this worker makes it good, or the end of its lease.
            let left = exchange(&key, worker, false);
            stats::count_host_errors(u32::from(left.is_err()));
        }
    }
}

impl Worker {
    /// One more or one less in a scope; gives how many there are then, beside the id of this VM.
    fn change(&mut self, key: &Rc<str>, more: bool) -> Option<(u64, u64)> {
        let id = match self.id {
            Some(id) => id,
            None => getrandom::u64().ok()?,
        };
        self.id = Some(id);
        if !self.in_flight.iter().any(|(known, _)| known == key) {
            self.in_flight.push((Rc::clone(key), 0));
        }
        let (_, count) = self.in_flight.iter_mut().find(|(known, _)| known == key)?;
        *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
        let left = *count;
        self.in_flight.retain(|(_, count)| *count > 0);
        Some((id, left))
    }
}

fn change(key: &Rc<str>, more: bool) -> Option<(u64, u64)> {
    WORKER.with(|worker| worker.try_borrow_mut().ok()?.change(key, more))
}

/// One request more or less in a scope. How busy it is, is told of an arrival.
fn exchange(key: &str, (id, in_flight): (u64, u64), arrives: bool) -> host::Result<Busy> {
    let mut busy = Busy::default();
    record::exchange(key, &mut |bytes| {
        let mut traffic = Traffic::read(bytes).ok_or(host::Status::UNREADABLE)?;
        let now_ms = host::monotonic_ns()? / 1_000_000;
        if arrives {
            busy = traffic.arrive(id, in_flight, now_ms);
        } else {
            traffic.write(id, in_flight, now_ms);
        }
        Ok(Some(traffic.to_bytes()))
    })?;
    Ok(busy)
}
