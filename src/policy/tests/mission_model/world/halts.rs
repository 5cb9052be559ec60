//! Whoever halts and releases: a person, and the `release` of a configuration.

use squall_policy::mission::{Halt, Now};

use super::{Agent, Model, Mutant, Successors, Update, WALL_MS, World};

/// The `release` of the configuration: the first moment there is.
const UNTIL_MS: u64 = WALL_MS;

impl Model {
    /// When a halt came matters only to a configuration that releases.
    fn halted_at(&self, world: &World) -> Now {
        if self.update == Update::Release { world.now() } else { Now::default() }
    }

    pub(super) fn halter(&self, world: &World, to: &mut Successors) {
        match world.halter {
            Agent::Waits => {
                to.push((World { halter: Agent::Read(0, world.halt), ..*world }, "a person halts"))
            }
            Agent::Read(_, read) => {
                let mut next = *world;
                next.halter = Agent::Read(0, world.halt);
                if read == world.halt {
                    next.halter = Agent::Done;
                    let halted = self.halt(read).halt(Halt::default(), self.halted_at(world));
                    next.halt = self.halts.name(&halted);
                    next.truth.halted_later |= world.truth.releases;
                    for mission in 0..2 {
                        if next.missions[mission] != 0 {
                            next.truth.halted[mission] = next.truth.halted[mission].min(world.tick);
                        }
                    }
                }
                to.push((next, "the halt is written"));
            }
            Agent::Done => {}
        }
    }

    pub(super) fn releaser(&self, world: &World, to: &mut Successors) {
        match world.releaser {
            Agent::Waits if self.halt(world.halt).blocks() && self.update != Update::Release => {
                to.push((World { releaser: Agent::Read(0, world.halt), ..*world }, "a person releases"));
            }
            Agent::Read(_, read) => {
                let mut next = World { releaser: Agent::Read(0, world.halt), ..*world };
                if read == world.halt {
                    next.releaser = Agent::Done;
                    if let Some(released) = self.halt(read).release() {
                        next.halt = self.halts.name(&released);
                    }
                }
                to.push((next, "the release is written"));
            }
            _ => {}
        }
    }

    /// A configuration that releases is read, and read again.
    pub(super) fn configuration(&self, world: &World, to: &mut Successors) {
        if self.update != Update::Release {
            return;
        }
        match world.configuration {
            Agent::Waits if world.configured < 2 => {
                let configuration = Agent::Read(0, world.halt);
                to.push((World { configuration, ..*world }, "the release of the configuration is read"));
            }
            Agent::Read(_, read) if read != world.halt => {
                let configuration = Agent::Read(0, world.halt);
                to.push((World { configuration, ..*world }, "somebody was faster"));
            }
            Agent::Read(_, read) => {
                to.push((self.release_until(world, read), "the release of the configuration is written"));
            }
            _ => {}
        }
    }

    fn release_until(&self, world: &World, read: u16) -> World {
        let mut next = World { configuration: Agent::Waits, configured: world.configured + 1, ..*world };
        let (before, now) = (self.halt(read), world.now());
        let after = match self.mutant {
            // As if nothing had to be remembered where nothing blocks.
            Mutant::ForgetsReleases if !before.blocks() => None,
            _ => before.release_until(UNTIL_MS, now),
        };
        if let Some(after) = after {
            if before.blocks() && !after.blocks() && world.truth.halted_later {
                next.truth.broken = Some("P2: a configuration releases a halt that came after it");
            }
            next.halt = self.halts.name(&after);
        }
        next.truth.releases |= UNTIL_MS <= now.wall_ms;
        next
    }
}
