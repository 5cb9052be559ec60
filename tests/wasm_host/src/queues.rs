//! Shared queues: whoever registered a name last is called, on its own thread, when somebody puts a value in.

use std::collections::VecDeque;

use crate::abi::Status;
use crate::error::HostError;
use crate::vm::Vm;

/// The queues of one proxy.
#[derive(Default)]
pub(crate) struct Queues {
    queues: Vec<Queue>,
    /// Calls that are on their way: worker, root, queue.
    calls: Vec<(u64, u32, u32)>,
}

struct Queue {
    name: Vec<u8>,
    values: VecDeque<Vec<u8>>,
    worker: u64,
    root: u32,
}

impl Queues {
    /// Tokens are counted from 1.
    pub(crate) fn register(&mut self, name: &[u8], worker: u64, root: u32) -> u32 {
        let place = self.queues.iter().position(|queue| queue.name == name).unwrap_or_else(|| {
            self.queues.push(Queue { name: name.to_vec(), values: VecDeque::new(), worker, root });
            self.queues.len() - 1
        });
        let queue = &mut self.queues[place];
        (queue.worker, queue.root) = (worker, root);
        place as u32 + 1
    }

    fn queue(&mut self, token: u32) -> Result<&mut Queue, Status> {
        let place = (token as usize).checked_sub(1).ok_or(Status::NOT_FOUND)?;
        self.queues.get_mut(place).ok_or(Status::NOT_FOUND)
    }

    pub(crate) fn enqueue(&mut self, token: u32, value: Vec<u8>) -> Result<(), Status> {
        let queue = self.queue(token)?;
        queue.values.push_back(value);
        let call = (queue.worker, queue.root, token);
        self.calls.push(call);
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        self.queue(token)?.values.pop_front().ok_or(Status::EMPTY)
    }
}

impl Vm {
    /// Calls `proxy_on_queue_ready` for all that was put into queues of this worker. Returns how often.
    ///
    /// # Errors
    /// [`HostError::Trap`], [`HostError::Dead`].
    pub fn run_queues(&mut self) -> Result<usize, HostError> {
        let shared = self.shared();
        let mut count = 0;
        loop {
            let worker = self.store.data().worker;
            let call = {
                let queues = &mut shared.lock().queues;
                let place = queues.calls.iter().position(|(to, ..)| *to == worker);
                place.map(|place| queues.calls.remove(place))
            };
            let Some((_, root, token)) = call else { return Ok(count) };
            count += 1;
            // Envoy drops the call when the context is gone.
            if self.store.data().root(root).is_some() {
                self.enter(root, "proxy_on_queue_ready", &[root, token])?;
            }
        }
    }

    /// Loses all calls that are on their way to this worker.
    pub fn lose_queue_calls(&mut self) {
        let worker = self.store.data().worker;
        self.shared().lock().queues.calls.retain(|(to, ..)| *to != worker);
    }
}
