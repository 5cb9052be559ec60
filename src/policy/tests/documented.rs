//! What the documentation of missions shows is read as it stands there.

use squall_policy::{Report, load_plugin};

#[test]
fn the_configurations_in_missions_md_have_no_mistake() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/missions.md"))
        .expect("docs");
    let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut releases = 0;
    for block in blocks {
        let mut report = Report::default();
        let loaded = load_plugin(block.as_bytes(), None, &mut report);
        assert_eq!(report.findings, [], "{block}");
        releases += usize::from(loaded.is_some_and(|loaded| loaded.release == Some(1_796_120_100_000)));
    }
    assert_eq!(releases, 1, "the release of a halt");
}
