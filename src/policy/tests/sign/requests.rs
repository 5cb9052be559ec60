//! Signed requests to the control listener: each is carried out once, by whom it may be, where it was meant.

use super::{ALICE, BOB, CAROL, Case, DAVE, MALLORY, NOW, key, mission, standard};
use ed25519_dalek::Signer;
use serde_json::{Value, json};
use squall_policy::wire::{Action, Severity};
use squall_policy::{
    Approved, Code, MISSION_TYPE, Nonces, Operators, REQUEST_TYPE, Refused, Wanted, pae, verify_request,
};

const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

pub fn operators() -> Operators {
    Case::good().load(&mission(&["calm"])).0.expect("it is loaded").operators
}

pub fn request() -> Value {
    json!({"version": 1, "action": "stop", "mission": "run-1", "time": "2026-12-01T09:00:00Z", "nonce": NONCE})
}

fn with(key: &str, value: Value) -> Value {
    let mut request = request();
    request[key] = value;
    request
}

fn without(key: &str) -> Value {
    let mut request = request();
    request.as_object_mut().expect("an object").remove(key);
    request
}

pub fn signed_as(payload_type: &str, payload: &[u8], keyid: &str, seed: u8) -> Value {
    let signature = key(seed).sign(&pae(payload_type, payload));
    json!({"payloadType": payload_type, "payload": standard(payload),
        "signatures": [{"keyid": keyid, "sig": standard(&signature.to_bytes())}]})
}

pub fn signed(request: &Value, keyid: &str, seed: u8) -> Vec<u8> {
    signed_as(REQUEST_TYPE, request.to_string().as_bytes(), keyid, seed).to_string().into_bytes()
}

pub const WANTED: Wanted<'static> = Wanted {
    action: Action::Stop,
    mission: Some("run-1"),
    proxy: Some("proxy-1"),
    severity: Some(Severity::Critical),
};

fn ask(bytes: &[u8], wanted: &Wanted<'_>, now_ms: u64, nonces: &mut Nonces) -> Result<Approved, Refused> {
    verify_request(bytes, &operators(), wanted, now_ms, nonces)
}

#[test]
fn a_request_of_an_operator_who_may_is_carried_out_once() {
    let mut nonces = Nonces::default();
    let bytes = signed(&with("reason", json!("enough")), "dave", DAVE);
    let approved = ask(&bytes, &WANTED, NOW, &mut nonces).expect("dave may stop everything");
    assert_eq!(approved.by.as_deref(), Some("dave"));
    assert_eq!(approved.request.reason.expect("a reason").0, "enough");
    assert_eq!(approved.request.action, Action::Stop);
    let again = ask(&bytes, &WANTED, NOW + 1000, &mut nonces).expect_err("it is one request");
    assert_eq!(again.code, Code::Replayed);
    assert!(!again.hint.is_empty() && again.findings.len() == 1);
    // Another operator's nonce of the same text is another nonce.
    assert!(ask(&signed(&request(), "alice", ALICE), &WANTED, NOW, &mut nonces).is_ok());
}

#[test]
fn a_request_is_fresh_for_a_minute_either_way() {
    let at =
        |now_ms: u64| ask(&signed(&request(), "alice", ALICE), &WANTED, now_ms, &mut Nonces::default()).err();
    for good in [NOW, NOW - 60_000, NOW + 60_000] {
        assert_eq!(at(good), None);
    }
    for bad in [NOW - 60_001, NOW + 60_001, NOW + 3_600_000, 0, u64::MAX] {
        assert_eq!(at(bad).map(|refused| refused.code), Some(Code::StaleRequest));
    }
}

struct Attack {
    name: &'static str,
    code: Code,
    bytes: Vec<u8>,
    wanted: Wanted<'static>,
}

fn attack(name: &'static str, code: Code, bytes: Vec<u8>) -> Attack {
    Attack { name, code, bytes, wanted: WANTED }
}

fn wanting(action: Action, attack: Attack) -> Attack {
    Attack { wanted: Wanted { action, ..WANTED }, ..attack }
}

fn attacks() -> Vec<Attack> {
    use Code::{
        BadFormat, BadSignature, DuplicateKey, MissingKey, NotAllowed, OtherTarget, OutOfRange,
        SignatureNeeded,
    };
    use Code::{Syntax, TooLarge, UnknownOperator, UnknownWord, WrongPayloadType};
    let by_alice = |request: &Value| signed(request, "alice", ALICE);
    let good = by_alice(&request());
    let changed = |from: &str, to: &str| {
        let mut envelope: Value = serde_json::from_slice(&good).expect("JSON");
        envelope["payload"] = json!(standard(request().to_string().replace(from, to).as_bytes()));
        envelope.to_string().into_bytes()
    };
    let twice = {
        let mut envelope: Value = serde_json::from_slice(&good).expect("JSON");
        let bob: Value = serde_json::from_slice(&signed(&request(), "bob", BOB)).expect("JSON");
        envelope["signatures"].as_array_mut().expect("a list").push(bob["signatures"][0].clone());
        envelope.to_string().into_bytes()
    };
    let raw =
        |payload: &str| signed_as(REQUEST_TYPE, payload.as_bytes(), "alice", ALICE).to_string().into_bytes();
    let text = request().to_string();
    vec![
        attack("not signed", SignatureNeeded, text.clone().into_bytes()),
        attack("a foreign key", BadSignature, signed(&request(), "alice", MALLORY)),
        attack("a stranger", UnknownOperator, signed(&request(), "mallory", MALLORY)),
        attack("another mission since it was signed", BadSignature, changed("run-1", "run-2")),
        attack("a newer time since it was signed", BadSignature, changed("09:00:00", "09:00:30")),
        attack("a new nonce since it was signed", BadSignature, changed("AAAA", "AAAB")),
        attack(
            "a mission instead",
            WrongPayloadType,
            signed_as(MISSION_TYPE, &Case::good().payload, "alice", ALICE).to_string().into_bytes(),
        ),
        attack("for another mission", OtherTarget, by_alice(&with("mission", json!("run-2")))),
        attack("for no mission", OtherTarget, by_alice(&without("mission"))),
        attack("for another proxy", OtherTarget, by_alice(&with("proxy", json!("proxy-2")))),
        attack("to renew, sent to stop", OtherTarget, by_alice(&with("action", json!("renew")))),
        wanting(Action::Release, attack("to stop, sent to release", OtherTarget, good.clone())),
        wanting(Action::Renew, attack("to stop, sent to renew", OtherTarget, good.clone())),
        attack("by one who may not stop", NotAllowed, signed(&request(), "bob", BOB)),
        wanting(
            Action::Release,
            attack(
                "by one who may not release",
                NotAllowed,
                signed(&with("action", json!("release")), "dave", DAVE),
            ),
        ),
        wanting(
            Action::Release,
            attack(
                "to release above a severity",
                NotAllowed,
                signed(&with("action", json!("release")), "carol", CAROL),
            ),
        ),
        wanting(
            Action::Renew,
            attack(
                "to renew above a severity",
                NotAllowed,
                signed(&with("action", json!("renew")), "carol", CAROL),
            ),
        ),
        attack("two signatures", OutOfRange, twice),
        attack("an hour old", Code::StaleRequest, by_alice(&with("time", json!("2026-12-01T08:00:00Z")))),
        attack("an hour ahead", Code::StaleRequest, by_alice(&with("time", json!("2026-12-01T10:00:00Z")))),
        attack("without a time", MissingKey, by_alice(&without("time"))),
        attack("without a nonce", MissingKey, by_alice(&without("nonce"))),
        attack("a nonce that can be guessed", BadFormat, by_alice(&with("nonce", json!("1")))),
        attack("a nonce too long", BadFormat, by_alice(&with("nonce", json!("A".repeat(87))))),
        attack("an action that is none", UnknownWord, by_alice(&with("action", json!("halt")))),
        attack(
            "an action that stands twice",
            DuplicateKey,
            raw(&text.replacen('{', "{\"action\":\"stop\",", 1)),
        ),
        attack("bytes behind the payload", Syntax, raw(&format!("{text}{text}"))),
        attack("bytes behind the envelope", Syntax, [good.as_slice(), b"{}"].concat()),
        attack("the half of it", Syntax, good[..good.len() / 2].to_vec()),
        attack("nothing", Syntax, Vec::new()),
        attack("too large", TooLarge, [vec![b' '; 16 * 1024], good].concat()),
    ]
}

#[test]
fn p6_requests_that_are_refused() {
    let attacks = attacks();
    let mut wrong = Vec::new();
    for attack in &attacks {
        let mut nonces = Nonces::default();
        let refused = ask(&attack.bytes, &attack.wanted, NOW, &mut nonces);
        let code = refused.as_ref().err().map(|refused| refused.code);
        let told = refused.as_ref().is_err_and(|r| !r.detail.is_empty() && !r.hint.is_empty());
        if code != Some(attack.code) || !told || nonces != Nonces::default() {
            wrong.push(format!("{}: {refused:?}, nonces {nonces:?}", attack.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are not refused right:\n{}",
        wrong.len(),
        attacks.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_proxy_that_does_not_know_itself_takes_no_request_for_one() {
    let wanted = Wanted { proxy: None, ..WANTED };
    let named = signed(&with("proxy", json!("proxy-1")), "alice", ALICE);
    assert_eq!(
        ask(&named, &wanted, NOW, &mut Nonces::default()).map_err(|r| r.code).err(),
        Some(Code::OtherTarget)
    );
    assert!(ask(&named, &WANTED, NOW, &mut Nonces::default()).is_ok());
}

/// A halt has no mission in its URL: the request may name the one that it is about.
#[test]
fn a_release_tells_which_mission_it_is_about() {
    let wanted = Wanted { action: Action::Release, mission: None, ..WANTED };
    let release =
        |request: &Value| ask(&signed(request, "alice", ALICE), &wanted, NOW, &mut Nonces::default());
    let named = release(&with("action", json!("release"))).expect("alice may release");
    assert_eq!(named.request.mission.expect("a mission").0, "run-1");
    let mut open = with("action", json!("release"));
    open.as_object_mut().expect("an object").remove("mission");
    assert!(release(&open).expect("alice may release").request.mission.is_none());
}

/// Up to the severity that an operator may, and where it is not known.
#[test]
fn severity_bounds_renewals_and_releases_and_no_stop() {
    for (action, word) in [(Action::Renew, "renew"), (Action::Release, "release"), (Action::Stop, "stop")] {
        for severity in [None, Some(Severity::Low), Some(Severity::Medium), Some(Severity::High)] {
            let wanted = Wanted { action, severity, ..WANTED };
            let bytes = signed(&with("action", json!(word)), "carol", CAROL);
            let may = severity != Some(Severity::High) || action == Action::Stop;
            assert_eq!(ask(&bytes, &wanted, NOW, &mut Nonces::default()).is_ok(), may, "{word} {severity:?}");
        }
    }
}

#[test]
fn without_operators_a_plain_request_is_taken_once() {
    let none = Operators::default();
    let mut nonces = Nonces::default();
    let mut ask = |bytes: &[u8], now_ms| verify_request(bytes, &none, &WANTED, now_ms, &mut nonces);
    let plain = request().to_string();
    assert_eq!(ask(plain.as_bytes(), NOW).expect("nobody has to sign").by, None);
    assert_eq!(ask(plain.as_bytes(), NOW).map_err(|r| r.code).err(), Some(Code::Replayed));
    assert_eq!(ask(plain.as_bytes(), NOW + 60_001).map_err(|r| r.code).err(), Some(Code::StaleRequest));
    let signed = signed(&request(), "alice", ALICE);
    assert_eq!(ask(&signed, NOW).map_err(|r| r.code).err(), Some(Code::UnknownOperator));
    let other = with("mission", json!("run-2")).to_string();
    assert_eq!(ask(other.as_bytes(), NOW).map_err(|r| r.code).err(), Some(Code::OtherTarget));
}
