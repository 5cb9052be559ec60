//! A page that hears nothing says so, and the clock of what it knows goes on.

use serde_json::json;
use squall_envoy_tests::View;

use crate::{open, states};

#[tokio::test]
async fn silence_is_shown_as_stale_then_offline_and_ends() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::DESK).await;
    site.set_silent(true);
    page.until("document.body.dataset.link === 'stale'").await.unwrap();
    page.until("document.body.dataset.link === 'offline'").await.unwrap();
    let said = page.text("#offline").await.unwrap();
    assert!(said.starts_with("No answer since 09:06:1") && said.contains("What is shown is old"), "{said}");
    assert!(page.text("#link").await.unwrap().starts_with("Offline, last answer 1"));
    assert_eq!(page.eval("document.getElementById('offline').getAttribute('role')").await.unwrap(), "alert");
    assert_eq!(page.eval("document.getElementById('halt').disabled").await.unwrap(), false, "one may try");
    page.screenshot(&crate::pictures::file("offline-desk-light"), true).await.unwrap();
    site.set_silent(false);
    page.until("document.body.dataset.link === 'live' && document.getElementById('offline').hidden")
        .await
        .unwrap();
}

#[tokio::test]
async fn countdowns_go_on_between_answers() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::DESK).await;
    site.set_silent(true);
    // 528 s from the last answer on.
    for left in ["8:45", "8:43"] {
        page.until(&format!("document.querySelector('.figures dd').innerText === '{left}'")).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_state_is_announced_once() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::DESK).await;
    let announced = "document.getElementById('announce').textContent";
    assert_eq!(page.eval(announced).await.unwrap(), "Injecting, stage 2 of 3, intensity 50 %");
    page.eval(
        "window.changes = 0; new MutationObserver(() => { window.changes += 1; })
            .observe(document.getElementById('announce'), {childList: true, characterData: true, subtree: true})",
    )
    .await
    .unwrap();
    let mut later = states::injecting();
    later["mission"]["stage"] = json!({"number": 3, "of": 3, "intensity_percent": 100, "ends_in_s": 300});
    site.set_status(later.clone());
    page.until(&format!("{announced} === 'Injecting, stage 3 of 3, intensity 100 %'")).await.unwrap();
    // Further answers of the same state say nothing.
    later["mission"]["remaining_s"] = 300.into();
    site.set_status(later);
    page.until("document.querySelector('.figures dd').innerText.startsWith('5:00')").await.unwrap();
    assert_eq!(page.eval("window.changes").await.unwrap(), 1);
    let title = page.eval("document.title").await.unwrap();
    assert_eq!(title, "Injecting, stage 3 of 3, intensity 100 % · 2026-12-01-db-latency · Squall");
}
