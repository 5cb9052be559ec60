//! Missions that must not start.

use super::{
    ALICE, Attack, BOB, flipped, from_now, good, order, payload, row, sealed, signed_by, storm, text,
};
use crate::signing::{CAROL, key};
use ed25519_dalek::Signer;
use serde_json::{Value, json};
use squall_policy::base64;

const MISSIONS: &str = "/v1/missions";
const BOTH: [(&str, u8); 2] = [ALICE, BOB];

/// The order of the group (RFC 8032): `s` and `s` plus this are the same to who does not look.
const GROUP: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Signed by both after the change.
fn resigned(id: &str, change: impl Fn(&mut Value)) -> Value {
    sealed(payload(id, change).to_string().as_bytes(), &BOTH)
}

/// Changed after both have signed.
fn tampered(id: &str, change: impl Fn(&mut Value)) -> Value {
    let mut envelope = good(id);
    envelope["payload"] = resigned(id, change)["payload"].clone();
    envelope
}

fn with(mut envelope: Value, pointer: &str, value: Value) -> Value {
    *envelope.pointer_mut(pointer).expect("the place") = value;
    envelope
}

/// The first signature, made of other bytes.
fn first_signature(envelope: Value, bytes: &[u8]) -> Value {
    with(envelope, "/signatures/0/sig", json!(base64(bytes)))
}

fn signature(id: &str) -> [u8; 64] {
    let payload = payload(id, |_| {}).to_string();
    key(ALICE.1).sign(&squall_policy::pae(squall_policy::MISSION_TYPE, payload.as_bytes())).to_bytes()
}

fn malleable(id: &str) -> [u8; 64] {
    let mut bytes = signature(id);
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(GROUP) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    bytes
}

pub fn attacks() -> Vec<Attack> {
    [forged(), timed(), cut(), oversized(), reordered(), elsewhere()].into_iter().flatten().collect()
}

fn forged() -> Vec<Attack> {
    let forged = |what, body: Value, code| row(("forged", what), MISSIONS, body, (403, code));
    let bare = payload("f13", |_| {}).to_string();
    let raw = key(ALICE.1).sign(bare.as_bytes()).to_bytes();
    vec![
        forged("unsigned", payload("f1", |_| {}), "signature-needed"),
        forged("unsigned, and as plain as can be", order(&storm("f2")), "signature-needed"),
        forged("one signature", signed_by("f3", &[ALICE]), "signature-needed"),
        forged("a foreign key", signed_by("f5", &[("alice", 9), BOB]), "bad-signature"),
        forged("a stranger", signed_by("f6", &[ALICE, ("mallory", 9)]), "unknown-operator"),
        forged("one person twice", signed_by("f7", &[BOB, BOB]), "signed-twice"),
        forged("one person as two", signed_by("f8", &[ALICE, ("bob", 1)]), "bad-signature"),
        forged("up to medium alone", signed_by("f9", &[ALICE, CAROL]), "not-allowed"),
        forged("one who may only stop", signed_by("f10", &[ALICE, ("dave", 4)]), "not-allowed"),
        forged("a longer duration", tampered("f11", |m| m["duration"] = json!("5h")), "bad-signature"),
        forged("another id", tampered("f12", |m| m["id"] = json!("f12-again")), "bad-signature"),
        forged("a signature without its frame", first_signature(good("f13"), &raw), "bad-signature"),
        forged("a signature's other form", first_signature(good("f14"), &malleable("f14")), "bad-signature"),
        forged("a signature of zeros", first_signature(good("f15"), &[0; 64]), "bad-signature"),
        forged("one bit of a signature", flipped(good("f16"), "/signatures/0/sig"), "bad-signature"),
        forged(
            "another recipe",
            resigned("f17", |m| m["digests"]["storm"] = json!(format!("sha256:{}", "0".repeat(64)))),
            "digest-mismatch",
        ),
    ]
}

fn timed() -> Vec<Attack> {
    let expired = |what, at: i64, code| {
        let body = resigned("e1", |m| m["expires"] = json!(text(from_now(at))));
        row(("expired", what), MISSIONS, body, (403, code))
    };
    vec![
        expired("a second ago", -1, "expired"),
        expired("a year ago", -365 * 86_400, "expired"),
        expired("good for a year", 365 * 86_400, "expires-late"),
        row(
            ("expired", "an expiry that was put off"),
            MISSIONS,
            tampered("e2", |m| m["expires"] = json!(text(from_now(7_200)))),
            (403, "bad-signature"),
        ),
    ]
}

fn cut() -> Vec<Attack> {
    let truncated = |what, body: String, refusal| row(("truncated", what), MISSIONS, body, refusal);
    let whole = good("t1").to_string();
    let payload = payload("t2", |_| {}).to_string();
    let half = sealed(&payload.as_bytes()[..payload.len() / 2], &BOTH).to_string();
    vec![
        truncated("half an envelope", whole[..whole.len() / 2].to_owned(), (400, "bad-body")),
        truncated("its last byte", whole[..whole.len() - 1].to_owned(), (400, "bad-body")),
        truncated("nothing", String::new(), (400, "bad-body")),
        truncated("half a mission, signed", half, (400, "bad-body")),
        truncated(
            "an empty list",
            with(good("t5"), "/signatures", json!([])).to_string(),
            (422, "invalid-mission"),
        ),
        truncated(
            "a signature",
            first_signature(good("t3"), &signature("t3")[..63]).to_string(),
            (422, "invalid-mission"),
        ),
        truncated(
            "no signatures at all",
            {
                let mut envelope = good("t4");
                envelope.as_object_mut().unwrap().remove("signatures");
                envelope.to_string()
            },
            (422, "invalid-mission"),
        ),
    ]
}

fn oversized() -> Vec<Attack> {
    let oversized = |what, body: String, refusal| row(("oversized", what), MISSIONS, body, refusal);
    let filled = |size: usize| sealed(&vec![b' '; size], &BOTH).to_string();
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    vec![
        oversized("a body of 300 KB", " ".repeat(300_000), (413, "too-large")),
        oversized("a payload beyond its limit", filled(185_000), (422, "invalid-mission")),
        oversized("nine signatures", signed_by("o1", &[ALICE; 9]).to_string(), (422, "invalid-mission")),
        oversized("60,000 brackets", deep, (400, "bad-body")),
    ]
}

fn reordered() -> Vec<Attack> {
    let reordered = |what, body: String, refusal| row(("reordered", what), MISSIONS, body, refusal);
    let swapped = |id: &str| {
        let (first, second) =
            (good(id)["signatures"][1]["sig"].clone(), good(id)["signatures"][0]["sig"].clone());
        with(with(good(id), "/signatures/0/sig", first), "/signatures/1/sig", second)
    };
    let respaced = |id: &str| {
        let mut envelope = good(id);
        envelope["payload"] = json!(base64(format!(" {}", payload(id, |_| {})).as_bytes()));
        envelope
    };
    let twice = good("r3").to_string().replacen('{', "{\"payloadType\":\"application/json\",", 1);
    let (one, other) = (payload("r4", |_| {}).to_string(), "{\"duration\":\"5h\",");
    let doubled = sealed(one.replacen('{', other, 1).as_bytes(), &BOTH);
    vec![
        reordered("signatures swapped", swapped("r1").to_string(), (403, "bad-signature")),
        reordered("the same mission, a blank in front", respaced("r2").to_string(), (403, "bad-signature")),
        reordered("a key of the envelope twice", twice, (422, "invalid-mission")),
        reordered("a key of the mission twice", doubled.to_string(), (422, "invalid-mission")),
    ]
}

fn elsewhere() -> Vec<Attack> {
    let other = |id: &str, from: &str| with(good(id), "/signatures", good(from)["signatures"].clone());
    let nested = sealed(good("x3").to_string().as_bytes(), &BOTH);
    let typed = with(good("x4"), "/payloadType", json!(squall_policy::REQUEST_TYPE));
    let place = |what, namespace: &'static str, code| {
        let body = resigned("n1", |m| m["namespace"] = json!(namespace));
        row(("wrong-namespace", what), MISSIONS, body, (403, code))
    };
    vec![
        row(
            ("cross-mission", "signatures of another one"),
            MISSIONS,
            other("x1", "x2"),
            (403, "bad-signature"),
        ),
        row(("cross-mission", "a request's type"), MISSIONS, typed, (422, "invalid-mission")),
        row(("cross-mission", "one in another"), MISSIONS, nested, (422, "invalid-mission")),
        place("a neighbour's", "bank", "wrong-namespace"),
        place("one that is denied", "prod-eu", "denied-namespace"),
        row(
            ("wrong-namespace", "changed after it was signed"),
            MISSIONS,
            with(
                resigned("n2", |m| m["namespace"] = json!("bank")),
                "/payload",
                good("n2")["payload"].clone(),
            ),
            (403, "bad-signature"),
        ),
    ]
}
