//! Tables that read well on a terminal and are Markdown at the same time. Pure.

use std::fmt;

/// A table: the first column is aligned to the left, all others to the right.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    left: usize,
}

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()], left: 1 }
    }

    /// Aligns the first `columns` columns to the left instead of one.
    pub fn left(mut self, columns: usize) -> Self {
        self.left = columns;
        self
    }

    /// Adds a row. A `|` in a cell is escaped; a row is cut or filled up to the headings.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().map(|cell| cell.replace('|', r"\|")).collect();
        cells.resize(self.rows[0].len(), String::new());
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max();
        (0..self.rows[0].len()).map(|column| width(column).unwrap_or(0).max(3)).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let width = *width;
                if column < self.left {
                    write!(out, "| {cell:<width$} ")?;
                } else {
                    write!(out, "| {cell:>width$} ")?;
                }
            }
            writeln!(out, "|")?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let (dashes, end) = if column < self.left {
                        ("-".repeat(*width), '-')
                    } else {
                        ("-".repeat(*width), ':')
                    };
                    write!(out, "|-{dashes}{end}")?;
                }
                writeln!(out, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_result_is_markdown() {
        let mut table = Table::new(["variant", "us"]);
        table.row(["bare".to_owned(), "18.1".to_owned()]);
        table.row(["a | b".to_owned()]);
        assert_eq!(
            table.to_string(),
            "| variant |   us |\n\
             |---------|-----:|\n\
             | bare    | 18.1 |\n\
             | a \\| b  |      |\n"
        );
    }

    #[test]
    fn a_wide_sign_counts_once() {
        let mut table = Table::new(["µs", "x"]).left(2);
        table.row(["1".to_owned(), "yes".to_owned()]);
        assert_eq!(table.to_string(), "| µs  | x   |\n|-----|-----|\n| 1   | yes |\n");
    }
}
