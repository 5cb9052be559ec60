//! When a newer configuration of the same plugin comes, to this VM or to another of the proxy.

use crate::gauges::Gauges;
use crate::news::News;
use crate::root::{Root, Wake};
use crate::stream::Stream;
use crate::{configure, host, mission, news, orders, shown};
use hashbrown::HashMap;
use squall_policy::mission::State;

/// For so long, in nanoseconds, a listener may still give streams to the old configuration after the new one
/// has come: Envoy hands over one after the other.
const HANDOVER_NS: u64 = 250_000_000;

/// A newer configuration of the same plugin has come.
#[derive(Debug, Clone, Copy)]
pub struct Successor {
    /// When, on the monotonic clock.
    came_ns: u64,
    /// It has another mission, or none: what waits here for the old one goes on.
    ends_mission: bool,
    /// The newer configuration names this very mission, and does not run it; or it has errors.
    stopped: bool,
    /// It came to another VM, and not yet to this one.
    elsewhere: bool,
}

/// What a newer configuration of the same plugin asks for.
pub struct Newer<'n> {
    /// The mission that it names.
    pub mission: Option<&'n str>,
    /// Whether it runs it.
    pub runs: bool,
    pub rejected: bool,
}

impl Newer<'_> {
    fn runs(&self, mission: &str) -> bool {
        self.runs && self.mission == Some(mission)
    }
}

fn host_error() {
    crate::stats::count_host_errors(1);
}

impl Root {
    /// What this configuration shows in the metrics is for the newer one to show.
    pub fn hide(&self) {
        if let Some(armed) = self.armed.as_ref().filter(|_| self.successor.is_none()) {
            armed.show_active(false);
        }
    }

    /// A newer configuration has come. Waiting requests serve their delays to the end, or to the new deadline, if
    /// it is still the same mission; if it is not, they go on after the handover.
    pub fn supersede(&mut self, id: u32, by: &Newer<'_>, now_ns: u64) {
        let Some(armed) = &mut self.armed else { return };
        // The newer configuration may hold less, or none.
        armed.free_memory();
        let same = by.runs(&armed.mission);
        // What it is to be now stands in its record already. One that has been put off to a later start lets go of what waits, as
        // one that has ended.
        if same && armed.run.look(&armed.mission).is_err() {
            host_error();
        }
        let put_off = matches!(armed.state(), Ok((State::Pending, _)));
        let ends_mission = !same || put_off;
        let stopped = !same && (by.rejected || by.mission == Some(armed.mission.as_str()));
        self.successor = Some(Successor { came_ns: now_ns, ends_mission, stopped, elsewhere: false });
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

    /// A newer configuration has come to another VM: what that one shows is its own, on another thread, and must not be hidden now.
    pub fn make_way(&self, news: &News) {
        if let Some(armed) = self.armed.as_ref().filter(|_| self.successor.is_none()) {
            Gauges::of(armed).hide_but(&news.gauges);
            shown::show(self.owner(), None);
        }
    }

    /// A newer configuration has come to another VM of the proxy.
    pub fn catch_up(&mut self, id: u32, now_ns: u64) {
        let Some(news) = self.armed.as_ref().and_then(|_| news::of(&self.plugin)) else { return };
        let latest = self.successor.map_or(self.came_ns, |successor| successor.came_ns);
        if news.came_ns <= latest {
            return;
        }
        if news.identity == self.identity {
            // A VM that is behind had told of an older configuration, and has caught up.
            if self.successor.is_some_and(|successor| successor.elsewhere) {
                self.come_back();
            }
            return;
        }
        self.make_way(&news);
        self.supersede(id, &news.newer(), now_ns);
        if let Some(successor) = &mut self.successor {
            (successor.elsewhere, successor.came_ns) = (true, successor.came_ns.max(news.came_ns));
        }
    }

    /// It is the newest configuration after all.
    fn come_back(&mut self) {
        self.successor = None;
        if let Some(armed) = &self.armed {
            orders::tell_run(&self.plugin, Some(&armed.mission), true);
            armed.show_active(matches!(armed.run.standing().state, State::Injecting { .. }));
        }
    }

    /// Looks for an order, or at what a halt kept from beginning, where nothing runs.
    pub fn heed(&mut self, id: u32, streams: &mut HashMap<u32, Stream>, now_ns: u64) {
        let idle = self.armed.as_ref().is_none_or(|armed| armed.is_ended);
        let Some(bytes) = self.configuration.clone().filter(|_| idle && self.successor.is_none()) else {
            return;
        };
        let released = self.blocked && mission::halts().is_ok_and(|halts| !halts.blocks());
        let ordered = orders::last().is_some_and(|order| order.serial != self.order);
        if !released && !ordered {
            return;
        }
        let chosen = configure::choose_again(&bytes, self.own_mission);
        (self.blocked, self.order) = (chosen.blocked, chosen.order);
        let Some(mut armed) = chosen.armed else { return };
        armed.owner = self.owner();
        orders::tell_run(&self.plugin, Some(&armed.mission), true);
        if let Some(mut before) = self.armed.replace(armed) {
            before.leave();
            // What is left of the mission before must not be taken for this one's.
            let old = streams.values_mut().filter(|stream| stream.root == id);
            old.filter_map(|stream| stream.observed.as_mut()).for_each(|observed| observed.detach());
        }
        self.advance_mission(now_ns);
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
            self.come_back();
        }
    }
}
