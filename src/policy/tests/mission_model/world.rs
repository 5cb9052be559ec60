//! Shared data, clocks and everybody who works with them.

mod halts;

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

use squall_policy::mission::{
    Asked, Event, HaltRecord, Joined, MissionRecord, Now, Rules, Source, Stamp, State,
};

/// Between two looks of a worker at shared data. A halt is so heeded before two of them are over: within a second,
/// when a worker looks every 450 ms.
const LOOK_MS: u64 = 450;
const LOOK_NS: u64 = LOOK_MS * 1_000_000;
const WALL_MS: u64 = 1_000_000;
/// The mission's duration, in looks.
const DURATION: u8 = 3;
/// When the exploration ends.
const LAST: u8 = 3;
const NEVER: u8 = u8::MAX;
const UNKNOWN: i16 = i16::MAX;
/// How far the wall clock is set, in looks: further than any mission.
const FAR: i16 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The same mission with another start.
    OtherStart,
    /// Another mission in its place.
    OtherMission,
    /// None, and somebody stops the mission instead.
    Stop,
    /// None, and the configuration has a `release`, which is read twice; the clock that was set is corrected.
    Release,
}

/// What is wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    None,
    BlindWrite,
    HaltIsAFlag,
    JoinIgnoresHalts,
    RenewalMovesDeadline,
    LooksRarely,
    StartBeginsAnew,
    ForgetsReleases,
}

/// What is in a key of shared data, by its number. Versions are left out: who finds what he read has lost nothing.
type Key = u16;

/// What one of them has read so far of what it is about to change.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Op {
    #[default]
    Idle,
    /// The halts come first.
    HaltRead(Task, u16),
    /// Writes next, or finds that there is nothing to write.
    BothRead(Task, u16, Key),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Task {
    /// The first configuration, or the update.
    Join {
        update: bool,
    },
    Look,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Worker {
    op: Op,
    /// Which mission it is about, and the record as it knows it; 0: idle.
    mission: u8,
    armed: u16,
    /// The halts that it knows of.
    halts: u64,
    /// It has looked since the clock moved last.
    looked: bool,
    /// Configurations that are still to come.
    first_came: bool,
    update_came: bool,
}

/// Somebody in another VM: reads, and then writes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Agent {
    #[default]
    Waits,
    Read(u16, Key),
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    tick: u8,
    /// How far the wall clock has been set, in looks.
    wall: i16,
    /// It is still to be set.
    step: bool,
    missions: [Key; 2],
    halt: Key,
    workers: [Worker; 2],
    halter: Agent,
    releaser: Agent,
    renewer: Agent,
    stopper: Agent,
    configuration: Agent,
    /// How often the configuration has been read.
    configured: u8,
    truth: Truth,
}

/// What really happened, by the tick; nobody in the model can see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Truth {
    /// Its start, which may lie before the first tick.
    began: [i16; 2],
    /// The first halt that the mission was there for, or that was in force when it began.
    halted: [u8; 2],
    ended: [u8; 2],
    renewed: [i16; 2],
    /// The `release` of the configuration has come, and a halt after it.
    releases: bool,
    halted_later: bool,
    broken: Option<&'static str>,
}

impl World {
    pub fn new() -> Self {
        let never = [NEVER; 2];
        Self {
            tick: 0,
            wall: 0,
            step: true,
            missions: [Key::default(); 2],
            halt: Key::default(),
            workers: [Worker::default(); 2],
            halter: Agent::Waits,
            releaser: Agent::Waits,
            renewer: Agent::Waits,
            stopper: Agent::Waits,
            configuration: Agent::Waits,
            configured: 0,
            truth: Truth {
                began: [UNKNOWN; 2],
                halted: never,
                ended: never,
                renewed: [UNKNOWN; 2],
                releases: false,
                halted_later: false,
                broken: None,
            },
        }
    }

    fn now(&self) -> Now {
        let wall = i64::from(self.wall) * LOOK_MS as i64;
        let tick = u64::from(self.tick);
        Now { wall_ms: (WALL_MS + tick * LOOK_MS).saturating_add_signed(wall), mono_ns: (1 + tick) * LOOK_NS }
    }
}

/// Records by small numbers, so that a world is small; 0 is no record.
struct Names<T>(RefCell<(Vec<T>, HashMap<T, u16>)>);

impl<T: Clone + Eq + Hash> Names<T> {
    fn new() -> Self {
        Self(RefCell::new((Vec::new(), HashMap::new())))
    }

    fn name(&self, value: &T) -> u16 {
        let (values, names) = &mut *self.0.borrow_mut();
        *names.entry(value.clone()).or_insert_with(|| {
            values.push(value.clone());
            values.len() as u16
        })
    }

    fn get(&self, name: u16) -> Option<T> {
        let place = usize::from(name).checked_sub(1)?;
        self.0.borrow().0.get(place).cloned()
    }
}

pub struct Model {
    update: Update,
    mutant: Mutant,
    lease: u8,
    records: Names<MissionRecord>,
    halts: Names<HaltRecord>,
    rules: Rules,
    /// What has been worked out before, by task, halts, record, tick and wall clock: the record to write, and the one to go by.
    known: RefCell<HashMap<Question, (u16, u16)>>,
    /// Whether a record injects, by itself, halts, tick and wall clock.
    states: RefCell<HashMap<(u16, u64, u8, i16), State>>,
}

/// Task, halts, record, tick and wall clock.
type Question = (Task, u16, u16, u8, i16);
type Successors = Vec<(World, &'static str)>;

impl Model {
    pub fn new(update: Update, mutant: Mutant) -> Self {
        let ms = |looks: u8| u64::from(looks) * LOOK_MS;
        // One that ends with the duration ends nothing.
        let lease = if update == Update::Stop { DURATION - 1 } else { DURATION };
        let rules = Rules {
            duration_ms: ms(DURATION),
            baseline_ms: 0,
            recovery_ms: 0,
            lease_ms: ms(lease),
            stages: Vec::new(),
        };
        Self {
            update,
            mutant,
            lease,
            records: Names::new(),
            halts: Names::new(),
            rules,
            known: RefCell::default(),
            states: RefCell::default(),
        }
    }

    fn halt(&self, name: u16) -> HaltRecord {
        self.halts.get(name).unwrap_or_default()
    }

    /// The halts as the machine sees them.
    fn seen(&self, name: u16) -> HaltRecord {
        let halt = self.halt(name);
        match self.mutant {
            Mutant::HaltIsAFlag => HaltRecord { count: u64::from(halt.blocks()), released: 0, ..halt },
            _ => halt,
        }
    }

    /// The number of a record. When and why it ended makes no difference to anybody.
    fn record(&self, record: &MissionRecord) -> u16 {
        let mut record = record.clone();
        if let Some(ended) = &mut record.ended {
            ended.at = Stamp::default();
            (ended.by, ended.reason) = Default::default();
        }
        self.records.name(&record)
    }

    fn state(&self, world: &World, record: u16, halts: u64) -> State {
        let known = (record, halts, world.tick, world.wall);
        *self.states.borrow_mut().entry(known).or_insert_with(|| {
            let record = self.records.get(record);
            record.map_or(State::Pending, |record| record.state(halts, world.now()))
        })
    }

    /// The missions that some worker injects faults for.
    fn injecting(&self, world: &World) -> [bool; 2] {
        let mut missions = [false; 2];
        for worker in world.workers.iter().filter(|worker| worker.armed != 0) {
            let state = self.state(world, worker.armed, worker.halts);
            missions[usize::from(worker.mission)] |= matches!(state, State::Injecting { .. });
        }
        missions
    }

    pub fn injects(&self, world: &World) -> bool {
        self.injecting(world).contains(&true)
    }

    /// The promise that does not hold in this world.
    pub fn broken(&self, world: &World) -> Option<&'static str> {
        if let Some(broken) = world.truth.broken {
            return Some(broken);
        }
        let tick = world.tick;
        let after = |moment: u8, looks: u8| moment != NEVER && tick >= moment.saturating_add(looks);
        let since = |moment: i16, looks: u8| i16::from(tick) >= moment.saturating_add(i16::from(looks));
        let injecting = self.injecting(world);
        (0..2).filter(|mission| injecting[*mission]).find_map(|mission| {
            let truth = &world.truth;
            let rules = [
                (since(truth.began[mission], DURATION), "P1: a fault after the deadline"),
                (
                    self.lease < DURATION && since(truth.renewed[mission], self.lease),
                    "P1: a fault after the lease ran out",
                ),
                (after(truth.halted[mission], 2), "P1, P2: a fault a second after a halt, released or not"),
                (after(truth.ended[mission], 2), "P6: a fault after the mission has ended"),
            ];
            rules.into_iter().find(|(broken, _)| *broken).map(|(_, why)| why)
        })
    }

    /// The workers are alike: of two worlds that differ in which is which, one is enough.
    pub fn successors(&self, world: &World, to: &mut Successors) {
        self.all_successors(world, to);
        to.iter_mut().for_each(|(world, _)| world.workers.sort_unstable());
    }

    fn all_successors(&self, world: &World, to: &mut Successors) {
        self.clocks(world, to);
        for number in 0..2 {
            self.worker(world, number, to);
        }
        self.halter(world, to);
        self.releaser(world, to);
        self.configuration(world, to);
        self.on_mission(world, to);
    }

    fn clocks(&self, world: &World, to: &mut Successors) {
        // Every worker with a mission looks once between two ticks, and no callback takes longer than that.
        let rarely = self.mutant == Mutant::LooksRarely && world.tick < LAST - 1;
        let looked = world.workers.iter().all(|w| w.op == Op::Idle && (w.armed == 0 || w.looked || rarely));
        if looked && world.tick < LAST {
            let mut next = World { tick: world.tick + 1, ..*world };
            next.workers.iter_mut().for_each(|worker| worker.looked = false);
            to.push((next, "time passes"));
        }
        if world.step {
            to.push((World { wall: world.wall + FAR, step: false, ..*world }, "the clock is set ahead"));
            to.push((World { wall: world.wall - FAR, step: false, ..*world }, "the clock is set back"));
        }
        if self.update == Update::Release && world.wall != 0 {
            to.push((World { wall: 0, ..*world }, "the clock is corrected"));
        }
    }

    fn worker(&self, world: &World, number: usize, to: &mut Successors) {
        let worker = world.workers[number];
        let mut go = |change: &dyn Fn(&mut Worker), label| {
            let mut next = *world;
            change(&mut next.workers[number]);
            to.push((next, label));
        };
        match worker.op {
            // Of a configuration that releases one worker is enough: what it changes is the halts alone.
            Op::Idle if self.update == Update::Release && world.workers[1 - number].first_came => {}
            Op::Idle => {
                if !worker.first_came && !worker.update_came {
                    go(
                        &|w| {
                            (w.op, w.first_came) =
                                (Op::HaltRead(Task::Join { update: false }, world.halt), true)
                        },
                        "it is configured",
                    );
                }
                // The update comes to both, in any order.
                if !worker.update_came && worker.first_came && self.updates() {
                    go(
                        &|w| {
                            (w.op, w.update_came) =
                                (Op::HaltRead(Task::Join { update: true }, world.halt), true)
                        },
                        "it is updated",
                    );
                }
                if worker.armed != 0 && !worker.looked {
                    go(&|w| w.op = Op::HaltRead(Task::Look, world.halt), "it looks");
                }
            }
            Op::HaltRead(task, halt) => {
                let key = world.missions[self.mission_of(&worker, task)];
                let (write, armed) = self.outcome(world, task, halt, key);
                if write == 0 {
                    // It has all that it wanted.
                    to.push((self.done(*world, number, task, halt, armed), "it reads the mission"));
                } else {
                    go(&|w| w.op = Op::BothRead(task, halt, key), "it reads the mission");
                }
            }
            Op::BothRead(task, halt, read) => {
                to.push((self.write(world, number, task, halt, read), "it writes"))
            }
        }
    }

    /// Whether an update of the mission comes.
    fn updates(&self) -> bool {
        matches!(self.update, Update::OtherStart | Update::OtherMission)
    }

    fn mission_of(&self, worker: &Worker, task: Task) -> usize {
        match task {
            Task::Join { update } => usize::from(update && self.update == Update::OtherMission),
            Task::Look => usize::from(worker.mission),
        }
    }

    /// What a worker makes of what it has read: the record to write, and the one to go by; 0 is none.
    fn outcome(&self, world: &World, task: Task, halt: u16, read: Key) -> (u16, u16) {
        let known = (task, halt, read, world.tick, world.wall);
        if let Some(outcome) = self.known.borrow().get(&known) {
            return *outcome;
        }
        let halts = self.seen(halt);
        let record = self.records.get(read);
        let (write, armed) = match task {
            Task::Join { update } => self.join(world, update, record, &halts),
            Task::Look => {
                let changed = record.as_ref().and_then(|r| r.step(Event::Look, &halts, world.now()).record);
                (changed.clone(), changed.or(record))
            }
        };
        let name = |record: Option<MissionRecord>| record.map_or(0, |record| self.record(&record));
        let outcome = (name(write), name(armed));
        self.known.borrow_mut().insert(known, outcome);
        outcome
    }

    fn write(&self, world: &World, number: usize, task: Task, halt: u16, read: Key) -> World {
        let mission = self.mission_of(&world.workers[number], task);
        let (write, armed) = self.outcome(world, task, halt, read);
        let mut next = *world;
        if write != 0 && !self.swap(&mut next, mission, read, write) {
            // Somebody was faster: the mission is read once more.
            next.workers[number].op = Op::HaltRead(task, halt);
            return next;
        }
        self.done(next, number, task, halt, armed)
    }

    fn done(&self, mut next: World, number: usize, task: Task, halt: u16, armed: u16) -> World {
        let mission = self.mission_of(&next.workers[number], task);
        let halts = self.seen(halt).count;
        // Whoever sees that it is over is idle from then on.
        let over = armed == 0 || matches!(self.state(&next, armed, halts), State::Over(_));
        let worker = &mut next.workers[number];
        worker.op = Op::Idle;
        worker.looked |= task == Task::Look;
        (worker.mission, worker.armed, worker.halts) =
            if over { (0, 0, 0) } else { (mission as u8, armed, halts) };
        next
    }

    fn join(
        &self,
        world: &World,
        update: bool,
        record: Option<MissionRecord>,
        halts: &HaltRecord,
    ) -> (Option<MissionRecord>, Option<MissionRecord>) {
        let other = update && self.update == Update::OtherStart;
        // The update is late, and puts the mission off by a look.
        let start = other.then_some(WALL_MS + LOOK_MS);
        let asked = Asked {
            rules: &self.rules,
            start_wall_ms: start,
            seed: "s",
            seed_given: true,
            source: Source::Configuration,
        };
        let record = match self.mutant {
            Mutant::StartBeginsAnew if other => None,
            _ => record,
        };
        let halts = match self.mutant {
            Mutant::JoinIgnoresHalts => &HaltRecord { released: halts.count, ..halts.clone() },
            _ => halts,
        };
        match MissionRecord::join(record, asked, halts, world.now()) {
            Joined::Begins(record) | Joined::Changes(record) => (Some(record.clone()), Some(record)),
            Joined::Takes(record) => (None, Some(record)),
            Joined::Over { write, .. } => (write, None),
            Joined::Blocked => (None, None),
        }
    }

    /// Writes a mission's record if nobody else has; keeps the books of what really happened.
    fn swap(&self, world: &mut World, mission: usize, read: Key, write: u16) -> bool {
        let there = world.missions[mission];
        if there != read && self.mutant != Mutant::BlindWrite {
            return false;
        }
        let before = self.records.get(there);
        let Some(record) = self.records.get(write) else { return false };
        world.missions[mission] = write;
        let truth = &mut world.truth;
        if before.as_ref().is_some_and(|before| before.ended.is_some()) && record.ended.is_none() {
            truth.broken = Some("P6: a mission that had ended has not ended");
        }
        // One that is still to begin may move.
        let begins = i16::try_from(record.start.mono_ns / LOOK_NS as i64 - 1).unwrap_or(UNKNOWN - 1);
        if truth.began[mission] > i16::from(world.tick) {
            truth.began[mission] = begins;
            truth.renewed[mission] = begins.max(i16::from(world.tick));
        }
        if before.is_none() && self.halt(world.halt).blocks() {
            truth.halted[mission] = world.tick;
        }
        if record.ended.is_some() {
            truth.ended[mission] = truth.ended[mission].min(world.tick);
        }
        true
    }

    /// The renewal and the stop, both of the first mission.
    fn on_mission(&self, world: &World, to: &mut Successors) {
        let read = |agent: Agent| match agent {
            Agent::Waits if world.missions[0] != 0 && self.update != Update::Release => {
                Some(Agent::Read(world.halt, world.missions[0]))
            }
            _ => None,
        };
        if let Some(renewer) = read(world.renewer) {
            to.push((World { renewer, ..*world }, "a renewal comes"));
        }
        if let Some(stopper) = read(world.stopper).filter(|_| self.update == Update::Stop) {
            to.push((World { stopper, ..*world }, "a stop comes"));
        }
        if let Agent::Read(halt, key) = world.renewer {
            let (next, done) = self.event(world, halt, key, Event::Renew);
            to.push((World { renewer: done, ..next }, "the renewal is written"));
        }
        if let Agent::Read(halt, key) = world.stopper {
            let (next, done) = self.event(world, halt, key, Event::Stop { by: "alice", reason: "" });
            to.push((World { stopper: done, ..next }, "the stop is written"));
        }
    }

    fn event(&self, world: &World, halt: u16, read: Key, event: Event<'_>) -> (World, Agent) {
        let mut next = *world;
        let Some(record) = self.records.get(read) else { return (next, Agent::Done) };
        let changed = record.step(event, &self.seen(halt), world.now());
        let Some(mut record) = changed.record else { return (next, Agent::Done) };
        let renewed = event == Event::Renew && record.ended.is_none();
        if renewed && self.mutant == Mutant::RenewalMovesDeadline {
            record.start = Stamp::of(world.now());
            record.not_before = record.start;
        }
        if !self.swap(&mut next, 0, read, self.record(&record)) {
            return (next, Agent::Read(world.halt, world.missions[0]));
        }
        if renewed {
            next.truth.renewed[0] = next.truth.began[0].max(i16::from(world.tick));
        }
        (next, Agent::Done)
    }
}
