//! The table of nonces: bounded, and never forgetting one whose request is fresh.

use super::requests::{WANTED, operators, request, signed};
use super::{ALICE, DAVE, NOW};
use proptest::prelude::*;
use serde_json::{Value, json};
use squall_policy::{Code, FRESH_MS, Nonces, Operators, verify_request};
use std::collections::BTreeSet;

/// A plain request of this time, which needs no signature where there are no operators.
fn plain(nonce: &str, time_ms: u64) -> Vec<u8> {
    let time =
        humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + std::time::Duration::from_millis(time_ms));
    let mut request: Value = request();
    request["nonce"] = json!(nonce);
    request["time"] = json!(time.to_string());
    request.to_string().into_bytes()
}

fn spend(nonces: &mut Nonces, nonce: u32, time_ms: u64, now_ms: u64) -> Option<Code> {
    let bytes = plain(&format!("{nonce:022}"), time_ms);
    verify_request(&bytes, &Operators::default(), &WANTED, now_ms, nonces).err().map(|refused| refused.code)
}

#[test]
fn a_flood_of_nonces_is_refused_and_forgets_none() {
    let mut nonces = Nonces::default();
    for nonce in 0..1024 {
        assert_eq!(spend(&mut nonces, nonce, NOW, NOW), None);
    }
    assert_eq!(spend(&mut nonces, 5000, NOW, NOW), Some(Code::TooManyRequests));
    for nonce in 0..1024 {
        assert_eq!(spend(&mut nonces, nonce, NOW, NOW + FRESH_MS), Some(Code::Replayed), "{nonce}");
    }
    assert!(nonces.to_bytes().len() <= 25 * 1024);
    // When they are stale, there is room again, and none of them can be used.
    assert_eq!(spend(&mut nonces, 5000, NOW + FRESH_MS + 1, NOW + FRESH_MS + 1), None);
    assert_eq!(nonces.to_bytes().len(), 1 + 8 + 24);
    assert_eq!(spend(&mut nonces, 3, NOW, NOW + FRESH_MS + 1), Some(Code::StaleRequest));
}

/// Forged requests cannot fill the table: a nonce is spent after the signature was verified.
#[test]
fn forged_requests_spend_no_nonce() {
    let mut nonces = Nonces::default();
    let forged = signed(&request(), "alice", DAVE);
    assert!(verify_request(&forged, &operators(), &WANTED, NOW, &mut nonces).is_err());
    assert_eq!(nonces, Nonces::default());
    assert!(
        verify_request(&signed(&request(), "alice", ALICE), &operators(), &WANTED, NOW, &mut nonces).is_ok()
    );
}

#[test]
fn a_clock_that_is_set_back_makes_no_request_fresh_again() {
    let mut nonces = Nonces::default();
    assert_eq!(spend(&mut nonces, 1, NOW, NOW), None);
    assert_eq!(spend(&mut nonces, 2, NOW + 3_600_000, NOW + 3_600_000), None, "the clock is an hour ahead");
    assert_eq!(
        spend(&mut nonces, 1, NOW, NOW),
        Some(Code::StaleRequest),
        "its nonce was forgotten meanwhile"
    );
    assert_eq!(spend(&mut nonces, 3, NOW + 1, NOW + 1), None, "a newer one is taken");
}

#[test]
fn the_table_comes_back_from_its_bytes_and_nothing_else_does() {
    let mut nonces = Nonces::from_bytes(&[]).expect("no bytes are no nonces");
    spend(&mut nonces, 1, NOW, NOW);
    spend(&mut nonces, 2, NOW + 61_000, NOW + 61_000);
    let bytes = nonces.to_bytes();
    assert_eq!(Nonces::from_bytes(&bytes), Some(nonces));
    let other_version = [&[2], &bytes[1..]].concat();
    let too_many = [&bytes[..9], &[0; 24 * 1025]].concat();
    for bad in [
        &bytes[..bytes.len() - 1],
        &bytes[..5],
        &[bytes.as_slice(), &[0]].concat(),
        &other_version,
        &too_many,
    ] {
        assert_eq!(Nonces::from_bytes(bad), None);
    }
}

proptest! {
    /// Whatever the clock does and however the table is kept, nothing is carried out twice.
    #[test]
    fn nothing_is_carried_out_twice(steps in prop::collection::vec((0..40_u32, -90_000..90_000_i64, -200_000..200_000_i64), 1..200)) {
        let mut nonces = Nonces::default();
        let mut done = BTreeSet::new();
        let mut now = NOW;
        for (nonce, off, step) in steps {
            now = now.saturating_add_signed(step / 4);
            // The time is the nonce's own, as it is signed with it.
            let time = NOW.saturating_add_signed(off.rem_euclid(7) * 20_000 - 60_000 + i64::from(nonce));
            if spend(&mut nonces, nonce, time, now).is_none() {
                prop_assert!(done.insert((nonce, time)), "twice: {nonce} at {time}");
            }
            nonces = Nonces::from_bytes(&nonces.to_bytes()).expect("its own bytes");
        }
    }
}
