//! Every state in both sizes and both colour schemes: nothing is refused, nothing goes elsewhere, nothing sticks out sideways.
//! The pictures lie in `target/cockpit/` for people to look at.

use std::path::PathBuf;

use serde_json::Value;
use squall_envoy_tests::{Browser, Page, View, repo_root};

use crate::site::Site;
use crate::states;

pub fn file(name: &str) -> PathBuf {
    repo_root().join(format!("target/cockpit/{name}.png"))
}

/// By how many pixels the page is wider than its window.
pub const SIDEWAYS: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// The requests of a page that went to another origin than its own.
pub fn elsewhere(page: &Page, own: &str) -> Vec<String> {
    let urls = page.requests().into_iter().map(|(_, url)| url);
    urls.filter(|url| !url.starts_with(own) && !url.starts_with("data:")).collect()
}

/// A page that shows this status loads its own origin alone and reports no problem.
async fn picture(browser: &Browser, name: &str, status: Value, events: Vec<Value>, shown: &str) {
    let site = Site::start(status, events).await;
    let page = browser.page(View::DESK).await.unwrap();
    page.go(&site.url()).await.unwrap();
    page.until_text(shown).await.unwrap();
    for (size, view) in [("desk", View::DESK), ("phone", View::PHONE)] {
        for (colours, view) in [("light", view), ("dark", view.dark())] {
            page.show(view).await.unwrap();
            page.until(&format!("innerWidth === {} && document.body.dataset.link === 'live'", view.width))
                .await
                .unwrap();
            page.screenshot(&file(&format!("{name}-{size}-{colours}")), true).await.unwrap();
            let sideways = page.eval(SIDEWAYS).await.unwrap();
            assert_eq!(sideways, 0, "{name}, {size}: scrolls sideways");
        }
    }
    assert_eq!(elsewhere(&page, &site.url()), Vec::<String>::new(), "{name}");
    assert_eq!(page.problems(), Vec::<String>::new(), "{name}");
}

#[tokio::test]
async fn idle() {
    let browser = Browser::start().await.unwrap();
    picture(&browser, "idle", states::idle(), Vec::new(), "No mission runs on this proxy").await;
}

#[tokio::test]
async fn a_running_mission() {
    let browser = Browser::start().await.unwrap();
    picture(&browser, "injecting", states::injecting(), states::events(), "2026-12-01-db-latency").await;
    picture(&browser, "half-open", states::half_open(), states::events(), "half open").await;
}

#[tokio::test]
async fn an_ended_mission() {
    let browser = Browser::start().await.unwrap();
    picture(&browser, "halted", states::halted(), states::events(), "Halted by a guardrail").await;
    picture(&browser, "done", states::done(), states::events(), "Start the next mission").await;
}
