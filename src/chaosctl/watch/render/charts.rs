//! Latency and errors over time, by group, as sparklines.

use super::text::{fit, maybe};
use super::{TWO_COLUMNS, Theme, lists};
use crate::observed::{Group, Point, Summary};
use crate::watch::scene::Scene;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Sparkline;

/// Columns for the name of a group, and for its value.
const NAME: u16 = 10;
const VALUE: u16 = 9;
/// Sparklines take whole numbers: thousandths.
const FINE: f64 = 1000.0;

struct Chart {
    title: &'static str,
    /// Percentiles of several proxies do not add up.
    title_of_many: &'static str,
    unit: &'static str,
    /// What the height stands for at least, so that noise does not look like an outage.
    least: f64,
    of_point: fn(&Summary) -> Option<f64>,
    of_group: fn(&Group) -> Option<f64>,
}

const CHARTS: [Chart; 2] = [
    Chart {
        title: "latency p95",
        title_of_many: "p95, worst proxy",
        unit: "ms",
        least: 10.0,
        of_point: |summary| summary.latency_ms[1],
        of_group: |group| group.latency_ms[1],
    },
    Chart {
        title: "errors",
        title_of_many: "errors",
        unit: "%",
        least: 1.0,
        of_point: Summary::error_percent,
        of_group: Group::error_percent,
    },
];

pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, theme: Theme) {
    if area.height < 2 {
        return;
    }
    let halves: [Rect; 2] = if area.width >= TWO_COLUMNS {
        Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(area)
    } else {
        Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(area)
    };
    for (chart, area) in CHARTS.iter().zip(halves) {
        draw_one(frame, area, chart, scene, theme);
    }
}

fn draw_one(frame: &mut Frame<'_>, area: Rect, chart: &Chart, scene: &Scene<'_>, theme: Theme) {
    // In a narrow terminal the lines name what they show.
    let titled = area.height > 2;
    let title = if scene.of.len() > 1 { chart.title_of_many } else { chart.title };
    let baseline = scene.group("baseline").and_then(chart.of_group);
    let title = match baseline {
        Some(value) => format!("{title} (baseline {})", maybe(Some(value), chart.unit)),
        None => title.to_owned(),
    };
    let inner = if titled { lists::titled(frame, area, &title, theme) } else { area };
    type Side = fn(&Point) -> &Summary;
    let sides: [(&str, Side, Style); 2] = [
        ("treatment", |point| &point.treatment, theme.treatment()),
        ("control", |point| &point.control, theme.control()),
    ];
    let values = |side: Side| scene.series.iter().map(move |point| (chart.of_point)(side(point)));
    let most = sides.iter().flat_map(|(_, side, _)| values(*side)).flatten().fold(chart.least, f64::max);
    let rows: [Rect; 2] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(inner);
    for ((name, side, style), row) in sides.into_iter().zip(rows) {
        if row.height == 0 {
            continue;
        }
        let [label, plot, value] =
            Layout::horizontal([Constraint::Length(NAME), Constraint::Min(0), Constraint::Length(VALUE)])
                .areas(row);
        let name = if titled {
            name.to_owned()
        } else {
            format!("{} {}", &chart.unit, name.get(..5).unwrap_or(name))
        };
        let last = values(side).next_back().flatten();
        // Word and number stand on the ground of the bars.
        let ground = |area: Rect| Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        frame.render_widget(Line::styled(fit(&name, usize::from(NAME)), style), ground(label));
        let told = maybe(last, chart.unit);
        let told = format!("{told:>width$}", width = usize::from(VALUE));
        frame.render_widget(Line::styled(told, theme.strong()), ground(value));
        let bars = squeezed(&values(side).collect::<Vec<_>>(), usize::from(plot.width));
        let bars = bars.into_iter().map(|bar| bar.map(|value| (value.max(0.0) * FINE) as u64));
        let sparkline = Sparkline::default()
            .data(bars.collect::<Vec<_>>())
            .max((most * FINE) as u64)
            .absent_value_symbol(" ")
            .style(style);
        frame.render_widget(sparkline, plot);
    }
}

/// As many values as there are columns, of those that share one the highest.
fn squeezed(values: &[Option<f64>], columns: usize) -> Vec<Option<f64>> {
    let columns = columns.min(values.len());
    let part = |column: usize| {
        let from = column * values.len() / columns;
        let until = (column + 1) * values.len() / columns;
        values.get(from..until).unwrap_or_default().iter().flatten().copied().reduce(f64::max)
    };
    (0..columns).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::squeezed;

    #[test]
    fn a_peak_stays_in_sight_where_values_share_a_column() {
        let values: Vec<Option<f64>> = [1.0, 9.0, 2.0, 3.0, 4.0].into_iter().map(Some).collect();
        assert_eq!(squeezed(&values, 2), [Some(9.0), Some(4.0)]);
        assert_eq!(squeezed(&[None, None, Some(1.0)], 2), [None, Some(1.0)]);
        assert_eq!(
            (squeezed(&values, 99).len(), squeezed(&values, 0).len(), squeezed(&[], 5).len()),
            (5, 0, 0)
        );
    }
}
