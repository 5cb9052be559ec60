//! Wakes another worker of the same proxy: each VM has a queue of its own in the host, and whoever puts something in makes the
//! host call `proxy_on_queue_ready` there, on that worker's thread, within its next turn. A ring may get lost (its
//! VM is gone, a call failed): who waits for a slot looks now and then all the same.

use crate::host;
use crate::stats;
use std::cell::{Cell, RefCell};

/// More rings than can be on their way to one VM: an emptying that never ends must not hang the worker.
const MOST_RINGS: u32 = 4096;

thread_local! {
    /// The name of this VM's queue, unlike that of any other VM.
    static NAME: RefCell<Option<String>> = const { RefCell::new(None) };
    static TOKEN: Cell<u32> = const { Cell::new(0) };
}

/// Registers this VM and tells the number by which others wake it; 0, which nobody has, when that fails. The callback comes
/// to the root in effect, or that of the stream in effect, the last one that registered.
pub fn register() -> u32 {
    let name = NAME.with(|name| {
        let mut name = name.try_borrow_mut().ok()?;
        if name.is_none() {
            *name = Some(format!("squall/bell/{:016x}", getrandom::u64().ok()?));
        }
        name.clone()
    });
    let token = name.and_then(|name| host::register_queue(&name).ok());
    stats::count_host_errors(u32::from(token.is_none()));
    TOKEN.set(token.unwrap_or(TOKEN.get()));
    token.unwrap_or(0)
}

/// The number of this VM's bell; 0 before it is registered.
pub fn own() -> u32 {
    TOKEN.get()
}

/// Wakes a VM, this one too: then in a callback of its own after this one.
pub fn ring(bell: u32) {
    // A bell that is gone has nobody behind it.
    if bell != 0 {
        let _ = host::enqueue(bell);
    }
}

/// Takes off what has been rung so far.
pub fn heard(bell: u32) {
    for _ in 0..MOST_RINGS {
        if host::dequeue(bell).is_err() {
            return;
        }
    }
}
