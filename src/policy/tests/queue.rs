//! The deadline queue against a model that is a plain list: nothing is early, nothing is lost, the order holds, and
//! the timer is set so that one ring is enough.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use squall_policy::{DeadlineQueue, Ticket};

/// How early an entry may come: half a millisecond.
const SLACK_NS: u64 = 500_000;

#[derive(Clone, Debug)]
enum Step {
    Push {
        after_ns: u64,
    },
    /// Cancels the ticket with this number, modulo how many were ever given out; it may be gone already.
    Cancel {
        ticket: usize,
    },
    /// Keeps the entries that this number does not divide.
    Retain {
        divisor: u64,
    },
    Wait {
        ns: u64,
    },
    /// Sleeps until the timer rings, as the filter does.
    Ring,
}

fn step() -> impl Strategy<Value = Step> {
    let near =
        prop_oneof![0..3_000_000_u64, Just(0), Just(SLACK_NS), Just(SLACK_NS + 1), 0..10_000_000_000_u64];
    prop_oneof![
        6 => near.clone().prop_map(|after_ns| Step::Push { after_ns }),
        1 => (0..64_usize).prop_map(|ticket| Step::Cancel { ticket }),
        1 => (2..5_u64).prop_map(|divisor| Step::Retain { divisor }),
        2 => near.prop_map(|ns| Step::Wait { ns }),
        2 => Just(Step::Ring),
    ]
}

/// The queue, and beside it what it should hold: (due, serial number), sorted by due and then by serial number.
#[derive(Default)]
struct Pair {
    queue: DeadlineQueue<u64>,
    model: Vec<(u64, u64)>,
    tickets: Vec<(Ticket, u64)>,
    now_ns: u64,
}

impl Pair {
    fn push(&mut self, due_ns: u64) {
        let serial = self.tickets.len() as u64;
        self.tickets.push((self.queue.push(due_ns, serial), serial));
        let place = self.model.partition_point(|(due, _)| *due <= due_ns);
        self.model.insert(place, (due_ns, serial));
    }

    fn cancel(&mut self, ticket: usize) -> Result<(), TestCaseError> {
        let Some((ticket, serial)) = self.tickets.get(ticket % self.tickets.len().max(1)) else {
            return Ok(());
        };
        let waits = self.model.iter().position(|(_, s)| s == serial).map(|place| self.model.remove(place).1);
        prop_assert_eq!(self.queue.cancel(*ticket), waits);
        Ok(())
    }

    fn retain(&mut self, divisor: u64) {
        self.queue.retain(|serial| !serial.is_multiple_of(divisor));
        self.model.retain(|(_, serial)| !serial.is_multiple_of(divisor));
    }

    /// Takes out all that is due, and fails when that is not what the model says.
    fn pop_all(&mut self) -> Result<usize, TestCaseError> {
        let mut popped = 0;
        while let Some(serial) = self.queue.pop_due(self.now_ns) {
            prop_assert!(!self.model.is_empty(), "{} came out and was not in", serial);
            let (due, expected) = self.model.remove(0);
            prop_assert_eq!(serial, expected, "out of order");
            prop_assert!(due <= self.now_ns + SLACK_NS, "{} ns early", due - self.now_ns);
            popped += 1;
        }
        if let Some((due, serial)) = self.model.first() {
            prop_assert!(*due > self.now_ns + SLACK_NS, "{} is due and does not come", serial);
        }
        Ok(popped)
    }

    fn ring(&mut self) -> Result<(), TestCaseError> {
        let Some(ms) = self.queue.next_ring_ms(self.now_ns) else {
            prop_assert!(self.model.is_empty(), "something waits and no ring is asked for");
            return Ok(());
        };
        let due = self.model[0].0;
        self.now_ns += u64::from(ms) * 1_000_000;
        let early = due.saturating_sub(self.now_ns);
        prop_assert!(early <= SLACK_NS, "rings {} ns early: one more ring for the same entry", early);
        prop_assert!(self.now_ns <= due.max(self.now_ns - u64::from(ms) * 1_000_000) + 1_000_000, "late");
        prop_assert!(self.pop_all()? > 0);
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.queue.len(), self.model.len());
        prop_assert_eq!(self.queue.is_empty(), self.model.is_empty());
        prop_assert_eq!(self.queue.next_due_ns(), self.model.first().map(|(due, _)| *due));
        Ok(())
    }
}

#[test]
fn the_queue_behaves_like_a_sorted_list() {
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let steps = prop::collection::vec(step(), 1..120);
    let result = runner.run(&steps, |steps| {
        let mut pair = Pair { now_ns: 7_000_000_000, ..Pair::default() };
        for step in steps {
            match step {
                Step::Push { after_ns } => pair.push(pair.now_ns + after_ns),
                Step::Cancel { ticket } => pair.cancel(ticket)?,
                Step::Retain { divisor } => pair.retain(divisor),
                Step::Wait { ns } => {
                    pair.now_ns += ns;
                    pair.pop_all()?;
                }
                Step::Ring => pair.ring()?,
            }
            pair.check()?;
        }
        // Nothing is lost: whatever was pushed and not taken out comes in the end.
        while !pair.model.is_empty() {
            pair.ring()?;
        }
        pair.check()
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_timer_sleeps_at_least_a_millisecond_and_at_most_an_hour() {
    let ring = |due_ns: u64, now_ns: u64| {
        let mut queue = DeadlineQueue::default();
        queue.push(due_ns, ());
        queue.next_ring_ms(now_ns)
    };
    assert_eq!(DeadlineQueue::<()>::default().next_ring_ms(0), None);
    assert_eq!(ring(0, 0), Some(1), "0 would turn the host's timer off");
    assert_eq!(ring(5, 1_000_000_000), Some(1), "overdue");
    assert_eq!(ring(1_499_999, 0), Some(1));
    assert_eq!(ring(1_500_000, 0), Some(2), "1 ms would be more than the slack too early");
    assert_eq!(ring(20_000_000, 0), Some(20));
    assert_eq!(ring(3_600_000_000_000, 0), Some(3_600_000));
    assert_eq!(ring(3_600_001_000_000, 0), Some(3_600_000));
    assert_eq!(ring(u64::MAX, 0), Some(3_600_000));
    assert_eq!(ring(u64::MAX, u64::MAX), Some(1));
}

#[test]
fn equal_deadlines_come_out_as_they_went_in_also_at_the_end_of_time() {
    let mut queue = DeadlineQueue::default();
    for n in 0..100 {
        queue.push(u64::MAX, n);
    }
    assert_eq!(queue.pop_due(0), None);
    let order: Vec<i32> = std::iter::from_fn(|| queue.pop_due(u64::MAX)).collect();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_ticket_cancels_once_and_only_its_own_entry() {
    let mut queue = DeadlineQueue::default();
    let (first, second) = (queue.push(10, 'a'), queue.push(10, 'b'));
    assert_eq!(queue.cancel(first), Some('a'));
    assert_eq!(queue.cancel(first), None);
    assert_eq!(queue.pop_due(10), Some('b'));
    assert_eq!(queue.cancel(second), None, "it was taken out already");
    let third = queue.push(10, 'c');
    assert_eq!(queue.cancel(second), None, "an old ticket must not cancel a new entry");
    assert_eq!(queue.cancel(third), Some('c'));
}
