//! Draws the model: which part of the screen shows what. A narrow or low terminal shows less, and never fails.

mod charts;
mod dialog;
mod head;
mod lists;
mod proxies;
mod text;

use super::model::Model;
use super::scene::Scene;
use lists::Room;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};

/// Widths from which two columns fit.
const TWO_COLUMNS: u16 = 72;
const MOST_PROXIES: u16 = 8;

/// How things look. Without colours nothing is told by colour alone, with them neither.
#[derive(Clone, Copy)]
pub struct Theme {
    pub color: bool,
}

impl Theme {
    fn in_color(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn muted(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn bad(self) -> Style {
        self.in_color(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn warning(self) -> Style {
        self.in_color(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    fn good(self) -> Style {
        self.in_color(Color::Green)
    }

    fn treatment(self) -> Style {
        self.in_color(Color::Cyan)
    }

    fn control(self) -> Style {
        self.in_color(Color::Gray)
    }

    fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

pub fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let area = frame.area();
    let scene = Scene::of(model);
    let many = model.proxies.len() > 1;
    let tall = area.height >= 30;
    // Title and one line each, and one for all together.
    let wanted = u16::try_from(model.proxies.len()).unwrap_or(u16::MAX).saturating_add(2);
    let most = if tall { MOST_PROXIES + 2 } else { area.height / 4 };
    let proxies = if many { wanted.min(most) } else { 0 };
    let charts = match (area.width >= TWO_COLUMNS, tall, area.height >= 12) {
        (_, _, false) => 0,
        (true, true, _) => 7,
        (true, false, _) => 3,
        (false, true, _) => 6,
        (false, false, _) => 4,
    };
    let [head, list, plots, body, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(proxies),
        Constraint::Length(charts),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    head::draw(frame, head, model, &scene, theme);
    if many {
        proxies::draw(frame, list, model, theme);
    }
    charts::draw(frame, plots, &scene, theme);
    self::body(frame, body, &scene, theme);
    head::foot(frame, foot, model, theme);
    dialog::draw(frame, area, model, theme);
}

fn body(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, theme: Theme) {
    if area.width < TWO_COLUMNS {
        let width = area.width;
        let guards = lists::guards(scene, theme, Room { width, roomy: area.height > 20 });
        let [top, rest] = upper(area, &guards, area.height);
        lists::draw(frame, top, "guardrails", guards, theme);
        let ledger = lists::ledger(scene, theme, width);
        let [top, rest] = upper(rest, &ledger, rest.height);
        lists::draw(frame, top, "ledger", ledger, theme);
        lists::draw(frame, rest, "events", lists::events(scene, theme, width), theme);
        return;
    }
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(area);
    let half = area.height.div_ceil(2);
    let room = Room { width: left.width, roomy: area.height >= 14 };
    let ledger = lists::ledger(scene, theme, left.width);
    let [top, bottom] = upper(left, &ledger, half);
    lists::draw(frame, top, "ledger", ledger, theme);
    lists::draw(frame, bottom, "signals", lists::signals(scene, theme, room), theme);
    let guards = lists::guards(scene, theme, Room { width: right.width, ..room });
    let [top, bottom] = upper(right, &guards, half);
    lists::draw(frame, top, "guardrails", guards, theme);
    lists::draw(frame, bottom, "events", lists::events(scene, theme, right.width), theme);
}

/// Room for these lines, and what is left.
fn upper(area: Rect, lines: &[ratatui::text::Line<'_>], most: u16) -> [Rect; 2] {
    Layout::vertical([lists::height(lines, most), Constraint::Min(0)]).areas(area)
}
