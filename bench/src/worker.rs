//! The CPU time of Envoy's one worker thread, from `/proc`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

const NAME: &str = "wrk:worker_0";

/// The worker thread of one Envoy.
#[derive(Clone, Debug)]
pub struct Worker {
    folder: PathBuf,
}

impl Worker {
    /// Finds the worker of process `pid`.
    ///
    /// # Errors
    /// [`Error::NoWorker`].
    pub fn of(pid: u32) -> Result<Self> {
        for entry in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            // A thread may end while the folder is read.
            if fs::read_to_string(entry.path().join("comm")).is_ok_and(|name| name.trim() == NAME) {
                return Ok(Self { folder: entry.path() });
            }
        }
        Err(Error::NoWorker { pid, name: NAME })
    }

    /// CPU time used so far, in nanoseconds where the kernel has `schedstat`, else in steps of 10 ms.
    ///
    /// The kernel books a slice when the thread leaves the CPU: let it go idle before asking.
    ///
    /// # Errors
    /// When Envoy has ended.
    pub fn cpu(&self) -> Result<Duration> {
        let fine = fs::read_to_string(self.folder.join("schedstat")).ok().and_then(|text| nanoseconds(&text));
        if let Some(time) = fine {
            return Ok(time);
        }
        let stat = fs::read_to_string(self.folder.join("stat"))?;
        ticks(&stat).ok_or_else(|| std::io::Error::other("malformed stat of the worker thread").into())
    }
}

/// The first field of `schedstat`; kernels without scheduler statistics print zeros.
fn nanoseconds(schedstat: &str) -> Option<Duration> {
    let time = schedstat.split_whitespace().next()?.parse().ok()?;
    (time > 0).then(|| Duration::from_nanos(time))
}

/// utime and stime, fields 14 and 15, in hundredths of a second; the second field may hold blanks and brackets.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Duration::from_millis((field(14)? + field(15)?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_gives_nanoseconds_and_zeros_mean_that_there_is_none() {
        assert_eq!(nanoseconds("1423264 3542060 3\n"), Some(Duration::from_nanos(1_423_264)));
        assert_eq!(nanoseconds("0 0 0\n"), None);
    }

    #[test]
    fn stat_gives_user_and_system_time_behind_any_name() {
        let stat = "7 (wrk) 1 w) S 1 7 7 0 -1 64 0 0 0 0 150 25 0 0 20 0 9 0 100 0 0";
        assert_eq!(ticks(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(ticks("7 (cut) S 1"), None);
    }

    #[test]
    fn a_process_without_a_worker_is_an_error() {
        assert!(matches!(Worker::of(std::process::id()), Err(Error::NoWorker { .. })));
    }
}
