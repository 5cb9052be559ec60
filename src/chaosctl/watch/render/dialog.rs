//! What lies over the cockpit: the question before a halt, what the proxies answered, help.

use super::Theme;
use super::text::{columns, cut, proxies};
use crate::watch::model::{Dialog, Model};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, BorderType, Clear};

const WIDEST: u16 = 76;

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let room = usize::from(area.width.min(WIDEST)).saturating_sub(4);
    let (title, lines) = match &model.dialog {
        Dialog::None => return,
        Dialog::Help => ("Keys", help(room)),
        Dialog::AskHalt => ("Halt?", ask(model, theme, room)),
        Dialog::Halting(answers) => ("Halt", answered(model, answers, theme, room)),
    };
    let width = lines.iter().map(Line::width).max().unwrap_or(0).saturating_add(4);
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(lines.len().saturating_add(2)).unwrap_or(u16::MAX).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let block = Block::bordered()
        .border_type(BorderType::Double)
        .title(Line::styled(format!(" {title} "), theme.strong()))
        .padding(ratatui::widgets::Padding::horizontal(1));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    frame.render_widget(Text::from(lines), inner);
}

fn ask(model: &Model, theme: Theme, room: usize) -> Vec<Line<'static>> {
    let whom = match model.proxies.as_slice() {
        [one] => one.name(),
        many => format!("all {}", proxies(many.len())),
    };
    let mut lines = vec![Line::styled(cut(&format!("Halt {whom}?"), room), theme.bad())];
    lines.extend(wrapped(
        "Every mission there ends at once, and no other one starts before an operator releases the halt.",
        room,
    ));
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled("Enter", theme.strong()),
        Span::raw(" or "),
        Span::styled("y", theme.strong()),
        Span::raw(" halts, "),
        Span::styled("Esc", theme.strong()),
        Span::raw(" cancels"),
    ]));
    lines
}

fn answered(
    model: &Model,
    answers: &[Option<Result<String, String>>],
    theme: Theme,
    room: usize,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut failed = 0;
    for (watched, answer) in model.proxies.iter().zip(answers) {
        let name = watched.name();
        lines.push(match answer {
            None => Line::styled(cut(&format!("… {name}  is asked"), room), theme.muted()),
            Some(Ok(said)) => Line::raw(cut(&format!("✓ {name}  {}", crate::observed::safe(said)), room)),
            Some(Err(why)) => {
                failed += 1;
                Line::styled(cut(&format!("✕ {name}  {}", crate::observed::safe(why)), room), theme.bad())
            }
        });
    }
    lines.push(Line::default());
    if failed > 0 {
        let told = format!(
            "not halted: {}. `h` asks again; their deadline, lease and guardrails hold.",
            proxies(failed)
        );
        lines.extend(wrapped(&told, room));
    } else if answers.iter().all(Option::is_some) {
        lines.extend(wrapped("`chaosctl release` lets missions start again.", room));
    } else {
        lines.push(Line::raw("waiting for answers"));
    }
    lines
}

fn help(room: usize) -> Vec<Line<'static>> {
    let keys = [
        ("h", "halt every mission on all proxies; asks once"),
        ("Tab ↓ →", "next proxy, the worst first"),
        ("⇧Tab ↑ ←", "the one before"),
        ("?", "this"),
        ("q Ctrl-C", "leave; the missions go on"),
    ];
    let mut lines: Vec<Line<'_>> =
        keys.iter().map(|(key, what)| Line::raw(cut(&format!("{key:9} {what}"), room))).collect();
    lines.push(Line::default());
    let notes = "T/C: treatment, the requests with faults, beside control, those without. Of several proxies counts add up; of \
        percentiles the worst is shown. A guardrail whose bar is full has tripped. Times are UTC.";
    lines.extend(wrapped(notes, room));
    lines
}

fn wrapped(text: &str, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last =
            lines.last_mut().filter(|line| line.is_empty() || columns(line) + 1 + columns(word) <= room);
        match last {
            Some(line) if line.is_empty() => *line = word.to_owned(),
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| Line::raw(cut(&line, room))).collect()
}
