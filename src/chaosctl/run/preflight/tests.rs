//! Checks before a start, of proxies whose answers were thought of beforehand.

use super::*;
use crate::control::address::Address;
use crate::control::client::Failure;
use crate::control::mission::Mission;
use crate::control::mission::Words;
use serde_json::json;

const T: u64 = 1_800_000_000_000;

fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

fn document() -> Document {
    let words = ["scenario=slow", "duration=1m", "id=run-1"].map(ToOwned::to_owned);
    Document::of(
        Words::read(&words).expect("words").mission("shop").expect("a mission"),
        true,
        &BTreeMap::new(),
    )
    .expect("a mission")
}

/// A proxy whose clock is ahead by so much, and that took 200 ms to answer.
fn proxy(number: u8, ahead_ms: i64) -> Looked {
    let now = T.saturating_add_signed(ahead_ms) + 100;
    let status = json!({"state": "idle", "halt": null, "mission": null, "squall": env!("CARGO_PKG_VERSION"),
        "now": humantime::format_rfc3339_millis(at(now)).to_string(), "proxy": {"namespace": "shop", "id": "p"}});
    let catalog = json!({"scenarios": [{"name": "slow", "digest": "sha256:1"}]});
    let address = Address::read(&format!("http://proxy-{number}:1")).expect("an address");
    Looked {
        site: Site { client: Client::new(address, Duration::from_secs(1)), status: Answer::Done(status) },
        asked: (at(T), at(T + 200)),
        catalog: Answer::Done(catalog),
    }
}

fn with(mut looked: Looked, change: impl FnOnce(&mut Value)) -> Looked {
    if let Answer::Done(status) = &mut looked.site.status {
        change(status);
    }
    looked
}

/// The names of the checks that fail, with the proxy's number.
fn failed(looked: &[Looked]) -> Vec<String> {
    let all = reachable(looked).into_iter().chain(checks(looked, &document(), None, false));
    let failed = all.filter(|check| check.fails());
    failed
        .map(|check| {
            format!("{} {}", check.check, check.proxy.unwrap_or_default().replace("http://proxy-", ""))
        })
        .collect()
}

#[test]
fn proxies_that_are_ready_pass() {
    assert_eq!(failed(&[proxy(1, 0), proxy(2, 40)]), [""; 0]);
}

#[test]
fn every_check_that_fails_is_told_at_once() {
    let gone = Looked {
        site: Site {
            status: Answer::Failed(Failure { why: "cannot be reached".to_owned(), sent: false }),
            ..proxy(1, 0).site
        },
        catalog: Answer::Failed(Failure { why: "cannot be reached".to_owned(), sent: false }),
        ..proxy(1, 0)
    };
    let busy = with(proxy(2, 0), |status| {
        status["squall"] = json!("9.9.9");
        status["state"] = json!("injecting");
        status["mission"] = json!({"id": "other", "ended": null});
        status["proxy"]["namespace"] = json!("elsewhere");
    });
    let mut halted = with(proxy(3, 0), |status| {
        status["halt"] = json!({"by": "dana", "detail": "slow", "reason": "person"})
    });
    halted.catalog = Answer::Done(json!({"scenarios": []}));
    assert_eq!(
        failed(&[gone, proxy(0, 0), busy, halted]),
        ["reachable 1:1", "version 2:1", "namespace 2:1", "idle 2:1", "scenario 3:1", "idle 3:1"]
    );
    let again = with(proxy(4, 0), |status| {
        status["state"] = json!("done");
        status["mission"] = json!({"id": "run-1", "ended": {"how": "done"}});
    });
    assert_eq!(failed(&[again]), ["idle 4:1"]);
}

/// The answer took 200 ms: so much is not held against a clock.
#[test]
fn a_clock_may_be_a_second_away_from_ours_and_from_every_other() {
    assert_eq!(failed(&[proxy(1, 1100)]), [""; 0]);
    assert_eq!(failed(&[proxy(1, 1102)]), ["clock 1:1"]);
    assert_eq!(failed(&[proxy(1, -1102)]), ["clock 1:1"]);
    assert_eq!(failed(&[proxy(1, 700), proxy(2, -400)]), [""; 0]);
    assert_eq!(failed(&[proxy(1, 800), proxy(2, -500), proxy(3, 0)]), ["clock 1:1", "clock 2:1"]);
}

#[test]
fn scenarios_are_the_same_everywhere_and_as_in_the_catalog_that_was_given() {
    let mut other = proxy(2, 0);
    other.catalog = Answer::Done(json!({"scenarios": [{"name": "slow", "digest": "sha256:2"}]}));
    assert_eq!(failed(&[proxy(1, 0), other]), ["scenario 2:1"]);
    let catalog: Node =
        serde_json::from_value(json!({"version": 1, "scenarios": [{"name": "slow", "faults": []}]}))
            .expect("a tree");
    let digest = own_digests(&catalog)["slow"].clone();
    let against = |digest: &str| {
        let mut looked = proxy(1, 0);
        looked.catalog = Answer::Done(json!({"scenarios": [{"name": "slow", "digest": digest}]}));
        checks(&[looked], &document(), Some(&catalog), false).iter().all(|check| !check.fails())
    };
    assert!(against(&digest));
    assert!(!against("sha256:0"));
}

#[test]
fn a_signed_mission_with_a_lease_needs_a_key_that_renews_it() {
    let plain = document();
    let signed = |lease: Option<&str>| {
        let mut mission = plain.json.clone();
        mission.as_object_mut().expect("an object").remove("lease");
        if let Some(lease) = lease {
            mission["lease"] = json!(lease);
        }
        let body = serde_json::to_vec(&mission).expect("JSON");
        Document::of(
            Mission { id: "run-1".to_owned(), body, source: None, is_signed: true },
            true,
            &BTreeMap::new(),
        )
        .expect("a mission")
    };
    let ok = |document: &Document, has_key| key(document, has_key).ok == Some(true);
    assert!(!ok(&signed(Some("30s")), false));
    assert!(ok(&signed(Some("30s")), true) && ok(&signed(None), false) && ok(&plain, false));
}
