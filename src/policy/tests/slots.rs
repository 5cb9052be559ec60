//! A pool of slots, the pure half: whatever the order in which workers read, write, ring and look, never more than the limit
//! are inside, nobody is overtaken, no slot is lost, and nobody waits for ever.

mod request;

use proptest::prelude::*;
use serde_json::json;
use squall_policy::{Fault, Injected, Joined, LONGEST_QUEUE, Pool, Seed, Standing};
use std::collections::BTreeMap;

const WORKERS: usize = 4;
const TIMEOUT_MS: u64 = 500;
/// After so much more its waiters are given up.
const GRACE_MS: u64 = 1_000;

/// What a worker wants to do with the record that it has read.
#[derive(Clone, Copy, Debug)]
enum Change {
    Join,
    Look(u64),
    Withdraw(u64),
    Release,
    Resize(u32, u32),
}

#[derive(Clone, Debug)]
enum Step {
    /// The worker goes on: an idle one reads the record for the change that this number chooses, another one writes.
    Run {
        worker: usize,
        choice: u8,
    },
    /// A bell that has been rung is heard.
    Hear {
        worker: usize,
    },
    Wait {
        ms: u64,
    },
    /// Its virtual machine dies: it neither looks nor gives back, and all that it had inside is lost.
    Die {
        worker: usize,
    },
}

fn steps(deaths: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        30 => (0..WORKERS, any::<u8>()).prop_map(|(worker, choice)| Step::Run { worker, choice }),
        10 => (0..WORKERS).prop_map(|worker| Step::Hear { worker }),
        2 => (0..200_u64).prop_map(|ms| Step::Wait { ms }),
        deaths => (0..WORKERS).prop_map(|worker| Step::Die { worker }),
    ];
    prop::collection::vec(step, 1..400)
}

#[derive(Default)]
struct Worker {
    dead: bool,
    /// A change with the record as it was read.
    hands: Option<(Change, Pool, u64)>,
    inside: u32,
    /// Tickets and when they expire.
    waiting: BTreeMap<u64, u64>,
    rung: bool,
}

struct World {
    bytes: Vec<u8>,
    version: u64,
    now_ms: u64,
    workers: [Worker; WORKERS],
    limit: u32,
    /// Slots of those that died.
    lost: u32,
}

impl World {
    fn new(limit: u32, queue: u32) -> Self {
        let mut pool = Pool::default();
        pool.resize(limit, queue);
        let workers = std::array::from_fn(|_| Worker::default());
        Self { bytes: pool.to_bytes(), version: 1, now_ms: 10_000, workers, limit, lost: 0 }
    }

    fn pool(&self) -> Pool {
        Pool::read(&self.bytes).expect("a record")
    }

    fn inside(&self) -> u32 {
        self.workers.iter().map(|worker| worker.inside).sum::<u32>() + self.lost
    }

    /// Who waits somewhere that lives, and has not been given up.
    fn waiting(&self) -> Vec<u64> {
        let alive = self.workers.iter().filter(|worker| !worker.dead);
        let known = alive.flat_map(|worker| &worker.waiting).filter(|(_, at)| *at + GRACE_MS >= self.now_ms);
        let mut tickets: Vec<u64> = known.map(|(ticket, _)| *ticket).collect();
        tickets.sort_unstable();
        tickets
    }

    fn begin(&mut self, number: usize, choice: u8) {
        let worker = &mut self.workers[number];
        let nth = |worker: &Worker| worker.waiting.keys().nth(usize::from(choice) / 8 % 3).copied();
        let change = match (choice % 8, nth(worker)) {
            (0..=3, _) | (4..=5, None) => Change::Join,
            (4, Some(ticket)) => Change::Look(ticket),
            (5, Some(ticket)) => {
                // Its client has left: whatever comes of it, it is not waiting any more.
                worker.waiting.remove(&ticket);
                Change::Withdraw(ticket)
            }
            (6, _) if worker.inside > 0 => Change::Release,
            (7, _) if choice < 32 => Change::Resize(1 + u32::from(choice % 3), u32::from(choice / 8)),
            _ if worker.inside > 0 => Change::Release,
            _ => Change::Join,
        };
        let pool = Pool::read(&self.bytes).expect("a record");
        self.workers[number].hands = Some((change, pool, self.version));
    }

    /// Makes the change and writes it; reads again when somebody else was faster.
    fn finish(&mut self, number: usize) -> Result<(), TestCaseError> {
        let Some((change, mut pool, version)) = self.workers[number].hands.take() else { return Ok(()) };
        if version != self.version {
            self.workers[number].hands = Some((change, self.pool(), self.version));
            return Ok(());
        }
        self.apply(number, change, &mut pool)
    }

    fn apply(&mut self, number: usize, change: Change, pool: &mut Pool) -> Result<(), TestCaseError> {
        let last = pool.last_called();
        let now_ms = self.now_ms;
        match change {
            Change::Join => match pool.join(number as u32, now_ms, now_ms + TIMEOUT_MS) {
                Joined::Inside => {
                    self.enter(number, u64::MAX)?;
                }
                Joined::Waits(ticket) => {
                    self.workers[number].waiting.insert(ticket, now_ms + TIMEOUT_MS);
                }
                Joined::Full => {}
            },
            Change::Look(ticket) => match pool.turn(ticket, now_ms) {
                Standing::Inside => {
                    // It may have left in the meantime; then its slot is given back by whoever lets it go.
                    if self.workers[number].waiting.remove(&ticket).is_some() {
                        self.enter(number, ticket)?;
                    } else {
                        pool.release();
                    }
                }
                Standing::Waits => {}
                Standing::Gone => {
                    let expires = self.workers[number].waiting.remove(&ticket);
                    prop_assert!(
                        expires.is_none_or(|at| at < now_ms),
                        "{ticket} was taken off before its time"
                    );
                }
            },
            Change::Withdraw(ticket) => pool.withdraw(ticket),
            Change::Release => {
                if self.workers[number].inside > 0 {
                    self.workers[number].inside -= 1;
                    pool.release();
                }
            }
            Change::Resize(limit, queue) => {
                pool.resize(limit, queue);
                self.limit = limit;
            }
        }
        for bell in pool.called_after(last) {
            self.workers[bell as usize].rung = true;
        }
        self.bytes = pool.to_bytes();
        self.version += 1;
        prop_assert_eq!(pool.inside(), self.inside(), "slots are lost or invented");
        Ok(())
    }

    /// A request comes in: there is room, and everybody who came earlier and still waits has a free slot of its own.
    fn enter(&mut self, number: usize, ticket: u64) -> Result<(), TestCaseError> {
        self.workers[number].inside += 1;
        let inside = self.inside();
        prop_assert!(inside <= self.limit, "{inside} inside of {}", self.limit);
        let earlier = self.waiting().iter().filter(|other| **other < ticket).count() as u32;
        prop_assert!(inside + earlier <= self.limit, "{ticket} overtakes: {earlier} came earlier");
        Ok(())
    }

    /// A worker looks for all that wait in it, the first first, as it does when its bell is rung or its timer says so.
    fn look(&mut self, number: usize) -> Result<(), TestCaseError> {
        self.workers[number].rung = false;
        for ticket in self.workers[number].waiting.keys().copied().collect::<Vec<_>>() {
            let mut pool = self.pool();
            self.apply(number, Change::Look(ticket), &mut pool)?;
        }
        Ok(())
    }

    fn die(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        if !worker.dead {
            worker.dead = true;
            worker.hands = None;
            self.lost += std::mem::take(&mut worker.inside);
        }
    }

    fn run(&mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for step in steps {
            match step {
                Step::Wait { ms } => self.now_ms += ms,
                Step::Die { worker } => self.die(worker),
                Step::Run { worker, .. } | Step::Hear { worker } if self.workers[worker].dead => {}
                Step::Hear { worker } if self.workers[worker].rung => self.look(worker)?,
                Step::Hear { .. } => {}
                Step::Run { worker, .. } if self.workers[worker].hands.is_some() => self.finish(worker)?,
                Step::Run { worker, choice } => self.begin(worker, choice),
            }
        }
        // What was begun is completed.
        for worker in 0..WORKERS {
            while self.workers[worker].hands.is_some() {
                self.finish(worker)?;
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Bells alone are enough: when all that were rung have been heard, nobody waits while there is room.
    #[test]
    fn no_order_of_workers_exceeds_the_limit_overtakes_anybody_or_forgets_a_waiter(
        steps in steps(0), limit in 1..4_u32, queue in 0..5_u32,
    ) {
        let mut world = World::new(limit, queue);
        world.run(steps)?;
        while let Some(number) = world.workers.iter().position(|worker| worker.rung) {
            world.look(number)?;
        }
        // Nobody is past its time here but who has just been told so.
        let pool = world.pool();
        let waits = world.waiting();
        prop_assert!(pool.inside() >= world.limit || waits.is_empty(), "{waits:?} wait beside a free slot");
        // Everybody leaves, and nothing is left behind.
        while world.inside() > 0 {
            for number in 0..WORKERS {
                let mut pool = world.pool();
                world.apply(number, Change::Release, &mut pool)?;
                while let Some(rung) = world.workers.iter().position(|worker| worker.rung) {
                    world.look(rung)?;
                }
            }
        }
        prop_assert_eq!((world.waiting(), world.pool().inside(), world.pool().waiting()), (vec![], 0, 0));
    }

    /// A worker that dies takes along the slots that it had, and delays the others no longer than its waiters would have waited.
    #[test]
    fn a_worker_that_dies_holds_nobody_up_for_ever(steps in steps(1), limit in 1..6_u32, queue in 1..5_u32) {
        let mut world = World::new(limit, queue);
        world.run(steps)?;
        world.now_ms += TIMEOUT_MS + GRACE_MS + 1;
        // Time has passed for everybody: who lives and waits is told so; then a new request finds room, unless slots died.
        for number in 0..WORKERS {
            if !world.workers[number].dead {
                world.look(number)?;
            }
        }
        let Some(alive) = world.workers.iter().position(|worker| !worker.dead) else { return Ok(()) };
        let mut pool = world.pool();
        let room = world.inside() < world.limit;
        let before = world.workers[alive].inside;
        world.apply(alive, Change::Join, &mut pool)?;
        prop_assert_eq!(world.workers[alive].inside > before, room);
    }

    #[test]
    fn a_record_survives_its_bytes_and_no_others_are_read(
        form in 0..3_u8, bytes in prop::collection::vec(any::<u8>(), 0..90), waiters in 0..4_usize,
    ) {
        let mut pool = Pool::default();
        pool.resize(1, 4);
        for _ in 0..=waiters {
            pool.join(7, 1, 2);
        }
        prop_assert_eq!(Pool::read(&pool.to_bytes()), Some(pool));
        let bytes = [&[form], &bytes[..]].concat();
        if let Some(pool) = Pool::read(&bytes) {
            prop_assert_eq!(pool.to_bytes(), bytes);
        }
    }
}

#[test]
fn waiters_come_in_one_for_each_slot_in_their_order() {
    let mut pool = Pool::default();
    pool.resize(2, 2);
    let join = |pool: &mut Pool, bell| pool.join(bell, 0, 1_000);
    assert_eq!([1, 1].map(|bell| join(&mut pool, bell)), [Joined::Inside; 2]);
    assert_eq!([7, 8].map(|bell| join(&mut pool, bell)), [Joined::Waits(0), Joined::Waits(1)]);
    assert_eq!((join(&mut pool, 1), pool.turn(0, 0)), (Joined::Full, Standing::Waits));
    let last = pool.last_called();
    pool.release();
    assert_eq!(pool.called_after(last), [7], "the first");
    assert_eq!(join(&mut pool, 1), Joined::Full, "the free slot is the first waiter's");
    assert_eq!(pool.turn(1, 0), Standing::Waits);
    let last = pool.last_called();
    pool.release();
    assert_eq!(pool.called_after(last), [8], "nobody is rung for twice");
    assert_eq!((pool.turn(1, 0), pool.turn(0, 0)), (Standing::Inside, Standing::Inside), "each has its own");
    assert_eq!((pool.inside(), pool.waiting(), pool.turn(1, 0)), (2, 0, Standing::Gone));
}

#[test]
fn one_that_is_called_and_leaves_calls_the_next() {
    let mut pool = Pool::default();
    pool.resize(1, 3);
    for bell in 0..3 {
        pool.join(bell, 0, 1_000);
    }
    pool.release();
    let last = pool.last_called();
    pool.withdraw(0);
    assert_eq!(pool.called_after(last), [2]);
    pool.withdraw(0);
    assert_eq!((pool.waiting(), pool.turn(1, 0)), (1, Standing::Inside));
}

#[test]
fn a_smaller_pool_empties_first_and_a_larger_one_calls_at_once() {
    let mut pool = Pool::default();
    pool.resize(3, 4);
    let joined: Vec<Joined> = (0..5).map(|bell| pool.join(bell, 0, 1_000)).collect();
    assert_eq!(joined[3..], [Joined::Waits(0), Joined::Waits(1)]);
    pool.resize(1, 1);
    for _ in 0..2 {
        pool.release();
        assert_eq!((pool.last_called(), pool.join(9, 0, 1_000)), (None, Joined::Full));
    }
    let last = pool.last_called();
    pool.resize(3, 4);
    assert_eq!(pool.called_after(last), [3, 4]);
}

#[test]
fn a_waiter_whose_worker_is_gone_is_taken_off_a_second_after_its_time() {
    let mut pool = Pool::default();
    pool.resize(1, 2);
    assert_eq!([0, 1].map(|bell| pool.join(bell, 0, 500)), [Joined::Inside, Joined::Waits(0)]);
    assert_eq!(pool.join(2, 1_000, 1_500), Joined::Waits(1));
    pool.release();
    assert_eq!(pool.turn(1, 1_500), Standing::Waits);
    let last = pool.last_called();
    assert_eq!(pool.turn(1, 1_501), Standing::Inside);
    assert_eq!(last, Some(0));
}

#[test]
fn the_largest_record_is_small() {
    let mut pool = Pool::default();
    pool.resize(1, LONGEST_QUEUE);
    for _ in 0..=LONGEST_QUEUE {
        pool.join(0, 0, 0);
    }
    assert_eq!(pool.join(0, 0, 0), Joined::Full);
    assert!(pool.to_bytes().len() < 21 << 10);
}

#[test]
fn what_the_files_say_arrives_and_a_request_goes_through_one_pool() {
    let pool = |limit: u32| json!({"pressure": {"concurrency": {"limit": limit, "queue": 4, "queue_timeout": "2s", "status": 429}}});
    let plan = request::plan(
        "independent",
        &[
            json!({"name": "a", "faults": [pool(8), {"delay": {"fixed": "1ms"}}]}),
            json!({"name": "b", "faults": [{"pressure": {"concurrency": {"limit": 1}}}]}),
            json!({"name": "c", "faults": [{"abort": {"status": 500}}]}),
        ],
    );
    let verdict = plan.decide(&Seed::from_text("s"), &mut request::Request::with_id("1"));
    let injection = verdict.injection.as_ref().expect("faults");
    assert_eq!((injection.pool, injection.ending), (Some((0, 0)), Some((2, 0))));
    let kinds: Vec<&str> = injection.faults.iter().map(Injected::kind).collect();
    assert_eq!((kinds, verdict.faulting()), (vec!["concurrency", "delay", "abort"], vec![0, 2]));
    let Some(Fault::Concurrency(pool)) = plan.scenarios()[0].fault(0) else { panic!("a pool") };
    assert_eq!((pool.limit, pool.queue, pool.timeout_us), (8, 4, 2_000_000));
    let answers = [&pool.full, &pool.late].map(|a| (a.status, a.details.as_str(), a.body.as_str()));
    let full = (429, "chaos_queue_full{a}", "chaos: no place left in the queue of scenario a");
    let late = (429, "chaos_queue_timeout{a}", "chaos: waited too long in the queue of scenario a");
    assert_eq!(answers, [full, late]);
    assert!([&pool.full, &pool.late].iter().all(|a| a.grpc.as_ref().is_some_and(|grpc| grpc.status == 14)));
    let Some(Fault::Concurrency(pool)) = plan.scenarios()[1].fault(0) else { panic!("a pool") };
    assert_eq!((pool.queue, pool.full.status), (0, 503));
}
