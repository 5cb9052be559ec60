//! What the panels say, and how the charts and the list of events are read by pointer and keyboard.

use serde_json::json;
use squall_envoy_tests::{Page, View};

use crate::{focus, open, states};

async fn says(page: &Page, place: &str, parts: &[&str]) {
    let text = page.text(place).await.unwrap().replace('\n', " ");
    for part in parts {
        assert!(text.contains(part), "{place} lacks `{part}`: {text}");
    }
}

#[tokio::test]
async fn every_panel_says_what_the_status_says() {
    let (_browser, page, _site) = open(states::injecting(), states::events(), View::DESK).await;
    let hero = [
        "2026-12-01-db-latency",
        "Injecting",
        "8:4",
        "deadline 09:15:00",
        "50 %",
        "stage 2 of 3, 2:4",
        "of 0:30",
        "downstream-db-latency, profile-errors",
        "order through the control API",
        "alice, bob",
        "8842190371",
    ];
    says(&page, "#hero", &hero).await;
    let timeline =
        page.eval("document.querySelector('#timeline svg').getAttribute('aria-label')").await.unwrap();
    let parts = "Timeline: baseline for 1:00, stage 1 at 10 % for 3:00, stage 2 at 50 % for 5:00, stage 3 at 100 % for 6:00, recovery for 1:00";
    assert_eq!(timeline, parts);
    says(
        &page,
        "#latency-deltas",
        &["+136 ms", "p95 of treatment against control", "+141 ms", "against baseline"],
    )
    .await;
    says(&page, "#errors-deltas", &["+0.67 points", "+0.69 points"]).await;
    says(&page, "#latency-legend", &["treatment 352 ms", "control 194 ms", "baseline 191 ms", "09:06:10"])
        .await;
    says(&page, "#groups", &["baseline", "24,981", "0.82 %", "332", "2,140"]).await;
    let ledger = [
        "declared 10 %",
        "observed 9.88 % (9.51 % to 10.3 %)",
        "declared is in the interval",
        "matched 24,310",
        "delay 2,402",
        "max concurrent 31",
        "declared 2.5 %",
        "declared is outside the interval",
        "Suppressed none",
    ];
    says(&page, "#ledger", &ledger).await;
    let guardrails = [
        "watching",
        "now 1.2 %, limit 5 %",
        "▲ above the limit",
        "now 2,140 ms, limit 2,000 ms, for 0:18 of 0:30",
        "now –",
    ];
    says(&page, "#guardrails", &guardrails).await;
    let meters = "[...document.querySelectorAll('[role=meter]')].map(meter => meter.getAttribute('aria-valuenow')).join()";
    assert_eq!(page.eval(meters).await.unwrap(), "24,92,0");
    says(
        &page,
        "#signals",
        &["✓ held", "332 ms (327 ms to 339 ms)", "✕ violated", "? inconclusive", "47 requests are too few"],
    )
    .await;
    says(&page, "#groups", &["treatment: 47 more, which Squall ended itself, are not counted"]).await;
    says(&page, "#remediation", &["No guardrail has asked for a rollback"]).await;
    says(&page, "#proxy", &["shop / user-service / user-service-5d9f7-x2x4q"]).await;
}

#[tokio::test]
async fn an_end_says_how_by_whom_and_when() {
    let (_browser, page, _site) = open(states::stopped(), Vec::new(), View::DESK).await;
    says(&page, "#hero", &["Stopped", "stopped by alice at 09:06:24: enough seen"]).await;
    says(&page, "#timeline", &["stopped 09:06:24"]).await;
    says(&page, "#teach", &["Start the next mission"]).await;
}

#[tokio::test]
async fn the_circuit_breaker_shows_where_it_stands() {
    let (_browser, page, site) = open(states::half_open(), Vec::new(), View::DESK).await;
    assert_eq!(page.text("#remediation [aria-current=step]").await.unwrap(), "half open");
    says(&page, "#remediation", &["few faults", "Since 09:06:00", "downstream-db-latency"]).await;
    let mut open = states::half_open();
    open["remediation"]["state"] = "open".into();
    site.set_status(open);
    page.until("document.querySelector('#remediation [aria-current=step]').innerText === 'open'")
        .await
        .unwrap();
    says(&page, "#remediation", &["no fault is injected"]).await;
}

#[tokio::test]
async fn a_chart_is_read_by_keyboard() {
    let (_browser, page, site) = open(states::injecting(), Vec::new(), View::DESK).await;
    page.eval("document.querySelector('#percentile :checked').focus()").await.unwrap();
    page.press("Tab").await.unwrap();
    assert_eq!(focus(&page).await, "latency");
    page.press("ArrowLeft").await.unwrap();
    says(&page, "#latency-legend", &["09:06:05"]).await;
    let readout = "document.getElementById('readout').textContent";
    let said = page.eval(readout).await.unwrap();
    assert!(said.as_str().unwrap().starts_with("09:06:05: treatment 349 ms, control 190 ms"), "{said}");
    page.press("Home").await.unwrap();
    says(&page, "#latency-legend", &["09:00:00", "treatment –"]).await;
    page.press("ArrowRight").await.unwrap();
    says(&page, "#latency-legend", &["09:00:05"]).await;
    // The next answer does not take the reader away.
    let mut later = states::injecting();
    later["mission"]["remaining_s"] = 400.into();
    site.set_status(later);
    page.until("document.querySelector('.figures dd').innerText.startsWith('6:4')").await.unwrap();
    says(&page, "#latency-legend", &["09:00:05"]).await;
    assert_eq!(focus(&page).await, "latency");
    page.press("Escape").await.unwrap();
    says(&page, "#latency-legend", &["09:06:10"]).await;
    // The percentiles are a group of radio buttons.
    page.eval("document.querySelector('#percentile :checked').focus()").await.unwrap();
    page.press("ArrowRight").await.unwrap();
    says(&page, "#latency-legend", &["treatment 55", "baseline 318 ms"]).await;
}

#[tokio::test]
async fn a_chart_is_read_by_pointer() {
    let (_browser, page, _site) = open(states::injecting(), Vec::new(), View::DESK).await;
    let place = page.eval("(box => [box.left, box.top, box.width, box.height])(document.getElementById('errors').getBoundingClientRect())");
    let place = place.await.unwrap();
    let [left, top, width, height] = [0, 1, 2, 3].map(|index| place[index].as_f64().unwrap());
    page.point_at(left + width / 2.0, top + height / 2.0).await.unwrap();
    page.until("document.querySelector('#errors-legend').innerText.includes('09:02:50')").await.unwrap();
    page.screenshot(&crate::pictures::file("hover-desk-light"), false).await.unwrap();
    page.point_at(left, top - 200.0).await.unwrap();
    page.until("document.querySelector('#errors-legend').innerText.includes('09:06:10')").await.unwrap();
}

#[tokio::test]
async fn events_are_listed_newest_first_and_unfold() {
    let (_browser, page, site) = open(states::injecting(), states::events(), View::DESK).await;
    page.until("document.querySelectorAll('#events li').length === 6").await.unwrap();
    let names = "[...document.querySelectorAll('#events summary b')].map(name => name.innerText).join()";
    let newest =
        "mission.renewed,stage.started,request.refused,mission.renewed,stage.started,mission.accepted";
    assert_eq!(page.eval(names).await.unwrap(), newest);
    page.eval("document.querySelectorAll('#events summary')[2].focus()").await.unwrap();
    page.press("Enter").await.unwrap();
    let body = page.text("#events details[open] pre").await.unwrap();
    assert!(body.contains("\"reason\": \"this nonce was used before\""), "{body}");

    site.add_event(json!({"number": 7, "event": "guardrail.tripped", "at": states::at(384), "mission": "2026-12-01-db-latency", "scenario": "downstream-db-latency"}));
    page.until("document.querySelector('#events b').innerText === 'guardrail.tripped'").await.unwrap();
    assert_eq!(
        page.eval("document.querySelectorAll('#events li').length").await.unwrap(),
        7,
        "nothing twice"
    );
    assert_eq!(
        page.text("#events details[open] b").await.unwrap(),
        "request.refused",
        "what is open stays open"
    );
    assert_eq!(focus(&page).await.split(' ').next(), Some("summary"));
}

/// After a halt an answer is asked for at once, beside that of the second.
#[tokio::test]
async fn answers_that_overlap_list_no_event_twice() {
    let (_browser, page, site) = open(states::injecting(), states::events(), View::DESK).await;
    page.until("document.querySelectorAll('#events li').length === 6").await.unwrap();
    site.add_event(json!({"number": 7, "event": "mission.halted", "at": states::at(384)}));
    page.eval("Promise.all([refresh(), refresh(), refresh()])").await.unwrap();
    assert_eq!(page.eval("document.querySelectorAll('#events li').length").await.unwrap(), 7);
}

#[tokio::test]
async fn what_a_reader_has_focused_and_selected_survives_the_next_answer() {
    let (_browser, page, site) = open(states::halted(), Vec::new(), View::DESK).await;
    page.eval("document.querySelector('#halted button').focus(); getSelection().selectAllChildren(document.querySelector('#halted code'))").await.unwrap();
    let selected = page.eval("getSelection().toString()").await.unwrap();
    let mut later = states::halted();
    later["halt"]["detail"] = "said otherwise".into();
    site.set_status(later);
    page.until_text("said otherwise").await.unwrap();
    assert_eq!(focus(&page).await, "button Copy");
    assert_eq!(page.eval("getSelection().toString()").await.unwrap(), selected);
}

#[tokio::test]
async fn after_a_restart_of_the_proxy_its_events_begin_anew() {
    let (_browser, page, site) = open(states::injecting(), states::events(), View::DESK).await;
    page.until("document.querySelectorAll('#events li').length === 6").await.unwrap();
    site.restart(states::idle());
    site.add_event(json!({"number": 1, "event": "config.rejected", "at": states::at(600)}));
    page.until("document.querySelectorAll('#events li').length === 1").await.unwrap();
    assert_eq!(page.text("#events b").await.unwrap(), "config.rejected");
}

#[tokio::test]
async fn an_idle_proxy_teaches_how_to_start() {
    let (_browser, page, site) = open(states::idle(), Vec::new(), View::PHONE).await;
    let start = format!("chaosctl start --proxy http://{}", site.address);
    says(&page, "#teach", &["No mission runs on this proxy", "chaosctl validate", "chaosctl sign", &start])
        .await;
    assert_eq!(
        page.eval("document.querySelector('.run').hidden && document.getElementById('mission').hidden")
            .await
            .unwrap(),
        true
    );
}

/// WCAG 2.2, 1.4.3: text of at least 4.5 to 1 against what lies behind it.
#[tokio::test]
async fn text_can_be_read_in_both_colour_schemes() {
    let low = r"(() => {
        const parse = colour => colour.match(/[\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const behind = node => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
        const seen = [...document.body.querySelectorAll('*')].filter(node => node.localName !== 'script' && node.getClientRects().length > 0
            && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
        return seen.map(node => { const style = getComputedStyle(node), a = light(parse(node.localName === 'text' ? style.fill : style.color)), b = light(behind(node));
            return {text: node.textContent, ratio: (Math.max(a, b) + .05) / (Math.min(a, b) + .05)}; }).filter(each => each.ratio < 4.5);
    })()";
    for state in [states::injecting(), states::halted(), states::idle()] {
        let (_browser, page, _site) = open(state, states::events(), View::DESK).await;
        for view in [View::DESK, View::DESK.dark()] {
            page.show(view).await.unwrap();
            assert_eq!(page.eval(low).await.unwrap(), json!([]), "dark: {}", view.dark);
        }
    }
}
