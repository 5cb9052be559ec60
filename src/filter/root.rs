//! One root context: one configuration with its mission, its timer and what waits for it.

use crate::caps::Caps;
use crate::events;
use crate::handover::Successor;
use crate::host::{self, Side};
use crate::mission;
use crate::pressure;
use crate::slots::Pools;
use crate::stats::{self, ScenarioStats};
use crate::waiting::Waiters;
use log::Level;
use squall_policy::events::Name;
use squall_policy::{DeadlineQueue, Phase, Plan, Schedule, Seed, Ticket};

/// What the host refused (to let a stream go, to tell the time) is tried again after so many milliseconds.
pub const RETRY_MS: u32 = 100;
pub const RETRY_NS: u64 = RETRY_MS as u64 * 1_000_000;

/// While requests wait or memory is held, the wall clock is looked at this often, in milliseconds (promise P1: one second).
const WALL_CLOCK_LOOK_MS: u32 = 1000;

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
    /// The start or the deadline of the mission.
    Mission,
    /// The end of the handover to a newer configuration.
    Handover,
    /// A slot of a cap could not be given back.
    GiveBack,
}

impl Wake {
    /// The stream that it is for.
    pub fn stream(self) -> Option<u32> {
        match self {
            Self::Stream(id) | Self::Body(id, _) | Self::Close(id) | Self::Messages(id) | Self::Slot(id) => {
                Some(id)
            }
            Self::Mission | Self::Handover | Self::GiveBack | Self::Look => None,
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

/// A mission in this proxy.
pub struct Armed {
    pub mission: String,
    pub namespace: String,
    pub plan: Plan,
    pub stats: Vec<ScenarioStats>,
    pub seed: Seed,
    pub schedule: Schedule,
    pub caps: Caps,
    pub pools: Pools,
    /// Whether faulted requests and their responses carry headers that say so.
    pub marks: bool,
    /// This worker holds memory for it.
    pub holds_memory: bool,
    /// Between start and deadline. Set by the timer, and checked against both clocks before each fault.
    pub running: bool,
}

impl Armed {
    /// Whether new requests have anything to fear from this mission.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.schedule.has_ended()
    }

    /// Whether streams have to be remembered.
    #[inline]
    pub fn concerns_streams(&self) -> bool {
        // Marks from outside are taken off every request.
        !self.is_over() && (self.marks || !self.plan.is_dormant())
    }

    pub fn phase(&self) -> host::Result<(Phase, u64)> {
        let now = host::monotonic_ns()?;
        Ok((self.schedule.phase(host::wall_ms()?, now), now))
    }

    pub fn free_memory(&mut self) {
        self.holds_memory = false;
        pressure::free(&self.mission);
    }

    /// Shows in the metrics whether the scenarios are active.
    pub fn show_active(&self, active: bool) {
        for scenario in self.plan.scenarios() {
            let labels = [("scenario", scenario.name.as_str()), ("namespace", self.namespace.as_str())];
            stats::set_gauge("chaos_active", &labels, u64::from(active));
        }
        let deadline_seconds = if active { self.schedule.deadline_wall_ms() / 1000 } else { 0 };
        stats::set_gauge("chaos_deadline_seconds", &[], deadline_seconds);
    }
}

impl Root {
    /// Adds a wake-up, and sets the timer when it is the earliest. The effective context has to be this
    /// root or one of its streams. `None`: there is no timer, and so nothing may wait.
    pub fn wake_at(&mut self, due_ns: u64, now_ns: u64, wake: Wake) -> Option<Ticket> {
        let ticket = self.queue.push(due_ns, wake);
        // The first request that waits also starts the look at the wall clock.
        let sooner = self.rings_at.is_none_or(|at| due_ns < at) || self.queue.len() == 2;
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
            Some(ms) if self.holds_something() => ms.min(WALL_CLOCK_LOOK_MS),
            Some(ms) => ms,
            None => 0,
        };
        let set = host::set_tick_period_ms(period).is_ok();
        self.rings_at = if set { self.queue.next_due_ns() } else { None };
        stats::count_host_errors(u32::from(!set));
        set
    }

    /// Whether requests of a running mission wait (one entry of the queue is the mission's own deadline), or memory is
    /// held for it.
    fn holds_something(&self) -> bool {
        let more = self.queue.len() > 1;
        self.armed.as_ref().is_some_and(|armed| armed.running && (more || armed.holds_memory))
    }

    /// The monotonic clock rings at the deadline; that the wall clock has stepped over it is only seen by looking.
    pub fn end_if_over(&mut self, now_ns: u64) {
        let over = match &self.armed {
            Some(armed) if self.holds_something() => {
                host::wall_ms().is_ok_and(|wall| armed.schedule.phase(wall, now_ns) == Phase::Over)
            }
            _ => false,
        };
        if over {
            self.end_mission(now_ns);
        }
    }

    /// Ends the mission here, and counts it as done if no other worker did.
    pub fn end_mission(&mut self, now_ns: u64) {
        let Some(armed) = self.armed.as_mut().filter(|armed| !armed.is_over()) else { return };
        armed.running = false;
        armed.schedule.end();
        self.release = true;
        armed.free_memory();
        if self.successor.is_none() {
            armed.show_active(false);
        }
        match mission::end(&armed.mission) {
            Ok(true) => {
                stats::count("chaos_missions_total", &[("result", "done")], 1);
                events::emit(Level::Info, &events::new(Name::MissionDone).text("mission", &armed.mission));
            }
            Ok(false) => {}
            Err(failure) => {
                stats::count_host_errors(1);
                log::error!("the end of mission {} could not be recorded: {failure}", armed.mission);
            }
        }
        self.set_timer(now_ns);
    }

    /// Brings the mission to where the clocks are, and sets the timer for what comes next. The effective
    /// context has to be this root. `asked_ns`: when this was due.
    pub fn advance_mission(&mut self, asked_ns: u64) {
        let Some(armed) = &mut self.armed else { return };
        let Ok((phase, now)) = armed.phase() else {
            // Without clocks there is no deadline, and without a deadline no mission.
            stats::count_host_errors(1);
            if std::mem::take(&mut armed.running) && self.successor.is_none() {
                armed.show_active(false);
            }
            self.wake_at(asked_ns.saturating_add(RETRY_NS), asked_ns, Wake::Mission);
            return;
        };
        match phase {
            Phase::Pending { starts_mono_ns } => {
                armed.show_active(false);
                self.wake_at(starts_mono_ns, now, Wake::Mission);
            }
            Phase::Running { ends_mono_ns } => {
                let started = !std::mem::replace(&mut armed.running, true);
                if started && self.successor.is_none() {
                    armed.show_active(true);
                }
                if self.wake_at(ends_mono_ns, now, Wake::Mission).is_none() {
                    // Nothing would end it in time while there is no traffic.
                    self.end_mission(now);
                }
            }
            Phase::Over => self.end_mission(now),
        }
    }
}
