//! One body with a bandwidth or an end.

use crate::host;
use crate::root::{Root, Wake};
use crate::stats;
use squall_policy::{Cut, Pace, Piece, Ticket};

/// A body with a bandwidth or an end.
#[derive(Default)]
pub struct Flow {
    pub pace: Option<Pace>,
    pub cut: Option<Cut>,
    /// The host holds the body back until then.
    pub held: Option<Ticket>,
    /// Nothing of the body passes any more, and the stream is closed.
    pub closing: Option<Ticket>,
}

impl Flow {
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Shortens the bytes in hand to those that may still pass; nothing when all may.
    pub fn cut_to(&mut self, size: usize) -> Option<usize> {
        let Piece::Prefix(left) = self.cut.as_mut()?.piece(size) else { return None };
        let prefix = if left > 0 { host::response_body(left) } else { Ok(Vec::new()) };
        let cut = prefix.and_then(|prefix| host::replace_response_body(size, &prefix));
        if cut.is_err() {
            stats::count_host_errors(1);
            self.cut = None;
            return None;
        }
        Some(left)
    }

    pub fn add(&mut self, size: usize, ends_ns: u64) -> Option<u64> {
        let pace = self.pace.as_mut()?;
        pace.add(size);
        Some(pace.due_ns().min(ends_ns))
    }

    /// When the bytes that are held back are due.
    pub fn due_ns(&self) -> Option<u64> {
        self.pace.map(|pace| pace.due_ns())
    }

    pub fn hold(&mut self, root: &mut Root, due_ns: u64, now_ns: u64, wake: Wake) -> bool {
        // One that waits already looks again when it is woken: more may have come.
        if self.held.is_none() {
            self.held = root.wake_at(due_ns, now_ns, wake);
            if self.held.is_none() {
                self.pace = None;
            }
        }
        self.held.is_some()
    }

    pub fn unhold(&mut self, root: &mut Root) {
        if let Some(ticket) = self.held.take() {
            root.queue.cancel(ticket);
        }
    }

    pub fn release(&mut self, root: &mut Root) {
        self.unhold(root);
        self.pace = None;
        self.cut = None;
    }
}
