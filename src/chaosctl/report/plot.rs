//! Plots as SVG. Written here and not by a library, because the page's style sheet colours them for light, dark and paper, and
//! each point has a title of its own: the SVG back end of `plotters` writes fixed colours, and neither classes nor titles.

use super::course::{Band, Course, Span};
use crate::observed::number;
use std::fmt::Write;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 232.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 204.0;

/// One line of a plot: its class, which names the group too, and what it shows of a span.
type Line = (&'static str, fn(&Span, f64) -> Option<f64>);

/// Moments in milliseconds, and what was measured then.
type Values = Vec<(u64, Option<f64>)>;

struct Plot {
    title: &'static str,
    unit: &'static str,
    /// What the height stands for at least.
    least: f64,
    lines: [Line; 2],
}

const PLOTS: [Plot; 5] = [
    latency("Latency p50", |s, _| s.treatment.latency_ms[0], |s, _| s.control.latency_ms[0]),
    latency("Latency p95", |s, _| s.treatment.latency_ms[1], |s, _| s.control.latency_ms[1]),
    latency("Latency p99", |s, _| s.treatment.latency_ms[2], |s, _| s.control.latency_ms[2]),
    Plot {
        title: "Error rate",
        unit: "%",
        least: 1.0,
        lines: [
            ("treatment", |s, _| s.treatment.error_percent()),
            ("control", |s, _| s.control.error_percent()),
        ],
    },
    Plot {
        title: "Requests and injected faults",
        unit: "/s",
        least: 1.0,
        lines: [
            ("injected", |s, seconds| Some(s.injected / seconds)),
            ("requests", |s, seconds| Some(s.requests / seconds)),
        ],
    },
];

const fn latency(
    title: &'static str,
    treatment: fn(&Span, f64) -> Option<f64>,
    control: fn(&Span, f64) -> Option<f64>,
) -> Plot {
    Plot { title, unit: "ms", least: 10.0, lines: [("treatment", treatment), ("control", control)] }
}

/// A plot as the page takes it.
pub struct Drawn {
    pub title: String,
    pub svg: String,
    /// Of its lines.
    pub names: Vec<&'static str>,
}

/// Halts, at their moments.
pub type Halts = [(u64, String)];

#[must_use]
pub fn all(course: &Course, halts: &Halts) -> Vec<Drawn> {
    let drawn = PLOTS.iter().enumerate().map(|(number, plot)| {
        let of_all =
            if course.is_cumulative && plot.unit == "ms" { ", of the mission until then" } else { "" };
        let title = format!("{}{of_all}", plot.title);
        Drawn {
            svg: svg(plot, &title, number, course, halts),
            title,
            names: plot.lines.iter().map(|(name, _)| *name).collect(),
        }
    });
    drawn.collect()
}

/// Text within SVG.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in crate::observed::safe(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

/// Minutes and seconds since the run began.
#[must_use]
pub fn elapsed(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

fn svg(plot: &Plot, title: &str, number: usize, course: &Course, halts: &Halts) -> String {
    let seconds = course.width_ms as f64 / 1000.0;
    let values = |line: &Line| -> Values {
        let (_, of) = *line;
        // A span without anything is a gap.
        let last = course.spans.keys().next_back().map_or(0, |last| last + 1);
        let value = |span| course.spans.get(&span).and_then(|found| of(found, seconds));
        (0..last)
            .map(|span| ((span * course.width_ms + course.width_ms / 2).min(course.until_ms), value(span)))
            .collect()
    };
    let lines: Vec<(&str, Values)> = plot.lines.iter().map(|line| (line.0, values(line))).collect();
    let all = || lines.iter().flat_map(|(_, values)| values.iter().filter_map(|(_, value)| *value));
    let top = nice(all().fold(plot.least, f64::max));
    let scale = Scale { until_ms: course.until_ms, top };
    let (title_id, about_id) = (format!("plot-{number}"), format!("plot-{number}-about"));
    let mut out = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{title_id} {about_id}\">\n\
         <title id=\"{title_id}\">{}</title>\n<desc id=\"{about_id}\">{}</desc>\n",
        escaped(title),
        escaped(&about(plot, &lines)),
    );
    out += &bands(course, &scale);
    out += &axes(plot, &scale);
    if all().next().is_none() {
        let (x, y) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">nothing was seen</text>");
    }
    for (name, values) in lines.iter().rev() {
        out += &drawn(name, values, plot.unit, &scale);
    }
    for (t_ms, detail) in halts {
        let x = scale.x(*t_ms);
        let _ = writeln!(
            out,
            "<g class=\"halt\"><title>halt at {}: {}</title><line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">halt</text></g>",
            elapsed(*t_ms),
            escaped(detail),
            if x > RIGHT - 30.0 { x - 4.0 } else { x + 4.0 },
            BOTTOM - 6.0,
            if x > RIGHT - 30.0 { "end" } else { "start" },
        );
    }
    out + "</svg>\n"
}

struct Scale {
    until_ms: u64,
    top: f64,
}

impl Scale {
    fn x(&self, t_ms: u64) -> f64 {
        LEFT + (t_ms as f64 / self.until_ms as f64).clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (value / self.top).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

/// The next number above that people count in.
fn nice(most: f64) -> f64 {
    let most = most.min(1e15) * 1.05;
    let unit = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0]
        .into_iter()
        .map(|factor| factor * unit)
        .find(|top| *top >= most)
        .unwrap_or(10.0 * unit)
}

/// Phases, shaded by intensity, each with its name where there is room.
fn bands(course: &Course, scale: &Scale) -> String {
    let mut out = String::new();
    let mut free = LEFT;
    for Band { from_ms, until_ms, label, intensity_percent } in &course.bands {
        let (from, until) = (scale.x(*from_ms), scale.x(*until_ms));
        let name = intensity_percent.map_or_else(|| label.clone(), |_| format!("stage at {label}"));
        let _ =
            write!(out, "<g class=\"phase\"><title>{} from {}</title>", escaped(&name), elapsed(*from_ms));
        if let Some(intensity) = intensity_percent {
            let opacity = 0.05 + intensity.clamp(0.0, 100.0) / 100.0 * 0.15;
            let width = (until - from).max(0.0);
            let _ = write!(
                out,
                "<rect class=\"stage\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\" fill-opacity=\"{opacity:.3}\"/>",
                BOTTOM - TOP
            );
        }
        let _ =
            write!(out, "<line x1=\"{from:.1}\" x2=\"{from:.1}\" y1=\"{:.1}\" y2=\"{BOTTOM}\"/>", TOP - 4.0);
        // About seven units for a character.
        let wide = label.chars().count() as f64 * 6.6;
        if until - from > 12.0 && from >= free && from + wide <= RIGHT + 10.0 {
            let _ =
                write!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", from + 2.0, TOP - 8.0, escaped(label));
            free = from + wide + 8.0;
        }
        out += "</g>\n";
    }
    out
}

fn axes(plot: &Plot, scale: &Scale) -> String {
    let mut out = String::from("<g class=\"axis\">\n");
    for share in [0.0, 0.5, 1.0] {
        let (value, y) = (scale.top * share, scale.y(scale.top * share));
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} {}</text>",
            LEFT - 6.0,
            y + 4.0,
            number(value),
            plot.unit,
        );
    }
    for (share, anchor) in [(0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")]
    {
        let t_ms = (scale.until_ms as f64 * share) as u64;
        let x = scale.x(t_ms);
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            BOTTOM + 18.0,
            elapsed(t_ms)
        );
    }
    out + "</g>\n"
}

fn drawn(name: &str, values: &[(u64, Option<f64>)], unit: &str, scale: &Scale) -> String {
    let (mut path, mut points) = (String::new(), String::new());
    let mut is_gap = true;
    for (t_ms, value) in values {
        let Some(value) = value else {
            is_gap = true;
            continue;
        };
        let (x, y) = (scale.x(*t_ms), scale.y(*value));
        // A point between two gaps is a dot.
        let _ = write!(path, "{}{x:.1} {y:.1}h.01", if is_gap { "M" } else { "L" });
        is_gap = false;
        let _ = writeln!(
            points,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.4\"><title>{} {name} {} {unit}</title></circle>",
            elapsed(*t_ms),
            number(*value)
        );
    }
    format!("<g class=\"line {name}\">\n<path d=\"{path}\"/>\n{points}</g>\n")
}

/// A plot in words, for those who do not see it.
fn about(plot: &Plot, lines: &[(&str, Values)]) -> String {
    let told = lines.iter().map(|(name, values)| {
        let known = || values.iter().filter_map(|(t_ms, value)| Some((*t_ms, (*value)?)));
        let highest = known().max_by(|(_, a), (_, b)| a.total_cmp(b));
        match (highest, known().next_back()) {
            (Some((at, most)), Some((_, last))) => {
                let unit = plot.unit;
                format!(
                    "{name}: at most {} {unit} at {}, {} {unit} at the end",
                    number(most),
                    elapsed(at),
                    number(last)
                )
            }
            _ => format!("{name}: nothing"),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_numbers_that_people_count_in() {
        let tops: Vec<f64> = [1.0, 9.0, 40.0, 321.0, 1e300].into_iter().map(nice).collect();
        assert_eq!(tops, [2.0, 10.0, 50.0, 400.0, 2e15]);
    }

    #[test]
    fn a_span_without_requests_is_a_gap_and_what_stands_alone_a_dot() {
        let scale = Scale { until_ms: 100, top: 10.0 };
        let values = [(0, Some(5.0)), (25, None), (50, Some(10.0)), (75, Some(0.0))];
        let path = drawn("control", &values, "ms", &scale);
        assert!(path.contains("d=\"M54.0 117.0h.01M281.0 30.0h.01L394.5 204.0h.01\""), "{path}");
        assert_eq!(path.matches("<circle").count(), 3);
    }
}
