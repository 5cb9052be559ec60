//! The list of proxies: all together first, then the worst.

use super::text::{NOTHING, cut, fit, maybe, number, seconds};
use super::{Theme, head, lists};
use crate::observed::{Group, Standing, clock};
use crate::watch::model::{Model, Watched};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let width = usize::from(area.width);
    let ranked = model.ranked();
    let room = usize::from(area.height).saturating_sub(2);
    // The selected one stays in sight.
    let chosen = model.selected.and_then(|selected| ranked.iter().position(|number| *number == selected));
    let from = chosen.map_or(0, |place| (place + 1).saturating_sub(room));
    let mut lines = vec![row(&all(model), None, model.selected.is_none(), width, theme, Style::new())];
    for number in ranked.iter().skip(from).take(room) {
        let Some(watched) = model.proxies.get(*number) else { continue };
        let selected = model.selected == Some(*number);
        let (cells, note) = cells(model, watched);
        lines.push(row(&cells, note, selected, width, theme, style(model, watched, theme)));
    }
    let hidden = ranked.len().saturating_sub(room);
    let more = if hidden > 0 { format!("; {hidden} more") } else { String::new() };
    let title =
        format!("proxies, the worst first{more}: errors and p95 of treatment/control, nearest guardrail");
    lists::draw(frame, area, &title, lines, theme);
}

/// Name, state, stage, left, errors, p95, guardrail.
type Cells = [String; 7];

/// Also what stands there instead of numbers.
fn cells(model: &Model, watched: &Watched) -> (Cells, Option<String>) {
    let state = head::state(watched);
    let nothing = || NOTHING.to_owned();
    let mut cells = [watched.name(), state, nothing(), nothing(), nothing(), nothing(), nothing()];
    if let Some(lost) = &watched.lost {
        return (cells, Some(format!("since {}: {}", clock(lost.since_ms), lost.why)));
    }
    let Some(observed) = watched.observed() else { return (cells, None) };
    if model.is_silent(watched) {
        cells[1] = "silent".to_owned();
    }
    let mission = observed.mission.as_ref().filter(|_| observed.runs());
    if let Some(stage) = mission.and_then(|mission| mission.stage.as_ref()) {
        cells[2] = format!("{}/{} {} %", stage.number, stage.of, number(stage.intensity_percent));
    }
    if let Some(left) = mission.and_then(|mission| mission.remaining_s) {
        cells[3] = seconds(model.left_s(watched, left));
    }
    cells[4] = errors(observed.group("treatment"), observed.group("control"));
    cells[5] = p95(observed.group("treatment"), observed.group("control"));
    let nearest = observed
        .guards
        .iter()
        .max_by(|a, b| a.standing.cmp(&b.standing).then(b.distance.total_cmp(&a.distance)));
    cells[6] = nearest.map_or_else(nothing, |guard| match guard.standing {
        Standing::Watching => lists::bar(guard),
        standing => standing.word().to_owned(),
    });
    (cells, None)
}

fn all(model: &Model) -> Cells {
    let groups = |name: &str| {
        model.proxies.iter().filter_map(|watched| watched.observed()?.group(name)).fold(
            None,
            |sum: Option<Group>, group| {
                let mut sum = sum.unwrap_or_else(|| Group { name: group.name.clone(), ..Group::default() });
                sum.add(group);
                Some(sum)
            },
        )
    };
    let (treatment, control) = (groups("treatment"), groups("control"));
    let running = model.proxies.iter().filter(|watched| {
        watched.lost.is_none() && watched.observed().is_some_and(crate::observed::Observed::runs)
    });
    let nothing = || NOTHING.to_owned();
    [
        "all".to_owned(),
        format!("{} run", running.count()),
        nothing(),
        nothing(),
        errors(treatment.as_ref(), control.as_ref()),
        p95(treatment.as_ref(), control.as_ref()),
        nothing(),
    ]
}

fn both(treatment: Option<f64>, control: Option<f64>, unit: &str) -> String {
    match (treatment, control) {
        (None, None) => NOTHING.to_owned(),
        (treatment, control) => {
            format!("{}/{}", treatment.map_or_else(|| NOTHING.to_owned(), number), maybe(control, unit))
        }
    }
}

fn errors(treatment: Option<&Group>, control: Option<&Group>) -> String {
    both(treatment.and_then(Group::error_percent), control.and_then(Group::error_percent), "%")
}

fn p95(treatment: Option<&Group>, control: Option<&Group>) -> String {
    let p95 = |group: &Group| group.latency_ms[1];
    both(treatment.and_then(p95), control.and_then(p95), "ms")
}

fn style(model: &Model, watched: &Watched, theme: Theme) -> Style {
    let observed = watched.observed();
    let standing =
        observed.and_then(|o| o.guards.iter().map(|guard| guard.standing).max()).unwrap_or_default();
    match standing {
        _ if model.is_silent(watched) => theme.warning(),
        Standing::Tripped => theme.bad(),
        _ if observed.is_some_and(|observed| observed.halt.is_some()) => theme.bad(),
        Standing::Exceeding => theme.warning(),
        Standing::Watching => Style::new(),
    }
}

fn row(
    cells: &Cells,
    note: Option<String>,
    selected: bool,
    width: usize,
    theme: Theme,
    style: Style,
) -> Line<'static> {
    let [name, state, stage, left, errors, p95, guard] = cells;
    let mark = if selected { "> " } else { "  " };
    let name_width = if width >= 100 { 30 } else { 18 };
    let mut text = format!("{mark}{} {}", fit(name, name_width.min(width / 2)), fit(state, 10));
    match note {
        Some(note) => text += &format!(" {note}"),
        None => {
            let stage = (width >= 100).then_some((stage, 11));
            let rest = [(errors, 13), (p95, 14), (guard, 10), (left, 12)];
            for (cell, columns) in stage.into_iter().chain(rest) {
                text += &format!(" {}", fit(cell, columns));
            }
        }
    }
    let text = cut(text.trim_end(), width);
    Line::styled(text, if selected { style.patch(theme.selected()) } else { style })
}
