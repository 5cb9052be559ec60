//! The cockpit in a headless Chromium: what it shows, that it can be used, and that nothing from outside is executed in it.

mod halting;
mod hostile;
mod link;
mod pictures;
mod reading;
mod real;
mod site;
mod source;
mod states;

use serde_json::Value;
use squall_envoy_tests::{Browser, Page, View};

use site::Site;

/// A browser with the cockpit of a site that serves this status, drawn for the first time.
async fn open(status: Value, events: Vec<Value>, view: View) -> (Browser, Page, Site) {
    let site = Site::start(status, events).await;
    let browser = Browser::start().await.unwrap();
    let page = browser.page(view).await.unwrap();
    page.go(&site.url()).await.unwrap();
    page.until("document.body.dataset.link === 'live'").await.unwrap();
    (browser, page, site)
}

/// The id of the element that has the focus, or its name and text where it has none.
async fn focus(page: &Page) -> String {
    let expression = "(e => e.id || `${e.localName} ${e.name || e.textContent}`)(document.activeElement)";
    page.eval(expression).await.unwrap().as_str().unwrap().to_owned()
}
