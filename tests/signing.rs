//! Operators and their signatures for the tests of rings 2 and 3: what `chaosctl sign` and `approve` do, and what they never
//! would. Included by path.

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Map, Value, json};
use squall_policy::{MISSION_TYPE, Node, base64, digest_text, pae};

/// Whose key it is, by its number.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub const ALICE: (&str, u8) = ("alice", 1);
pub const BOB: (&str, u8) = ("bob", 2);
/// Up to medium alone.
pub const CAROL: (&str, u8) = ("carol", 3);

/// `operators` of a plugin configuration.
pub fn operators() -> Value {
    let operator = |(name, seed): (&str, u8), up_to: &str| {
        let key = base64(key(seed).verifying_key().as_bytes());
        json!({"name": name, "key": key, "may": ["start", "approve", "stop", "renew", "release"], "up_to": up_to})
    };
    json!([operator(ALICE, "critical"), operator(BOB, "critical"), operator(CAROL, "medium")])
}

/// A mission with what binds its signatures: the scenarios of this catalog, and an expiry.
pub fn bound(mission: &Value, catalog: &Value, expires: &str) -> Value {
    let mut mission = mission.clone();
    let named = |scenario: &&Value| {
        mission["scenarios"].as_array().is_some_and(|all| all.contains(&scenario["name"]))
    };
    let digests: Map<String, Value> = catalog["scenarios"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(named)
        .filter_map(|scenario| {
            let node: Node = serde_json::from_value(scenario.clone()).ok()?;
            Some((scenario["name"].as_str()?.to_owned(), json!(digest_text(&node))))
        })
        .collect();
    mission["digests"] = Value::Object(digests);
    mission["expires"] = json!(expires);
    mission
}

/// An envelope around any bytes.
pub fn sealed(payload: &[u8], signers: &[(&str, u8)]) -> Value {
    let signed = pae(MISSION_TYPE, payload);
    let signatures: Vec<Value> = signers
        .iter()
        .map(|(keyid, seed)| json!({"keyid": keyid, "sig": base64(&key(*seed).sign(&signed).to_bytes())}))
        .collect();
    json!({"payloadType": MISSION_TYPE, "payload": base64(payload), "signatures": signatures})
}

/// A plugin configuration whose mission these have signed.
pub fn signed(plugin: &Value, expires: &str, signers: &[(&str, u8)]) -> Value {
    let mut plugin = plugin.clone();
    let mission = bound(&plugin["mission"], &plugin["catalog"], expires);
    plugin["mission"] = sealed(mission.to_string().as_bytes(), signers);
    plugin["operators"] = operators();
    plugin
}
