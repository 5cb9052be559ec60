//! The first lines: who is watched, the mission, how far it has come; and the last one: the keys.

use super::Theme;
use super::text::{columns, cut, number, proxies, seconds};
use crate::observed::{Mission, clock};
use crate::watch::model::{Dialog, Model, Watched};
use crate::watch::scene::Scene;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, scene: &Scene<'_>, theme: Theme) {
    let width = usize::from(area.width);
    let lines = vec![
        title(model, theme, width),
        mission(model, scene, theme, width),
        bar(model, scene, theme, width),
    ];
    frame.render_widget(ratatui::text::Text::from(lines), area);
}

/// `squall  3 proxies: 2 injecting, 1 lost          09:06:12 UTC`.
fn title(model: &Model, theme: Theme, width: usize) -> Line<'static> {
    let now = format!("{} UTC", clock(model.now_ms));
    let whom = match model.proxies.as_slice() {
        [one] => format!("{} {}{}", one.name(), state(one), identity(one)),
        many => format!("{}: {}", proxies(many.len()), states(model)),
    };
    let room = width.saturating_sub(columns("squall  ") + columns(&now) + 1);
    let whom = super::text::fit(&whom, room);
    Line::from(vec![
        Span::styled("squall  ", theme.strong()),
        Span::raw(whom),
        Span::styled(format!(" {now}"), theme.muted()),
    ])
}

/// How many are in which state, the worst first.
fn states(model: &Model) -> String {
    let mut states: Vec<(String, usize)> = Vec::new();
    for watched in model.ranked().into_iter().filter_map(|number| model.proxies.get(number)) {
        let state = state(watched);
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => states.push((state, 1)),
        }
    }
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    states.join(", ")
}

/// What a proxy says it is.
fn identity(watched: &Watched) -> String {
    let names = watched.observed().map(|observed| [&observed.namespace, &observed.service, &observed.id]);
    let names: Vec<&str> = names.into_iter().flatten().flatten().map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(" / ")) }
}

/// The word for a proxy.
pub fn state(watched: &Watched) -> String {
    match (&watched.lost, watched.observed()) {
        (Some(_), _) => "lost".to_owned(),
        (None, Some(observed)) => observed.state.clone(),
        (None, None) => "asked".to_owned(),
    }
}

fn mission(model: &Model, scene: &Scene<'_>, theme: Theme, width: usize) -> Line<'static> {
    let halts = scene.of.iter().filter_map(|watched| Some((watched, watched.observed()?.halt.as_ref()?)));
    let halts: Vec<_> = halts.collect();
    if let Some((_, halt)) = halts.first() {
        let at = halt.at_ms.map(|at| format!(" at {}", clock(at))).unwrap_or_default();
        let on = if scene.of.len() > 1 {
            format!(" on {} of {}", halts.len(), scene.of.len())
        } else {
            String::new()
        };
        let text = format!("halted{on}{at} {}", halt.told());
        return Line::styled(cut(&text, width), theme.bad());
    }
    if let [Watched { lost: Some(lost), .. }] = scene.of.as_slice() {
        let text = format!("no answer since {}: {}; what is shown is old", clock(lost.since_ms), lost.why);
        return Line::styled(cut(&text, width), theme.warning());
    }
    let Some((watched, mission)) = scene.mission else {
        return Line::styled(nothing(scene), theme.muted());
    };
    let (text, style) = told(model, watched, mission, theme);
    let more = match scene.other_missions {
        0 => String::new(),
        count => format!("  (another one on {})", proxies(count)),
    };
    let id = cut(&mission.id, (width / 3).max(12));
    let rest = width.saturating_sub(columns(&id) + 2);
    Line::from(vec![
        Span::styled(id, theme.strong()),
        Span::styled(format!("  {}", cut(&(text + &more), rest)), style),
    ])
}

fn nothing(scene: &Scene<'_>) -> &'static str {
    if scene.of.iter().any(|watched| watched.observed().is_some()) {
        "no mission: `chaosctl start` starts one"
    } else {
        "no answer yet"
    }
}

fn told(model: &Model, watched: &Watched, mission: &Mission, theme: Theme) -> (String, Style) {
    let observed = watched.observed();
    let state = observed.map_or("", |observed| observed.state.as_str());
    if !observed.is_some_and(crate::observed::Observed::runs) {
        let ended = mission.ended.as_ref();
        let by = ended.and_then(|ended| ended.by.as_ref()).map(|by| format!(" by {by}")).unwrap_or_default();
        let why =
            ended.and_then(|ended| ended.reason.as_ref()).map(|why| format!(": {why}")).unwrap_or_default();
        let at =
            ended.and_then(|ended| ended.at_ms).map(|at| format!(" at {}", clock(at))).unwrap_or_default();
        let how = ended.map_or(state, |ended| ended.how.as_str());
        return (format!("{how}{by}{at}{why}"), theme.strong());
    }
    let mut parts = vec![state.to_owned()];
    if let Some(stage) = &mission.stage {
        parts.push(format!("stage {}/{} at {} %", stage.number, stage.of, number(stage.intensity_percent)));
    }
    parts.extend(mission.remaining_s.map(|s| format!("{} left", seconds(model.left_s(watched, s)))));
    let breaker = observed.and_then(|o| o.remediation.as_deref());
    let breaker = breaker.filter(|state| matches!(*state, "open" | "half_open"));
    parts.extend(breaker.map(|state| format!("breaker {}", state.replace('_', " "))));
    let lease = mission.lease_ends_in_s.map(|s| model.left_s(watched, s));
    parts.extend(lease.map(|left| format!("lease {}", seconds(left))));
    let style = if lease.is_some_and(|left| left <= 5) { theme.warning() } else { Style::new() };
    (parts.join("  "), style)
}

/// The mission in proportion: baseline, stages as high as their intensity, recovery; with a mark at the present moment.
fn bar(model: &Model, scene: &Scene<'_>, theme: Theme, width: usize) -> Line<'static> {
    let Some((watched, mission)) = scene.mission else { return Line::default() };
    let whole = mission.duration_s.saturating_add(mission.recovery_s);
    if whole == 0 || width == 0 {
        return Line::default();
    }
    let running = watched.observed().is_some_and(crate::observed::Observed::runs);
    let now = position(model, watched, mission).filter(|_| running);
    let mut spans = Vec::new();
    for column in 0..width {
        let second = (column as u64).saturating_mul(whole) / width as u64;
        let is_now = now.is_some_and(|now| now.saturating_mul(width as u64) / whole.max(1) == column as u64);
        let past = now.is_some_and(|now| second < now);
        let (c, style) = match is_now {
            true => ('◆', theme.strong()),
            false => (level(mission, second), if past { theme.treatment() } else { theme.muted() }),
        };
        spans.push(Span::styled(c.to_string(), style));
    }
    Line::from(spans)
}

/// Seconds since the start.
fn position(model: &Model, watched: &Watched, mission: &Mission) -> Option<u64> {
    let (observed, at_ms) = watched.heard.as_ref()?;
    let there = observed.now_ms?.saturating_add(model.now_ms.saturating_sub(*at_ms));
    let whole = mission.duration_s.saturating_add(mission.recovery_s);
    Some((there.checked_sub(mission.start_ms?)? / 1000).min(whole.saturating_sub(1)))
}

fn level(mission: &Mission, second: u64) -> char {
    let mut until = mission.baseline_s;
    if second < until {
        return '·';
    }
    for (for_s, percent) in &mission.stages {
        until = until.saturating_add(*for_s);
        if second < until {
            let height = (percent.clamp(0.0, 100.0) / 100.0 * 7.0).round();
            return ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'].get(height as usize).copied().unwrap_or('█');
        }
    }
    '·'
}

pub fn foot(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let keys: &[(&str, &str)] = match (&model.dialog, model.proxies.len()) {
        (Dialog::AskHalt, _) => &[("Enter", "halt"), ("Esc", "cancel")],
        (Dialog::Help | Dialog::Halting(_), _) => &[("Esc", "close"), ("q", "leave")],
        (Dialog::None, 1) => &[("h", "halt"), ("?", "help"), ("q", "leave")],
        (Dialog::None, _) => &[("h", "halt all"), ("Tab", "next"), ("?", "help"), ("q", "leave")],
    };
    let mut spans = Vec::new();
    for (key, word) in keys {
        spans.push(Span::styled((*key).to_owned(), theme.strong()));
        spans.push(Span::raw(format!(" {word}   ")));
    }
    frame.render_widget(Line::from(spans), area);
}
