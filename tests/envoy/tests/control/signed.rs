//! Where operators are configured: what is signed runs, and nothing else does anything but halt.

use super::{Site, mission, plugin, problem, told};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use squall_policy::{MISSION_TYPE, Node, REQUEST_TYPE, digest_text, pae};
use std::time::{Duration, SystemTime};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn operators() -> Value {
    let operator = |name: &str, seed: u8, may: &[&str]| {
        let key = STANDARD.encode(key(seed).verifying_key().as_bytes());
        json!({"name": name, "key": key, "may": may, "up_to": "critical"})
    };
    json!([
        operator("alice", 1, &["start", "approve", "stop", "renew", "release"]),
        operator("bob", 2, &["approve", "stop"]),
    ])
}

fn envelope(payload: &Value, kind: &str, signers: &[(&str, u8)]) -> Value {
    let payload = payload.to_string().into_bytes();
    let signatures: Vec<Value> = signers
        .iter()
        .map(|(name, seed)| {
            let signature = key(*seed).sign(&pae(kind, &payload));
            json!({"keyid": name, "sig": STANDARD.encode(signature.to_bytes())})
        })
        .collect();
    json!({"payloadType": kind, "payload": STANDARD.encode(&payload), "signatures": signatures})
}

fn time(ahead: i64) -> String {
    let now = SystemTime::now();
    let span = Duration::from_secs(ahead.unsigned_abs());
    humantime::format_rfc3339_seconds(if ahead < 0 { now - span } else { now + span }).to_string()
}

fn signable(id: &str, plugin: &Value) -> Value {
    let scenario: Node = serde_json::from_value(plugin["catalog"]["scenarios"][0].clone()).unwrap();
    let mut mission = mission(id);
    mission["expires"] = json!(time(600));
    mission["digests"] = json!({"cut": digest_text(&scenario)});
    mission
}

fn request(action: &str, id: Option<&str>, nonce: &str) -> Value {
    let nonce = squall_policy::base64(format!("{nonce:>24}").as_bytes());
    let mut request = json!({"version": 1, "action": action, "time": time(0), "nonce": nonce});
    if let Some(id) = id {
        request["mission"] = json!(id);
    }
    request
}

#[tokio::test]
async fn two_operators_start_a_high_mission_one_stops_it_and_everybody_may_halt() {
    let mut plugin = plugin("high");
    plugin["operators"] = operators();
    let site = Site::start(&plugin).await;
    let both = [("alice", 1), ("bob", 2)];
    let signed = |id: &str, signers: &[(&str, u8)]| envelope(&signable(id, &plugin), MISSION_TYPE, signers);

    assert_eq!(
        told(&site.post("/v1/missions", &signable("m", &plugin)).await),
        problem(403, "signature-needed")
    );
    assert_eq!(
        told(&site.post("/v1/missions", &signed("m", &both[..1])).await),
        problem(403, "signature-needed")
    );
    assert_eq!(
        told(&site.post("/v1/missions", &signed("m", &[("alice", 1), ("bob", 66)])).await),
        problem(403, "bad-signature")
    );
    assert_eq!(
        told(&site.post("/v1/missions", &signed("m", &[("alice", 1), ("alice", 1)])).await),
        problem(403, "signed-twice")
    );
    assert!(!site.is_cut().await);
    let started = site.post("/v1/missions", &signed("m", &both)).await;
    assert_eq!(
        (started.status, &started.json()["approved_by"]),
        (201, &json!(["alice", "bob"])),
        "{}",
        started.text()
    );
    let cut = squall_envoy_tests::eventually("the fault", Duration::from_secs(5), async || {
        site.is_cut().await.then_some(())
    });
    cut.await.unwrap();
    assert_eq!(site.get("/v1/status").await.json()["mission"]["approved_by"], json!(["alice", "bob"]));

    let stop = envelope(&request("stop", Some("m"), "1"), REQUEST_TYPE, &both[1..]);
    let path = "/v1/missions/m/stop";
    let refusals = [
        (request("stop", Some("m"), "2"), "signature-needed"),
        (envelope(&request("stop", Some("other"), "3"), REQUEST_TYPE, &both[..1]), "other-target"),
        (envelope(&request("renew", Some("m"), "4"), REQUEST_TYPE, &both[..1]), "other-target"),
        (envelope(&request("stop", Some("m"), "5"), REQUEST_TYPE, &[("mallory", 66)]), "unknown-operator"),
        (
            envelope(
                &{
                    let mut old = request("stop", Some("m"), "6");
                    old["time"] = json!(time(-3600));
                    old
                },
                REQUEST_TYPE,
                &both[..1],
            ),
            "stale-request",
        ),
    ];
    for (body, code) in refusals {
        assert_eq!(told(&site.post(path, &body).await), problem(403, code), "{body}");
        assert!(site.is_cut().await, "{code}");
    }
    assert_eq!(site.post(path, &stop).await.status, 200);
    // Its nonce is spent.
    assert_eq!(told(&site.post(path, &stop).await), problem(403, "replayed"));

    assert_eq!(site.post("/v1/halt", &json!({})).await.status, 200);
    let by_bob = envelope(&request("release", None, "7"), REQUEST_TYPE, &both[1..]);
    assert_eq!(told(&site.post("/v1/release", &by_bob).await), problem(403, "not-allowed"));
    assert_eq!(
        told(&site.post("/v1/release", &request("release", None, "8")).await),
        problem(403, "signature-needed")
    );
    let by_alice = envelope(&request("release", None, "9"), REQUEST_TYPE, &both[..1]);
    let released = site.post("/v1/release", &by_alice).await;
    assert_eq!((released.status, &released.json()["by"]), (200, &json!("alice")));
    let refused = site.events().await.iter().filter(|event| event["event"] == "request.refused").count();
    assert!(refused >= 6, "{refused}");
    site.assert_sound();
}
