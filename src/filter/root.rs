//! One root context: one configuration with its mission, its timer and what waits for it.

use crate::armed::Armed;
use crate::handover::Successor;
use crate::health;
use crate::host::{self, Side};
use crate::run::LOOK_NS;
use crate::shown::Owner;
use crate::stats;
use crate::waiting::Waiters;
use squall_policy::mission::State;
use squall_policy::{DeadlineQueue, Ticket};
use std::rc::Rc;

/// What the host refused (to let a stream go, to tell the time) is tried again after so many milliseconds.
pub const RETRY_MS: u32 = 100;
pub const RETRY_NS: u64 = RETRY_MS as u64 * 1_000_000;

/// What the timer rings for.
#[derive(Debug, Clone, Copy)]
pub enum Wake {
    Stream(u32),
    /// A body that is held back.
    Body(u32, Side),
    /// A response that was cut short.
    Close(u32),
    /// The end of the wait for a slot of a pool.
    Slot(u32),
    /// Who waits for a slot looks, in case that nobody has told it that there is one.
    Look,
    /// A stream of messages that is broken off.
    Messages(u32),
    /// The next phase of the mission, or the next look at what has become of it elsewhere.
    Mission,
    /// The end of the handover to a newer configuration.
    Handover,
    /// A slot of a cap could not be given back.
    GiveBack,
    /// What this worker has seen is put together with what the others have.
    Health,
}

impl Wake {
    /// The stream that it is for.
    pub fn stream(self) -> Option<u32> {
        match self {
            Self::Stream(id) | Self::Body(id, _) | Self::Close(id) | Self::Messages(id) | Self::Slot(id) => {
                Some(id)
            }
            Self::Mission | Self::Handover | Self::GiveBack | Self::Look | Self::Health => None,
        }
    }
}

/// One root context: one configuration.
#[derive(Default)]
pub struct Root {
    /// `plugin_name`: a newer configuration of the same name takes this one's place.
    pub plugin: String,
    /// The same for the same configuration.
    pub identity: u64,
    /// When it came, on the monotonic clock.
    pub came_ns: u64,
    /// `None` is idle: streams of this root are not even remembered.
    pub armed: Option<Armed>,
    /// The configuration as it came, where it has a catalog: an order is read with it.
    pub configuration: Option<Rc<[u8]>>,
    /// The configuration has a mission of its own.
    pub own_mission: bool,
    /// A halt keeps its mission from beginning.
    pub blocked: bool,
    /// The last order that it has seen.
    pub order: u64,
    /// When it looks at its mission next.
    pub looks: Option<Ticket>,
    pub queue: DeadlineQueue<Wake>,
    /// What waits for slots.
    pub waiters: Waiters,
    /// A newer configuration has taken over; what still runs here ends quietly.
    pub successor: Option<Successor>,
    /// The mission is over: whatever waits goes on at the next tick.
    pub release: bool,
    /// The deadline that the timer is set to, nanoseconds on the monotonic clock.
    pub rings_at: Option<u64>,
}

impl Root {
    pub fn owner(&self) -> Owner {
        Owner::new(&self.plugin, self.identity)
    }

    /// Adds a wake-up, and sets the timer when it is the earliest. The effective context has to be this
    /// root or one of its streams. `None`: there is no timer, and so nothing may wait.
    pub fn wake_at(&mut self, due_ns: u64, now_ns: u64, wake: Wake) -> Option<Ticket> {
        let ticket = self.queue.push(due_ns, wake);
        let sooner = self.rings_at.is_none_or(|at| due_ns < at);
        if sooner && !self.set_timer(now_ns) {
            self.queue.cancel(ticket);
            return None;
        }
        Some(ticket)
    }

    /// Sets the timer to the first deadline, or switches it off when nothing waits.
    pub fn set_timer(&mut self, now_ns: u64) -> bool {
        // What waits later has nothing to do with a release that found nobody.
        self.release &= !self.queue.is_empty();
        let period = match self.queue.next_ring_ms(now_ns) {
            Some(_) if self.release => 1,
            Some(ms) => ms,
            None => 0,
        };
        let set = host::set_tick_period_ms(period).is_ok();
        self.rings_at = if set { self.queue.next_due_ns() } else { None };
        stats::count_host_errors(u32::from(!set));
        set
    }

    /// Looks at the mission again at that time, and not at the one that was planned. `false`: there is no timer.
    fn look_at(&mut self, due_ns: u64, now_ns: u64) -> bool {
        if let Some(planned) = self.looks.take() {
            self.queue.cancel(planned);
        }
        self.looks = self.wake_at(due_ns, now_ns, Wake::Mission);
        self.looks.is_some()
    }

    /// The mission is over: whatever waits here goes on.
    pub fn end_mission(&mut self, now_ns: u64) {
        let Some(armed) = self.armed.as_mut().filter(|armed| !armed.is_ended) else { return };
        armed.end(self.successor.is_none());
        armed.tell_health();
        if let Some(planned) = armed.observer.planned.take() {
            self.queue.cancel(planned);
        }
        self.release = true;
        self.plan_health(health::VERDICT_NS, now_ns);
        if let Some(planned) = self.looks.take() {
            self.queue.cancel(planned);
        }
        self.set_timer(now_ns);
    }

    /// Brings the mission to where the clocks are and to what has become of it elsewhere, and sets the timer for what comes
    /// next. The effective context has to be this root. `asked_ns`: when this was due.
    pub fn advance_mission(&mut self, asked_ns: u64) {
        let shown = self.successor.is_none();
        let Some(armed) = self.armed.as_mut().filter(|armed| !armed.is_ended) else { return };
        let Ok((standing, now_ns)) = armed.look(shown) else {
            // Without clocks there is no deadline, and without shared data no halt: then there is no mission.
            stats::count_host_errors(1);
            armed.pause(shown);
            self.release = true;
            self.look_at(asked_ns.saturating_add(RETRY_NS), asked_ns);
            return;
        };
        let next = match standing.state {
            State::Over(_) => return self.end_mission(now_ns),
            State::Pending => standing.until.mono_ns,
            _ => standing.until.mono_ns.min(now_ns.saturating_add(LOOK_NS)),
        };
        let breakers = armed.running && armed.observer.has_breakers();
        if armed.lets_go() {
            self.release = true;
        }
        if breakers {
            // One of them may be open already.
            self.plan_health(1, now_ns);
        }
        if !self.look_at(next, now_ns) {
            // Nothing would end it in time while there is no traffic.
            self.end_mission(now_ns);
        }
    }
}
