//! The page of `chaosctl report` in a browser: nothing from elsewhere, plots that can be seen, nothing that sticks out, in light and dark,
//! on a desk and on a phone. The pictures lie in `target/report/` for people to look at.

mod newcomer;

use std::path::{Path, PathBuf};
use std::process::Command;

use squall_envoy_tests::{Browser, Page, View, repo_root};
use tempfile::TempDir;

/// 390 by 844, light.
const PHONE: View = View { width: 390, height: 844, dark: false, phone: true };

/// By how many pixels the page is wider than its window.
const SIDEWAYS: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// Runs `chaosctl report`, and returns the page.
fn report(folder: &Path, journal: &Path, more: &[&str]) -> PathBuf {
    let (html, markdown) = (folder.join("page.html"), folder.join("page.md"));
    let chaosctl = repo_root().join("target/release/chaosctl");
    let output = Command::new(&chaosctl)
        .arg("report")
        .arg(journal)
        .arg("--html")
        .arg(&html)
        .arg("--markdown")
        .arg(&markdown)
        .args(more)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", chaosctl.display()));
    assert_eq!(output.status.code(), Some(1), "it was violated: {}", String::from_utf8_lossy(&output.stderr));
    html
}

fn fixture() -> PathBuf {
    repo_root().join("src/chaosctl/tests/report/run.jsonl")
}

async fn looks_right(page: &Page, name: &str, plots: usize) {
    for (size, view) in [("desk", View::DESK), ("phone", PHONE)] {
        for (colours, view) in [("light", view), ("dark", view.dark())] {
            page.show(view).await.unwrap();
            page.until(&format!("innerWidth === {}", view.width)).await.unwrap();
            let file = repo_root().join(format!("target/report/{name}-{size}-{colours}.png"));
            page.screenshot(&file, true).await.unwrap();
            assert_eq!(page.eval(SIDEWAYS).await.unwrap(), 0, "{name}, {size}: scrolls sideways");
            let seen = "[...document.querySelectorAll('svg.plot')].filter((plot) => { const { width, height } = plot.getBoundingClientRect(); \
                return width > 300 && height > 100 && plot.querySelectorAll('.line path').length === 2; }).length";
            assert_eq!(page.eval(seen).await.unwrap(), plots, "{name}, {size}: plots that can be seen");
            // Where a line is drawn in the colour of its ground nobody sees it.
            let drawn = "(() => { const of = (at, what) => getComputedStyle(document.querySelector(at))[what]; \
                return of('.treatment path', 'stroke') !== of('section', 'backgroundColor') && of('.treatment path', 'stroke') !== 'none'; })()";
            assert_eq!(page.eval(drawn).await.unwrap(), true, "{name}, {colours}");
        }
    }
    // On paper nothing is cut off, and no sheet holds next to nothing: about two for each of the screens.
    let sheets = page.print(&repo_root().join(format!("target/report/{name}.pdf"))).await.unwrap();
    assert!((2..=14).contains(&sheets), "{name}: {sheets} sheets");
    let elsewhere: Vec<_> =
        page.requests().into_iter().filter(|(_, url)| !url.starts_with("file://")).collect();
    assert_eq!((elsewhere.len(), page.requests().len()), (0, 1), "{elsewhere:?}");
    assert_eq!(page.problems(), Vec::<String>::new(), "{name}");
}

#[tokio::test]
async fn the_page_of_a_run() {
    let folder = TempDir::new().unwrap();
    let html = report(folder.path(), &fixture(), &[]);
    let browser = Browser::start().await.unwrap();
    let page = browser.page(View::DESK).await.unwrap();
    page.go(&format!("file://{}", html.display())).await.unwrap();
    page.until_text("The hypothesis is violated").await.unwrap();
    looks_right(&page, "run", 5).await;
    let titled = "[...document.querySelectorAll('svg')].every((svg) => svg.querySelector('title')?.textContent.length > 3)";
    assert_eq!(page.eval(titled).await.unwrap(), true, "every picture has a title");
}

#[tokio::test]
async fn two_runs_side_by_side() {
    let folder = TempDir::new().unwrap();
    let earlier = folder.path().join("earlier.jsonl");
    let text =
        std::fs::read_to_string(fixture()).unwrap().replace("2026-12-01-db-latency", "2026-11-30-db-latency");
    std::fs::write(&earlier, text).unwrap();
    let html = report(folder.path(), &fixture(), &["--compare", earlier.to_str().unwrap()]);
    let browser = Browser::start().await.unwrap();
    let page = browser.page(View::DESK).await.unwrap();
    page.go(&format!("file://{}", html.display())).await.unwrap();
    page.until_text("2026-11-30-db-latency").await.unwrap();
    looks_right(&page, "compare", 10).await;
}
