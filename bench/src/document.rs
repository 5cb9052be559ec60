//! Puts the tables of a run into a Markdown document, between two markers. The text around them is written by hand.

use std::path::Path;

use crate::error::{Error, Result};

/// The line in front of the tables.
pub const BEGIN: &str = "<!-- tables of one run: begin -->";
/// The line behind the tables.
pub const END: &str = "<!-- tables of one run: end -->";

/// Replaces what stands between the markers of the document at `path`.
///
/// # Errors
/// [`Error::NoMarkers`]; [`Error::File`] when it cannot be read or written.
pub fn rewrite(path: &Path, tables: &str) -> Result<()> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let old = std::fs::read_to_string(path).map_err(failed)?;
    let new = replaced(&old, tables).ok_or_else(|| Error::NoMarkers { path: path.to_owned() })?;
    std::fs::write(path, new).map_err(failed)
}

/// Finds out before a long run whether its tables will have a place.
///
/// # Errors
/// As [`rewrite`].
pub fn check(path: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    replaced(&text, "").map(drop).ok_or_else(|| Error::NoMarkers { path: path.to_owned() })
}

fn replaced(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced_however_often() {
        let document = format!("# Title\n{BEGIN}\nold\n{END}\ntext\n");
        let once = replaced(&document, "| new |\n").unwrap();
        assert_eq!(once, format!("# Title\n{BEGIN}\n\n| new |\n\n{END}\ntext\n"));
        assert_eq!(replaced(&once, "| new |\n").unwrap(), once);
    }

    #[test]
    fn a_document_without_both_markers_in_order_is_refused() {
        assert_eq!(replaced(&format!("{END}\n{BEGIN}"), "x"), None);
        assert_eq!(replaced("nothing", "x"), None);
    }

    #[test]
    fn the_document_of_this_repository_has_the_markers() {
        let path = squall_envoy_tests::repo_root().join("docs/benchmarks.md");
        assert!(replaced(&std::fs::read_to_string(path).unwrap(), "x").is_some());
    }
}
