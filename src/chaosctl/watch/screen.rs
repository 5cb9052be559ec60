//! The terminal: taken for the cockpit, and given back whatever happens.

use super::model::Model;
use super::render::{self, Theme};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use std::io::{Stdout, Write, stdout};

pub struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// # Errors
    /// When this is no terminal that can be written to.
    pub fn open(color: bool) -> std::io::Result<Self> {
        // Whether to colour has been decided; crossterm would look at NO_COLOR for itself.
        force_color_output(color);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        enable_raw_mode()?;
        // From here on it has to be given back.
        let terminal = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        if terminal.is_err() {
            restore();
        }
        terminal.map(Self)
    }

    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, model: &Model, theme: Theme) -> std::io::Result<()> {
        self.0.draw(|frame| render::draw(frame, model, theme)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Twice does no harm. There is nobody to tell when it fails.
fn restore() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}
