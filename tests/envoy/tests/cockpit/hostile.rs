//! Names and events are other people's text: shown, never executed, and unable to break the page.

use std::time::Duration;

use serde_json::json;
use squall_envoy_tests::{View, eventually};

use crate::{open, states};

#[tokio::test]
async fn nothing_from_outside_is_executed() {
    let (status, events) = states::hostile();
    let (_browser, page, _site) = open(status, events, View::PHONE).await;
    page.until("document.querySelectorAll('#events li').length === 3").await.unwrap();
    page.screenshot(&crate::pictures::file("hostile-phone-light"), true).await.unwrap();
    page.eval("document.querySelectorAll('details').forEach(each => { each.open = true; })").await.unwrap();
    // Drawn twice more, over itself.
    let polls = || page.requests().iter().filter(|(_, url)| url.ends_with("/v1/status")).count();
    let wanted = polls() + 2;
    let limit = Duration::from_secs(20);
    eventually("two more answers", limit, async || (polls() >= wanted).then_some(())).await.unwrap();
    assert_eq!(page.eval("window.executed ?? null").await.unwrap(), json!(null));
    let elements = "document.body.querySelectorAll('img, iframe, object, embed, link, meta, base, script:not(body > script), [onload], [onerror], [style]').length";
    assert_eq!(page.eval(elements).await.unwrap(), 0);
    assert_eq!(page.problems(), Vec::<String>::new());
    let sideways = page.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(sideways.await.unwrap(), 0);
    assert_eq!(page.eval("document.body.dataset.link").await.unwrap(), "live", "the page goes on");
}

#[tokio::test]
async fn hostile_text_is_shown_as_it_is() {
    let (status, events) = states::hostile();
    let (_browser, page, _site) = open(status, events, View::DESK).await;
    page.until("document.querySelectorAll('#events li').length === 3").await.unwrap();
    let script = "<img src=x onerror=\"window.executed=1\">";
    for place in
        ["#hero h2", "#halted-title", "#guardrails h3", "#signals", "#ledger", "#groups", "#remediation"]
    {
        let text = page.text(place).await.unwrap();
        assert!(text.contains(script), "{place}: {text}");
    }
    // What would turn the direction of a line or colour a terminal is shown as its number.
    let events = page.text("#events").await.unwrap();
    assert!(events.contains(r"left\u202ethgir") && events.contains(r"\u001b[31m"), "{events}");
    let raw =
        page.eval("/[\\u202e\\u001b\\u0000]/.test(document.documentElement.textContent)").await.unwrap();
    assert_eq!(raw, false);
}

/// A status of any shape leaves a page that can still halt.
#[tokio::test]
async fn an_answer_of_a_wrong_shape_leaves_the_halt_button() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::DESK).await;
    for broken in [json!(null), json!([]), json!({"state": 7}), json!("injecting")] {
        site.set_status(broken.clone());
        page.until("document.body.dataset.link === 'stale' || document.body.dataset.link === 'offline'")
            .await
            .unwrap();
        assert!(page.text("#offline").await.unwrap().contains("the answer is no status"), "{broken}");
        assert_eq!(page.eval("document.getElementById('halt').hidden").await.unwrap(), false);
        site.set_status(states::injecting());
        page.until("document.body.dataset.link === 'live'").await.unwrap();
    }
    let odd = json!({"state": "injecting", "mission": 7, "health": [], "ledger": "x", "guardrails": {}, "signals": [[]], "halt": 1, "events": 3});
    site.set_status(odd);
    page.until("document.querySelector('#hero h2').innerText === ''").await.unwrap();
    assert_eq!(page.problems(), Vec::<String>::new());
}
