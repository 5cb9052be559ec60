//! Ledger, guardrails, signals and events.

use super::Theme;
use super::text::{columns, cut, fit, maybe, number};
use crate::observed::{Guard, Ledger, Standing, clock};
use crate::watch::model::Watched;
use crate::watch::scene::{Scene, Told};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders};

/// Columns of the bar of a guardrail, and of a verdict.
const BAR: usize = 6;
const VERDICT: usize = 10;

/// What a list may take.
#[derive(Clone, Copy)]
pub struct Room {
    pub width: u16,
    /// Two lines for each entry.
    pub roomy: bool,
}

impl Room {
    /// What comes first, in so many columns, then a text; and more about it, on a line of its own where there is room.
    fn lines(
        self,
        mut first: Vec<Span<'static>>,
        taken: usize,
        (text, style): (&str, Style),
        (more, more_style): (&str, Style),
    ) -> Vec<Line<'static>> {
        let width = usize::from(self.width);
        if !self.roomy || more.is_empty() {
            first.push(Span::styled(cut(&format!("{text}{more}"), width.saturating_sub(taken)), style));
            return vec![Line::from(first)];
        }
        first.push(Span::styled(cut(text, width.saturating_sub(taken)), style));
        vec![Line::from(first), Line::styled(cut(more, width), more_style)]
    }
}

/// A title with a rule; what is below it.
pub fn titled(frame: &mut Frame<'_>, area: Rect, title: &str, theme: Theme) -> Rect {
    let title = cut(title, usize::from(area.width).saturating_sub(4));
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(theme.muted())
        .title(Line::styled(format!(" {title} "), theme.strong()));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

pub fn draw(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'static>>, theme: Theme) {
    if area.height < 2 {
        return;
    }
    let inner = titled(frame, area, title, theme);
    frame.render_widget(Text::from(lines), inner);
}

/// A title and all lines, where there is room for them.
pub fn height(lines: &[Line<'_>], most: u16) -> Constraint {
    Constraint::Length(u16::try_from(lines.len() + 1).unwrap_or(u16::MAX).min(most))
}

fn nothing(text: &str, theme: Theme) -> Vec<Line<'static>> {
    vec![Line::styled(text.to_owned(), theme.muted())]
}

pub fn ledger(scene: &Scene<'_>, theme: Theme, width: u16) -> Vec<Line<'static>> {
    if scene.ledger.is_empty() {
        return nothing("nothing has matched yet", theme);
    }
    scene.ledger.iter().flat_map(|ledger| of_scenario(ledger, theme, usize::from(width))).collect()
}

fn of_scenario(ledger: &Ledger, theme: Theme, width: usize) -> [Line<'static>; 2] {
    let interval = ledger.interval_percent();
    // A narrow terminal has no room for it.
    let interval = interval.filter(|_| width >= 50 || ledger.scenario.len() < 10);
    let interval =
        interval.map_or_else(String::new, |(low, high)| format!(" ({}–{})", number(low), number(high)));
    let declared = maybe(ledger.declared_percent, "%");
    let rate = format!("{}{interval}, declared {declared}", maybe(ledger.observed_percent(), "%"));
    let name = fit(&ledger.scenario, width.saturating_sub(columns(&rate) + 1).max(8));
    let style = if ledger.is_as_declared() == Some(false) { theme.warning() } else { Style::new() };
    let counts = |counts: &[(String, u64)]| -> String {
        let told: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        told.join(", ")
    };
    let mut about = format!("  {} of {}", ledger.treatment, ledger.matched);
    if !ledger.injected.is_empty() {
        about += &format!(": {}", counts(&ledger.injected));
    }
    if !ledger.suppressed.is_empty() {
        about += &format!("; spared: {}", counts(&ledger.suppressed));
    }
    [
        Line::from(vec![Span::raw(name), Span::styled(cut(&format!(" {rate}"), width), style)]),
        Line::styled(cut(&about, width), theme.muted()),
    ]
}

/// The name of a proxy where several are shown.
fn at(scene: &Scene<'_>, watched: &Watched) -> String {
    if scene.of.len() > 1 { format!(" @{}", watched.name()) } else { String::new() }
}

pub fn guards(scene: &Scene<'_>, theme: Theme, room: Room) -> Vec<Line<'static>> {
    if scene.guards.is_empty() {
        return nothing("this mission has no guardrail", theme);
    }
    scene
        .guards
        .iter()
        .flat_map(|(watched, guard)| of_guard(guard, &at(scene, watched), theme, room))
        .collect()
}

/// The fuller, the nearer.
pub fn bar(guard: &Guard) -> String {
    let full = ((1.0 - guard.distance) * BAR as f64).round() as usize;
    (0..BAR).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

/// `███░░░ 2140/2000 ms exceeding 18/30 s  latency_p99 of inbound above 2 s for 30s @10.0.0.7:9902`.
fn of_guard(guard: &Guard, at: &str, theme: Theme, room: Room) -> Vec<Line<'static>> {
    let value = guard.value.map_or_else(|| super::text::NOTHING.to_owned(), number);
    let limit = guard.limit.map_or_else(String::new, |limit| format!("/{}", number(limit)));
    let mut text = format!(" {value}{limit} {}", guard.unit);
    if guard.standing != Standing::Watching {
        text += &format!(" {}", guard.standing.word());
    }
    if let (Standing::Exceeding, Some(for_s)) = (guard.standing, guard.for_s.filter(|s| *s > 0.0)) {
        text += &format!(" {}/{} s", number(guard.exceeding_s), number(for_s));
    }
    let rule = format!("  {}{at}", guard.rule);
    let style = match guard.standing {
        Standing::Tripped => theme.bad(),
        Standing::Exceeding => theme.warning(),
        Standing::Watching => Style::new(),
    };
    room.lines(vec![Span::styled(bar(guard), style)], BAR, (&text, style), (&rule, style))
}

pub fn signals(scene: &Scene<'_>, theme: Theme, room: Room) -> Vec<Line<'static>> {
    if scene.signals.is_empty() {
        return nothing("this mission expects no signal", theme);
    }
    scene.signals.iter().flat_map(|told| of_signal(told, theme, room)).collect()
}

fn of_signal(told: &Told<'_>, theme: Theme, room: Room) -> Vec<Line<'static>> {
    let signal = told.signal;
    let (mark, style) = match signal.verdict.as_str() {
        "held" => ("✓ held", theme.good()),
        "violated" => ("✕ violated", theme.bad()),
        _ => ("? open", theme.muted()),
    };
    let interval = signal.low.zip(signal.high);
    let interval =
        interval.map_or_else(String::new, |(low, high)| format!(" ({}–{})", number(low), number(high)));
    let text = format!(" {}: {}{interval}", signal.rule, maybe(signal.value, &signal.unit));
    let counts = [(told.violated, "violated"), (told.inconclusive, "open"), (told.held, "held")];
    let about = if counts.iter().map(|(count, _)| count).sum::<usize>() > 1 {
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, word)| format!("{word} on {count}")).collect();
        format!("  {}", counts.join(", "))
    } else {
        let why = signal.why.as_ref().filter(|_| signal.verdict != "held");
        why.map(|why| format!("  {why}")).unwrap_or_default()
    };
    room.lines(
        vec![Span::styled(fit(mark, VERDICT), style)],
        VERDICT,
        (&text, Style::new()),
        (&about, theme.muted()),
    )
}

pub fn events(scene: &Scene<'_>, theme: Theme, width: u16) -> Vec<Line<'static>> {
    if scene.events.is_empty() {
        return nothing("none yet", theme);
    }
    let of_event = |(watched, event): &(&Watched, &crate::observed::Event)| {
        let when = event.at_ms.map_or_else(|| "--:--:--".to_owned(), clock);
        let about = if event.about.is_empty() { String::new() } else { format!("  {}", event.about) };
        let text = format!(" {}{}{about}", event.name, at(scene, watched));
        let style = match event.name.as_str() {
            "guardrail.tripped" | "mission.halted" => theme.bad(),
            "mission.refused" | "config.rejected" | "request.refused" => theme.warning(),
            _ => Style::new(),
        };
        let text = cut(&text, usize::from(width).saturating_sub(columns(&when)));
        Line::from(vec![Span::styled(when, theme.muted()), Span::styled(text, style)])
    };
    scene.events.iter().take(100).map(of_event).collect()
}
