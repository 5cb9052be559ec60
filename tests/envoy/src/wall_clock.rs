//! A wall clock of one Envoy's own, which a test sets while Envoy runs. The monotonic clock stays as it is.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::{EnvoyOptions, Result};

/// See `clock/stepped.rs`, which `build.rs` compiles.
const LIBRARY: &str = env!("STEPPED_CLOCK");

/// Give it to [`EnvoyOptions::wall_clock`].
#[derive(Debug)]
pub struct WallClock {
    file: File,
    path: PathBuf,
    step: AtomicI64,
    _folder: TempDir,
}

impl WallClock {
    /// A clock that is right.
    ///
    /// # Errors
    /// When no file can be written.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("squall-clock-").tempdir()?;
        let path = folder.path().join("step");
        let file = File::create(&path)?;
        let clock = Self { file, path, step: AtomicI64::new(0), _folder: folder };
        clock.set(0)?;
        Ok(clock)
    }

    /// From now on the clock is so many seconds ahead of this machine's, or behind it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&self, seconds: i64) -> Result<()> {
        self.file.write_all_at(&seconds.to_ne_bytes(), 0)?;
        self.step.store(seconds, Ordering::Relaxed);
        Ok(())
    }

    /// What Envoy believes the time to be.
    pub fn now(&self) -> SystemTime {
        let step = self.step.load(Ordering::Relaxed);
        let span = Duration::from_secs(step.unsigned_abs());
        if step < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl EnvoyOptions {
    /// Envoy goes by this wall clock, which has to outlive it.
    pub fn wall_clock(self, clock: &WallClock) -> Self {
        let file = clock.path().display().to_string();
        self.env("LD_PRELOAD", LIBRARY).env("SQUALL_TEST_CLOCK", &file)
    }
}
