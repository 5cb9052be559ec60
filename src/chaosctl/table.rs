//! Tables for people: columns as wide as their widest cell.

use crate::terminal::{Paint, Style};

pub fn text<const N: usize>(head: &[&str; N], rows: &[[String; N]], paint: Paint) -> String {
    let mut widths = head.map(|title| title.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut out = format!("{}\n", paint.paint(Style::Strong, &line(*head)));
    for row in rows {
        out += &line(row.each_ref().map(String::as_str));
        out.push('\n');
    }
    out
}
