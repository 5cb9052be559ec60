//! Starting a child that must not die with the thread that started it, and reading its costs from `/proc`.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts `command` such that the kernel kills the child when this process ends, however it ends.
///
/// The kernel's "parent" is the THREAD that started the child: started by a test's or a runtime's worker thread, the
/// child would die with that thread. So one thread, which lives as long as this process, starts them all.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::Builder::new()
            .name("envoy-spawner".to_owned())
            .spawn(move || {
                for (mut command, reply) in inbox {
                    // A receiver that is gone has nobody left to tell.
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        Mutex::new(orders)
    });
    let (reply, answer) = sync_channel(1);
    let gone = || io::Error::other("the spawner thread has ended");
    spawner.lock().map_err(|_| gone())?.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

/// As [`spawn`]; its standard input becomes the terminal that controls it, so that signals of keys and of its size reach it.
pub(crate) fn spawn_in_terminal(mut command: Command) -> io::Result<Child> {
    // SAFETY: between fork and exec only setsid and ioctl are called, which are async-signal-safe and touch no memory.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        });
    }
    spawn(command)
}

/// CPU time (user and system) that a process has used so far, in steps of 10 ms.
///
/// `/proc/PID/schedstat` is finer, but not every kernel has it.
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the command in brackets and may hold blanks; utime and stime are fields 14 and 15.
    let after_command = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Option<u64> =
        after_command.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum();
    // Linux reports in USER_HZ, which is 100 on every architecture that Envoy runs on.
    ticks
        .map(|ticks| Duration::from_millis(ticks * 10))
        .ok_or_else(|| io::Error::other("malformed /proc/PID/stat"))
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| io::Error::other("no VmRSS: the process has ended"))
}
