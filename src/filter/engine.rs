//! The state of one VM (one worker): its root contexts with their missions and timers, and its streams.

use crate::bell;
use crate::caps;
use crate::configure;
use crate::handover::Newer;
use crate::host;
use crate::news;
use crate::orders;
use crate::pressure;
use crate::root::{RETRY_MS, RETRY_NS, Root, Wake};
use crate::roots::Roots;
use crate::shown::{self, Owner};
use crate::slots;
use crate::stats;
use crate::stream::Stream;
use crate::waiting;
use crate::wake::{self, Moment, Woken};
use hashbrown::HashMap;
use std::cell::RefCell;

/// Most streams that one tick acts on. The host runs the actions of a tick nested in each other, and some
/// 270 of them overflow its stack; the rest goes into the next tick, a millisecond later.
const ACTIONS_PER_TICK: usize = 32;

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new(Engine::default());
}

/// Runs `act` on the engine of this VM. Should the engine be in use further up the stack, which the host's
/// deferred actions rule out, the callback does nothing: traffic passes.
pub fn with<T: Default>(act: impl FnOnce(&mut Engine) -> T) -> T {
    ENGINE.with(|engine| engine.try_borrow_mut().map(|mut e| act(&mut e)).unwrap_or_default())
}

#[derive(Default)]
pub struct Engine {
    pub roots: Roots,
    pub streams: HashMap<u32, Stream>,
    /// The stream that came last, while nothing is known of it: the host nearly always asks about it next, and most streams
    /// concern nobody.
    newest: Option<(u32, u32)>,
}

impl Engine {
    /// A stream of a root with a mission has come.
    #[inline]
    pub fn expect(&mut self, id: u32, root: u32) {
        if let Some((id, root)) = self.newest.replace((id, root)) {
            self.streams.insert(id, Stream { root, observed: None });
        }
    }

    /// The root of a stream of which nothing else is known; it is forgotten here.
    #[inline]
    pub fn take_newest(&mut self, id: u32) -> Option<u32> {
        let (_, root) = self.newest.take_if(|(newest, _)| *newest == id)?;
        Some(root)
    }

    /// Whether anything may be known of a stream other than that it came: nearly always the answer is no.
    #[inline]
    pub fn remembers_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    pub fn create_root(&mut self, id: u32) {
        self.roots.insert(id, Root::default());
    }

    pub fn configure(&mut self, id: u32) {
        let plugin = host::property(&["plugin_name"]).ok().flatten();
        let plugin = plugin.map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default();
        let mut configured = configure::load();
        stats::announce_host_errors();
        let owner = Owner::new(&plugin, configured.identity);
        shown::configured(owner, configured.rejected && !configured.elsewhere);
        if let Some(armed) = &mut configured.chosen.armed {
            armed.owner = owner;
        }
        let now = host::monotonic_ns().unwrap_or_default();
        news::tell(&plugin, &configured, now);
        let runs = configured.chosen.armed.as_ref().map(|armed| armed.mission.as_str());
        orders::tell_run(&plugin, runs, false);
        let newer = Newer {
            mission: configured.chosen.mission.as_deref(),
            runs: configured.chosen.armed.is_some(),
            rejected: configured.rejected,
        };
        for (other_id, other) in self.roots.iter_mut() {
            if other_id != id && other.plugin == plugin {
                other.hide();
                other.supersede(other_id, &newer, now);
            }
        }
        let in_effect = host::set_effective_context(id).is_ok();
        // The host configures a root again when a second listener has the same configuration, or when an
        // older one comes back: its waiting streams go on waiting.
        let mut root = self.roots.remove(&id).unwrap_or_default();
        root.queue.retain(|wake| wake.stream().is_some() || matches!(wake, Wake::Look));
        if let Some(old) = &mut root.armed {
            old.free_memory();
            old.leave();
        }
        let chosen = configured.chosen;
        let configured = Root {
            plugin,
            identity: configured.identity,
            came_ns: now,
            configuration: configured.bytes,
            own_mission: configured.own_mission,
            armed: chosen.armed,
            blocked: chosen.blocked,
            order: chosen.order,
            successor: None,
            looks: None,
            rings_at: None,
            ..root
        };
        self.roots.insert(id, configured);
        match self.roots.get_mut(&id) {
            Some(root) if in_effect => root.advance_mission(now),
            _ => stats::count_host_errors(1),
        }
    }

    /// The timer of a root rang.
    pub fn tick(&mut self, id: u32) {
        let Some(root) = self.roots.get_mut(&id) else { return };
        root.rings_at = None;
        let Ok(now) = host::monotonic_ns() else {
            // The period that is set may be an hour.
            let _ = host::set_tick_period_ms(RETRY_MS);
            stats::count_host_errors(1);
            return;
        };
        let mut later = Vec::new();
        let mut mission_wake = false;
        let mut give_back = false;
        let mut look = false;
        let (mut health, mut early) = (false, false);
        for _ in 0..ACTIONS_PER_TICK {
            let until = if root.release { u64::MAX } else { now };
            match root.queue.pop_due(until) {
                Some(Wake::Mission) => mission_wake = true,
                Some(Wake::GiveBack) => give_back = caps::flush() | slots::flush(),
                Some(Wake::Handover) => root.release |= root.is_replaced(),
                Some(Wake::Look) => look = true,
                // What is let go comes before its time, and this does not: the others tell first what they have seen.
                Some(Wake::Health) if root.release => early = true,
                Some(Wake::Health) => health = true,
                Some(Wake::Slot(stream)) => {
                    let stream = self.streams.get_mut(&stream);
                    if let Some(observed) = stream.and_then(|stream| stream.observed.as_deref_mut()) {
                        waiting::time_is_up(root, observed, now);
                    }
                }
                Some(wake) => {
                    let stream = wake.stream().and_then(|id| self.streams.get_mut(&id));
                    let Some(stream) = stream else { continue };
                    let moment = Moment { now_ns: now, running: !root.release && !root.is_replaced() };
                    if let Woken::Later(wake, at) = wake::wake(stream, root.armed.as_mut(), wake, moment) {
                        later.push((wake, at));
                    }
                }
                None => {
                    root.release = false;
                    break;
                }
            }
        }
        if look {
            waiting::look(root, &mut self.streams, now);
        }
        if give_back {
            root.queue.push(now.saturating_add(RETRY_NS), Wake::GiveBack);
        }
        for (wake, at) in later {
            let ticket = root.queue.push(at, wake);
            if let Some(stream) = wake.stream().and_then(|id| self.streams.get_mut(&id)) {
                wake::wait_again(stream, wake, ticket);
            }
        }
        let in_effect = host::set_effective_context(id).is_ok();
        stats::count_host_errors(u32::from(!in_effect));
        if health {
            root.look_at_health(now, in_effect);
        } else if early {
            root.put_off_health(now);
        }
        if mission_wake && in_effect {
            root.advance_mission(now);
        } else if mission_wake {
            root.queue.push(now.saturating_add(RETRY_NS), Wake::Mission);
        }
        // A stream that is still in effect belongs to this root, and so does its timer.
        root.set_timer(now);
    }

    /// Somebody has rung: for those that wait here, or because of a newer configuration, an order, a stop or a halt.
    pub fn rung(&mut self, bell: u32) {
        bell::heard(bell);
        let Ok(now) = host::monotonic_ns() else { return stats::count_host_errors(1) };
        for (id, root) in self.roots.iter_mut() {
            root.catch_up(id, now);
            // The timer belongs to the root context in effect.
            if host::set_effective_context(id).is_ok() {
                root.advance_mission(now);
                root.heed(id, &mut self.streams, now);
            }
        }
        for (id, root) in self.roots.iter_mut().filter(|(_, root)| !root.waiters.is_empty()) {
            waiting::look(root, &mut self.streams, now);
            // The timer belongs to the root context in effect.
            if host::set_effective_context(id).is_ok() {
                root.set_timer(now);
            }
        }
    }

    /// The context is gone; nothing happens when it was no root.
    #[inline]
    pub fn delete_root(&mut self, id: u32) {
        if let Some(root) = self.roots.remove(&id) {
            self.forget_root(root);
        }
    }

    fn forget_root(&mut self, mut root: Root) {
        self.roots.iter_mut().for_each(|(_, root)| root.waiters.forget_bell());
        // The bell may have been this root's: another one has to hear it.
        let heir = self.roots.iter_mut().find(|(_, root)| root.configuration.is_some()).map(|(id, _)| id);
        if heir.is_some_and(|id| host::set_effective_context(id).is_ok()) {
            bell::register();
        }
        let leaves = root.successor.is_none() || root.is_replaced();
        if let Some(armed) = root.armed.as_mut().filter(|_| leaves) {
            pressure::free(&armed.mission);
            armed.leave();
        }
        if root.successor.is_some() {
            return;
        }
        match (news::of_another_vm(&root.plugin), &root.armed) {
            // The same one shows the same there.
            (Some(news), _) if news.identity == root.identity => {}
            // It has not heard of that.
            (Some(news), _) => root.make_way(&news),
            // The filter itself was taken out of the listener.
            (None, Some(armed)) if armed.running => armed.show_active(false),
            (None, _) => shown::show(root.owner(), None),
        }
    }
}
