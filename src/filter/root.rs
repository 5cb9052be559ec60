//! One root context: one configuration with its mission, its timer and what waits for it.

use crate::caps::Caps;
use crate::host::{self, Side};
use crate::mission;
use crate::news;
use crate::pressure;
use crate::slots::Pools;
use crate::stats::{self, ScenarioStats};
use crate::waiting::Waiters;
use squall_policy::{DeadlineQueue, Phase, Plan, Schedule, Seed, Ticket};

/// What the host refused (to let a stream go, to tell the time) is tried again after so many milliseconds.
pub const RETRY_MS: u32 = 100;
pub const RETRY_NS: u64 = RETRY_MS as u64 * 1_000_000;

/// For so long, in nanoseconds, a listener may still give streams to the old configuration after the new one
/// has come: Envoy hands over one after the other.
const HANDOVER_NS: u64 = 250_000_000;

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

/// A newer configuration of the same plugin has come.
#[derive(Debug, Clone, Copy)]
pub struct Successor {
    /// When, on the monotonic clock.
    came_ns: u64,
    /// It has another mission, or none: what waits here for the old one goes on.
    ends_mission: bool,
    /// The newer configuration names this very mission, and does not run it; or it has errors.
    stopped: bool,
}

/// What a newer configuration of the same plugin asks for.
pub struct Newer<'n> {
    /// The mission that it names.
    pub mission: Option<&'n str>,
    /// When that runs; `None`: not at all.
    pub schedule: Option<Schedule>,
    pub rejected: bool,
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
                log::info!("{}", serde_json::json!({"event": "mission.done", "mission": armed.mission}));
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

    /// A newer configuration has come. Waiting requests serve their delays to the end, or to the new deadline, if
    /// it is still the same mission; if it is not, they go on after the handover.
    pub fn supersede(&mut self, id: u32, by: &Newer<'_>, now_ns: u64) {
        let Some(armed) = &mut self.armed else { return };
        if self.successor.is_none() {
            armed.show_active(false);
        }
        // The newer configuration may hold less, or none.
        armed.free_memory();
        let names_it = by.mission == Some(armed.mission.as_str());
        let same = by.schedule.filter(|_| names_it);
        if let Some(schedule) = same {
            armed.schedule = schedule;
        }
        // A mission that has been put off to a later start lets go of what waits, as one that has ended.
        let put_off = matches!(armed.phase(), Ok((Phase::Pending { .. }, _)));
        let ends_mission = same.is_none() || put_off;
        let stopped = same.is_none() && (by.rejected || names_it);
        self.successor = Some(Successor { came_ns: now_ns, ends_mission, stopped });
        // The timer belongs to the root context in effect.
        if host::set_effective_context(id).is_err() {
            return;
        }
        if ends_mission {
            self.wake_at(now_ns.saturating_add(HANDOVER_NS), now_ns, Wake::Handover);
        } else {
            self.advance_mission(now_ns);
        }
    }

    /// A newer configuration has come to another VM of the proxy.
    pub fn catch_up(&mut self, id: u32, now_ns: u64) {
        let Some(news) = self.armed.as_ref().and_then(|_| news::of(&self.plugin)) else { return };
        let latest = self.successor.map_or(self.came_ns, |successor| successor.came_ns);
        if news.identity != self.identity && news.came_ns > latest {
            self.supersede(id, &news.newer(), now_ns);
        }
    }

    /// Whether a newer configuration names this very mission and does not run it, or has errors: then no request of this root
    /// is faulted any more, whatever listener it belongs to.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.successor.is_some_and(|successor| successor.stopped)
    }

    /// Whether a newer configuration has ended this one's mission.
    pub fn is_replaced(&self) -> bool {
        self.successor.is_some_and(|successor| successor.ends_mission)
    }

    /// A stream came. When that happens long after a newer configuration of the same name, this root is not
    /// the old version of the other but a filter beside it, on another listener.
    #[inline]
    pub fn notice_stream(&mut self) {
        if self.successor.is_some() {
            self.notice_late_stream();
        }
    }

    fn notice_late_stream(&mut self) {
        let Some(successor) = self.successor.filter(|successor| !successor.stopped) else { return };
        let handed_over = successor.came_ns.saturating_add(HANDOVER_NS);
        if host::monotonic_ns().is_ok_and(|now| now > handed_over) {
            self.successor = None;
            if let Some(armed) = self.armed.as_ref().filter(|armed| armed.running) {
                armed.show_active(true);
            }
        }
    }
}
