//! What holds for any bytes as a file: the reader does not panic, and it gives a tree or says what is wrong and where.
//! Shared by the fuzz target and a test of ring 1, which bring `reader` themselves.

use super::reader;
use squall_policy::{Level, Report, Value, check_catalog, check_mission};

/// Runs one input; panics when something does not hold. Says whether it is a catalog or a mission without mistakes.
pub fn check(input: &[u8]) -> bool {
    let mut report = Report::default();
    let text = reader::decode(input, &mut report);
    // YAML ends a line with a carriage return alone, too.
    let lines = text.matches(['\n', '\r']).count() + 1;
    let Some(tree) = reader::read(&text, &mut report) else {
        assert!(report.has_errors(), "no tree, and no mistake");
        return false;
    };
    let readable = !report.has_errors();
    assert!(tree.at.is_some() || matches!(tree.value, Value::Null), "a tree without a place");
    let mut catalog = Report::default();
    let mut mission = Report::default();
    let read =
        [check_catalog(&tree, &mut catalog).is_some(), check_mission(&tree, None, &mut mission).is_some()];
    for (read, report) in read.into_iter().zip([&catalog, &mission]) {
        assert_eq!(read, !report.has_errors(), "read or refused with errors: {:?}", report.findings);
        for finding in report.findings.iter().filter(|f| f.code.level() == Level::Error) {
            let at = finding.at.unwrap_or_else(|| panic!("a mistake without a place: {finding:?}"));
            assert!(
                at.column > 0 && (1..=lines + 1).contains(&(at.line as usize)),
                "{finding:?} in {lines} lines"
            );
            assert!(!finding.message.is_empty() && !finding.hint.is_empty(), "{finding:?}");
        }
    }
    readable && (read[0] || read[1])
}
