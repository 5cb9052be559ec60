//! What the file itself must keep to: small, without assets, and without a way to read text as HTML.

use squall_envoy_tests::repo_root;

/// It is part of the control module, which every proxy loads that has a control listener.
const MOST_BYTES: usize = 44 * 1024;

fn page() -> String {
    std::fs::read_to_string(repo_root().join("src/control/cockpit.html")).unwrap()
}

#[test]
fn the_page_stays_small() {
    assert!(page().len() <= MOST_BYTES, "{} bytes", page().len());
}

#[test]
fn the_page_has_one_script_one_style_and_no_asset() {
    let page = page();
    for (part, times) in [
        ("<script", 1),
        ("<style", 1),
        (" style=", 0),
        ("src=", 0),
        ("url(", 0),
        ("@import", 0),
        ("<link", 1),
    ] {
        assert_eq!(page.matches(part).count(), times, "{part}");
    }
    let handlers = ["onclick", "onload", "onerror", "onsubmit", "onchange"];
    assert!(handlers.iter().all(|handler| !page.contains(&format!("{handler}="))));
}

#[test]
fn the_page_never_reads_text_as_html_or_code() {
    let page = page();
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "setHTML",
        "DOMParser",
        "cloneNode",
    ] {
        assert!(!page.contains(way), "{way}");
    }
}
