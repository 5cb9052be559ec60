//! The Halt button: asks once, by keyboard alone, and says how it ended.

use serde_json::json;
use squall_envoy_tests::View;

use crate::{focus, open, states};

const IS_OPEN: &str = "document.getElementById('dialog').open";

#[tokio::test]
async fn a_keyboard_alone_halts() {
    let (_browser, page, site) = open(states::injecting(), states::events(), View::DESK).await;
    page.press("Tab").await.unwrap();
    assert_eq!(focus(&page).await, "halt", "Halt is the first stop of the page");
    page.press("Enter").await.unwrap();
    assert_eq!(page.eval(IS_OPEN).await.unwrap(), true);
    assert_eq!(focus(&page).await, "button Halt now");
    let name = page.eval("document.getElementById(document.getElementById('dialog').getAttribute('aria-labelledby')).innerText");
    assert_eq!(name.await.unwrap(), "Halt this proxy?");
    assert!(page.text("#dialog").await.unwrap().contains("2026-12-01-db-latency"));

    page.press("Escape").await.unwrap();
    page.until(&format!("!{IS_OPEN} && document.activeElement.id === 'halt'")).await.unwrap();
    assert_eq!(site.posted(), [], "Escape leaves all as it was");

    page.press("Enter").await.unwrap();
    site.set_status(states::halted());
    page.press("Enter").await.unwrap();
    page.until("document.getElementById('dialog').innerText.startsWith('Halted')").await.unwrap();
    let plain = ("/v1/halt".to_owned(), "application/json".to_owned(), json!({}));
    assert_eq!(site.posted(), [plain], "asked once, posted once");

    page.until("document.getElementById('halt').hidden").await.unwrap();
    assert_eq!(focus(&page).await, "button Close");
    page.press("Enter").await.unwrap();
    page.until(&format!("!{IS_OPEN} && document.activeElement.id === 'halted-title'")).await.unwrap();
    assert_eq!(page.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn reason_and_name_are_sent_when_they_are_given() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::PHONE).await;
    page.eval("document.getElementById('halt').click()").await.unwrap();
    page.eval("document.querySelector('[name=reason]').focus()").await.unwrap();
    page.type_text("  the pager \"rang\" <b> ").await.unwrap();
    page.press("Tab").await.unwrap();
    assert_eq!(focus(&page).await, "input by");
    page.type_text("carol").await.unwrap();
    // A picture for people; the dialog covers the window.
    page.screenshot(&crate::pictures::file("dialog-phone-light"), false).await.unwrap();
    page.press("Enter").await.unwrap();
    page.until("document.getElementById('dialog').innerText.startsWith('Halted')").await.unwrap();
    let (_, _, body) = site.posted().remove(0);
    assert_eq!(body, json!({"reason": "the pager \"rang\" <b>", "by": "carol"}));
}

#[tokio::test]
async fn a_halt_that_is_not_taken_says_why_and_can_be_tried_again() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::DESK.dark()).await;
    site.halt_answers(
        503,
        json!({"title": "no shared data", "detail": "ask the host", "code": "unavailable"}),
    );
    page.eval("document.getElementById('halt').click()").await.unwrap();
    page.eval("document.querySelector('[name=reason]').focus()").await.unwrap();
    page.type_text("enough").await.unwrap();
    page.press("Enter").await.unwrap();
    page.until("document.getElementById('dialog').innerText.startsWith('Not halted')").await.unwrap();
    let said = page.text("#dialog [role=alert]").await.unwrap();
    assert!(said.contains("503 no shared data, ask the host, unavailable"), "{said}");
    let other_way = page.text("#dialog code").await.unwrap();
    assert_eq!(other_way, format!("chaosctl halt --proxy http://{}", site.address));
    page.screenshot(&crate::pictures::file("dialog-refused-desk-dark"), false).await.unwrap();

    site.halt_answers(200, json!({}));
    assert_eq!(focus(&page).await, "button Try again");
    page.press("Enter").await.unwrap();
    page.until("document.getElementById('dialog').innerText.startsWith('Halted')").await.unwrap();
    let bodies: Vec<_> = site.posted().into_iter().map(|(_, _, body)| body).collect();
    assert_eq!(bodies, [json!({"reason": "enough"}), json!({"reason": "enough"})]);
}

#[tokio::test]
async fn a_halted_proxy_shows_who_why_when_and_the_way_out() {
    let mut status = states::halted();
    status["halt"]["by"] = "carol".into();
    status["halt"]["reason"] = "person".into();
    status["halt"]["detail"] = "the pager rang".into();
    let (_browser, page, site) = open(status, Vec::new(), View::PHONE).await;
    let said = page.text("#halted").await.unwrap();
    let release = format!("chaosctl release --proxy http://{}", site.address);
    for part in ["Halted by carol", "person", "the pager rang", "09:06:24", "2026-12-01-db-latency", &release]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(page.eval("document.getElementById('halt').hidden").await.unwrap(), true);

    site.set_status(states::idle());
    page.until("document.getElementById('halted').hidden && !document.getElementById('halt').hidden")
        .await
        .unwrap();
    page.until_text("No mission runs on this proxy").await.unwrap();
}
