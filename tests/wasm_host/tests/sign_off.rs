//! Sign-off in the compiled module (promise P6): what the policy refuses injects nothing here, and what runs goes on.

#[path = "../../signing.rs"]
mod signing;

use std::time::Duration;

use serde_json::{Value, json};
use signing::{ALICE, BOB, CAROL, bound, sealed, signed};
use squall_wasm_host::{Action, LogLevel, Proxy, Request, Shared, plugin};

/// The clocks of the host begin at 2026-12-01T00:00:00Z.
const EXPIRES: &str = "2026-12-01T00:01:00Z";
const TWO_MINUTES: Duration = Duration::from_secs(120);

/// A mission of an hour that aborts everything, of this severity, unsigned.
fn storm(severity: &str) -> Value {
    let scenario = json!({"name": "db", "severity": severity, "faults": [{"abort": {"status": 503}}]});
    serde_json::from_str(&plugin("m", &[scenario], |_| {})).expect("JSON")
}

fn faults(proxy: &mut Proxy) -> bool {
    let (stream, action) = proxy.request(Request::default());
    proxy.finish(stream);
    action == Action::Pause
}

fn load(plugin: &Value) -> Proxy {
    Proxy::new(&plugin.to_string())
}

/// Injects nothing, says so, and has the code of the mistake in its log.
#[track_caller]
fn refused(proxy: &mut Proxy, code: &str, name: &str) {
    assert!(!faults(proxy), "{name}");
    assert_eq!(proxy.metric("chaos_config_rejected", &[]), 1, "{name}");
    let log = proxy.vm.logs();
    let told = |text: &str| log.iter().any(|line| line.level == LogLevel::Error && line.message.contains(text));
    assert!(told(&format!("error[{code}]")), "{name}: {log:?}");
    assert!(
        told("\"event\":\"config.rejected\"") && told(&format!("\"code\":\"{code}\"")),
        "{name}: {log:?}"
    );
}

#[test]
fn p6_a_high_mission_runs_with_two_signatures_and_not_with_less() {
    for severity in ["high", "critical"] {
        refused(&mut load(&storm(severity)), "signature-needed", "unsigned, no operators");
        let mut plain = storm(severity);
        plain["operators"] = signing::operators();
        refused(&mut load(&plain), "signature-needed", "unsigned");
        refused(&mut load(&signed(&storm(severity), EXPIRES, &[ALICE])), "signature-needed", "one signature");
        let mut proxy = load(&signed(&storm(severity), EXPIRES, &[ALICE, BOB]));
        assert!(faults(&mut proxy));
        let log = proxy.vm.logs();
        let told = log.iter().any(|line| line.message.contains("\"approved_by\":[\"alice\",\"bob\"]"));
        assert!(told, "{log:?}");
    }
    assert!(faults(&mut load(&signed(&storm("medium"), EXPIRES, &[CAROL]))));
    assert!(faults(&mut load(&storm("medium"))), "without operators medium needs nobody");
}

#[test]
fn p6_signed_missions_that_are_refused() {
    let good = || signed(&storm("high"), EXPIRES, &[ALICE, BOB]);
    let changed = |pointer: &str, value: Value| {
        let mut plugin = good();
        *plugin.pointer_mut(pointer).expect("the place") = value;
        plugin
    };
    let payload = |change: fn(&mut Value)| {
        let plugin = storm("high");
        let mut mission = bound(&plugin["mission"], &plugin["catalog"], EXPIRES);
        change(&mut mission);
        changed("/mission/payload", sealed(mission.to_string().as_bytes(), &[])["payload"].clone())
    };
    let mut denied = good();
    denied["deny_namespaces"] = json!(["sh*"]);
    let mut elsewhere = good();
    elsewhere["identity"] = json!({"namespace": "bank"});
    let mut twin = good();
    twin["operators"][1]["key"] = twin["operators"][0]["key"].clone();
    let mut weak = good();
    weak["operators"][0]["key"] = json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for (name, code, plugin) in [
        ("a longer duration", "bad-signature", payload(|m| m["duration"] = json!("2h"))),
        ("another id", "bad-signature", payload(|m| m["id"] = json!("n"))),
        ("a foreign key", "bad-signature", signed(&storm("high"), EXPIRES, &[ALICE, ("bob", 9)])),
        ("one person twice", "signed-twice", signed(&storm("high"), EXPIRES, &[ALICE, ALICE])),
        (
            "one person under two names",
            "bad-signature",
            signed(&storm("high"), EXPIRES, &[ALICE, ("bob", 1)]),
        ),
        ("a stranger", "unknown-operator", signed(&storm("high"), EXPIRES, &[ALICE, ("mallory", 9)])),
        ("up to medium", "not-allowed", signed(&storm("high"), EXPIRES, &[ALICE, CAROL])),
        ("expired", "expired", signed(&storm("high"), "2026-11-30T23:59:59Z", &[ALICE, BOB])),
        ("for two months", "expires-late", signed(&storm("high"), "2027-02-01T00:00:00Z", &[ALICE, BOB])),
        (
            "another recipe",
            "digest-mismatch",
            changed("/catalog/scenarios/0/faults/0/abort/status", json!(500)),
        ),
        ("a lower severity", "digest-mismatch", changed("/catalog/scenarios/0/severity", json!("low"))),
        ("another type", "wrong-payload-type", changed("/mission/payloadType", json!("text/plain"))),
        ("no base64", "bad-format", changed("/mission/payload", json!("{}"))),
        ("a denied namespace", "denied-namespace", denied),
        ("another namespace", "wrong-namespace", elsewhere),
        ("a key under two names", "shared-key", twin),
        ("a key of small order", "weak-key", weak),
    ] {
        refused(&mut load(&plugin), code, name);
    }
    assert!(faults(&mut load(&good())), "nothing else is wrong with it");
}

/// An expiry is about the first time that a proxy takes a mission: a configuration update and a new worker do not end what runs,
/// and a restarted Envoy does not begin it again.
#[test]
fn p6_a_running_mission_outlives_its_expiry_and_does_not_begin_after_it() {
    let mission = signed(&storm("high"), EXPIRES, &[ALICE, BOB]);
    let mut proxy = load(&mission);
    assert!(faults(&mut proxy));
    proxy.shared.advance(TWO_MINUTES);
    let mut newer = mission.clone();
    newer["revision"] = json!("2");
    proxy.root = proxy.vm.start_root(newer.to_string().as_str(), "squall").expect("no trap");
    assert!(faults(&mut proxy), "after an update");
    let mut worker = Proxy::worker(&proxy.shared, &newer.to_string());
    assert!(faults(&mut worker), "in another worker");

    // The same id, also expired, and signed for something else.
    let mut other = storm("high");
    other["mission"]["duration"] = json!("45m");
    refused(
        &mut Proxy::worker(&proxy.shared, &signed(&other, EXPIRES, &[ALICE, BOB]).to_string()),
        "expired",
        "another",
    );
    let restarted = Shared::new();
    restarted.advance(TWO_MINUTES);
    refused(&mut Proxy::worker(&restarted, &mission.to_string()), "expired", "after a restart");
}

/// Whoever writes the configuration stops what runs, without a signature.
#[test]
fn a_signed_mission_is_stopped_by_a_plain_one_that_is_disabled() {
    let mut proxy = load(&signed(&storm("high"), EXPIRES, &[ALICE, BOB]));
    assert!(faults(&mut proxy));
    let mut stop = storm("high");
    stop["mission"]["enable"] = json!(false);
    stop["operators"] = signing::operators();
    proxy.vm.start_root(stop.to_string().as_str(), "squall").expect("no trap");
    proxy.advance_ms(1_500);
    assert!(!faults(&mut proxy));
    assert_eq!(proxy.metric("chaos_config_rejected", &[]), 0);
}
