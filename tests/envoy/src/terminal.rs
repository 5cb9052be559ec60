//! A program in a terminal of its own: keys go in, and what it draws is read from a screen that knows as much of terminals as
//! our programs use.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::{Error, Result, eventually, process};

mod screen;

use screen::Screen;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running program with its terminal. Dropping it kills the program.
pub struct Terminal {
    child: Child,
    master: File,
    /// Kept open, so that what the program has left behind can be looked at after its end.
    own: OwnedFd,
    screen: Arc<Mutex<Screen>>,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and rows.
    ///
    /// # Errors
    /// When there is no terminal to be had, or the program cannot be started.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let (master, own) = pair(flags, size(columns, rows))?;
        let end = || own.try_clone().map(Stdio::from);
        command.stdin(end()?).stdout(end()?).stderr(end()?).env("TERM", "xterm-256color");
        let child = process::spawn_in_terminal(command)?;
        let master = File::from(master);
        let screen = Arc::new(Mutex::new(Screen::new(usize::from(columns), usize::from(rows))));
        let (drawn, mut output) = (Arc::clone(&screen), master.try_clone()?);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            // Ends with an error when the last one who has the other side open is gone.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let drawn_now = bytes.get(..count).unwrap_or_default();
                drawn.lock().unwrap_or_else(PoisonError::into_inner).write(drawn_now);
            }
        });
        Ok(Self { child, master, own, screen })
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the screen now, line by line.
    pub fn text(&self) -> String {
        self.screen().text()
    }

    /// Whether the program draws on the other screen, which leaves the lines of the shell alone.
    pub fn is_on_other_screen(&self) -> bool {
        self.screen().other
    }

    /// Whether keys are echoed and lines are edited, as a shell expects it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn is_usable(&self) -> Result<bool> {
        Ok(tcgetattr(&self.own)
            .map_err(io::Error::from)?
            .local_modes
            .contains(LocalModes::ECHO | LocalModes::ICANON))
    }

    /// Presses keys, as the bytes that a terminal sends.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.master.write_all(keys.as_bytes())?)
    }

    /// Changes its size; the program is told by the kernel.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        *self.screen() = Screen::new(usize::from(columns), usize::from(rows));
        Ok(tcsetwinsize(&self.own, size(columns, rows)).map_err(io::Error::from)?)
    }

    /// Waits until the screen shows a text.
    ///
    /// # Errors
    /// [`Error::Terminal`] with the screen as it is.
    pub async fn until(&self, part: &str) -> Result<()> {
        let shown = async || self.text().contains(part).then_some(());
        match eventually(part, PATIENCE, shown).await {
            Err(Error::Deadline { .. }) => {
                Err(Error::Terminal(format!("not within {PATIENCE:?}: {part:?}\n{}", self.text())))
            }
            other => other,
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the program has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal).map_err(io::Error::from)?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn end(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        eventually("the end of the program", PATIENCE, async || child.try_wait().ok().flatten()).await
    }
}

fn pair(flags: OpenptFlags, size: Winsize) -> io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let own = ioctl_tiocgptpeer(&master, flags)?;
    tcsetwinsize(&own, size)?;
    Ok((master, own))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
