//! What a person sees while a mission runs: a line with a bar on a terminal, plain lines elsewhere. Both on standard error, so that
//! standard output has the verdict alone.

use crate::terminal::complain;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two plain lines in which nothing has changed.
const QUIET: Duration = Duration::from_secs(10);

pub struct Screen {
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Screen {
    pub fn new(duration_s: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(duration_s);
            // The template is one of this file, and the default is fine too.
            if let Ok(style) = ProgressStyle::with_template("{prefix:.bold} [{bar:30}] {wide_msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self { bar, told: Instant::now() }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| complain(&format!("{text}\n"))),
            None => complain(&format!("{text}\n")),
        }
    }

    /// Where it is now. `is_new`: the phase or the stage has changed.
    pub fn now(&mut self, phase: &str, elapsed_s: u64, left: &str, numbers: &str, is_new: bool) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(phase.to_owned());
            bar.set_position(elapsed_s);
            bar.set_message(format!("{left} {numbers}"));
        }
        if is_new || (self.bar.is_none() && self.told.elapsed() >= QUIET) {
            self.told = Instant::now();
            self.line(&format!("{phase}, {left}: {numbers}"));
        }
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
